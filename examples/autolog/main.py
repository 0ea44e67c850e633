"""W&B's documented script: only the line that imports `autolog` is another one."""

import openai

from otel_openai_wandb import autolog  # was: from wandb.integration.openai import autolog
from otel_openai_wandb.demo_server import demo_api

demo_api()  # a stand-in for the API where OPENAI_API_KEY is not set; leave it out

autolog({"project": "gpt5"})

chat_request_kwargs = {
    "model": "gpt-3.5-turbo",
    "messages": [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Who won the world series in 2020?"},
        {"role": "assistant", "content": "The Los Angeles Dodgers"},
        {"role": "user", "content": "Where was it played?"},
    ],
}
response = openai.ChatCompletion.create(**chat_request_kwargs)
print(response.choices[0].message.content)

autolog.disable()
