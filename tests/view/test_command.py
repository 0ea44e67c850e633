import gzip
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from otel_openai_wandb._cli import main
from tests.view.corpus import corpus, write

Captured = pytest.CaptureFixture[str]


def test_a_run_becomes_one_file(tmp_path: Path, capsys: Captured) -> None:
    run, target = write(corpus(5), tmp_path / "offline-run-1"), tmp_path / "page.html"
    assert main(["view", str(run), "--output", str(target)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{target}: 5 traces of 1 run\n"
    assert said.err == ""
    assert "<title>offline-run-1</title>" in target.read_text(encoding="utf-8")


def test_several_runs_stand_in_one_page(tmp_path: Path, capsys: Captured) -> None:
    runs = [str(write(corpus(n), tmp_path / f"run-{n}")) for n in (2, 3)]
    assert main(["view", *runs, "--output", str(tmp_path / "page.html")]) == 0
    assert "5 traces of 2 runs" in capsys.readouterr().out


def test_the_newest_run_is_the_default(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    for count, name in enumerate(("offline-run-20261126_120000-new", "run-20261125_120000-old")):
        write(corpus(count + 1), tmp_path / "wandb" / name)
    assert main(["view", "--no-browser"]) == 0
    target = capsys.readouterr().out.split(":")[0]
    assert "<title>offline-run-20261126_120000-new</title>" in Path(target).read_text(encoding="utf-8")
    assert Path(target).parent.stat().st_mode & 0o077 == 0


def test_without_a_run_it_says_where_it_looked(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    assert main(["view", "--no-browser"]) == 1
    assert "no run below ./wandb" in capsys.readouterr().err
    assert main(["view", str(tmp_path / "nowhere")]) == 1
    assert "is not a directory" in capsys.readouterr().err


def test_a_run_without_a_journal_says_so(tmp_path: Path, capsys: Captured) -> None:
    assert main(["view", str(tmp_path), "--no-browser"]) == 1
    assert "OTEL_WANDB_JOURNAL=false" in capsys.readouterr().err


def test_an_empty_and_a_killed_run_say_so(tmp_path: Path, capsys: Captured) -> None:
    run = write(corpus(0), tmp_path / "empty")
    assert main(["view", str(run), "--output", str(tmp_path / "page.html")]) == 1
    assert "a journal without a trace" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()
    run = write(corpus(3, ended=False), tmp_path / "killed")
    assert main(["view", str(run), "--output", str(tmp_path / "page.html")]) == 0
    assert "without an end" in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path, capsys: Captured) -> None:
    run = write(corpus(1), tmp_path / "run")
    for target, why in ((tmp_path / "nowhere" / "x.html", "No such file or directory"), (tmp_path, "Is a directory")):
        assert main(["view", str(run), "--output", str(target)]) == 1
        assert capsys.readouterr().err == f"{target} could not be written: {why}\n"


def test_what_is_followed_has_no_file(tmp_path: Path, capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["view", str(tmp_path), "--follow", "--output", "x.html"])
    assert ended.value.code == 2
    assert "argument --output: not allowed with argument --follow" in capsys.readouterr().err


def test_follow_serves_until_ctrl_c(tmp_path: Path) -> None:
    asked = ["view", str(tmp_path), "--follow", "--no-browser"]
    # A program in the background of a shell ignores Ctrl-C, and so may this one.
    source = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        f"from otel_openai_wandb._cli import main; sys.exit(main({asked!r}))"
    )
    command = [sys.executable, "-c", source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().split()[0]
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert b"<title>" in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        assert "no journal yet" in process.stderr.read()


def test_a_file_that_is_cut_is_shown_as_far_as_it_goes(tmp_path: Path, capsys: Captured) -> None:
    run = write(corpus(200), tmp_path / "cut")
    [file] = (run / "files/otel").iterdir()
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert main(["view", str(run), "--output", str(tmp_path / "page.html")]) == 0
    said = capsys.readouterr()
    shown = re.search(r": (\d+) traces", said.out)
    assert shown is not None
    assert 50 < int(shown[1]) < 200
    assert "without an end" in said.err


def test_a_file_that_is_no_gzip_is_a_journal_without_a_trace(tmp_path: Path, capsys: Captured) -> None:
    run = write([], tmp_path / "odd")
    [file] = (run / "files/otel").iterdir()
    file.write_bytes(gzip.compress(b'{"record": "run"\n') + b"junk")
    assert main(["view", str(run), "--output", str(tmp_path / "page.html")]) == 1
    assert "a journal without a trace" in capsys.readouterr().err
