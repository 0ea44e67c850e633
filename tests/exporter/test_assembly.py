"""When a trace is finished, and that no span is lost or told twice."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Limits, Reason, Trace, TraceAssembler
from tests.exporter.spans import span

LIMITS = Limits(quiet=1, idle=30, max_age=600)


def ids(traces: list[Trace]) -> list[list[str]]:
    return [[one.span_id for one in trace.spans] for trace in traces]


def test_a_trace_waits_for_its_root_and_then_for_quiet() -> None:
    assembler = TraceAssembler(LIMITS)
    assert assembler.offer(span("child", "root"), 0) == []
    assert assembler.tick(20) == []
    assembler.offer(span("root", start=-1), 20)
    assert assembler.next_deadline() is not None
    assert assembler.tick(20.9) == []
    (trace,) = assembler.tick(21)
    assert (trace.reason, trace.is_complete, ids([trace])) == (Reason.ROOT, True, [["root", "child"]])


def test_a_span_that_ends_after_the_root_belongs_to_the_trace() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("root"), 0)
    assembler.offer(span("stream", "root", start=5, end=99), 0.9)
    assert assembler.tick(1.5) == []
    assert ids(assembler.tick(1.9)) == [["root", "stream"]]


def test_a_root_with_a_missing_parent_below_it_waits_for_the_parent() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("leaf", "middle"), 0)
    assembler.offer(span("root"), 0)
    assert assembler.tick(2) == []
    assembler.offer(span("middle", "root"), 2)
    assert ids(assembler.tick(3)) == [["leaf", "root", "middle"]]


def test_a_trace_without_its_root_is_given_up_and_says_so() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("child", "never"), 0)
    (trace,) = assembler.tick(30)
    assert (trace.reason, trace.is_complete, trace.missing_parents) == (Reason.IDLE, False, 1)


def test_a_trace_that_never_rests_is_cut_by_age() -> None:
    assembler = TraceAssembler(LIMITS)
    emitted = []
    for second in range(0, 620, 20):
        assembler.offer(span(str(second), "never"), second)
        emitted += assembler.tick(second)
    assert [trace.reason for trace in emitted] == [Reason.MAX_AGE]


def test_a_remote_parent_makes_a_local_root() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("server", "caller", remote=True), 0)
    (trace,) = assembler.tick(1)
    assert (trace.reason, trace.is_complete) == (Reason.ROOT, True)


def test_a_late_span_is_a_supplement_and_not_a_rewrite() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("root"), 0)
    assembler.tick(1)
    assembler.offer(span("late", "root"), 60)
    (supplement,) = assembler.tick(61)
    assert (supplement.sequence, supplement.is_complete, ids([supplement])) == (1, False, [["late"]])


@pytest.mark.parametrize("emitted", [False, True])
def test_a_span_that_comes_twice_counts_as_a_duplicate(*, emitted: bool) -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("root"), 0)
    if emitted:
        assert len(assembler.tick(1)) == 1
    assembler.offer(span("root"), 1)
    assert (len(assembler.take_duplicates()), assembler.waiting_spans) == (1, 0 if emitted else 1)


def test_a_trace_with_too_many_spans_is_cut() -> None:
    assembler = TraceAssembler(Limits(max_spans=3))
    cut = [trace for number in range(7) for trace in assembler.offer(span(str(number), "root"), 0)]
    assert [(trace.reason, trace.sequence, len(trace.spans)) for trace in cut] == [
        (Reason.MAX_SPANS, 0, 3),
        (Reason.MAX_SPANS, 1, 3),
    ]


def test_memory_is_bounded_by_emitting_what_ends_soonest() -> None:
    assembler = TraceAssembler(Limits(max_waiting=2))
    assembler.offer(span("child", "root", trace_id="open"), 0)
    assembler.offer(span("root", trace_id="nearly done"), 0)
    (cut,) = assembler.offer(span("child", "root", trace_id="new"), 0)
    assert (cut.trace_id, cut.reason, assembler.waiting_spans) == ("nearly done", Reason.MEMORY, 2)


def test_draining_leaves_nothing() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("child", "root", trace_id="1"), 0)
    assembler.offer(span("root", trace_id="2"), 0)
    assert {trace.trace_id: trace.is_complete for trace in assembler.drain(0)} == {"1": False, "2": True}
    assert (assembler.drain(0), assembler.waiting_spans) == ([], 0)


def _random_span(trace_id: str, number: int, chance: random.Random) -> SpanRecord:
    """A span of a random tree; some have a parent that never comes."""
    parent = None if number == 0 else str(chance.randrange(number)) if chance.random() < 0.8 else "never"
    return span(str(number), parent, trace_id=trace_id, remote=chance.random() < 0.1)


@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(2, 40))
def test_every_span_is_emitted_once_whatever_the_order(seed: int, traces: int, waiting: int) -> None:
    chance = random.Random(seed)
    offered = [
        _random_span(str(trace), number, chance) for trace in range(traces) for number in range(chance.randrange(1, 9))
    ]
    redelivered = chance.sample(offered, len(offered) // 4)
    arrivals = offered + redelivered
    chance.shuffle(arrivals)
    assembler = TraceAssembler(Limits(quiet=1, idle=5, max_age=20, max_spans=6, max_waiting=waiting))
    now, emitted = 0.0, []
    for arrival in arrivals:
        now += chance.choice([0, 0, 0.5, 3, 8])
        emitted += assembler.tick(now) + assembler.offer(arrival, now)
        assert assembler.waiting_spans <= waiting
    emitted += assembler.drain(now)
    told = Counter((trace.trace_id, one.span_id) for trace in emitted for one in trace.spans)
    assert told == Counter((one.trace_id, one.span_id) for one in offered)
    assert len(assembler.take_duplicates()) == len(redelivered)
    supplements = [(trace.trace_id, trace.sequence) for trace in emitted if trace.sequence]
    assert len(set(supplements)) == len(supplements)
    for trace in emitted:  # nothing of one local root is with another's, and what is below it is with it
        roots = [one for one in trace.spans if one.is_local_root]
        ids = {one.span_id for one in trace.spans}
        assert len([root for root in roots if root.parent_id not in ids]) <= 1


def test_each_local_root_has_a_trace_of_its_own() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("call", "second", start=3), 0)
    for name, start in (("first", 0), ("second", 2)):
        assembler.offer(span(name, "caller", remote=True, start=start), 0)
    found = assembler.tick(1)
    assert ids(found) == [["first"], ["second", "call"]]
    assert [(trace.sequence, trace.is_complete) for trace in found] == [(0, True), (0, True)]
    assembler.offer(span("third", "caller", remote=True), 5)
    (later,) = assembler.tick(6)
    assert (later.sequence, later.is_complete, ids([later])) == (0, True, [["third"]])


def test_a_service_that_calls_itself_has_one_trace() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("server", "client", remote=True, start=1), 0)
    assembler.offer(span("client", start=0), 0)
    assert ids(assembler.tick(1)) == [["client", "server"]]


def test_an_open_span_is_waited_for_up_to_the_maximum_age() -> None:
    running = {"t"}
    assembler = TraceAssembler(LIMITS, running.__contains__)
    assembler.offer(span("call", "root", trace_id="t"), 0)
    assert [trace for second in range(0, 590, 10) for trace in assembler.tick(second)] == []
    running.clear()
    assembler.offer(span("root", trace_id="t", start=-1), 590)
    (trace,) = assembler.tick(592)
    assert (trace.is_complete, ids([trace])) == (True, [["root", "call"]])
    running.add("u")
    assembler.offer(span("stuck", "root", trace_id="u"), 600)
    cut = [trace for second in range(600, 1300, 10) for trace in assembler.tick(second)]
    assert [trace.reason for trace in cut] == [Reason.MAX_AGE]


def test_a_span_that_has_just_ended_may_still_be_on_its_way() -> None:
    running = {"t"}
    assembler = TraceAssembler(LIMITS, running.__contains__)
    assembler.offer(span("call", "root", trace_id="t"), 0)
    assert assembler.tick(30) == []
    running.clear()  # ended, and in the queue of a batch processor
    assert assembler.tick(60) == []
    assembler.offer(span("root", trace_id="t", start=-1), 64)
    (trace,) = assembler.tick(65)
    assert (trace.is_complete, ids([trace])) == (True, [["root", "call"]])


def test_a_root_that_comes_after_what_was_below_it_goes_on_with_its_trace() -> None:
    assembler = TraceAssembler(LIMITS)
    assembler.offer(span("call", "root"), 0)
    assert [trace.sequence for trace in assembler.tick(30)] == [0]
    assembler.offer(span("root", start=-1), 40)
    (late,) = assembler.tick(41)
    assert (late.sequence, late.is_complete, ids([late])) == (1, False, [["root"]])
