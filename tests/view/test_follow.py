import contextlib
import http.client
import json
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

import pytest

from otel_openai_wandb._view.growth import Growth
from otel_openai_wandb._view.runs import Directory
from otel_openai_wandb._view.server import Server
from tests.view.conftest import Shown
from tests.view.corpus import Record, corpus


class Growing:
    """A journal that is written line by line, each flushed, as the exporter does it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        folder = directory / "files" / "otel"
        folder.mkdir(parents=True)
        self._file = (folder / "traces-0001.jsonl.gz").open("wb", buffering=0)
        self._stream = zlib.compressobj(1, zlib.DEFLATED, 31)

    def write(self, *records: Record) -> None:
        lines = "".join(json.dumps(record) + "\n" for record in records)
        self._file.write(self._stream.compress(lines.encode()) + self._stream.flush(zlib.Z_SYNC_FLUSH))

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    made = Growing(tmp_path / "run-1")
    yield made
    made.close()


@pytest.fixture
def server(growing: Growing) -> Iterator[Server]:
    growth = Growth([Directory(str(growing.directory))])
    with Server(growth) as served:
        threads = [threading.Thread(target=served.serve_forever), threading.Thread(target=growth.watch)]
        for thread in threads:
            thread.start()
        yield served
        growth.close()
        served.shutdown()
        for thread in threads:
            thread.join()


Ask = Callable[..., http.client.HTTPResponse]


@pytest.fixture
def ask(server: Server) -> Iterator[Ask]:
    with contextlib.ExitStack() as opened:

        def asked(path: str | None = None, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
            opened.callback(connection.close)
            own = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, urlsplit(server.url).path if path is None else path, headers=own)
            return opened.enter_context(connection.getresponse())

        yield asked


def test_only_the_one_who_was_told_gets_the_page(server: Server, ask: Ask) -> None:
    answer = ask()
    assert answer.status == 200
    assert answer.getheader("Cache-Control") == "no-store"
    assert answer.getheader("Referrer-Policy") == "no-referrer"
    assert answer.getheader("Access-Control-Allow-Origin") is None
    for path in ("/", "/events", "/wrong/", "/wrong/events", urlsplit(server.url).path + "other"):
        assert ask(path).status == 404, path


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example:{port}", ""])
def test_a_foreign_host_is_refused(server: Server, ask: Ask, host: str) -> None:
    assert ask(Host=host.format(port=server.server_port)).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_of_another_site_is_refused(ask: Ask, site: str) -> None:
    assert ask(Sec_Fetch_Site=site).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_there_is_nothing_but_get(ask: Ask, method: str) -> None:
    assert ask(method=method).status == 405


def events(answer: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    number = ""
    for raw in iter(answer.readline, b""):
        name, _, value = raw.decode().rstrip("\n").partition(": ")
        if name == "id":
            number = value
        elif name == "data":
            yield number, json.loads(value)


def test_reconnecting_neither_repeats_nor_skips(server: Server, ask: Ask, growing: Growing) -> None:
    records = list(corpus(12))
    ids = [record["trace_id"] for record in records if record["record"] == "trace"]
    events_path = urlsplit(server.url).path + "events?after=0"
    seen: list[str] = []
    last: dict[str, str] = {}
    for part in (records[:9], records[9:30], records[30:]):
        growing.write(*part)
        wanted = sum(record["record"] == "trace" for record in part) + len(seen)
        answer = ask(events_path, **last)
        for number, delta in events(answer):
            seen += delta["index"]["traces"]["id"]
            last = {"Last_Event_ID": number}
            if len(seen) >= wanted:
                break
        answer.close()
    assert seen == ids


def test_an_event_that_never_was_is_no_harm(server: Server, ask: Ask) -> None:
    path = urlsplit(server.url).path
    assert ask(path + "events?after=x").status == 400
    assert ask(path + "events?after=999").status == 200


def test_traces_come_soon_and_nothing_moves_by_itself(browser: Any, server: Server, growing: Growing) -> None:
    records = list(corpus(60))
    growing.write(*records[:120])
    tab = browser.new_page(viewport={"width": 1400, "height": 800})
    shown = Shown(tab).go(server.url)
    tab.wait_for_selector(".list .row:nth-child(16)")
    tab.click(".list .row:nth-child(12)")
    tab.evaluate("document.querySelector('.list .vp').scrollTop = 200")
    before = tab.evaluate("[document.querySelector('.list .vp').scrollTop, document.querySelector('.dh').innerText]")
    took = []
    new = 0
    for record in records[120:]:
        growing.write(record)
        if record["record"] != "trace":
            continue
        new += 1
        began = time.monotonic()
        tab.wait_for_selector(f"text=/^{new} new trace/")
        took.append(time.monotonic() - began)
    assert len(took) > 5
    assert quantiles(took, n=20)[-1] <= 1.5
    after = tab.evaluate("[document.querySelector('.list .vp').scrollTop, document.querySelector('.dh').innerText]")
    assert after == before
    tab.keyboard.press("n")
    tab.wait_for_selector("text=60 traces")
    assert tab.evaluate("document.querySelector('.dh').innerText") == before[1]
    tab.wait_for_selector("text=finished")
    assert shown.problems == []
    tab.close()


PLACES = """[
    document.querySelector('.list .vp').scrollTop,
    document.querySelector('.list [aria-selected=true]').id,
    document.querySelector('.list [aria-selected=true]').ariaPosInSet,
    document.querySelector('.wlist [aria-selected=true]').innerText.split('\\n')[0],
    document.querySelector('.panel').scrollTop,
    document.querySelector('.panel').innerText,
]"""


def pieces(trace: Record) -> Iterator[Record]:
    """The trace as it is written if its root is slow: the first call, then what came after it, then the root."""
    root, first, *others = trace["spans"]
    for sequence, spans in enumerate(([first], others, [root])):
        calls = [span["call"] for span in spans if span["call"]]
        totals = trace["totals"] | {"calls": len(calls)}
        start, end = spans[0]["start"], max(span["end"] for span in spans)
        more = {"spans": spans, "sequence": sequence, "complete": False, "totals": totals, "start": start, "end": end}
        yield trace | more | {"name": spans[0]["name"]}


def test_a_trace_in_pieces_grows_where_it_is_and_nothing_else_moves(
    browser: Any, server: Server, growing: Growing
) -> None:
    records = list(corpus(60))
    (slow,) = (record for record in records if record.get("name") == "invoke_agent support" and "c001" in str(record))
    first, second, root = pieces(slow)
    growing.write(*(first if record is slow else record for record in records))
    tab = browser.new_page(viewport={"width": 1400, "height": 500})
    shown = Shown(tab).go(f"{server.url}#sort=duration&trace={slow['trace_id']}")
    tab.wait_for_selector(".panel .msg")
    assert tab.locator(".wlist .row").count() == 1
    tab.evaluate("document.querySelector('.list .vp').scrollTop += 20")
    tab.evaluate("document.querySelector('.panel').scrollTop = 30")
    before = tab.evaluate(PLACES)
    assert before[3:5] == ["chat gpt-3.5-turbo", 30]
    for piece, spans, name in ((second, 4, first["name"]), (root, 5, "invoke_agent support")):
        growing.write(piece)
        tab.wait_for_selector(f".wlist .row[aria-setsize='{spans}']")
        assert tab.inner_text(".dh h2") == name
        assert tab.evaluate(PLACES) == before
    assert tab.locator("text=/new trace/").count() == 0
    tab.wait_for_selector(".dh >> text=Incomplete", state="detached")
    rows = tab.locator(".wlist .row").all_inner_texts()
    assert [row.split("\n")[0] for row in rows] == [span["name"] for span in slow["spans"]]
    tab.click(".wlist .row >> nth=4")  # the call that came second
    said = tab.inner_text(".panel")
    page_of_all = browser.new_page(viewport={"width": 1400, "height": 500})
    Shown(page_of_all).go(tab.url)  # as who comes later has it
    page_of_all.wait_for_selector(".panel .msg")
    assert page_of_all.inner_text(".panel") == said != before[5]
    tab.keyboard.press("n")
    tab.wait_for_function(
        "place => document.querySelector('.list [aria-selected=true]')?.ariaPosInSet != place", arg=before[2]
    )
    assert shown.problems == []
    page_of_all.close()
    tab.close()
