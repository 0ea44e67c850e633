from typing import Any

import pytest

from tests.view.conftest import Show
from tests.view.corpus import corpus
from tests.view.test_page import VIEWS, opened
from tests.web import install

BOXES = """selector => [...document.querySelectorAll(selector)].filter(one => one.getClientRects().length).map(one => {
  const range = document.createRange(); range.selectNodeContents(one);
  const {left, right, top, bottom} = range.getBoundingClientRect();
  return {text: one.innerText, left, right, top, bottom};
})"""
CUT = """selector =>
  [...document.querySelectorAll(selector)].filter(one => one.scrollWidth > one.clientWidth)
    .map(one => `${one.className} ${one.innerText}`)"""


def overlapping(boxes: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [
        (one["text"], other["text"])
        for place, one in enumerate(boxes)
        for other in boxes[place + 1 :]
        if min(one["right"], other["right"]) - max(one["left"], other["left"]) > 0
        and min(one["bottom"], other["bottom"]) - max(one["top"], other["top"]) > 0
    ]


@pytest.mark.parametrize("width", [1920, 1400, 1280, 390])
def test_the_waterfall_cuts_no_figure_and_puts_none_over_another(show: Show, width: int) -> None:
    records = list(corpus(40))
    traces = [record for record in records if record["record"] == "trace"]
    failed = next(place for place, trace in enumerate(traces) if trace["error"] and len(trace["spans"]) > 1)
    shown = show(records, width=width)
    for place in (failed, *range(6)):
        shown.go(f"{shown.tab.url.split('#')[0]}#{opened(records, place)}")
        shown.tab.wait_for_selector(".panel")
        heads = shown.tab.evaluate(BOXES, ".axis .scale i, .axis > .r")
        assert len(heads) > 1
        assert overlapping(heads) == []
        assert shown.tab.evaluate(CUT, ".wf .r, .stats dd") == []


@pytest.mark.parametrize("width", [1400, 390])
def test_no_view_is_wider_than_the_window(show: Show, width: int) -> None:
    records = list(corpus(60))
    shown = show(records, width=width)
    for view in (*VIEWS, opened(records)):
        shown.go(f"{shown.tab.url.split('#')[0]}#{view}")
        shown.tab.wait_for_selector(".tiles, .panel, .turn .bubble, .cmp", state="attached")
        assert shown.tab.evaluate(CUT, ".page, .panel, .detail, .top, .tabs") == [], view


@pytest.mark.parametrize("width", [1400, 1280, 1000, 390])
def test_no_tile_cuts_its_figures(show: Show, width: int) -> None:
    assert show(corpus(641), width=width).tab.evaluate(CUT, ".tile") == []


@pytest.mark.parametrize(("width", "hash_"), [(390, ""), (1400, "open")])
def test_a_narrow_list_shows_what_was_asked(show: Show, width: int, hash_: str) -> None:
    records = list(corpus(60))
    shown = show(records, opened(records, 30) if hash_ else "", width=width)
    previews = shown.tab.evaluate(BOXES, ".list .nm > span:last-child")
    names = shown.tab.evaluate(BOXES, ".list .nm > b")
    assert all(preview["top"] >= name["bottom"] - 1 for preview, name in zip(previews, names, strict=True))
    assert (
        shown.tab.evaluate("Math.min(...[...document.querySelectorAll('.list .nm')].map(one => one.clientWidth))") > 120
    )


def test_what_is_looked_at_stays_where_it_is_when_the_rows_grow(show: Show) -> None:
    shown = show(corpus(200))
    shown.tab.evaluate("document.querySelector('.list .vp').scrollTop = 36 * 100")
    shown.tab.click(".list .row[aria-posinset='106']")
    shown.tab.wait_for_selector(".panel")
    where = "document.querySelector(\"[aria-posinset='106']\").getBoundingClientRect().top"
    chosen = shown.tab.evaluate(where)
    box = shown.tab.evaluate("document.querySelector('.list .vp').getBoundingClientRect().top")
    assert abs(chosen - box - 5 * 36) < 36
    shown.tab.keyboard.press("Escape")
    shown.tab.wait_for_selector(".detail", state="detached")
    assert abs(shown.tab.evaluate(where) - chosen) < 3 * 36


def test_a_trace_that_a_link_opens_is_in_the_middle_of_the_list(show: Show) -> None:
    records = list(corpus(200))
    shown = show(records, opened(records, 60))
    shown.tab.wait_for_selector(".panel")
    box, row = (
        shown.tab.evaluate(
            f"(({{top, bottom}}) => [top, bottom])(document.querySelector('{one}').getBoundingClientRect())"
        )
        for one in (".list .vp", ".list [aria-selected=true]")
    )
    assert abs((row[0] + row[1]) / 2 - (box[0] + box[1]) / 2) < 100


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_no_violation_where_something_was_found(show: Show, node: None, dark: bool) -> None:
    records = list(corpus(80))
    shown = show(records, "q=discount+code", dark=dark)
    shown.tab.wait_for_selector(".list mark")
    shown.tab.evaluate((install() / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    found = shown.tab.evaluate("axe.run(document).then(found => found.violations.map(one => one.id))")
    assert found == []
