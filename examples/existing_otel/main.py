"""A program that has OpenTelemetry already sends its traces of openai to W&B as well."""

from typing import Any

import openai
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

from otel_openai_v0 import OpenAIInstrumentor
from otel_openai_wandb.demo_server import demo_api
from otel_wandb import WandbSpanProcessor

demo_api()  # a stand-in for the API where OPENAI_API_KEY is not set; leave it out

# What the program has: a provider with an exporter, here one that prints the name of each span.
provider = TracerProvider(resource=Resource.create({"service.name": "travel-guide"}))
provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter(formatter=lambda span: f"span: {span.name}\n")))
tracer = provider.get_tracer("travel_guide")

# What is new.
provider.add_span_processor(WandbSpanProcessor(project="openai-existing-otel"))
OpenAIInstrumentor().instrument(tracer_provider=provider)


def ask(question: str, **options: bool) -> Any:
    messages = [{"role": "user", "content": question}]
    return openai.ChatCompletion.create(model="gpt-3.5-turbo", messages=messages, **options)


with tracer.start_as_current_span("plan_a_trip"):
    planet = ask("Which is the largest planet of the solar system?").choices[0].message.content
    print(planet)
    chunks = ask(f"What would a traveller see there? {planet}", stream=True)
    print("".join(chunk.choices[0].delta.get("content", "") for chunk in chunks))

provider.shutdown()
