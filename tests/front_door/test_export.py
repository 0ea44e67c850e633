"""`openai-wandb export` as a user runs it."""

import csv
import gzip
import json
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from otel_openai_wandb._export.command import _surveyed, _traces
from otel_openai_wandb._export.files import ParquetRows, written
from otel_openai_wandb._export.progress import progress_of
from otel_wandb._install import how_to_install
from otel_wandb._records.table import Column, Table
from tests.exporter.programs import SETUP, settings
from tests.support.bare_python import python_without
from tests.support.journals import records_below, run_directories, traces_in
from tests.support.openai_server import OpenAIServer, Reply, error
from tests.support.program import Finished, environment, run_command, run_program
from tests.support.run_file import find_runs, read_run, stats_rows

MICROSECOND = timedelta(microseconds=1)  # `stats` is rounded
COMMAND = str(Path(sys.executable).with_name("openai-wandb"))
FUNCTIONS = [
    {"name": "weather", "description": "Where? 日本", "parameters": {"type": "object", "properties": {"in": {}}}},
    {"name": "now", "parameters": {"type": "object", "properties": {}}},
]
CALLED = {"name": "weather", "arguments": '{"in": "Zürich", "days": [1, 2.5, null]}'}
CHATS: list[dict[str, Any]] = [
    {
        "messages": [
            {"role": "system", "content": "You know the weather.\n"},
            {
                "role": "user",
                "name": "zoë",
                "content": "hi\n\n**assistant**: sure\n\n**user**: \U0001f468\u200d\U0001f469 \x00",
            },
            {"role": "assistant", "content": None, "function_call": CALLED},
            {"role": "function", "name": "weather", "content": '{"sun":  true}'},
            {"role": "assistant", "content": "Wait.", "function_call": {"name": "now", "arguments": "no { JSON"}},
            {"role": "function", "name": "now", "content": ""},
            {"role": "assistant", "content": ""},
            {"role": "user", "content": ""},
        ],
        "functions": FUNCTIONS,
    },
    {"messages": [{"role": "user", "content": "two choices, in a stream"}], "n": 2, "stream": True},
    {
        "messages": [
            {"role": "assistant", "content": "x" * 3_000},
            {"role": "assistant", "content": None, "function_call": {"name": "now", "arguments": '[1e5, "\\u00fc"]'}},
            {"role": "user", "content": '{"a": [1]}'},
        ]
    },
    {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": "https://example.org/cat.png", "detail": "low"}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": f"call_{n}", "type": "function", "function": CALLED} for n in "ab"],
            },
            {"role": "tool", "tool_call_id": "call_a", "content": "a cat"},
            {"role": "tool", "tool_call_id": "call_b", "content": '["a", "dog"]'},
        ],
        "tools": [{"type": "function", "function": FUNCTIONS[0]}],
    },
]
PROGRAM = f"""
import json
from otel_openai_v0 import call_context
provider, exporter = set_up(SimpleSpanProcessor)
tracer = provider.get_tracer("shop")
with tracer.start_as_current_span("fails"):
    try:
        ask("fails")
    except openai.error.InvalidRequestError:
        pass
for number, chat in enumerate(json.loads({json.dumps(CHATS)!r})):
    with call_context(user="zoë", session="s", tags=["a, b", f"tag-{{number}}"]), tracer.start_as_current_span("step"):
        for _ in openai.ChatCompletion.create(model=f"gpt-4-{{number}}", temperature=0.5, **chat):
            pass
openai.Embedding.create(model="text-embedding-ada-002", input="hi")
exporter.force_flush()
"""


def made(directory: Path, server: OpenAIServer, body: str, **env: str) -> Path:
    done = run_program(directory, SETUP + body, env={**settings(server), **env})
    assert done.returncode == 0, done.stderr
    return run_directories(directory)[-1]


def rate(directory: Path, trace_id: str, name: str, value: object) -> None:
    """Add feedback to the end of a journal."""
    record = {"record": "feedback", "trace_id": trace_id, "name": name, "value": value, "time": 7}
    with (directory / "files/otel/traces-0001.jsonl.gz").open("ab") as file:
        file.write(gzip.compress(json.dumps(record).encode() + b"\n"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[Any]]]:
    """The directory of a run with everything, and what the server was asked."""
    with OpenAIServer() as server:
        server.answer_next(error(400, "Too bad."))
        directory = made(tmp_path_factory.mktemp("whole"), server, PROGRAM)
        ids = [trace["trace_id"] for trace in traces_in(records_below(directory))]
        for trace_id, name, value in [(ids[1], "thumbs", 0), (ids[1], "thumbs", 1), (ids[2], "thumbs", 0)]:
            rate(directory, trace_id, name, value)
        rate(directory, ids[3], "comment", "gut")
        yield directory, [request.json for request in server.requests]


def export(directory: Path, *arguments: str, form: str = "jsonl", **env: str) -> Finished:
    """Export the run to stdout."""
    return run_command([COMMAND, "export", "--format", form, "--output", "-", *arguments], directory, env=env)


def lines(done: Finished) -> list[Any]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def with_parsed_arguments(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The white space in a function's arguments is not recorded: they are compared as what they say."""
    found: list[dict[str, Any]] = json.loads(json.dumps(messages))
    for message in found:
        for call in [message.get("function_call"), *(one["function"] for one in message.get("tool_calls", ()))]:
            if call and call["arguments"].startswith("{"):
                call["arguments"] = json.loads(call["arguments"])
    return found


ASKING = """
import json, openai, sys
for line in open(sys.argv[1], encoding="utf-8"):
    example = json.loads(line)
    openai.ChatCompletion.create(model="m", **{**example, "messages": example["messages"][:-1]})
"""


def test_calls_made_from_the_export_have_the_messages_of_the_originals(
    tmp_path: Path, server: OpenAIServer, whole: tuple[Path, list[Any]]
) -> None:
    directory, sent = whole
    assert [{name: one[name] for name in chat} for one, chat in zip(sent[1:5], CHATS, strict=True)] == CHATS
    done = export(tmp_path, str(directory), "--output", str(tmp_path / "chats.jsonl"), form="openai-chat")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        f"{tmp_path / 'chats.jsonl'}: 4 of 6 calls, in 5 lines.",
        "Left out: 1 failed, 1 no chat.",
    ]
    asking = run_program(tmp_path, ASKING, str(tmp_path / "chats.jsonl"), env=settings(server))
    assert asking.returncode == 0, asking.stderr
    asked = [{name: value for name, value in one.json.items() if name != "model"} for one in server.requests]
    originals = [{key: CHATS[n][key] for key in CHATS[n] if key not in {"n", "stream"}} for n in (0, 1, 1, 2, 3)]
    for one in (*asked, *originals):
        one["messages"] = with_parsed_arguments(one["messages"])
    assert asked == originals
    assert [json.loads(line)["messages"][-1] for line in (tmp_path / "chats.jsonl").read_text().splitlines()] == [
        {
            "role": "assistant",
            "content": None,
            "function_call": {"name": "weather", "arguments": '{"text": "You said: "}'},
        },
        {"role": "assistant", "content": "You said: two choices, in a stream"},
        {"role": "assistant", "content": "You said: two choices, in a stream [1]"},
        {"role": "assistant", "content": 'You said: {"a": [1]}'},
        {"role": "assistant", "content": f"You said: {CHATS[3]['messages'][0]['content']}"},
    ]


def test_a_line_of_jsonl_is_a_whole_trace(tmp_path: Path, whole: tuple[Path, list[Any]]) -> None:
    directory, _ = whole
    done = export(tmp_path, str(directory))
    assert done.stderr == "-: 6 of 6 traces.\n"
    found = lines(done)
    records = traces_in(records_below(directory))
    assert [trace["trace_id"] for trace in found] == [trace["trace_id"] for trace in records]
    for trace, record in zip(found, records, strict=True):
        assert {**trace, "spans": 0, "record": "trace"} == {
            **record,
            "spans": 0,
            "run": {"id": directory.name[-10:], "project": "uncategorized", "entity": "", "url": None},
            "feedback": trace["feedback"],
        }
    span, record_span = found[1]["spans"][1], records[1]["spans"][1]
    assert {**span, "call": 0} == {**record_span, "call": 0}
    assert span["call"]["asked"][1] == {
        "role": "user",
        "name": "zoë",
        "parts": [{"type": "text", "content": CHATS[0]["messages"][1]["content"]}],
    }
    assert span["call"]["answered"][0]["finish_reason"] == "tool_call"
    assert [tool["name"] for tool in span["call"]["tools"]] == ["weather", "now"]
    assert [[said["value"] for said in trace["feedback"]] for trace in found] == [[], [0, 1], [0], ["gut"], [], []]


def test_the_rows_are_those_of_stats(tmp_path: Path, whole: tuple[Path, list[Any]]) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet")
    directory, _ = whole
    (run,) = map(read_run, find_runs(directory))
    done = export(tmp_path, str(directory), form="csv")
    assert (done.returncode, done.stderr) == (0, "-: 6 of 6 calls.\n")
    rows = list(csv.DictReader(done.stdout.splitlines(keepends=True)))
    target = tmp_path / "calls.parquet"
    assert export(tmp_path, str(directory), "--output", str(target), form="parquet").returncode == 0
    table = pyarrow.read_table(target)
    told = [{name: value for name, value in row.items() if name != "weave_url"} for row in stats_rows(run)]
    assert [*table.column_names] == [*rows[0]] == [*told[0], "feedback"]
    for row, cells, stats in zip(rows, table.to_pylist(), told, strict=True):
        as_json = {"request", "response", "functions", "tags"}
        times = {"start_time", "end_time"}
        assert {name: cells[name] for name in stats.keys() - as_json - times} == {
            name: stats[name] for name in stats.keys() - as_json - times
        }
        assert {name: "" if cell is None else str(cell) for name, cell in cells.items() if name not in times} == {
            name: cell for name, cell in row.items() if name not in times
        }
        for name in times:
            assert abs(cells[name] - datetime.fromisoformat(str(stats[name]).replace("Z", "+00:00"))) <= MICROSECOND
            assert datetime.fromisoformat(row[name]) == cells[name]
    assert json.loads(rows[1]["request"])[1]["name"] == "zoë"
    assert json.loads(rows[1]["tags"]) == ["a, b", "tag-0"]
    assert [one["value"] for one in json.loads(rows[1]["feedback"])] == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "traces", "calls"),
    [
        (["--status", "error"], [], [0]),  # the trace did not fail, for somebody caught the error
        (["--status", "success"], [0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        (["--tag", "a, b"], [1, 2, 3, 4], [1, 2, 3, 4]),
        (["--tag", "a"], [], []),
        (["--model", "gpt-4-1"], [2], [2]),
        (["--model", "text-embedding-ada-002-v2"], [], []),
        (["--tag", "tag-1", "--model", "gpt-4-1"], [2], [2]),
        (["--feedback", "thumbs"], [1, 2], [1, 2]),
        (["--feedback", "thumbs>=1"], [1], [1]),
        (["--feedback", "thumbs<=0.5"], [2], [2]),
        (["--feedback", "thumbs=1.0"], [1], [1]),
        (["--feedback", "comment=gut"], [3], [3]),
        (["--feedback", "comment>=1"], [], []),
        (["--feedback", "thumbs", "--tag", "tag-1", "--status", "success"], [2], [2]),
    ],
)
def test_only_what_is_asked_for(
    tmp_path: Path, whole: tuple[Path, list[Any]], arguments: list[str], traces: list[int], calls: list[int]
) -> None:
    directory, _ = whole
    ids = [trace["trace_id"] for trace in traces_in(records_below(directory))]
    for form, wanted in (("jsonl", traces), ("csv", calls)):
        done = export(tmp_path, str(directory), *arguments, form=form)
        out = done.stdout.splitlines(keepends=True)
        rows = [json.loads(line) for line in out] if form == "jsonl" else list(csv.DictReader(out))
        assert [row["trace_id"] for row in rows] == [ids[number] for number in wanted]
        assert done.returncode == (0 if wanted else 1)
        assert (f"Left out: {6 - len(wanted)} not asked for.\n" in done.stderr) == (len(wanted) < 6)


def test_a_tag_and_a_model_are_of_one_call(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
from otel_openai_v0 import call_context
provider, exporter = set_up(SimpleSpanProcessor)
with provider.get_tracer("shop").start_as_current_span("step"):
    for tag, model in (("A", "m1"), ("B", "m2")):
        with call_context(tags=[tag]):
            openai.ChatCompletion.create(model=model, messages=[{"role": "user", "content": "hi"}])
"""
    made(tmp_path, server, body)
    assert len(lines(export(tmp_path, "--tag", "A", "--model", "m1"))) == 1
    done = export(tmp_path, "--tag", "A", "--model", "m2")
    assert (done.returncode, done.stdout) == (1, "")


LEAVING = """
provider, exporter = set_up(SimpleSpanProcessor)
def left(text, at_the_end):
    stream = ask(text, stream=True)
    for chunk in stream:
        if bool(chunk.choices[0].finish_reason) == at_the_end:
            break
    stream.close()
ask("too long an answer")
ask("x" * 500)
ask("short", functions=[{"name": "f", "parameters": {"type": "object", "description": "d" * 500}}])
for number in range(50):
    ask("kept", functions=[{"name": "f", "parameters": {}}] * number)
left("left early", False)
left("kept", True)
ask([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100}}])
ask([{"type": "video", "video": "?"}])
ask(["kept", "kept"])
exporter.force_flush()
"""


def test_what_is_no_example_is_counted(tmp_path: Path, server: OpenAIServer) -> None:
    answer = {"message": {"role": "assistant", "content": "too"}, "finish_reason": "length", "index": 0}
    server.answer_next(Reply(body={"object": "chat.completion", "choices": [answer]}))
    made(tmp_path, server, LEAVING, OTEL_INSTRUMENTATION_OPENAI_V0_MESSAGE_LIMIT="400")
    done = export(tmp_path, form="openai-chat")
    examples = lines(done)
    assert done.stderr.splitlines() == [
        "-: 52 of 58 calls.",
        "Left out: 2 answer not finished, 2 cut when recorded, 1 messages not recorded, 1 not in the form of a chat.",
    ]
    assert all("kept" in json.dumps(example["messages"][0]) for example in examples)
    assert [len(example.get("functions", ())) for example in examples] == [*range(50), 0, 0]
    assert examples[-1]["messages"][0]["content"] == [{"type": "text", "text": "kept"}] * 2


def test_without_the_text_there_is_no_example(tmp_path: Path, server: OpenAIServer) -> None:
    env = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "no_content"}
    directory = made(tmp_path, server, "set_up(SimpleSpanProcessor)[0]\nask('hi')", **env)
    (tmp_path / "chats").write_text("before")
    done = export(tmp_path, "--output", "chats", form="openai-chat")
    assert (done.returncode, done.stderr) == (
        1,
        f"The run {directory} has nothing to write. Left out: 1 messages not recorded.\n",
    )
    assert (tmp_path / "chats").read_text() == "before"
    assert len(lines(export(tmp_path))) == 1


def test_all_parts_of_a_run_are_in_the_file_each_with_its_own_texts(tmp_path: Path, server: OpenAIServer) -> None:
    places = [tmp_path / name for name in ("one", "two")]
    for place in places:
        place.mkdir()
    first, second = [made(place, server, f"set_up(SimpleSpanProcessor)\nask({place.name!r})") for place in places]
    shutil.copy(second / "files/otel/traces-0001.jsonl.gz", first / "files/otel/traces-0002.jsonl.gz")
    done = export(tmp_path, str(first), form="openai-chat")
    assert [example["messages"][0]["content"] for example in lines(done)] == ["one", "two"]
    assert [trace["run"]["id"] for trace in lines(export(tmp_path, str(first)))] == [
        directory.name[-10:] for directory in (first, second)
    ]


def test_a_killed_run_is_exported_as_far_as_it_was_written(tmp_path: Path, server: OpenAIServer) -> None:
    directory = made(tmp_path, server, "set_up(SimpleSpanProcessor)\nask('one')\nask('two')")
    path = directory / "files/otel/traces-0001.jsonl.gz"
    data = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(data[: data.rindex(b'{"record":"trace"') + 99]))
    done = export(tmp_path, form="openai-chat")
    assert [example["messages"][0]["content"] for example in lines(done)] == ["one"]
    assert done.stderr.splitlines() == [
        "-: 1 of 1 call.",
        "The program is still running, or was killed: these are the traces that it wrote.",
    ]
    path.write_bytes(b"")
    done = export(tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no trace. The program is still running, or was killed" in done.stderr


def test_what_is_not_there_is_said(tmp_path: Path, server: OpenAIServer) -> None:
    assert (none := export(tmp_path)).returncode == 2
    assert none.stderr.startswith("There is no run below ")
    made(tmp_path, server, "set_up()\nask('hi')", OTEL_WANDB_JOURNAL="false")
    done = export(tmp_path)
    assert (done.returncode, " has traces but no journal: " in done.stderr) == (1, True)
    done = export(tmp_path, "--feedback", "thumbs>=often")
    assert (done.returncode, done.stderr) == (2, "--feedback thumbs>=often: 'often' is not a number.\n")


def test_parquet_says_what_it_needs(tmp_path: Path) -> None:
    python = python_without(tmp_path, "pyarrow")
    arguments = [str(python), "-m", "otel_openai_wandb", "export", "--format", "parquet", "--output", "calls"]
    done = run_command(arguments, tmp_path)
    assert (done.returncode, done.stderr) == (2, f"Parquet needs pyarrow: {how_to_install('parquet')}\n")


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path: Path, whole: tuple[Path, list[Any]]) -> None:
    directory, _ = whole
    kept, link = tmp_path / "kept", tmp_path / "link"
    kept.write_text("before")
    kept.chmod(0o600)
    link.symlink_to(kept)
    assert export(tmp_path, str(directory), "--output", str(link)).returncode == 0
    assert (len(kept.read_text().splitlines()), link.is_symlink(), kept.stat().st_mode & 0o777) == (6, True, 0o600)
    assert len(lines(export(tmp_path, str(directory), "--output", "/dev/stdout"))) == 6
    assert export(tmp_path, str(directory), "--output", "/dev/full").stderr.startswith(
        "/dev/full could not be written: "
    )
    done = export(tmp_path, str(directory), "--output", "missing/file", form="csv")
    assert (done.returncode, done.stderr) == (1, "missing/file could not be written: No such file or directory\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]


def test_what_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with written(str(tmp_path / "file")) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_grows_is_exported_as_it_was_at_first(
    tmp_path: Path, server: OpenAIServer, whole: tuple[Path, list[Any]]
) -> None:
    """Its feedback was read by then, and what comes later would have none."""
    directory = made(tmp_path, server, "set_up(SimpleSpanProcessor)\nask('one')\nask('two')")
    with progress_of("file") as progress:
        contents, records = _surveyed(directory, progress)
        shutil.copy(whole[0] / "files/otel/traces-0001.jsonl.gz", directory / "files/otel/traces-0002.jsonl.gz")
        found = [trace.record["trace_id"] for trace in _traces(directory, contents, records, progress)]
    assert found == [trace["trace_id"] for trace in traces_in(records_below(directory))[:2]]


def test_who_reads_only_the_beginning_gets_no_traceback(tmp_path: Path, whole: tuple[Path, list[Any]]) -> None:
    directory, _ = whole
    command = [COMMAND, "export", str(directory), "--format", "jsonl", "--output", "-"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env=environment(tmp_path), timeout=60, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_rows_are_grouped_so_that_memory_is_bounded(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet")
    with (tmp_path / "rows").open("wb") as file:
        rows = ParquetRows(file, Table("t", (Column("text", str, str), Column("number", int, len))))
        for number in range(2_500):
            rows.write((f"\u65e5{number}", number))
        rows.write(("x" * (17 << 20), None))
        rows.write(("last", 1))
        rows.close()
    read = pyarrow.ParquetFile(tmp_path / "rows")
    assert [read.metadata.row_group(group).num_rows for group in range(read.num_row_groups)] == [1_000, 1_000, 501, 1]
    assert read.read().to_pylist()[2_499] == {"text": "\u65e52499", "number": 2_499}


def test_on_a_terminal_it_shows_how_far_it_is(tmp_path: Path, whole: tuple[Path, list[Any]]) -> None:
    directory, _ = whole
    master, terminal = pty.openpty()
    env = environment(tmp_path, {"TERM": "xterm", "NO_COLOR": "1", "COLUMNS": "100"})
    command = [COMMAND, "export", str(directory), "--format", "jsonl", "--output", "traces.jsonl"]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.DEVNULL, stderr=terminal) as process:
        os.close(terminal)
        shown = all_of(master)
        assert process.wait(60) == 0
    os.close(master)
    assert "writing" in shown
    assert "6/6 traces" in shown
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is there again"
    assert shown.endswith("traces.jsonl: 6 of 6 traces.\r\n")


def all_of(terminal: int) -> str:
    """All that is written to a pseudo-terminal; its end is an error on Linux."""
    found = b""
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            return found.decode()
        if not data:
            return found.decode()
        found += data
