"""One row of `traces` for a trace that came in pieces."""

from otel_wandb._records.pieces import Pieces
from otel_wandb._records.table import Row
from otel_wandb._records.tables import TRACES, TraceSource
from otel_wandb._traces.assembly import Reason, Trace
from tests.exporter.spans import chat_attributes, span, timeline, trace


def row_of(made: Trace) -> Row:
    return TRACES.row(TraceSource(timeline(made, 1_000)))


def cells(row: Row) -> dict[str, object]:
    return dict(zip([column.name for column in TRACES.columns], row, strict=True))


def piece(
    trace_id: str, number: int, *, root: bool = False, reason: Reason = Reason.IDLE, model: str = "gpt-4"
) -> Trace:
    """A call `number`, with the root if it is here."""
    call = span(
        f"{trace_id}{number}",
        f"{trace_id}r",
        trace_id=trace_id,
        start=number * 100,
        end=number * 100 + 50,
        error="first" if number == 1 else None,
        attributes=chat_attributes(
            f"question {number}", f"answer {number}", **{"gen_ai.request.model": model, "gen_ai.response.model": model}
        ),
    )
    above = [span(f"{trace_id}r", trace_id=trace_id, name="POST /", end=900)] if root else []
    return trace(*above, call, sequence=number, reason=Reason.ROOT if root else reason)


def test_calls_that_come_before_their_root_are_in_its_row() -> None:
    pieces = Pieces(10, 600.0)
    made = [piece("t", 0), piece("t", 1), piece("t", 2, root=True)]
    rows = [row for one in made for row, _ in pieces.add(one, row_of(one), one.spans, 0.0)]
    (row,) = map(cells, rows)
    assert (row["name"], row["calls"], row["spans"], row["sequence"]) == ("POST /", 3.0, 4.0, 0.0)
    assert (row["prompt_tokens"], row["completion_tokens"], row["total_tokens"]) == (9.0, 12.0, 21.0)
    assert (row["status"], row["error"], row["complete"]) == ("SUCCESS", "first", False)
    assert (row["elapsed_time"], row["output"]) == (0.9, "**assistant**: answer 2")
    assert list(pieces.drain()) == []


def test_one_unknown_cost_makes_that_of_the_trace_unknown() -> None:
    def row_with(model: str) -> dict[str, object]:
        pieces = Pieces(10, 600.0)
        made = [piece("t", 0, model=model), piece("t", 1, root=True)]
        (row,) = [row for one in made for row, _ in pieces.add(one, row_of(one), one.spans, 0.0)]
        return cells(row)

    known, unknown = row_with("gpt-4"), row_with("nobody-knows-it")
    assert (known["cost"], known["cost_reason"]) == (2 * (3 * 30 + 4 * 60) / 1e6, None)
    assert unknown["cost"] is None
    assert str(unknown["cost_reason"]).startswith("1 of 1 calls: ")


def test_a_whole_trace_does_not_wait() -> None:
    pieces = Pieces(10, 600.0)
    made = piece("t", 0, root=True)
    assert list(pieces.add(made, row_of(made), made.spans, 0.0)) == [(row_of(made), [*made.spans])]
    late = piece("t", 1, reason=Reason.SHUTDOWN)
    assert list(pieces.add(late, row_of(late), late.spans, 0.0)) == [(row_of(late), [*late.spans])]


def test_spans_wait_with_their_row() -> None:
    pieces = Pieces(10, 600.0)
    made = [piece("t", 0), piece("t", 1), piece("t", 2, root=True)]
    ((_, spans),) = [found for one in made for found in pieces.add(one, row_of(one), one.spans, 0.0)]
    assert spans == [span for one in made for span in one.spans]
    assert pieces.next_deadline() is None


def test_a_root_that_does_not_come_is_not_waited_for_for_ever() -> None:
    pieces = Pieces(2, 600.0)

    def add(name: str, now: float) -> list[object]:
        made = piece(name, 0)
        return [cells(row)["trace_id"] for row, _ in pieces.add(made, row_of(made), (), now)]

    assert [add("a", 0.0), add("b", 1.0), add("c", 2.0)] == [[], [], ["a"]]
    assert add("d", 601.5) == ["b"]
    assert pieces.next_deadline() == 602.0
    assert [cells(row)["trace_id"] for row, _ in pieces.due(602.0)] == ["c"]
    assert [cells(row)["trace_id"] for row, _ in pieces.drain()] == ["d"]
