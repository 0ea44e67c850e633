"""The calls that the demo makes, as a program with openai 0.28 makes them, with a time limit for each."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from opentelemetry import trace

_CHAT_MODEL: Final = "gpt-3.5-turbo"
_TIMEOUT: Final = {"request_timeout": 30.0}  # seconds without data, after which openai raises an error
_LIMITS: Final = {"max_tokens": 60, **_TIMEOUT}
_QUESTION: Final = "Which moon of Jupiter has an ocean below its ice?"
_NOTES: Final = (
    "Europa is a moon of Jupiter with an ocean below a crust of ice.",
    "Titan is a moon of Saturn with lakes of methane.",
    "Olympus Mons is a volcano on Mars.",
)


class Step(NamedTuple):
    """One trace of the demo. `call` raises what openai raises. If `must_fail`, an error is the expected result."""

    title: str
    call: Callable[[Any, trace.Tracer], object]
    must_fail: bool = False


def _stream(openai: Any, _: trace.Tracer) -> None:
    chunks = openai.ChatCompletion.create(
        model=_CHAT_MODEL,
        messages=[{"role": "user", "content": "What are the rings of Saturn made of? Answer in one sentence."}],
        stream=True,
        stream_options={"include_usage": True},  # else the API reports no tokens for a stream
        **_LIMITS,
    )
    for _chunk in chunks:
        pass


def _completion(openai: Any, _: trace.Tracer) -> None:
    prompt = "The space probe Voyager 1 was launched in"
    openai.Completion.create(model="gpt-3.5-turbo-instruct", prompt=prompt, temperature=0, **_LIMITS)


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
        scores = [sum(a * b for a, b in zip(question, note, strict=True)) for note in notes]
        nearest = _NOTES[scores.index(max(scores))]
        span.set_attribute("gen_ai.tool.call.result", nearest)
        return nearest


@contextmanager
def _span(tracer: trace.Tracer, name: str, attributes: Mapping[str, str] | None = None) -> Iterator[trace.Span]:
    """A span around calls. It does not record an error's message, which may quote a key; the call's span removes it."""
    quiet: Any = {"record_exception": False, "set_status_on_exception": False}
    with tracer.start_as_current_span(name, attributes=attributes, **quiet) as span:
        try:
            yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(trace.StatusCode.ERROR)
            raise


STEPS: Final[tuple[Step, ...]] = (
    Step(
        "a chat",
        lambda openai, _: _ask(
            openai, "Which is the largest planet of the solar system?", system="You answer in one sentence."
        ),
    ),
    Step("a streamed chat", _stream),
    Step("a completion", _completion),
    Step("an embedding", lambda openai, _: _vectors(openai, ["the rings of Saturn", "the moons of Jupiter"])),
    Step("a chain of three steps", _chain),
    Step(
        "a model that does not exist",
        lambda openai, _: _ask(openai, "Is anybody there?", model="gpt-that-does-not-exist"),
        must_fail=True,
    ),
)


def _ask(openai: Any, question: str, *, system: str | None = None, model: str = _CHAT_MODEL) -> str:
    messages = [{"role": role, "content": text} for role, text in (("system", system), ("user", question)) if text]
    response = openai.ChatCompletion.create(model=model, messages=messages, temperature=0, **_LIMITS)
    return str(response.choices[0].message.content)


def _vectors(openai: Any, texts: list[str]) -> list[list[float]]:
    response = openai.Embedding.create(model="text-embedding-ada-002", input=texts, **_TIMEOUT)
    return [item.embedding for item in response.data]
