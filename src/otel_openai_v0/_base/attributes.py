"""The names of the attributes and events of a span.

`gen_ai.*` are those that `opentelemetry-util-genai` 1.3b0 emits: semantic conventions 1.41.1 and the later renames of
cached tokens. The constants of `opentelemetry.semconv` are deprecated for GenAI since 1.42 and slow to import.
`openai.*` without a note is from the same conventions; those under "ours" have no convention to follow.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from opentelemetry.util.types import AttributeValue

Attributes: TypeAlias = Mapping[str, AttributeValue]

OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
OUTPUT_TYPE: Final = "gen_ai.output.type"

REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
REQUEST_SEED: Final = "gen_ai.request.seed"
REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
REQUEST_STREAM: Final = "gen_ai.request.stream"
REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
REQUEST_TOP_P: Final = "gen_ai.request.top_p"

RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"

USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"

OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"

SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
USER_ID: Final = "user.id"
ERROR_TYPE: Final = "error.type"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"

EXCEPTION_EVENT: Final = "exception"
EXCEPTION_TYPE: Final = "exception.type"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"

GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
GEN_AI_PROMPT_VERSION: Final = "gen_ai.prompt.version"
SESSION_ID: Final = "session.id"

# Ours.
OPENAI_OPERATION_NAME: Final = "openai.operation.name"
OPENAI_RESOURCE_TYPE: Final = "openai.resource.type"
OPENAI_RESOURCE_ID: Final = "openai.resource.id"
OPENAI_REQUEST_ATTEMPTS: Final = "openai.request.attempts"
OPENAI_REQUEST_FORMAT: Final = "openai.request.response_format"
OPENAI_REQUEST_SIZE: Final = "openai.request.size"
OPENAI_REQUEST_LANGUAGE: Final = "openai.request.language"
OPENAI_RESPONSE_IMAGE_COUNT: Final = "openai.response.image_count"
OPENAI_MODERATION_FLAGGED: Final = "openai.moderation.flagged"
OPENAI_MODERATION_CATEGORIES: Final = "openai.moderation.categories"
OPENAI_ORGANIZATION: Final = "openai.organization"
OPENAI_API_VERSION: Final = "openai.api.version"
OPENAI_RESPONSE_PROCESSING_MS: Final = "openai.response.processing_ms"
OPENAI_RATE_LIMITS: Final = {
    f"x-ratelimit-{what}-{of}": f"openai.ratelimit.{what}.{of}"
    for what in ("limit", "remaining")
    for of in ("requests", "tokens")
}
OPENAI_RETRY_EVENT: Final = "openai.retry"
OPENAI_CALL_TAGS: Final = "openai.call.tags"
OPENAI_REQUEST_ENGINE: Final = "openai.request.engine"
OPENAI_REQUEST_BEST_OF: Final = "openai.request.best_of"
OPENAI_REQUEST_ECHO: Final = "openai.request.echo"
OPENAI_REQUEST_FUNCTION_CALL: Final = "openai.request.function_call"
OPENAI_REQUEST_LOGPROBS: Final = "openai.request.logprobs"
OPENAI_RESPONSE_EMBEDDING_COUNT: Final = "openai.response.embedding_count"
OPENAI_RESPONSE_REQUEST_ID: Final = "openai.response.request_id"
OPENAI_RESPONSE_RETRY_AFTER: Final = "openai.response.retry_after"
OPENAI_ERROR_CODE: Final = "openai.error.code"
OPENAI_STREAM_CHUNK_COUNT: Final = "openai.stream.chunk_count"
OPENAI_STREAM_END: Final = "openai.stream.end"

MAY_QUOTE: Final = frozenset(
    {
        REQUEST_STOP_SEQUENCES,
        USER_ID,
        OPENAI_REQUEST_FUNCTION_CALL,
        *(
            f"openai.request.{argument}.{what}"
            for argument in ("file", "image", "mask")
            for what in ("name", "size", "sha256", "dimensions")
        ),
    }
)
"""Attributes that follow the content setting. A user or a file may be named after a person. Stop sequences show the
form of the prompt. A file can be identified by its hash, size or dimensions.
"""
