"""A service on Python 3.8 or 3.9: its calls are spans with the attributes of the GenAI conventions, sent by OTLP."""

from __future__ import annotations

import json
from typing import Any

import openai
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("service")


def chat(model: str, messages: list[dict[str, str]], **more: Any) -> Any:
    with tracer.start_as_current_span(f"chat {model}", kind=trace.SpanKind.CLIENT) as span:
        asked = [{"role": each["role"], "parts": [{"type": "text", "content": each["content"]}]} for each in messages]
        span.set_attribute("gen_ai.operation.name", "chat")
        span.set_attribute("gen_ai.provider.name", "openai")
        span.set_attribute("gen_ai.request.model", model)
        span.set_attribute("gen_ai.input.messages", json.dumps(asked))
        response = openai.ChatCompletion.create(model=model, messages=messages, **more)
        said = [{"type": "text", "content": response["choices"][0]["message"]["content"]}]
        span.set_attribute("gen_ai.response.model", response["model"])
        span.set_attribute("gen_ai.output.messages", json.dumps([{"role": "assistant", "parts": said}]))
        span.set_attribute("gen_ai.usage.input_tokens", response["usage"]["prompt_tokens"])
        span.set_attribute("gen_ai.usage.output_tokens", response["usage"]["completion_tokens"])
        return response


with tracer.start_as_current_span("request"):
    reply = chat("gpt-3.5-turbo", [{"role": "user", "content": "Good morning!"}])
    print(reply["choices"][0]["message"]["content"])
provider.shutdown()
