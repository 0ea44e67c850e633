"""A run's journal is packed while it grows: what was damaged is passed over, and a trace in pieces is one."""

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from otel_openai_wandb._view.growth import Growth
from otel_openai_wandb._view.runs import Directory, pack
from otel_wandb._journal.reader import journal_files
from otel_wandb._journal.schema import RunOfFile
from otel_wandb._journal.writer import Journal
from otel_wandb._page.packing import Packer
from otel_wandb._traces.assembly import Limits, TraceAssembler
from otel_wandb._traces.read_trace import ReadTrace
from tests.exporter.spans import chat_attributes, messages, read, span, trace
from tests.view.test_packing import block

ABOUT: RunOfFile = {"id": "r", "project": "p", "entity": "", "url": None}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(str(tmp_path / "files"), ABOUT, keep=str, failed=_fail)
    yield made
    made.release()


def test_a_journal_that_is_damaged_while_it_is_followed_grows_on(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_wandb._journal.writer._RESTART_BYTES", 5_000)
    random = Random(0)

    def write(numbers: range) -> None:
        for number in numbers:
            asked = messages("user", f"{random.getrandbits(4_000):x}")
            made = trace(
                span("a", trace_id=f"{number:032x}", attributes=chat_attributes(**{"gen_ai.input.messages": asked}))
            )
            assert journal.add_trace(read(made))

    write(range(10))
    growth = Growth([Directory(str(tmp_path))])
    assert _numbers(growth) == list(range(10))
    (path,) = journal_files(str(tmp_path))
    read_up_to = Path(path).stat().st_size
    write(range(10, 12))
    with open(path, "r+b") as file:
        file.seek(read_up_to)
        file.write(bytes([7] * 40))  # where a block begins: of a kind that there is not
    growth.look()
    growth.look()
    assert caplog.text.count("is damaged: about") == 1
    write(range(12, 40))
    growth.look()
    found = _numbers(growth)
    assert found[:10] == list(range(10))
    assert len(found) > 30
    assert found[-1] == 39
    write(range(40, 43))
    growth.look()
    assert _numbers(growth) == [*found, 40, 41, 42]
    assert caplog.text.count("is damaged: about") == 2  # how much it is in the end


PIECES = (("call a", "root a"), ("call b", "root b"), ("root b", None), ("root a", None), ("late a", "root a"))
"""The spans of a trace with two roots. Each is written before the next one ends."""


def pieces() -> Iterator[ReadTrace]:
    assembler = TraceAssembler(Limits(idle=1.0, quiet=0.1))
    for now, (name, parent) in enumerate(PIECES):
        attributes = {} if parent is None else chat_attributes(f"question {name}", **{"session.id": "s"})
        start = -10 if parent is None else now
        assembler.offer(span(name, parent, name=name, start=start, attributes=attributes), 2 * now)
        yield from map(read, assembler.tick(2 * now + 1))


SEEN = (
    [("call a", 1)],
    [("call a", 2)],
    [("call a", 1), ("root b", 2)],
    [("root a", 2), ("root b", 2)],
    [("root a", 3), ("root b", 2)],
)
"""The names of the traces, and how many spans each has, after each piece."""


def test_a_trace_in_pieces_grows_in_its_row(tmp_path: Path, journal: Journal) -> None:
    growth = Growth([Directory(str(tmp_path))])
    for piece, seen in zip(pieces(), SEEN, strict=True):
        assert journal.add_trace(piece)
        growth.look()
        assert _traces(block(growth.page(), "index")) == seen
    packer = Packer()
    pack(packer, Directory(str(tmp_path)))
    assert sorted(_traces(packer.index())) == sorted(SEEN[-1])


def test_who_comes_back_gets_each_trace_that_grew_once_and_as_it_is_now(tmp_path: Path, journal: Journal) -> None:
    growth = Growth([Directory(str(tmp_path))])
    for piece in pieces():
        assert journal.add_trace(piece)
        growth.look()
    for event, rows in enumerate(([0, 1], [0, 1], [0, 1], [0], [0])):
        last, delta = growth.after(event, 0) or (0, "{}")
        more = json.loads(delta)
        assert (last, more["rows"]) == (5, rows)
        assert [(one["name"], len(one["spans"])) for one in more["details"]] == [SEEN[-1][row] for row in rows]
        assert more["index"]["traces"]["spans"] == [SEEN[-1][row][1] for row in rows]
    assert growth.after(5, 0) is None


def test_the_spans_of_a_trace_that_grows_keep_their_places_and_what_was_new_in_them(
    tmp_path: Path, journal: Journal
) -> None:
    growth = Growth([Directory(str(tmp_path))])
    fresh: list[list[int]] = []
    for piece in pieces():
        assert journal.add_trace(piece)
        growth.look()
        spans = block(growth.page(), "index")["spans"]["fresh"]
        assert fresh[:1] == spans[: len(fresh[:1])]
        fresh = spans
    (first, second) = block(growth.page(), "details-0")
    assert [one["id"] for one in first["spans"]] == ["call a", "root a", "late a"]
    assert [one["id"] for one in second["spans"]] == ["root b", "call b"]


def _traces(index: Any) -> list[tuple[str, int]]:
    names = (index["strings"][name] for name in index["traces"]["name"])
    return list(zip(names, index["traces"]["spans"], strict=True))


def _numbers(growth: Growth) -> list[int]:
    return [int(trace_id, 16) for trace_id in block(growth.page(), "index")["traces"]["id"]]


def _fail(why: object) -> None:
    raise AssertionError(why)
