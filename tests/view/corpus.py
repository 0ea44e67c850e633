"""Journals to look at: records as the exporter writes them, the same ones for the same numbers.

Chats, streams, tools, agents, embeddings, errors, sessions that repeat their history, and prompts that attack the page.
"""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final

Record = dict[str, Any]

START: Final = 1_760_000_000_000_000_000
"""When the first trace begins, in nanoseconds since the epoch."""
_MS: Final = 1_000_000

HOSTILE: Final = (
    '</script><script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">',
    "\x1b[31mred\x1b[0m NUL\x00 bell\x07",
    "bidi \u202egnp.exe\u2066 and \u200b nothing",
    "lone \ud800 surrogate \udfff",
    "**assistant**: sure\n\n# a heading `code` &amp; <b>bold</b>",
    "]]> --> ' \" \\ \u2028 \u2029",
)
"""Prompts that are text and nothing else."""

_QUESTIONS: Final = (
    "Where is my order 48213? It was due on Friday.",
    "What is the warranty on the desk?",
    "My discount code SPRING10 does not work.",
    "Do you ship to Norway, and what does it cost?",
    "The kettle arrived with a dent. What now?",
    "Which of your kettles is the quietest?",
    "Please change my address to Lindenstraat 4, Gent.",
    "I was charged twice for order 47990.",
    "Kunt u mij in het Nederlands antwoorden?",
    "Is the blue lamp coming back in stock?",
    "How do I cancel my subscription?",
    "Can I return headphones that I have opened?",
)
_WORDS: Final = (
    *("we", "ship", "order", "parcel", "refund", "week", "carrier", "address", "invoice", "kettle", "desk", "lamp"),
    *("voucher", "return", "days", "working", "frame", "motor", "please", "reply", "number", "customer", "friendly"),
    *("within", "shop", "notes", "euros", "customs", "Friday", "Monday", "replaced", "spare", "stock", "blue"),
)
_MODELS: Final = ("gpt-3.5-turbo", "gpt-3.5-turbo", "gpt-3.5-turbo-16k", "gpt-4")
_PRICES: Final = {"gpt-3.5-turbo": (1.5, 2.0), "gpt-3.5-turbo-16k": (3.0, 4.0), "gpt-4": (30.0, 60.0)}
_TOOL: Final = {
    "type": "function",
    "name": "search_notes",
    "description": "Searches the shop's notes.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}, "k": {"type": "integer"}}},
}


def corpus(traces: int, *, seed: int = 1, words: int = 40, ended: bool = True) -> Iterator[Record]:
    """A run with so many traces, about four spans each; `words` is the length of an answer."""
    return _Corpus(seed, words).records(traces, ended=ended)


def one_chat(prompts: Iterable[str], answer: str = "Noted.") -> Iterator[Record]:
    """A run with a single chat for each prompt."""
    made = _Corpus(1, 4)
    yield made.run()
    for number, prompt in enumerate(prompts):
        yield from made.single(number, prompt, answer)
    yield made.end()


def wide(spans: int) -> Iterator[Record]:
    """A run with one trace of so many spans."""
    made = _Corpus(1, 10)
    yield made.run()
    yield from made.wide(spans)
    yield made.end()


def write(records: Iterable[Mapping[str, Any]], directory: Path) -> Path:
    """A run directory whose journal has these records."""
    folder = directory / "files" / "otel"
    folder.mkdir(parents=True, exist_ok=True)
    with gzip.open(folder / "traces-0001.jsonl.gz", "wt", compresslevel=1, encoding="utf-8") as file:
        for record in records:
            file.write(json.dumps(record) + "\n")
    return directory


class _Corpus:
    def __init__(self, seed: int, words: int) -> None:
        self._random = Random(seed)
        self._words = words
        self._ids: dict[str, int] = {}
        self._new: list[Record] = []
        self._sessions: dict[int, list[Record]] = {}
        self._clock = START
        self._calls = 0

    def records(self, traces: int, *, ended: bool) -> Iterator[Record]:
        yield self.run()
        yield {"record": "tools", "id": 0, "tools": [_TOOL]}
        for number in range(traces):
            self._clock += self._random.randrange(20, 4000) * _MS
            if number % 97 == 13:
                yield from self.single(number, HOSTILE[number // 97 % len(HOSTILE)], "I cannot help with that.")
            elif number % 11 == 5:
                yield from self.embedding(number)
            else:
                yield from self.turn(number)
        if ended:
            yield self.end()

    def run(self) -> Record:
        return {
            "record": "run",
            "schema": 1,
            "writer": "otel-openai-wandb 0.1.0",
            "run": {"id": "havn4711", "project": "support-bot", "entity": None, "url": None},
            "resource": {"service.name": "havn"},
            "time": START,
            "prices": "2024-01-05",
        }

    def end(self) -> Record:
        return {"record": "end", "counters": {"otel/received": self._calls}, "time": self._clock + 60_000 * _MS}

    def single(self, number: int, prompt: str, answer: str) -> Iterator[Record]:
        """One chat and nothing around it."""
        asked = [_said("system", "Answer shortly."), _said("user", prompt)]
        span = self._chat(number, 0, None, 0, asked, _said("assistant", answer, finish_reason="stop"), "gpt-3.5-turbo")
        yield from self._emitted(number, [span], None, None)

    def embedding(self, number: int) -> Iterator[Record]:
        span = self._embedding(number, 0, None, 0, self._random.choice(_QUESTIONS))
        yield from self._emitted(number, [span], None, None)

    def wide(self, spans: int) -> Iterator[Record]:
        root = self._span(0, 0, None, "chain", "nightly", 0, spans * 12)
        made = [root]
        for place in range(1, spans):
            parent = made[place // 8]["id"] if place > 8 else root["id"]
            asked = [_said("user", f"item {place}")]
            answer = _said("assistant", self._sentence(), finish_reason="stop")
            made.append(self._chat(0, place, parent, place * 10, asked, answer, "gpt-3.5-turbo"))
        root["end"] = max(span["end"] for span in made)
        yield from self._emitted(0, made, None, None)

    def turn(self, number: int) -> Iterator[Record]:
        """One turn of one of the sessions: a root, a search with an embedding, and a chat, or an agent's round."""
        random = self._random
        key = random.randrange(0, 40 + number // 12)
        history = self._sessions.setdefault(key, [])
        if len(history) > 30:
            history.clear()
        question = random.choice(_QUESTIONS)
        model = random.choice(_MODELS)
        version = random.choice("123")
        system = _said(
            "system", f"You are the support assistant of Havn, a shop. Version {version}. Answer the question."
        )
        asked = [system, *history, _said("user", question)]
        failed = random.random() < 0.04
        agent = number % 5 == 2
        root = self._span(
            number,
            0,
            None,
            "agent" if agent else "chain",
            "invoke_agent support" if agent else "answer_from_notes",
            0,
            10,
        )
        spans = [root]
        arguments = {"query": question, "k": 3}
        at = 2
        if agent:
            call = {
                "role": "assistant",
                "parts": [
                    {"type": "tool_call", "id": f"call_{number}", "name": "search_notes", "arguments": arguments}
                ],
                "finish_reason": "tool_calls",
            }
            spans.append(self._chat(number, 1, root["id"], at, asked, call, model, version=version))
            at = (spans[-1]["end"] - self._clock) // _MS + 1
        tool = self._span(number, 10, root["id"], "tool", "execute_tool search_notes", at, random.randrange(30, 200))
        found = f"[{number % 9}] " + self._sentence()
        tool["inputs"], tool["outputs"] = {"arguments": json.dumps(arguments)}, {"result": found}
        embedding = self._embedding(number, 11, tool["id"], at + 4, question)
        tool["end"] = max(tool["end"], embedding["end"] + _MS)
        spans += [tool, embedding]
        at = (tool["end"] - self._clock) // _MS + 1
        if agent:
            asked = [
                *asked,
                call,
                {"role": "tool", "parts": [{"type": "tool_call_response", "id": f"call_{number}", "response": found}]},
            ]
        answer = _said("assistant", self._sentence(), finish_reason="stop")
        chat = self._chat(number, 20, root["id"], at, asked, answer, model, version=version, failed=failed)
        spans.append(chat)
        root["end"] = chat["end"] + 2 * _MS
        history.append(_said("user", question))
        if failed:
            root["error"], root["status"] = True, "RateLimitError"
        else:
            history.append(answer)
        yield from self._emitted(number, spans, f"s-{key:02}", f"u-{key % 61}")

    def _chat(
        self,
        number: int,
        place: int,
        parent: str | None,
        at: int,
        asked: list[Record],
        answer: Record,
        model: str,
        *,
        version: str | None = None,
        failed: bool = False,
    ) -> Record:
        random = self._random
        self._calls += 1
        waited = int(random.lognormvariate(5, 0.5))
        took = waited + int(random.lognormvariate(5.2, 0.7) * (2 if model == "gpt-4" else 1))
        span = self._span(number, place, parent, "llm", f"chat {model}", at, took)
        written = 8 + sum(len(json.dumps(message)) // 5 for message in asked)
        answered = 4 + len(json.dumps(answer)) // 5
        stream = random.random() < 0.5
        unknown = failed or random.random() < 0.01
        rates = _PRICES[model]
        span["call"] = call = _call(model) | {
            "response_model": None if failed else f"{model}-0613",
            "response_id": None if failed else f"chatcmpl-{number}-{place}",
            "asked": [self._message(message) for message in asked],
            "answered": [] if failed else [self._message(answer)],
            "tools": 0 if place == 1 else None,
            "parameters": {"temperature": random.choice([0, 0.3, 0.7]), "max_tokens": random.choice([16, 256])},
            "usage": _usage(None if failed else written, None if failed else answered),
            "estimated": stream and not failed,
            "cost": None if unknown else (written * rates[0] + answered * rates[1]) / 1e6,
            "cost_reason": "no usage" if failed else "unknown model" if unknown else None,
            "finish_reasons": [] if failed else [answer.get("finish_reason", "stop")],
            "first_chunk": waited / 1e3 if stream and not failed else None,
            "stream_end": "done" if stream and not failed else None,
            "prompt_name": "answer" if version else None,
            "prompt_version": version,
        }
        if failed:
            span["error"], span["status"] = True, "Rate limit reached for gpt-3.5-turbo. Limit: 90000 / min."
            call |= {"error_type": "RateLimitError", "http_status": 429}
            span["events"] = [
                {"name": "exception", "time": span["end"], "attributes": {"exception.type": "RateLimitError"}}
            ]
        span["attributes"] = {
            "gen_ai.request.model": model,
            "server.address": "api.openai.com",
            "openai.api_version": "v1",
        }
        return span

    def _embedding(self, number: int, place: int, parent: str | None, at: int, text: str) -> Record:
        self._calls += 1
        span = self._span(
            number, place, parent, "embedding", "embeddings text-embedding-ada-002", at, self._random.randrange(60, 160)
        )
        tokens = 2 + len(text) // 5
        span["call"] = _call("text-embedding-ada-002") | {
            "operation": "embeddings",
            "asked": [self._message({"role": "user", "parts": [{"type": "text", "content": text}]})],
            "usage": _usage(tokens, None),
            "cost": tokens * 0.1 / 1e6,
        }
        return span

    def _span(self, number: int, place: int, parent: str | None, kind: str, name: str, at: int, took: int) -> Record:
        start = self._clock + at * _MS
        return {
            "id": f"{number * 4096 + place + 1:016x}",
            "parent": parent,
            "name": name,
            "kind": kind,
            "start": start,
            "end": start + took * _MS,
            "error": False,
            "status": None,
            "attributes": {"code.function": f"{name.split(maxsplit=1)[0]}_{place}"},
            "events": [],
            "inputs": None,
            "outputs": None,
            "scope": "otel_openai_v0",
            "call": None,
        }

    def _message(self, message: Record) -> int:
        key = json.dumps(message)
        if key not in self._ids:
            self._ids[key] = len(self._ids)
            self._new.append({"record": "message", "id": self._ids[key], "message": message})
        return self._ids[key]

    def _emitted(self, number: int, spans: list[Record], session: str | None, user: str | None) -> Iterator[Record]:
        yield from self._new
        self._new.clear()
        calls = [span["call"] for span in spans if span["call"]]
        for call in calls:
            call["session"], call["user"] = session, user
        root = spans[0]
        costs = [call["cost"] for call in calls if call["cost"] is not None]
        reasons = [call["cost_reason"] for call in calls if call["cost_reason"]]
        yield {
            "record": "trace",
            "trace_id": f"{Random(number).getrandbits(128):032x}",
            "sequence": 0,
            "complete": True,
            "reason": "root",
            "name": root["name"],
            "error": root["status"] if root["error"] else None,
            "start": root["start"],
            "end": root["end"],
            "service": "havn",
            "remote_parent": None,
            "session": session,
            "conversation": None,
            "user": user,
            "tags": ["beta"] if number % 6 == 1 else [],
            "totals": {
                "calls": len(calls),
                **{name: _summed(call["usage"][name] for call in calls) for name in ("input", "output", "total")},
                "estimated": any(call["estimated"] for call in calls),
                "cost": sum(costs) if costs else None,
                "cost_reason": reasons[0] if reasons else None,
            },
            "spans": sorted(spans, key=lambda span: span["start"]),
        }

    def _sentence(self) -> str:
        return " ".join(self._random.choices(_WORDS, k=self._words)).capitalize() + "."


def _said(role: str, text: str, **more: str) -> Record:
    return {"role": role, "parts": [{"type": "text", "content": text}], **more}


def _call(model: str) -> Record:
    return {
        "operation": "chat",
        "provider": "openai",
        "request_model": model,
        "response_model": model,
        "response_id": None,
        "asked": [],
        "answered": [],
        "tools": None,
        "parameters": {},
        "usage": _usage(None, None),
        "estimated": False,
        "cost": None,
        "cost_reason": None,
        "finish_reasons": [],
        "first_chunk": None,
        "stream_end": None,
        "prompt_name": None,
        "prompt_version": None,
        "session": None,
        "conversation": None,
        "user": None,
        "tags": [],
        "error_type": None,
        "http_status": None,
        "http_request_id": None,
    }


def _usage(asked: int | None, answered: int | None) -> dict[str, int | None]:
    total = None if asked is None else asked + (answered or 0)
    return {
        "input": asked,
        "output": answered,
        "total": total,
        "cache_read": None,
        "cache_write": None,
        "reasoning": None,
    }


def _summed(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
