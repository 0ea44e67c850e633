"""The calls that the demo makes: what a program with openai 0.28 does, with a time limit on each."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.util.types import AttributeValue

_CHAT_MODEL: Final = "gpt-3.5-turbo"
_COMPLETION_MODEL: Final = "gpt-3.5-turbo-instruct"
_EMBEDDING_MODEL: Final = "text-embedding-ada-002"
_MISSING_MODEL: Final = "gpt-that-does-not-exist"
_SECONDS: Final = 30.0  # of silence, after which openai gives a call up
_MOST_TOKENS: Final = 60

_QUESTION: Final = "Which moon of Jupiter has an ocean below its ice?"
_NOTES: Final = (
    "Europa is a moon of Jupiter with an ocean below a crust of ice.",
    "Titan is a moon of Saturn with lakes of methane.",
    "Olympus Mons is a volcano on Mars.",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One trace of the demo; `call` raises what openai raises, and is meant to where `must_fail`."""

    title: str
    call: Callable[[Any, trace.Tracer], object]
    must_fail: bool = False


def _chat(openai: Any, _: trace.Tracer) -> None:
    _ask(openai, "Which is the largest planet of the solar system?", system="You answer in one sentence.")


def _stream(openai: Any, _: trace.Tracer) -> None:
    chunks = openai.ChatCompletion.create(
        model=_CHAT_MODEL,
        messages=[{"role": "user", "content": "What are the rings of Saturn made of? Answer in one sentence."}],
        max_tokens=_MOST_TOKENS,
        stream=True,
        stream_options={"include_usage": True},  # else the API counts no tokens of a stream
        request_timeout=_SECONDS,
    )
    for _chunk in chunks:
        pass


def _completion(openai: Any, _: trace.Tracer) -> None:
    openai.Completion.create(
        model=_COMPLETION_MODEL,
        prompt="The space probe Voyager 1 was launched in",
        temperature=0,
        max_tokens=_MOST_TOKENS,
        request_timeout=_SECONDS,
    )


def _embedding(openai: Any, _: trace.Tracer) -> None:
    _vectors(openai, ["the rings of Saturn", "the moons of Jupiter"])


def _chain(openai: Any, tracer: trace.Tracer) -> None:
    with _span(tracer, "answer_from_notes"):
        note = _retrieve(openai, tracer)
        draft = _ask(openai, f"Answer from this note: {note}\n\n{_QUESTION}")
        _ask(openai, f"Say this in at most eight words: {draft}")


def _retrieve(openai: Any, tracer: trace.Tracer) -> str:
    attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "search_notes",
        "gen_ai.tool.call.arguments": _QUESTION,
    }
    with _span(tracer, "execute_tool search_notes", attributes) as span:
        question, *notes = _vectors(openai, [_QUESTION, *_NOTES])
        nearest = max(range(len(notes)), key=lambda index: _product(question, notes[index]))
        span.set_attribute("gen_ai.tool.call.result", _NOTES[nearest])
        return _NOTES[nearest]


@contextmanager
def _span(
    tracer: trace.Tracer, name: str, attributes: Mapping[str, AttributeValue] | None = None
) -> Iterator[trace.Span]:
    """A span of the chain; the span of the call that failed says more, and has taken keys out of it."""
    with tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(trace.StatusCode.ERROR)
            raise


def _failing(openai: Any, _: trace.Tracer) -> None:
    _ask(openai, "Is anybody there?", model=_MISSING_MODEL)


STEPS: Final[tuple[Step, ...]] = (
    Step("a chat", _chat),
    Step("a streamed chat", _stream),
    Step("a completion", _completion),
    Step("an embedding", _embedding),
    Step("a chain of three steps", _chain),
    Step("a model that does not exist", _failing, must_fail=True),
)


def _ask(openai: Any, question: str, *, system: str | None = None, model: str = _CHAT_MODEL) -> str:
    messages = [] if system is None else [{"role": "system", "content": system}]
    response = openai.ChatCompletion.create(
        model=model,
        messages=[*messages, {"role": "user", "content": question}],
        temperature=0,
        max_tokens=_MOST_TOKENS,
        request_timeout=_SECONDS,
    )
    return str(response.choices[0].message.content)


def _vectors(openai: Any, texts: list[str]) -> list[list[float]]:
    response = openai.Embedding.create(model=_EMBEDDING_MODEL, input=texts, request_timeout=_SECONDS)
    return [item.embedding for item in response.data]


def _product(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
