"""Packs the records of journals for the page: a table for its lists, each text once, and each trace in full.

The page lists, filters and counts with the table. It reads a trace's record and its messages when they are shown.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

Record = Mapping[str, Any]
Row = tuple[Any, ...]

TRACE_COLUMNS: Final = (
    *("id", "run", "name", "start", "duration", "error", "calls", "input", "output", "total", "estimated", "cost"),
    *("unknown", "session", "user", "tags", "preview", "spans", "service", "complete", "sequence"),
)
"""`start` and `duration` are nanoseconds; `start` counts from `Packer.base`. Texts are indices of `Packer.strings`."""

SPAN_COLUMNS: Final = (
    *("parent", "name", "kind", "start", "duration", "error", "call", "model", "operation", "settings", "prompt"),
    *("input", "output", "estimated", "cost", "first", "error_type", "question", "answer", "fresh"),
)
"""`parent` is the index in the trace; `start` counts from the trace's. `question`, `answer`, `fresh`: text numbers."""

_KINDS: Final = ("chain", "llm", "embedding", "tool", "agent")
_PREVIEW: Final = 160  # characters; a row shows fewer
_SETTINGS: Final = ("temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty", "n", "stop", "seed")


@dataclass(frozen=True, slots=True)
class Mark:
    """How much was packed at a moment."""

    strings: int = 0
    changes: int = 0
    """How often a trace was added or has grown."""
    texts: int = 0
    feedback: int = 0


_START: Final = Mark()


@dataclass(slots=True)
class PackedRun:
    """A run on the page. `ended` is false while the run lasts, and stays false if it was killed."""

    name: str
    known: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    messages: dict[int, int] = field(default_factory=dict)
    tools: dict[int, int] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        return {"name": self.name, "ended": self.ended, **self.known}


@dataclass(frozen=True, slots=True)
class _PackedTrace:
    change: int
    row: Row
    spans: Sequence[Row]
    places: Mapping[str, int]  # indices of the spans, by id
    detail: str


class Packer:
    """Packs records one by one. An id of a message or of tools replaces the same id of an earlier file of the run."""

    def __init__(self) -> None:
        self.base: int | None = None
        self.runs: list[PackedRun] = []
        self.strings: list[str] = []
        self.traces: list[_PackedTrace] = []
        self.texts: list[str] = []
        self._changes = 0
        self._feedback: list[Row] = []
        self._numbers: dict[str, int] = {}
        self._text_numbers: dict[bytes, int] = {}
        self._said: set[tuple[str, int]] = set()
        self._rows: dict[str, int] = {}

    def open(self, name: str) -> PackedRun:
        run = PackedRun(name)
        self.runs.append(run)
        return run

    def add(self, run: PackedRun, record: Record) -> None:
        """Pack one record of the run's journal. Unknown kinds are skipped."""
        kind = record.get("record")
        if kind == "message":
            run.messages[record["id"]] = self._text(record["message"])
        elif kind == "tools":
            run.tools[record["id"]] = self._text({"tools": record["tools"]})
        elif kind == "trace":
            self.put_trace(run, record)
        elif kind == "run":
            run.known |= {**record["run"], **{name: record.get(name) for name in ("resource", "writer", "prices")}}
        elif kind == "feedback":
            self._feedback.append((record["trace_id"], self._string(record["name"]), record["value"]))
        elif kind == "end":
            run.ended = True
            run.known["counters"] = record.get("counters")

    def mark(self) -> Mark:
        return Mark(len(self.strings), self._changes, len(self.texts), len(self._feedback))

    def since(self, mark: Mark) -> str:
        """The data packed after the mark, as JSON. `rows` are the rows of traces that are new or have grown."""
        texts = ",".join(self.texts[mark.texts :])
        rows = [row for row, trace in enumerate(self.traces) if trace.change > mark.changes]
        details = ",".join(self.traces[row].detail for row in rows)
        index = _json(self.index(mark))
        return f'{{"rows":{rows},"index":{index},"texts":[{texts}],"details":[{details}],"texts_before":{mark.texts}}}'

    def index(self, mark: Mark = _START) -> dict[str, Any]:
        traces = [trace for trace in self.traces if trace.change > mark.changes]
        return {
            "base": (self.base or 0) // 1_000_000,
            "runs": [run.shown() for run in self.runs],
            "strings": self.strings[mark.strings :],
            "traces": _columns(TRACE_COLUMNS, (trace.row for trace in traces)),
            "spans": _columns(SPAN_COLUMNS, (span for trace in traces for span in trace.spans)),
            "feedback": [(self._rows.get(of, -1), name, value) for of, name, value in self._feedback[mark.feedback :]],
        }

    def put_trace(self, run: PackedRun, record: Record, row: int | None = None) -> int:
        """Pack a trace and return its row. `row` is that of a trace that has grown; its spans keep their indices."""
        if self.base is None:
            self.base = record["start"] // 1_000_000 * 1_000_000
        before = None if row is None else self.traces[row]
        detail = dict(record)
        detail["spans"] = spans = [self._detail(run, span) for span in record["spans"]]
        if before is not None:
            known = before.places
            spans.sort(key=lambda span: known.get(span["id"], len(known)))
        self._changes += 1
        packed = self._packed(run, detail, before)
        if row is None:
            row = self._rows[record["trace_id"]] = len(self.traces)
            self.traces.append(packed)
        else:
            self.traces[row] = packed
        return row

    def _packed(self, run: PackedRun, record: Record, before: _PackedTrace | None) -> _PackedTrace:
        spans = record["spans"]
        places = {span["id"]: place for place, span in enumerate(spans)}
        start = min((span["start"] for span in spans), default=record["start"])
        end = max((span["end"] for span in spans), default=record["end"])
        session = record["session"] or record["conversation"]
        had = {} if before is None else {name: before.spans[place] for name, place in before.places.items()}
        rows = [self._span_row(span, places, start, session, had.get(span["id"])) for span in spans]
        totals = record["totals"]
        calls = [span["call"] for span in spans if span["call"]]
        row: Row = (
            record["trace_id"],
            self.runs.index(run),
            self._string(record["name"]),
            start - (self.base or 0),
            end - start,
            self._string(record["error"]),
            *(totals[name] for name in ("calls", "input", "output", "total")),
            int(totals["estimated"]),
            totals["cost"],
            sum(call["cost"] is None for call in calls),
            self._string(session),
            self._string(record["user"]),
            [self._string(tag) for tag in record["tags"]],
            self._string(self._preview(spans)),
            len(spans),
            self._string(record["service"]),
            int(record["complete"]),
            record["sequence"],
        )
        return _PackedTrace(self._changes, row, rows, places, _json(record))

    def _detail(self, run: PackedRun, span: Record) -> dict[str, Any]:
        """The span with numbers of the page's texts, in place of the file's ids and of inputs and outputs."""
        shown = dict(span)
        for side in ("inputs", "outputs"):
            if span[side]:
                shown[side] = {name: self._text({"text": text}) for name, text in span[side].items()}
        if span["call"]:
            call = dict(span["call"])
            for side in ("asked", "answered"):
                call[side] = [run.messages[number] for number in call[side] if number in run.messages]
            call["tools"] = run.tools.get(call["tools"])
            shown["call"] = call
        return shown

    def _span_row(
        self, span: Record, places: Mapping[str, int], start: int, session: str | None, before: Row | None
    ) -> Row:
        """The row of a span. `before` is its earlier row, whose messages that are new in the session are kept."""
        call = span["call"]
        head = (
            places.get(span["parent"], -1),
            self._string(span["name"]),
            _KINDS.index(span["kind"]) if span["kind"] in _KINDS else 0,
            span["start"] - start,
            span["end"] - span["start"],
            int(span["error"]),
        )
        if not call:
            texts = [*(span["inputs"] or {}).values(), *(span["outputs"] or {}).values()]
            return (*head, 0, *(-1,) * 4, None, None, 0, None, None, -1, -1, -1, texts)
        fresh = self._fresh(call, session or "") if before is None else before[-1]
        call["earlier"] = len(call["asked"]) + len(call["answered"]) - len(fresh)
        prompt = call["prompt_name"] and f"{call['prompt_name']} v{call['prompt_version'] or '?'}"
        settings = {name: call["parameters"][name] for name in _SETTINGS if name in call["parameters"]}
        return (
            *head,
            1,
            self._string(call["request_model"] or call["response_model"]),
            self._string(call["operation"]),
            self._string(_json(settings)),
            self._string(prompt),
            call["usage"]["input"],
            call["usage"]["output"],
            int(call["estimated"]),
            call["cost"],
            None if call["first_chunk"] is None else round(call["first_chunk"] * 1e9),
            self._string(call["error_type"]),
            call["asked"][-1] if call["asked"] else -1,
            call["answered"][0] if call["answered"] else -1,
            fresh,
        )

    def _fresh(self, call: Record, session: str) -> list[int]:
        """The messages that are new in the session: those after the last known one, the last one, and the answers."""
        asked, known = call["asked"], 0
        for number, text in enumerate(asked[:-1], 1):
            if (session, text) in self._said:
                known = number
        fresh = [*asked[known:], *call["answered"]]
        if session:
            self._said.update((session, text) for text in (*asked, *call["answered"]))
        return fresh

    def _preview(self, spans: Sequence[Record]) -> str | None:
        for span in spans:
            for number in reversed(span["call"]["asked"] if span["call"] else ()):
                message = json.loads(self.texts[number])
                if message.get("role", "user") == "user":
                    return _plain(message)[:_PREVIEW]
        return None

    def _string(self, text: str | None) -> int:
        if text is None:
            return -1
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self.strings)
            self.strings.append(text)
        return number

    def _text(self, value: Any) -> int:
        text = _json(value)
        key = blake2b(text.encode("ascii"), digest_size=16).digest()
        number = self._text_numbers.get(key)
        if number is None:
            number = self._text_numbers[key] = len(self.texts)
            self.texts.append(text)
        return number


def _plain(message: Mapping[str, Any]) -> str:
    parts = message.get("parts")
    if parts is None:
        return str(message.get("text", ""))
    return " ".join(str(part.get("content", "")) for part in parts if isinstance(part, Mapping)).strip()


def _columns(names: Sequence[str], rows: Iterable[Row]) -> dict[str, list[Any]]:
    made = list(zip(*rows, strict=True))
    return {name: list(made[place]) if made else [] for place, name in enumerate(names)}


def _json(value: Any) -> str:
    """JSON in ASCII, which can have lone surrogates. NaN and infinity become texts, because JSON lacks them."""
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and value - value != 0:
        return str(value)
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
