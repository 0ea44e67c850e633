"""The assembler in any order of events, against a model that only counts."""

from collections import Counter, defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from otel_wandb._spans.span import SpanRecord
from otel_wandb._traces.assembly import Limits, Trace, TraceAssembler
from tests.exporter.spans import span

SIZE = 10

TRACES = st.sampled_from(["a", "b", "c", "d"])
NUMBERS = st.integers(0, 11)


class Assembling(RuleBasedStateMachine):
    """Spans come in any order, once or twice, while time goes by."""

    offered_spans = Bundle("offered_spans")

    @initialize(max_spans=st.integers(2, 8), max_waiting=st.integers(2, 20), max_bytes=st.integers(2 * SIZE, 20 * SIZE))
    def start(self, max_spans: int, max_waiting: int, max_bytes: int) -> None:
        self.limits = Limits(
            quiet=1, idle=5, max_age=20, max_spans=max_spans, max_waiting=max_waiting, max_bytes=max_bytes
        )
        self.assembler = TraceAssembler(self.limits)
        self.now = 0.0
        self.first: dict[str, float] = {}  # when the first span came of what may be waiting
        self.offered: set[tuple[str, str]] = set()
        self.duplicates = 0
        self.counted_duplicates = 0
        self.emitted: list[Trace] = []

    @rule(
        target=offered_spans,
        trace_id=TRACES,
        number=NUMBERS,
        parent=st.none() | NUMBERS.map(str) | st.just("never"),
        remote=st.booleans(),
    )
    def offer(self, trace_id: str, number: int, parent: str | None, *, remote: bool) -> object:
        if (trace_id, str(number)) in self.offered:
            return multiple()
        record = span(str(number), parent, trace_id=trace_id, remote=remote and parent is not None)
        self.offered.add((trace_id, str(number)))
        self._take(record)
        return record

    @rule(record=consumes(offered_spans))
    def offer_again(self, record: SpanRecord) -> None:
        self.duplicates += 1
        self._take(record)

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 4.0, 30.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds
        self.emitted += self.assembler.tick(self.now)
        due = self.assembler.next_deadline()
        assert due is None or due > self.now

    @rule()
    def drain(self) -> None:
        self.emitted += self.assembler.drain(self.now)
        assert (self.assembler.waiting_spans, self.assembler.waiting_bytes) == (0, 0)

    @invariant()
    def every_span_is_somewhere_and_none_twice(self) -> None:
        told = Counter((trace.trace_id, one.span_id) for trace in self.emitted for one in trace.spans)
        assert set(told) <= self.offered
        assert all(times == 1 for times in told.values())
        assert len(told) + self.assembler.waiting_spans == len(self.offered)
        self.counted_duplicates += len(self.assembler.take_duplicates())
        assert self.counted_duplicates == self.duplicates

    @invariant()
    def memory_is_bounded(self) -> None:
        assert self.assembler.waiting_spans <= self.limits.max_waiting
        assert self.assembler.waiting_bytes == self.assembler.waiting_spans * SIZE <= self.limits.max_bytes

    @invariant()
    def what_waits_will_be_emitted(self) -> None:
        due = self.assembler.next_deadline()
        assert (due is not None) or self.assembler.waiting_spans == 0
        assert due is None or due <= self.now + self.limits.idle

    @invariant()
    def records_of_a_trace_are_numbered_and_only_whole_ones_are_complete(self) -> None:
        sequences = defaultdict(list)
        for trace in self.emitted:
            has_root = any(one.is_local_root for one in trace.spans)
            sequences[trace.trace_id].append((trace.sequence, has_root))
            assert 0 < len(trace.spans) <= self.limits.max_spans
            if trace.is_complete:
                ids = {one.span_id for one in trace.spans}
                assert trace.sequence == 0
                assert any(one.is_local_root for one in trace.spans)
                assert all(one.is_local_root or one.parent_id in ids for one in trace.spans)
        for found in sequences.values():  # the place of a piece, or 0 for the first and for what has a root of its own
            assert all(
                sequence == place or (sequence == 0 and has_root) for place, (sequence, has_root) in enumerate(found)
            )

    def _take(self, record: SpanRecord) -> None:
        self.emitted += self.assembler.offer(record, self.now, SIZE)


Assembling.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAssembling = Assembling.TestCase
