"""Which positions are settled, and what is forgotten of those that another has taken over."""

from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from otel_wandb._spans.span import Position, SpanRecord
from otel_wandb._traces.assembly import Limits, TraceAssembler
from otel_wandb._traces.ledger import Ledger
from tests.exporter.spans import span


def at(*positions: Position, span_id: str = "a", trace_id: str = "t") -> SpanRecord:
    return replace(span(span_id, trace_id=trace_id), positions=positions)


@given(st.lists(st.integers(0, 4), max_size=40), st.randoms(use_true_random=False))
def test_a_position_is_settled_once_with_the_last_of_its_spans(received: list[int], random: Random) -> None:
    settled: list[Position] = []
    ledger = Ledger(settled.extend)
    spans = [at(Position(0, number)) for number in received]
    for number, count in Counter(received).items():
        ledger.open(Position(0, number), count)
    random.shuffle(spans)
    left = Counter(received)
    for one in spans:
        ledger.settle([one])
        (position,) = one.positions
        left[position.number] -= 1
        assert settled.count(position) == (left[position.number] == 0)
    assert ledger.open_positions == 0
    assert {position.number for position in settled} == set(received)


def test_a_position_without_spans_is_settled_at_once() -> None:
    settled: list[Position] = []
    Ledger(settled.extend).open(Position(0, 1), 0)
    assert settled == [Position(0, 1)]


def test_a_span_with_log_records_settles_their_positions_too() -> None:
    settled: list[Position] = []
    ledger = Ledger(settled.extend)
    ledger.open(Position(0, 1), 1)
    ledger.open(Position(0, 2), 2)
    ledger.settle([at(Position(0, 1), Position(0, 2), Position(0, 2))])
    assert sorted(settled) == [Position(0, 1), Position(0, 2)]


def test_what_is_settled_late_of_a_part_that_was_forgotten_is_nobodys() -> None:
    settled: list[Position] = []
    ledger = Ledger(settled.extend)
    for part in range(2):
        ledger.open(Position(part, 7), 1)
    ledger.forget(0)
    ledger.settle([at(Position(0, 7)), at(Position(1, 7))])
    assert (settled, ledger.open_positions) == ([Position(1, 7)], 0)


def test_the_waiting_spans_of_a_part_are_dropped_and_may_come_again() -> None:
    assembler = TraceAssembler(Limits(quiet=1.0))
    for part, trace_id in ((0, "moved"), (1, "stays"), (0, "both"), (1, "both")):
        assembler.offer(at(Position(part, 1), span_id=f"{trace_id} {part}", trace_id=trace_id), 0.0, size=100)
    assert assembler.forget(0) == 2
    assert (assembler.waiting_spans, assembler.waiting_bytes) == (2, 200)
    assembler.offer(at(Position(2, 1), span_id="moved 0", trace_id="moved"), 0.5, size=100)
    assert len(assembler.take_duplicates()) == 0
    emitted = assembler.tick(5.0)
    assert {(trace.trace_id, one.span_id) for trace in emitted for one in trace.spans} == {
        ("moved", "moved 0"),
        ("stays", "stays 1"),
        ("both", "both 1"),
    }
    assert assembler.waiting_bytes == 0
