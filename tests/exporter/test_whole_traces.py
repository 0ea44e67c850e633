"""Pieces of a trace become one record, also where they stand in different files of a journal."""

from pathlib import Path
from typing import Any

import pytest

from otel_wandb._costs.prices import PRICES
from otel_wandb._journal.reader import Texts, read_journal
from otel_wandb._journal.schema import RunOfFile, TraceRecord
from otel_wandb._journal.whole import whole_traces
from otel_wandb._journal.writer import Journal
from otel_wandb._traces.assembly import Limits, Trace, TraceAssembler
from otel_wandb._traces.read_trace import read_trace
from tests.exporter.spans import chat_attributes, span

ABOUT: RunOfFile = {"id": "r", "project": "p", "entity": "", "url": None}


def test_calls_and_roots_of_two_files_are_whole_traces(tmp_path: Path) -> None:
    """Two services with one trace id, each of whose calls come before its root, and in a file of their own each."""
    assembler = TraceAssembler(Limits(idle=1.0, quiet=0.1))
    pieces: list[Trace] = []
    for now, (name, parent) in enumerate(
        [("call a", "root a"), ("call b", "root b"), ("root a", None), ("root b", None)]
    ):
        attributes = {} if parent is None else chat_attributes(f"question {name[-1]}")
        assembler.offer(
            span(name, parent, name=name, start=-10 if parent is None else now, attributes=attributes), 2 * now
        )
        pieces += assembler.tick(2 * now + 1)
    assert len(pieces) == 4
    for number, piece in enumerate(pieces, 1):
        journal = Journal(str(tmp_path / "files"), ABOUT, keep=str, failed=_fail, first=number)
        assert journal.add_trace(read_trace(piece, {}))
        journal.close({})
    texts = Texts()
    found: list[TraceRecord] = []
    for record in whole_traces(read_journal(tmp_path)):
        texts.take(record)
        if record["record"] == "trace":
            found.append(record)
    assert [(trace["name"], trace["complete"], trace["totals"]["calls"]) for trace in found] == [
        ("root a", True, 1),
        ("root b", True, 1),
    ]
    for trace, place in zip(found, "ab", strict=True):
        root, below = trace["spans"]
        assert (root["id"], below["parent"]) == (f"root {place}", f"root {place}")
        assert below["call"] is not None
        (asked,) = texts.messages(below["call"]["asked"])
        assert asked["parts"][0]["content"] == f"question {place}"


def test_one_unknown_cost_makes_that_of_the_trace_unknown(tmp_path: Path) -> None:
    assembler = TraceAssembler(Limits(idle=1.0, quiet=0.1))
    journal = Journal(str(tmp_path / "files"), ABOUT, keep=str, failed=_fail)
    for now, model in enumerate(("nobody-knows-it", "gpt-4", None)):
        more: dict[str, Any] = {"gen_ai.request.model": model, "gen_ai.response.model": model}
        made = span("root", name="root", start=-10) if model is None else None
        assembler.offer(made or span(str(now), "root", start=now, attributes=chat_attributes(**more)), 2 * now)
        for trace in assembler.tick(2 * now + 1):
            assert journal.add_trace(read_trace(trace, PRICES))
    journal.close({})
    (found,) = [record for record in whole_traces(read_journal(tmp_path)) if record["record"] == "trace"]
    assert (found["totals"]["calls"], found["totals"]["cost"]) == (2, None)
    assert str(found["totals"]["cost_reason"]).startswith("1 of 1 calls: ")


def test_a_piece_without_a_root_comes_last_and_as_it_is(tmp_path: Path) -> None:
    assembler = TraceAssembler(Limits(idle=1.0, quiet=0.1))
    journal = Journal(str(tmp_path / "files"), ABOUT, keep=str, failed=_fail)
    for trace_id, span_id, parent in (("one", "a", "lost"), ("two", "b", None)):
        assembler.offer(span(span_id, parent, trace_id=trace_id), 0)
        for trace in assembler.tick(2):
            assert journal.add_trace(read_trace(trace, {}))
    journal.close({})
    found = [record for record in whole_traces(read_journal(tmp_path)) if record["record"] == "trace"]
    assert [(record["trace_id"], record["complete"]) for record in found] == [("two", True), ("one", False)]


@pytest.mark.parametrize(("others", "names"), [(1, ["early", "other"]), (2, ["early", "other", "other", "late"])])
def test_what_ends_after_its_root_joins_it_as_long_as_that_is_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, others: int, names: list[str]
) -> None:
    monkeypatch.setattr("otel_wandb._journal.joining._REMEMBERED", 2)
    assembler = TraceAssembler(Limits(quiet=0.1))
    journal = Journal(str(tmp_path / "files"), ABOUT, keep=str, failed=_fail)
    other = [span("root", trace_id=f"other {number}", name="other") for number in range(others)]
    for now, one in enumerate([span("root", name="early"), *other, span("below", "root", name="late")]):
        assembler.offer(one, now)
        for trace in assembler.tick(now + 0.5):
            assert journal.add_trace(read_trace(trace, {}))
    journal.close({})
    found = [record for record in whole_traces(read_journal(tmp_path)) if record["record"] == "trace"]
    assert [record["name"] for record in found] == names
    assert sum(len(record["spans"]) for record in found) == others + 2


def _fail(why: object) -> None:
    raise AssertionError(why)
