"""A program that calls openai and knows nothing of telemetry."""

import openai

from otel_openai_wandb.demo_server import demo_api

demo_api()  # a stand-in for the API where OPENAI_API_KEY is not set; leave it out

response = openai.ChatCompletion.create(
    model="gpt-3.5-turbo",
    messages=[{"role": "user", "content": "Name the largest planet in one sentence."}],
)
print(response.choices[0].message.content)

for chunk in openai.ChatCompletion.create(
    model="gpt-3.5-turbo",
    messages=[{"role": "user", "content": "What are the rings of Saturn made of?"}],
    stream=True,
):
    print(chunk.choices[0].delta.get("content", ""), end="")
print()
