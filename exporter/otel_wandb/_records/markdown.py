"""Renders the inputs and outputs of a span as Markdown: a paragraph `**role**: content` for each message."""

from collections.abc import Iterable
from dataclasses import dataclass

from otel_wandb._genai.model_call import ModelCall
from otel_wandb._genai.paragraphs import Paragraph, input_paragraphs, output_paragraphs, request_of, responses_of
from otel_wandb._genai.view import SpanView


@dataclass(frozen=True, slots=True)
class Texts:
    """The input and the outputs of a span as Markdown. A call of a model has an output for each choice."""

    input: str | None
    outputs: tuple[str, ...]

    @property
    def output(self) -> str | None:
        """All outputs as one text."""
        return "\n\n".join(self.outputs) if self.outputs else None


def texts_of(view: SpanView) -> Texts:
    """The texts of a span."""
    if view.call is not None:
        return texts_of_call(view.call)
    if view.repeats is not None:
        texts = texts_of_call(view.repeats)
        return Texts(texts.input, _alone(texts.output or None))
    return Texts(_input(view), _alone(_output(view)))


def texts_of_call(call: ModelCall) -> Texts:
    """The texts of a call of a model."""
    return Texts(_joined(request_of(call)), tuple(map(_rendered, responses_of(call))))


def _input(view: SpanView) -> str | None:
    if isinstance(view.inputs, str):
        return view.inputs
    return _joined(input_paragraphs(view.inputs or (), view.instructions))


def _output(view: SpanView) -> str | None:
    if isinstance(view.outputs, str):
        return view.outputs
    return _joined(output_paragraphs(view.outputs or ()))


def _joined(paragraphs: Iterable[Paragraph]) -> str | None:
    return "\n\n".join(map(_rendered, paragraphs)) or None


def _rendered(paragraph: Paragraph) -> str:
    return f"**{paragraph.speaker}**: {paragraph.text}" if paragraph.speaker else paragraph.text


def _alone(text: str | None) -> tuple[str, ...]:
    return () if text is None else (text,)
