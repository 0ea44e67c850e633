"""Writes the output of `openai-wandb show`: trees, and conversations with each message once. Needs rich."""

from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console
from rich.text import Text

from otel_openai_wandb._reading.tree import heading, problem_of, seconds, tokens, trace_tree
from otel_openai_wandb._reading.visible import visible, visible_line
from otel_wandb._interface.journal import Call, FeedbackRecord, Message, Span, Texts, TraceRecord
from otel_wandb._interface.records import part_text

_INDENT = "  "


class Screen:
    """Writes to stdout, or as plain text to a file."""

    def __init__(self, file: TextIO | None = None) -> None:
        # In a notebook, rich would show HTML and use colours, also for a file.
        plain = None if file is None else False
        self._console = Console(
            file=file, force_terminal=plain, force_jupyter=plain, markup=False, emoji=False, highlight=False
        )

    def heading(self) -> None:
        """Write the names of the columns."""
        self._console.print(heading(self._console.width))

    def tree(self, trace: TraceRecord) -> None:
        """Write a trace as a tree, and its id."""
        self._console.print(trace_tree(trace, self._console.width, encoding=self._console.encoding))
        self._line(f"{_INDENT}{trace['trace_id'][:8]}{_supplement(trace)}", "dim")

    def lines(self, lines: Iterable[str]) -> None:
        """Write lines of text."""
        for line in lines:
            self._line(line)

    def conversation(self, trace: TraceRecord, texts: Texts) -> None:
        """Write a trace with its messages, inputs and outputs. A message that was shown above is not repeated."""
        self._line(f"{trace['trace_id']}{_supplement(trace)}", "dim")
        self.heading()
        self._console.print(trace_tree(trace, self._console.width, encoding=self._console.encoding))
        shown: set[int] = set()
        for span in trace["spans"]:
            self._span(span, texts, shown)

    def feedback(self, said: Sequence[FeedbackRecord]) -> None:
        """Write feedback, one record in each line."""
        for one in said:
            self._line(f"feedback {visible_line(one['name'])}: {visible_line(str(one['value']))}")

    def _span(self, span: Span, texts: Texts, shown: set[int]) -> None:
        call = span["call"]
        if call is None and span["inputs"] is None and span["outputs"] is None:
            return
        self._line("")
        figures = [seconds(span["end"] - span["start"]), "" if call is None else tokens([call])]
        self._line("  ".join([visible_line(span["name"]), *filter(None, figures)]), "bold")
        if call is not None:
            self._call(call, texts, shown)
        for name, text in ({**(span["inputs"] or {}), **(span["outputs"] or {})}).items():
            self._said(name, text)
        problem = problem_of(span)
        if problem is not None:
            self._line(f"{_INDENT}ERROR {problem}", "red")

    def _call(self, call: Call, texts: Texts, shown: set[int]) -> None:
        again = [number for number in call["asked"] if number in shown]
        if again:
            self._line(f"{_INDENT}({len(again)} messages as above)", "dim")
        for message in texts.messages(number for number in call["asked"] if number not in shown):
            self._message(message, "user")
        for message in texts.messages(call["answered"]):
            self._message(message, "assistant")
        shown.update(call["asked"], call["answered"])

    def _message(self, message: Message, role: str) -> None:
        if "text" in message:
            self._said(role, message["text"])
            return
        name = message.get("name")
        label = str(message.get("role") or role) + (f" ({name})" if name else "")
        parts = message.get("parts")
        self._said(label, "\n".join(map(part_text, parts)) if isinstance(parts, (list, tuple)) else "")

    def _said(self, label: str, text: str) -> None:
        self._line(f"{_INDENT}{visible_line(label)}", "cyan")
        for line in visible(text).split("\n"):
            self._line(f"{_INDENT * 2}{line}")

    def _line(self, text: str, style: str = "") -> None:
        """Write a line that only the terminal wraps, so that it can be copied as one line."""
        encoded = text.encode(self._console.encoding, "replace").decode(self._console.encoding)
        self._console.print(Text(encoded, style), soft_wrap=True)


def _supplement(trace: TraceRecord) -> str:
    return f", supplement {trace['sequence']}" if trace["sequence"] else ""
