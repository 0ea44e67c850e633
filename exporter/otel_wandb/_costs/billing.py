"""Finds the tokens and the cost of a call: from its span, else from prices, a catalogue and a token counter.

The catalogue and the token counter are optional packages. The user's price wins over the built-in one, and the built-in
one over the catalogue's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from otel_wandb._costs.catalogue import catalogue_cost
from otel_wandb._costs.estimates import Message, estimate_chat_tokens, estimate_tokens
from otel_wandb._costs.prices import UNKNOWN_MODEL, Cost, Images, Price, cost_of
from otel_wandb._genai.model_call import ModelCall, Usage

_CHAT: Final = "chat"
_TEXT_COMPLETION: Final = "text_completion"
_CUT: Final = ("characters cut]", "left out]")  # the marks of `otel_openai_v0` for texts that it cut or left out


@dataclass(frozen=True, slots=True)
class Bill:
    """The tokens and dollars of one call. `is_estimated` is true if the tokens are not the server's count."""

    usage: Usage
    cost: Cost
    is_estimated: bool = False


def bill_of(call: ModelCall, prices: Mapping[str, Price], start_ns: int) -> Bill:
    """The bill of `call`. A cost on its span wins. Unknown values are None, never 0."""
    estimate = _estimated(call)
    usage = estimate or call.usage
    return Bill(usage, _cost(call, usage, prices, start_ns), estimate is not None)


def _cost(call: ModelCall, usage: Usage, prices: Mapping[str, Price], start_ns: int) -> Cost:
    """The cost by the price of the model that answered, else of the requested model."""
    if call.cost is not None:
        return Cost(dollars=call.cost)
    models = tuple(dict.fromkeys((call.model, call.request_model)))
    found = [_listed(call, model, usage, prices) for model in models]
    if any(cost.dollars is not None for cost in found):
        return next(cost for cost in found if cost.dollars is not None)
    if found[0].reason != UNKNOWN_MODEL:
        return found[0]
    return next((cost for model in models if (cost := _catalogued(call, model, usage, start_ns))), found[0])


def _listed(call: ModelCall, model: str | None, usage: Usage, prices: Mapping[str, Price]) -> Cost:
    return cost_of(
        model=model,
        input_tokens=usage.input,
        output_tokens=usage.output,
        operation=call.operation,
        prices=prices,
        provider=call.provider,
        images=None if call.image_count is None else Images(call.image_count, call.image_size),
    )


def _catalogued(call: ModelCall, model: str | None, usage: Usage, start_ns: int) -> Cost | None:
    return catalogue_cost(model=model, provider=call.provider, operation=call.operation, usage=usage, start_ns=start_ns)


def total_cost(bills: Sequence[Bill]) -> Cost:
    """The cost of several calls. If one cost is unknown, the sum is unknown; the reason says how many and why."""
    reasons = sorted({bill.cost.reason for bill in bills if bill.cost.reason is not None})
    if reasons:
        unknown = sum(bill.cost.dollars is None for bill in bills)
        return Cost(reason=f"{unknown} of {len(bills)} calls: {', '.join(reasons)}")
    return Cost(dollars=round(sum(bill.cost.dollars or 0 for bill in bills), 12))


def summed(counts: Iterable[int | None]) -> int | None:
    """The sum of the known values; None if none is known."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _estimated(call: ModelCall) -> Usage | None:
    """The estimated tokens of a stream without usage. None for any other call, or if they cannot be estimated."""
    if call.usage.total is not None or not call.parameters.get("stream") or call.tools or call.instructions:
        return None
    asked, answers = _plain(call.asked), _plain(call.answered)
    if asked is None or answers is None:
        return None
    if call.operation == _CHAT:
        given = estimate_chat_tokens(call.model, asked)
    elif call.operation == _TEXT_COMPLETION:
        given = estimate_tokens(call.model, [message.content for message in asked])
    else:
        return None
    gave = estimate_tokens(call.model, [message.content for message in answers])
    return None if given is None or gave is None else Usage(input=given, output=gave, total=given + gave)


def _plain(messages: Sequence[Any]) -> list[Message] | None:
    """The messages, if all are plain text; else None, because other parts cost tokens that cannot be counted."""
    found = [_message(message) for message in messages]
    plain = [message for message in found if message is not None]
    return plain if plain and len(plain) == len(found) else None


def _message(message: Any) -> Message | None:
    if not isinstance(message, Mapping) or not isinstance(parts := message.get("parts"), (list, tuple)):
        return None
    texts = list(_texts(parts))
    if len(texts) != len(parts) or any(text.endswith(_CUT) for text in texts):
        return None
    name = message.get("name")
    return Message(str(message.get("role")), "".join(texts), name if isinstance(name, str) else None)


def _texts(parts: Sequence[Any]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(content := part.get("content"), str):
            yield content
