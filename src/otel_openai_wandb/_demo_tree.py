"""A trace as a tree for the terminal: names, times, tokens and status in columns, and what went wrong."""

import textwrap
from collections.abc import Callable
from typing import Final

from rich.text import Text
from rich.tree import Tree

from otel_openai_wandb._demo_traces import walk
from otel_wandb._records.timeline import Node
from otel_wandb._spans import attributes as names

_GUIDE: Final = 4  # cells that rich.tree indents a level by
_WIDEST_NAME: Final = 44
_FIGURES: Final = (9, 12, 8)  # cells for time, tokens and status
_MILLISECONDS: Final = 1000
_INDENT: Final = "  "


def heading(width: int) -> Text:
    """The names of the columns."""
    return Text(_line("trace", ("time", "tokens", "status"), _name_cells(width, 0)), "dim")


def trace_tree(root: Node, width: int, *, encoding: str = "utf-8") -> Tree:
    """The trace in `width` cells; characters that `encoding` has not are replaced."""

    def label(node: Node, depth: int) -> Text:
        text = _line_of(node, _name_cells(width, depth))
        if depth == 0:
            text.stylize("bold")
        for line in _problem(node, width - _GUIDE * depth):
            text.append(f"\n{line.encode(encoding, 'replace').decode(encoding)}", "red")
        return text

    tree = Tree(label(root, 0), guide_style="dim")
    _grow(tree, root, label, 1)
    return tree


def _grow(tree: Tree, node: Node, label: Callable[[Node, int], Text], depth: int) -> None:
    for child in node.children:
        _grow(tree.add(label(child, depth)), child, label, depth + 1)


def _name_cells(width: int, depth: int) -> int:
    return max(8, min(_WIDEST_NAME, width - sum(_FIGURES)) - _GUIDE * depth)


def _line_of(node: Node, name_cells: int) -> Text:
    status, style = ("ERROR", "red") if node.is_error else ("ok", "green")
    figures = (_time(node.end_ms - node.start_ms), _tokens(node), status)
    line = Text(_line(_name(node), figures, name_cells), no_wrap=True, overflow="crop")
    line.stylize(style, 0 if node.is_error else len(line) - len(status))
    return line


def _problem(node: Node, width: int) -> list[str]:
    if not node.is_error:
        return []
    said = ": ".join(str(part) for part in (node.attributes.get(names.ERROR_TYPE), node.message) if part)
    return textwrap.wrap(said, max(20, width), initial_indent=_INDENT, subsequent_indent=_INDENT)


def _line(name: str, figures: tuple[str, str, str], name_cells: int) -> str:
    short = name if len(name) <= name_cells else f"{name[: name_cells - 2]}.."
    return short.ljust(name_cells) + "".join(
        figure.rjust(cells) for figure, cells in zip(figures, _FIGURES, strict=True)
    )


def _name(node: Node) -> str:
    return f"{node.name} (stream)" if node.attributes.get(names.STREAM) else node.name


def _time(milliseconds: float) -> str:
    if milliseconds < _MILLISECONDS:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / _MILLISECONDS:.2f} s"


def _tokens(node: Node) -> str:
    """Input and output of all calls below, as far as they said."""
    found = [_sum(node, name) for name in (names.INPUT_TOKENS, names.OUTPUT_TOKENS)]
    return " + ".join(str(count) for count in found if count is not None)


def _sum(node: Node, name: str) -> int | None:
    counts = [count for below in walk(node) if isinstance(count := below.attributes.get(name), int)]
    return sum(counts) if counts else None
