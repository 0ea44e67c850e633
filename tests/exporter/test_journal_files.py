"""The files of a journal: written, cut, rotated, and read back."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_wandb._journal.reader import journal_files, read_journal
from otel_wandb._journal.schema import Record, RunOfFile
from otel_wandb._journal.writer import Journal
from otel_wandb._spans.plain import plain
from otel_wandb._traces.feedback import feedback_of
from otel_wandb._traces.read_trace import ReadTrace
from tests.exporter.spans import chat_attributes, messages, read, span, trace
from tests.exporter.test_any_values import VALUES
from tests.support.journals import conversations, traces_in

RUN: RunOfFile = {"id": "r", "project": "p", "entity": "", "url": None}


def source(number: int, *questions: str, attributes: Mapping[str, Any] | None = None) -> ReadTrace:
    more = {"gen_ai.input.messages": messages("user", *questions), **(attributes or {})}
    made = trace(span("a", trace_id=f"{number:032x}", attributes=chat_attributes(**more)))
    return read(made)


def journal(directory: Path, **options: Any) -> tuple[Journal, list[object]]:
    failures: list[object] = []
    return Journal(str(directory / "files"), RUN, keep=lambda _: None, failed=failures.append, **options), failures


def written(directory: Path) -> bytes:
    made, failures = journal(directory)
    for number in range(4):
        made.add_trace(source(number, "one", f"ünique {number}"))
    made.add_feedback(feedback_of("0" * 32, "thumbs", 1, 5.0))
    made.close({"otel/received": 4})
    assert failures == []
    (path,) = journal_files(str(directory))
    return Path(path).read_bytes()


def test_what_comes_after_a_damage_is_read_and_the_rest_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_wandb._journal.writer._RESTART_BYTES", 2_000)
    made, _ = journal(tmp_path)
    random = Random(0)
    for number in range(100):
        made.add_trace(source(number, f"{random.getrandbits(4_000):x}"))
    made.close({})
    (path,) = journal_files(str(tmp_path))
    data = Path(path).read_bytes()
    whole = [f"{number:032x}" for number in range(100)]
    assert traces_of(tmp_path) == whole
    assert not caplog.records
    for place in range(20, len(data) - 10, len(data) // 25):
        Path(path).write_bytes(data[:place] + bytes(40) + data[place + 40 :])
        found = traces_of(tmp_path)
        assert found == [trace_id for trace_id in whole if trace_id in found]
        assert len(found) >= 100 - (16_384 + 2 * 4_000) * 100 // len(data)
        assert whole[0] in found or place < 16_384
        assert whole[-1] in found or place > len(data) - 2 * 4_000
        assert "is damaged: about" in caplog.text
        caplog.clear()


def traces_of(directory: Path) -> list[str]:
    return [record["trace_id"] for record in read_journal(directory) if record["record"] == "trace"]


def test_a_file_that_is_cut_at_any_byte_is_read_up_to_its_last_whole_line(tmp_path: Path) -> None:
    data = written(tmp_path)
    whole = [json.loads(line) for line in gzip.decompress(data).splitlines()]
    path = tmp_path / "cut.jsonl.gz"
    found: list[Record] = []
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        before, found = found, list(read_journal([path]))
        assert found == whole[: len(found)]
        assert len(found) >= len(before)
    assert found == whole
    assert [record["record"] for record in whole[-2:]] == ["feedback", "end"]


def test_after_each_trace_the_file_can_be_read(tmp_path: Path) -> None:
    made, _ = journal(tmp_path)
    for number in range(3):
        made.add_trace(source(number, "one"))
        assert len(traces_in(list(read_journal(tmp_path)))) == number + 1
    made.release()


@given(st.binary(max_size=300), st.integers(0, 2_000))
def test_any_bytes_anywhere_raise_nothing(noise: bytes, at: int) -> None:
    with TemporaryDirectory() as directory:
        data = written(Path(directory))
        path = Path(directory, "cut")
        path.write_bytes(data[:at] + noise + data[at + len(noise) :])
        assert all(isinstance(record["record"], str) for record in read_journal([path]))


@given(VALUES)
def test_any_values_are_written(value: Any) -> None:
    names = ("mine", "gen_ai.tool.definitions", "gen_ai.output.messages", "gen_ai.system_instructions")
    with TemporaryDirectory() as directory:
        made, failures = journal(Path(directory))
        made.add_trace(source(1, "one", attributes=dict.fromkeys(names, plain(value))))
        made.close({})
        assert failures == []
        assert len(traces_in(list(read_journal(directory)))) == 1


def test_each_file_is_read_alone_and_a_text_stands_in_it_once(tmp_path: Path) -> None:
    made, failures = journal(tmp_path, largest=1_000)
    for number in range(40):
        made.add_trace(source(number, "the same", f"another {number}"))
    made.close({})
    assert failures == []
    files = journal_files(str(tmp_path))
    assert len(files) > 2
    for path in files:
        records = list(read_journal([path]))
        assert records[0]["record"] == "run"
        texts = [json.dumps(record["message"]) for record in records if record["record"] == "message"]
        assert len(texts) == len(set(texts))
        for _, asked, answered in conversations(records):
            assert asked[0]["parts"] == [{"type": "text", "content": "the same"}]
            assert len(asked) + len(answered) == 3
    assert [int(one["trace_id"], 16) for one in traces_in(list(read_journal(tmp_path)))] == list(range(40))


def test_feedback_before_the_first_trace_begins_a_file(tmp_path: Path) -> None:
    made, _ = journal(tmp_path)
    made.add_feedback(feedback_of("0" * 32, "mood", "good \ud800", 5.0))
    made.add_feedback(feedback_of("0" * 32, "thumbs", True, 5.0))
    made.close({})
    assert [record["value"] for record in read_journal(tmp_path) if record["record"] == "feedback"] == ["good ?", 1.0]
