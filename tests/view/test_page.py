import ast
import html
import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from tests.view.conftest import Show, Shown, written
from tests.view.corpus import HOSTILE, corpus, one_chat, wide
from tests.web import install

VIEWS = ("view=traces", "view=sessions", "view=compare&by=prompt", "view=architecture")


def opened(records: list[dict[str, Any]], place: int = 0) -> str:
    traces = [record for record in records if record["record"] == "trace"]
    return f"trace={traces[place]['trace_id']}"


def fine(shown: Shown) -> None:
    assert shown.problems == []
    assert [url for url in shown.requests if not url.startswith(("file:", "about:", "blob:", "data:"))] == []


def test_a_page_from_a_file_asks_for_nothing_and_complains_of_nothing(show: Show) -> None:
    records = list(corpus(60))
    shown = show(records, opened(records))
    for view in VIEWS:
        shown.go(f"{shown.tab.url.split('#')[0]}#{view}&q=kettle")
        shown.tab.wait_for_selector("[data-answered=kettle]")
    fine(shown)


def test_the_tiles_say_what_the_journal_says(show: Show) -> None:
    records = list(corpus(300))
    traces = [record for record in records if record["record"] == "trace"]
    tiles = show(records).tab.eval_on_selector_all(".tile", "all => all.map(one => one.innerText)")
    assert tiles[0].split() == ["Traces", "300"]
    failed = sum(trace["error"] is not None for trace in traces)
    assert str(failed) in tiles[1]
    tokens = sum(trace["totals"][side] or 0 for trace in traces for side in ("input", "output"))
    assert f"≈ {tokens / 1000:.1f}k" in tiles[5]
    assert "estimated" in tiles[5]
    waits = sorted(
        span["call"]["first_chunk"]
        for trace in traces
        for span in trace["spans"]
        if span["call"] and span["call"]["first_chunk"] is not None
    )
    assert abs(median(waits) * 1e3 - float(tiles[4].split()[3])) <= 0.5
    cost = sum(trace["totals"]["cost"] or 0 for trace in traces)
    assert f"${cost:.2f}" in tiles[6]
    assert "unknown" in tiles[6]


def test_each_trace_of_one_id_can_be_opened(show: Show) -> None:
    """A service that was called twice in a trace."""
    records = [record | {"trace_id": "1" * 32} for record in one_chat(["the first", "the second"])]
    shown = show(records)
    for row in range(2):
        asked = shown.tab.locator(".list .row .nm > span").nth(row).inner_text()
        shown.tab.locator(".list .row").nth(row).click()
        shown.tab.wait_for_selector(f".panel .msg >> text={asked}")
    fine(shown)


def test_hostile_prompts_are_text(show: Show) -> None:
    records = list(one_chat(HOSTILE))
    for place in range(len(HOSTILE)):
        shown = show(records, opened(records, place))
        shown.tab.wait_for_selector(".msg")
        assert shown.tab.title() == "offline-run-1"
        assert shown.tab.evaluate("document.querySelectorAll('#app img, #app script, #app b b').length") == 0
        fine(shown)
    shown = show(records, opened(records, 0))
    assert "</script><script>" in shown.text(".msg:nth-of-type(2)")
    shown = show(records, opened(records, 1))
    shown.tab.wait_for_selector(".msg .ctl")
    assert shown.tab.eval_on_selector_all(".msg .ctl", "all => all.map(one => one.innerText)") == [
        "ESC",
        "ESC",
        "NUL",
        "BEL",
    ]
    shown = show(records, opened(records, 2))
    shown.tab.wait_for_selector(".msg .ctl")
    assert "U+202E" in shown.text(".msg:nth-of-type(2)")


def test_search_finds_a_text_where_it_is_new_and_shows_the_hit(show: Show) -> None:
    records = list(corpus(200))
    shown = show(records, "q=discount+code")
    shown.tab.wait_for_selector("[data-answered='discount code']")
    marks = shown.tab.eval_on_selector_all(".list .row mark", "all => all.map(one => one.innerText)")
    assert marks
    assert set(marks) == {"discount code"}
    question = "My discount code SPRING10 does not work."
    new = sum(
        any(messages[span["call"]["asked"][-1]] == question for span in trace["spans"] if span["call"])
        for trace in records
        if trace["record"] == "trace"
        for messages in [texts_of(records)]
    )
    assert shown.text("[role=status] b") == str(new)


def texts_of(records: list[dict[str, Any]]) -> dict[int, Any]:
    return {
        record["id"]: record["message"]["parts"][0].get("content")
        for record in records
        if record["record"] == "message"
    }


def test_the_keyboard_goes_everywhere(show: Show) -> None:
    shown = show(corpus(50))
    tab = shown.tab
    tab.keyboard.press("j")
    tab.wait_for_selector(".detail .panel")
    assert tab.get_attribute(".list [aria-selected=true]", "aria-posinset") == "1"
    tab.keyboard.press("j")
    tab.wait_for_selector(".list [aria-selected=true][aria-posinset='2']")
    tab.keyboard.press("Escape")
    tab.wait_for_selector(".detail", state="detached")
    for key, selector in (("2", ".turn"), ("3", ".cmp"), ("4", ".graph"), ("1", ".tiles")):
        tab.keyboard.press(key)
        tab.wait_for_selector(selector)
    tab.keyboard.press("/")
    tab.keyboard.type("kettle")
    tab.wait_for_selector("[data-answered=kettle]")
    tab.keyboard.press("Escape")
    tab.focus(".list .vp")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_selector(".detail")
    fine(shown)


def test_a_link_opens_the_same_span(show: Show) -> None:
    records = list(corpus(20))
    shown = show(records, opened(records, 3))
    shown.tab.click(".wf .row:nth-child(2)")
    name = shown.text(".wf [aria-selected=true] .n")
    address = shown.tab.url
    assert "span=" in address
    shown.go(address)
    shown.tab.wait_for_selector(".panel")
    assert shown.text(".wf [aria-selected=true] .n") == name


def test_filters_count_and_narrow(show: Show) -> None:
    records = list(corpus(120))
    failed = sum(record["record"] == "trace" and record["error"] is not None for record in records)
    shown = show(records)
    shown.tab.click(".facet:has-text('error')")
    assert shown.text("[role=status] b") == str(failed)
    shown.tab.click("text=show all")
    assert shown.text("[role=status] b") == "120"


def test_what_is_filtered_is_exported_whole(show: Show) -> None:
    records = list(corpus(30))
    shown = show(records, "f.tag=beta")
    shown.tab.click(".menu summary")
    with shown.tab.expect_download() as waiting:
        shown.tab.click("text=Traces, JSON lines")
    with open(waiting.value.path(), encoding="utf-8") as file:
        exported = [json.loads(line) for line in file]
    wanted = [record for record in records if record["record"] == "trace" and record["tags"] == ["beta"]]
    assert [trace["trace_id"] for trace in exported] == [trace["trace_id"] for trace in wanted]
    messages = {record["id"]: record["message"] for record in records if record["record"] == "message"}
    for got, trace in zip(exported, wanted, strict=True):
        for shown_span, span in zip(got["spans"], trace["spans"], strict=True):
            assert shown_span["inputs"] == span["inputs"]
            if span["call"]:
                assert shown_span["call"]["asked"] == [messages[number] for number in span["call"]["asked"]]
                assert shown_span["call"]["usage"] == span["call"]["usage"]


def test_a_call_is_copied_as_python(show: Show) -> None:
    records = list(one_chat(['say "hi"\n\\ \x00 \u202e **assistant**: sure 😀']))
    shown = show(records, opened(records))
    shown.tab.context.grant_permissions(["clipboard-read", "clipboard-write"])
    shown.tab.click("text=Python")
    shown.tab.wait_for_selector("text=Call copied")
    call = ast.parse(shown.tab.evaluate("navigator.clipboard.readText()")).body[1]
    assert isinstance(call, ast.Assign)
    assert isinstance(call.value, ast.Call)
    given = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.value.keywords}
    assert given["messages"][1] == {"role": "user", "content": 'say "hi"\n\\ \x00 \u202e **assistant**: sure 😀'}
    assert given["model"] == "gpt-3.5-turbo"


def test_a_wide_trace_and_a_long_message_open(show: Show) -> None:
    records = list(wide(1000))
    shown = show(records, opened(records))
    shown.tab.wait_for_selector(".panel")
    assert shown.tab.evaluate("document.querySelectorAll('.wf .row').length") < 100
    records = list(one_chat(["word " * 100_000]))
    shown = show(records, opened(records))
    shown.tab.click("text=Show all 500,000 characters")
    fine(shown)


@pytest.mark.parametrize("sandbox", ["allow-scripts", "allow-same-origin allow-scripts"], ids=["notebook", "wandb"])
def test_it_works_in_a_sandbox(browser: Any, tmp_path: Path, sandbox: str) -> None:
    outer = tmp_path / "outer.html"
    inner = html.escape(written(corpus(30)))
    outer.write_text(f'<iframe sandbox="{sandbox}" width="1300" height="800" srcdoc="{inner}"></iframe>', "utf-8")
    shown = Shown(browser.new_page(viewport={"width": 1400, "height": 875}))
    shown.tab.goto(outer.as_uri())
    frame = shown.tab.frame_locator("iframe")
    frame.locator(".search input").fill("kettle")
    frame.locator("[data-answered=kettle]").wait_for()
    frame.locator(".list .row").first.click()
    frame.locator(".panel .msg").first.wait_for()
    frame.get_by_role("button", name="Python").click()
    frame.get_by_text("Call copied").wait_for()
    shown.problems = [said for said in shown.problems if "can escape its sandboxing" not in said]  # the frame's own
    fine(shown)
    shown.tab.close()


def test_an_empty_journal_says_so(show: Show) -> None:
    shown = show(corpus(0, ended=False))
    assert "no trace" in shown.text(".empty")
    assert shown.text(".pill") == "cut off"
    for view in VIEWS[1:]:
        shown.go(f"{shown.tab.url.split('#')[0]}#{view}")
        assert shown.text(".empty")
    fine(shown)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_axe_finds_no_violation(show: Show, node: None, width: int, dark: bool) -> None:
    axe = (install() / "axe-core/axe.min.js").read_text(encoding="utf-8")
    records = list(corpus(80))
    failing = next(n for n, trace in enumerate(r for r in records if r["record"] == "trace") if trace["error"])
    shown = show(records, width=width, dark=dark)
    address = shown.tab.url.split("#")[0]
    for view in (*VIEWS, opened(records, failing), f"{opened(records, failing)}&span=1"):
        shown.go(f"{address}#{view}")
        shown.tab.wait_for_selector(".tiles, .panel, .turn .bubble, .cmp", state="attached")
        shown.tab.evaluate(axe)
        found = shown.tab.evaluate("axe.run(document).then(found => found.violations)")
        assert [(one["id"], [node["html"][:200] for node in one["nodes"]][:4]) for one in found] == [], view
