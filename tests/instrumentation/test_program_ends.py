"""A program ends while streams are open: their spans reach an exporter that is shut down by an `atexit` callback."""

import os
from pathlib import Path
from typing import Final

import pytest

from tests.instrumentation.driving import CHAT
from tests.support.openai_server import OpenAIServer
from tests.support.program import Finished, run_program

# The first finalizer of the process is older than the provider, as one of `tempfile` or `multiprocessing` may be.
SETUP: Final = f"""
import asyncio, contextvars, multiprocessing, os, sys, threading, weakref
weakref.finalize(threading.current_thread(), print, end="")
import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from otel_openai_v0 import OpenAIInstrumentor

class Exporter(ConsoleSpanExporter):
    is_shut = False
    def export(self, spans):
        return super().export(spans) if not self.is_shut else None
    def shutdown(self):
        self.is_shut = True

def line(span):
    print(span.name.partition(" ")[2], span.attributes.get("openai.stream.end"), flush=True)
    return ""

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(Exporter(formatter=line)))
OpenAIInstrumentor().instrument(tracer_provider=provider)
asked = {CHAT!r}

def open_one(model="one"):
    stream = openai.ChatCompletion.create(**{{**asked, "model": model}}, stream=True)
    next(stream)
    return stream

async def read_one():
    global stream
    stream = await openai.ChatCompletion.acreate(**{{**asked, "model": "one"}}, stream=True)
    async for chunk in stream: raise ValueError

def keep_one():
    global stream
    stream = open_one()
"""
LOOP: Final = """
def main():
    stream = openai.ChatCompletion.create(**{**asked, "model": "one"}, stream=True)
    for chunk in stream: raise %s
main()
"""
IDLE: Final = """
idle = threading.Thread(target=threading.main_thread().join)
idle.start()
"""
WAYS: Final = {
    "an error in the loop": LOOP % "ValueError",
    "an interrupt in the loop": LOOP % "KeyboardInterrupt",
    "a break": "keep_one()",
    "an exit": "keep_one(); sys.exit(3)",
    "a call that is never read": 'stream = openai.ChatCompletion.create(**{**asked, "model": "one"}, stream=True)',
    "an event loop that is not closed": "asyncio.new_event_loop().run_until_complete(read_one())",
    "a thread that is done": "other = threading.Thread(target=keep_one); other.start(); other.join()",
    "a daemon": """
is_open = threading.Event()
def hold():
    stream = open_one()
    is_open.set()
    threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
is_open.wait()
""",
    "after uninstrument": "keep_one(); OpenAIInstrumentor().uninstrument()",
    "beside a thread": IDLE + "keep_one()",
    "without the private hook": "del threading._register_atexit; keep_one()",
}


def program(tmp_path: Path, server: OpenAIServer, body: str) -> Finished:
    return run_program(tmp_path, SETUP + body, env={"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "sk-test"})


@pytest.mark.parametrize("way", WAYS)
def test_a_stream_that_is_open_at_the_end_is_not_lost(way: str, tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, WAYS[way])
    assert done.stdout == "one abandoned\n", done.stderr


READS_ON: Final = """
def read(stream, begun):
    next(stream)
    begun.set()
    threading.main_thread().join()
    list(stream)
"""
READERS: Final = {
    "its own": """
begun = threading.Event()
threading.Thread(target=lambda: read(open_one(), begun)).start()
begun.wait()
""",
    "another's": """
begun = threading.Event()
unread = openai.ChatCompletion.create(**{**asked, "model": "one"}, stream=True)
threading.Thread(target=read, args=(unread, begun)).start()
begun.wait()
""",
}


@pytest.mark.parametrize("whose", READERS)
def test_a_thread_may_read_on_when_the_main_thread_is_done(whose: str, tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, READS_ON + READERS[whose])
    assert done.stdout == "one exhausted\n", done.stderr


LATE: Final = """
def begin_late():
    threading.main_thread().join()
    keep_one()
threading.Thread(target=begin_late).start()
"""


def test_a_thread_may_open_the_first_stream_when_the_main_thread_is_done(tmp_path: Path, server: OpenAIServer) -> None:
    done = program(tmp_path, server, LATE)
    assert done.stdout == "one abandoned\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_multiprocessing_ends_its_streams(tmp_path: Path, server: OpenAIServer) -> None:
    body = 'child = multiprocessing.get_context("fork").Process(target=keep_one); child.start(); child.join()'
    done = program(tmp_path, server, body)
    assert done.stdout == "one abandoned\n", done.stderr


def test_a_redactor_that_exits_costs_no_other_stream(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
exits = iter([True])
def redact(kind, items):
    return sys.exit(1) if kind == "output" and next(exits, False) else items
OpenAIInstrumentor().instrument(redact=redact)
streams = [open_one(), open_one()]
"""
    done = program(tmp_path, server, body)
    assert sorted(done.stdout.splitlines()) == ["one None", "one abandoned"], done.stderr


FORKS: Final = {
    "a child that exits": """
child = os.fork()
if child == 0: sys.exit()
os.waitpid(child, 0)
""",
    "a child that reads the stream": """
child = os.fork()
if child == 0:
    list(stream)
    sys.exit()
os.waitpid(child, 0)
""",
    "a child that lets go": """
def let_go():
    global stream
    del stream
child = multiprocessing.get_context("fork").Process(target=let_go)
child.start()
child.join()
""",
    "a child of a child": """
child = os.fork()
if child == 0:
    grandchild = os.fork()
    if grandchild: os.waitpid(grandchild, 0)
    sys.exit()
os.waitpid(child, 0)
""",
    "a child whose coroutine is thrown away": """
child = os.fork()
if child == 0:
    waiting.close()
    os._exit(0)
os.waitpid(child, 0)
""",
}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("how", FORKS)
def test_only_the_process_that_made_a_call_ends_it(how: str, tmp_path: Path, server: OpenAIServer) -> None:
    opened = """
async def ask():
    await openai.ChatCompletion.acreate(**{**asked, "model": "two"})
loop = asyncio.new_event_loop()
waiting = ask()
asyncio.events._set_running_loop(loop)
contextvars.copy_context().run(waiting.send, None)
asyncio.events._set_running_loop(None)
keep_one()
"""
    closed = """
waiting.close()
del stream
os._exit(0)
"""
    done = program(tmp_path, server, opened + FORKS[how] + closed)
    assert sorted(done.stdout.splitlines()) == ["one abandoned", "two None"], done.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_worker_ends_its_own_streams(tmp_path: Path, server: OpenAIServer) -> None:
    body = """
keep_one()
child = os.fork()
if child == 0:
    vars(openai.api_requestor._thread_context).clear()  # the connection is the parent's
    own = open_one("two")
    sys.exit()
os.waitpid(child, 0)
"""
    done = program(tmp_path, server, body)
    assert done.stdout == "two abandoned\none abandoned\n", done.stderr
