"""Formats a trace as a tree for the terminal: names, times, tokens and status in columns, and errors."""

import textwrap
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.text import Text
from rich.tree import Tree

from otel_openai_wandb._reading.visible import visible_line
from otel_wandb._interface.journal import Call, Span, TraceRecord
from otel_wandb._interface.records import summed

_GUIDE: Final = 4  # cells that rich.tree indents a level by
_WIDEST_NAME: Final = 44
_FIGURES: Final = (9, 12, 8)  # cells for time, tokens and status
_NANOSECONDS: Final = 1_000_000_000
_INDENT: Final = "  "
_DEEPEST: Final = 100


@dataclass(slots=True)
class _Branch:
    """A line of the tree, and its children."""

    name: str
    nanoseconds: int
    problem: str | None
    """The text of an error, which may be empty; None if there was no error."""
    calls: list[Call] = field(default_factory=list)
    """Its own call, and those of its children."""
    children: list["_Branch"] = field(default_factory=list)


def heading(width: int) -> Text:
    """The names of the columns."""
    return Text(_line("trace", ("time", "tokens", "status"), _name_cells(width, 0)), "dim")


def trace_tree(trace: TraceRecord, width: int, *, encoding: str = "utf-8") -> Tree:
    """The trace in `width` cells; characters that `encoding` lacks are replaced."""

    def label(branch: _Branch, depth: int) -> Text:
        text = _line_of(branch, _name_cells(width, depth), encoding)
        if depth == 0:
            text.stylize("bold")
        for line in _problem(branch, width - _GUIDE * depth):
            text.append(f"\n{_encoded(line, encoding)}", "red")
        return text

    root = _root(trace)
    tree = Tree(label(root, 0), guide_style="dim")
    waiting = [(tree, root, 1)]
    while waiting:
        above, branch, depth = waiting.pop()
        waiting += [(above.add(label(child, depth)), child, depth + 1) for child in branch.children]
    return tree


def tokens(calls: Sequence[Call]) -> str:
    """The input and output tokens of calls, as far as known; with a "~" if some are estimated."""
    counts = (summed(call["usage"][side] for call in calls) for side in ("input", "output"))
    said = " + ".join(str(count) for count in counts if count is not None)
    return f"~{said}" if said and any(call["estimated"] for call in calls) else said


def seconds(nanoseconds: int) -> str:
    """A duration in milliseconds or seconds, with its unit."""
    if nanoseconds < _NANOSECONDS:
        return f"{nanoseconds / 1e6:.0f} ms"
    return f"{nanoseconds / _NANOSECONDS:.2f} s"


def problem_of(span: Span) -> str | None:
    """The error of a span as one line; None if it has no error."""
    if not span["error"]:
        return None
    kind = span["call"]["error_type"] if span["call"] else span["attributes"].get("error.type")
    return ": ".join(visible_line(str(part)) for part in (kind, span["status"]) if part)


def _root(trace: TraceRecord) -> _Branch:
    """The only top span. If there are several, because the root was lost, a line above them."""
    known = {span["id"] for span in trace["spans"]}
    below: defaultdict[str | None, list[Span]] = defaultdict(list)
    for span in trace["spans"]:
        below[span["parent"] if span["parent"] in known else None].append(span)
    placed: dict[str, tuple[_Branch, _Branch | None]] = {}
    for top in (*below[None], *trace["spans"]):  # spans in a cycle of parents are below no top span
        _place(top, below, placed)
    for branch, above in reversed(placed.values()):
        if above is not None:
            above.calls += branch.calls
    roots = [branch for branch, above in placed.values() if above is None]
    if len(roots) == 1:
        return roots[0]
    calls = [call for root in roots for call in root.calls]
    problem = "" if trace["status"] == "ERROR" else None
    return _Branch(visible_line(trace["name"]), trace["end"] - trace["start"], problem, calls, roots)


def _place(
    top: Span, below: Mapping[str | None, Sequence[Span]], placed: dict[str, tuple[_Branch, _Branch | None]]
) -> None:
    """Place `top` and everything below it. A span that is too deep is placed beside the one above it."""
    waiting: list[tuple[Span, _Branch | None, int]] = [(top, None, 0)]
    while waiting:
        span, above, depth = waiting.pop()
        if span["id"] in placed:
            continue
        branch = _branch(span)
        placed[span["id"]] = branch, above
        if above is not None:
            above.children.append(branch)
        under, level = (branch, depth + 1) if depth < _DEEPEST else (above, depth)
        waiting += [(child, under, level) for child in reversed(below.get(span["id"], ()))]


def _branch(span: Span) -> _Branch:
    call = span["call"]
    stream = " (stream)" if call is not None and call["parameters"].get("stream") else ""
    calls = [] if call is None else [call]
    return _Branch(visible_line(span["name"]) + stream, span["end"] - span["start"], problem_of(span), calls)


def _name_cells(width: int, depth: int) -> int:
    return max(8, min(_WIDEST_NAME, width - sum(_FIGURES)) - _GUIDE * depth)


def _line_of(branch: _Branch, name_cells: int, encoding: str) -> Text:
    status, style = ("ok", "green") if branch.problem is None else ("ERROR", "red")
    figures = (seconds(branch.nanoseconds), tokens(branch.calls), status)
    line = Text(_encoded(_line(branch.name, figures, name_cells), encoding), no_wrap=True, overflow="crop")
    line.stylize(style, 0 if branch.problem is not None else len(line) - len(status))
    return line


def _problem(branch: _Branch, width: int) -> list[str]:
    return textwrap.wrap(branch.problem or "", max(20, width), initial_indent=_INDENT, subsequent_indent=_INDENT)


def _line(name: str, figures: tuple[str, str, str], name_cells: int) -> str:
    short = name if len(name) <= name_cells else f"{name[: name_cells - 2]}.."
    return short.ljust(name_cells) + "".join(
        figure.rjust(cells) for figure, cells in zip(figures, _FIGURES, strict=True)
    )


def _encoded(text: str, encoding: str) -> str:
    return text.encode(encoding, "replace").decode(encoding)
