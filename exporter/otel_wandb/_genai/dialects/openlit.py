"""OpenLIT: the conventions' attributes, with default values that the caller did not set."""

from collections.abc import Mapping
from typing import Any, Final

from otel_wandb._genai.dialects import fields as f
from otel_wandb._genai.dialects.fields import Row

MARK_KEY: Final = "telemetry.sdk.name"  # OpenLIT sets it on its spans, others on the resource
MARK: Final = "openlit"

# Values for parameters that the caller did not set. All but the seed are the API's defaults.
_INVENTED: Final[Mapping[str, Any]] = {
    "gen_ai.request.temperature": 1.0,
    "gen_ai.request.top_p": 1.0,
    "gen_ai.request.frequency_penalty": 0.0,
    "gen_ai.request.presence_penalty": 0.0,
    "gen_ai.request.seed": 0,
    "gen_ai.request.user": "",
    "gen_ai.usage.cost": 0,  # for a model without a known price
}

ROWS: Final[tuple[Row[Any], ...]] = (
    Row(f.INPUT_MESSAGES, "gen_ai.content.prompt"),
    Row(f.OUTPUT_MESSAGES, "gen_ai.content.completion"),
    Row(f.TOTAL_TOKENS, "gen_ai.client.token.usage"),
    Row(f.COST, "gen_ai.usage.cost"),
    Row(f.TIME_TO_FIRST_CHUNK, "gen_ai.server.time_to_first_token"),
    Row(f.USER, "gen_ai.request.user"),
    Row(f.USER, "gen_ai.user.id"),
)


def is_invented(key: str, value: Any) -> bool:
    """Whether OpenLIT writes this value by default."""
    return isinstance(value, (int, float, str)) and key in _INVENTED and bool(_INVENTED[key] == value)
