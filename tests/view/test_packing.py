import base64
import gzip
import json
import re
from typing import Any

from otel_wandb._page.packing import Mark
from tests.view.conftest import packed, written
from tests.view.corpus import HOSTILE, corpus, one_chat


def block(html: str, name: str) -> Any:
    found = re.search(f'id="{name}">([^<]*)<', html)
    assert found is not None
    return json.loads(gzip.decompress(base64.b64decode(found[1])))


def test_the_page_has_the_journals_numbers() -> None:
    records = list(corpus(200))
    traces = [record for record in records if record["record"] == "trace"]
    index = block(written(records), "index")
    for name in ("calls", "input", "output", "total", "cost"):
        assert index["traces"][name] == [trace["totals"][name] for trace in traces]
    assert index["traces"]["estimated"] == [int(trace["totals"]["estimated"]) for trace in traces]
    assert index["traces"]["unknown"] == [
        sum(span["call"]["cost"] is None for span in trace["spans"] if span["call"]) for trace in traces
    ]
    costs = [span["call"]["cost"] if span["call"] else None for trace in traces for span in trace["spans"]]
    assert index["spans"]["cost"] == costs


def test_what_is_unknown_is_never_zero() -> None:
    index = packed(corpus(300)).index()
    failed = [place for place, kind in enumerate(index["spans"]["error_type"]) if kind >= 0]
    assert failed
    assert {index["spans"]["cost"][place] for place in failed} == {None}
    assert {index["spans"]["input"][place] for place in failed} == {None}


def test_a_text_stands_in_the_page_once() -> None:
    packer = packed(corpus(300))
    assert len(packer.texts) == len(set(packer.texts))


def test_a_trace_is_whole_in_the_page() -> None:
    records = list(corpus(40))
    html = written(records)
    texts, details = block(html, "texts-0"), block(html, "details-0")
    messages = {record["id"]: record["message"] for record in records if record["record"] == "message"}
    traces = [record for record in records if record["record"] == "trace"]
    for detail, trace in zip(details, traces, strict=True):
        for shown, span in zip(detail["spans"], trace["spans"], strict=True):
            if span["call"]:
                for side in ("asked", "answered"):
                    assert [texts[number] for number in shown["call"][side]] == [
                        messages[n] for n in span["call"][side]
                    ]
            assert shown["attributes"] == span["attributes"]


def test_a_text_is_new_where_its_session_says_it_first() -> None:
    packer = packed(corpus(400))
    index = packer.index()
    fresh = sum(map(len, index["spans"]["fresh"]))
    asked = sum(
        len(span["call"]["asked"] + span["call"]["answered"])
        for detail in (json.loads(trace.detail) for trace in packer.traces)
        for span in detail["spans"]
        if span["call"]
    )
    assert fresh < asked / 2


def test_a_lone_surrogate_survives() -> None:
    texts = block(written(one_chat(HOSTILE)), "texts-0")
    said = [message["parts"][0]["content"] for message in texts if message["role"] == "user"]
    assert said == list(HOSTILE)


def test_records_and_keys_that_nobody_knows_are_passed_over() -> None:
    records = [{"record": "weather", "sky": "blue"}, *(record | {"mood": 1} for record in corpus(3))]
    assert packed(records).index()["traces"]["id"] == packed(corpus(3)).index()["traces"]["id"]


def test_the_parts_that_grew_are_the_whole() -> None:
    packer = packed(corpus(5))
    before = packer.mark()
    run = packer.runs[0]
    for record in corpus(9, seed=2):
        packer.add(run, record)
    whole, more = json.loads(packer.since(Mark())), json.loads(packer.since(before))
    assert len(whole["details"]) == 14
    assert whole["details"][5:] == more["details"]
    assert whole["texts"][before.texts :] == more["texts"]
    assert whole["index"]["strings"][before.strings :] == more["index"]["strings"]


def test_ten_thousand_traces_fit() -> None:
    html = written(corpus(10_000, words=120))
    assert len(html) <= 20_000_000
    assert sum(map(len, re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", html, re.DOTALL))) <= 150_000
