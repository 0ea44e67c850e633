import json
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import ROUND_HALF_UP, Decimal
from math import ceil, floor
from statistics import median
from typing import Any

import pytest

from tests.view.conftest import Show, Shown
from tests.view.corpus import Record, corpus, one_chat
from tests.view.test_page import fine
from tests.web import install

_BINS = 25


def calls_of(records: list[Record]) -> dict[str, list[Record]]:
    """The calls of chat models, by what was asked for."""
    found: dict[str, list[Record]] = {}
    for record in records:
        for span in record.get("spans", ()):
            if span["kind"] == "llm":
                found.setdefault(span["call"]["request_model"], []).append(span)
    return found


def said(ns: float) -> str:
    """JavaScript rounds halves up."""
    if ns < 999.5e6:
        return f"{floor(ns / 1e6 + 0.5)} ms"
    return f"{Decimal(ns / 1e6 / 1e3).quantize(Decimal('0.01'), ROUND_HALF_UP)} s"


def reading(calls: list[Record]) -> tuple[str, str]:
    """What the panel of these calls says."""
    took = [span["end"] - span["start"] for span in calls if not span["error"]]
    failed = len(calls) - len(took)
    heading = f"n = {len(took)}" + (f", {failed} failed" if failed else "")
    if not took:
        return heading, "no answer"
    return heading, f"median {said(median(took))}, p95 {said(p95(took))}"


def p95(values: list[int]) -> float:
    """Between two ranks by their distance, in the order of operations that leaves the page's last digit."""
    ordered = sorted(values)
    at = (len(ordered) - 1) * 0.95
    low, high = ordered[floor(at)], ordered[ceil(at)]
    return low + (high - low) * (at - floor(at))


def panels(shown: Shown) -> dict[str, tuple[str, str]]:
    read = "all => all.map(one => ['b', 'figcaption span', 'p'].map(of => one.querySelector(of).innerText))"
    return {name: (heading, figures) for name, heading, figures in shown.tab.eval_on_selector_all(".over", read)}


def clock(ns: float) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, timezone.utc).strftime("%H:%M:%S")


def test_latency_over_time_says_what_the_journal_says(show: Show) -> None:
    records = list(corpus(400))
    calls = calls_of(records)
    assert sum(span["error"] for group in calls.values() for span in group) > 5
    shown = show(records, "view=compare")
    assert panels(shown) == {name: reading(group) for name, group in calls.items()}
    starts = [span["start"] for group in calls.values() for span in group]
    first, last = min(starts), max(starts)
    bins: dict[int, dict[str, list[Record]]] = {}
    for name, group in calls.items():
        for span in group:
            at = min(_BINS - 1, (span["start"] - first) * _BINS // (last - first))
            bins.setdefault(at, {}).setdefault(name, []).append(span)
    shown.tab.focus(".panels")
    for at in sorted(bins):
        shown.tab.keyboard.press("ArrowRight")
        edges = [clock(first + (last - first) * edge / _BINS) for edge in (at, at + 1)]
        shown.tab.wait_for_selector(f".over .ends:has-text('{edges[0]} to {edges[1]}')")
        assert panels(shown) == {name: reading(bins[at].get(name, [])) for name in calls}
    marks = shown.tab.eval_on_selector_all(".over", "all => all.map(one => one.querySelectorAll('.failed').length)")
    assert sum(marks) == sum(any(span["error"] for span in group) for held in bins.values() for group in held.values())
    fine(shown)


def test_the_keys_of_latency_over_time(show: Show) -> None:
    records = list(corpus(60))
    shown = show(records, "view=compare&q=kettle")
    shown.tab.wait_for_selector("[data-answered=kettle]")
    shown.tab.focus(".panels")
    whole = panels(shown)
    shown.tab.keyboard.press("End")
    shown.tab.wait_for_selector(".over .ends b")
    last = panels(shown)
    shown.tab.keyboard.press("ArrowRight")
    assert panels(shown) == last
    shown.tab.keyboard.press("Home")
    first = panels(shown)
    assert last != first != whole
    shown.tab.keyboard.press("Escape")
    shown.tab.wait_for_selector(".over .ends b", state="detached")
    assert panels(shown) == whole
    assert shown.tab.input_value(".search input") == "kettle"
    shown.tab.keyboard.press("2")
    shown.tab.wait_for_selector(".turn")
    fine(shown)


def test_the_pointer_reads_all_panels_at_one_time(show: Show) -> None:
    shown = show(corpus(200), "view=compare")
    whole = panels(shown)
    shown.tab.hover(".over:nth-child(2) svg")
    shown.tab.wait_for_selector(".over .ends b")
    assert len(set(shown.tab.eval_on_selector_all(".over .ends", "all => all.map(one => one.innerText)"))) == 1
    assert panels(shown) != whole
    shown.tab.hover("h2:has-text('Latency')")
    shown.tab.wait_for_selector(".over .ends b", state="detached")
    assert panels(shown) == whole


def changed(records: list[Record], change: Callable[[Record], None]) -> list[Record]:
    for record in records:
        for span in record.get("spans", ()):
            change(span)
    return records


def fail(span: Record) -> None:
    span["error"], span["status"] = True, "Rate limit reached."


def at_once(span: Record) -> None:
    span["start"], span["end"] = 1_760_000_000_123_000_000, 1_760_000_000_623_000_000


def without_duration(span: Record) -> None:
    span["end"] = span["start"]


@pytest.mark.parametrize(
    ("records", "heading", "figures", "answered", "marked"),
    [
        (list(one_chat(["Hi"])), "n = 1", "median ", True, False),
        (changed(list(one_chat(["Hi", "You"])), at_once), "n = 2", "median 500 ms, p95 500 ms", True, False),
        (changed(list(corpus(30)), without_duration), "n = ", "median 0 ms, p95 0 ms", True, True),
        (changed(list(one_chat(["Hi"])), fail), "n = 0, 1 failed", "no answer", False, True),
        (changed(list(corpus(30)), fail), "n = 0, ", "no answer", False, True),
    ],
    ids=["one call", "one instant", "no duration", "one that failed", "all failed"],
)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_what_there_is_little_of(
    show: Show, node: None, records: list[Record], heading: str, figures: str, answered: bool, marked: bool, dark: bool
) -> None:
    shown = show(records, "view=compare", width=390, dark=dark)
    for said_heading, said_figures in panels(shown).values():
        assert said_heading.startswith(heading)
        assert said_figures.startswith(figures)
    drawn: Any = shown.tab.evaluate("document.querySelector('.panels').innerHTML")
    assert "NaN" not in drawn
    assert "Infinity" not in drawn
    assert (shown.tab.locator(".over .band").count() > 0) == answered
    assert (shown.tab.locator(".over .failed").count() > 0) == marked
    assert shown.tab.evaluate("document.querySelector('.page').scrollWidth <= innerWidth")
    shown.tab.evaluate((install() / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    shown.tab.focus(".panels")
    shown.tab.keyboard.press("ArrowRight")
    shown.tab.wait_for_selector(".over .ends b")
    assert shown.tab.evaluate("axe.run(document).then(found => found.violations.map(one => one.id))") == []
    fine(shown)


def test_a_very_slow_call_does_not_hide_the_others(show: Show) -> None:
    records = list(corpus(200))
    slow = max((span for group in calls_of(records).values() for span in group), key=lambda span: span["end"])
    slow["end"] += 600_000_000_000
    shown = show(records, "view=compare")
    assert "up to " in shown.text(".hint:has-text('95th')")
    assert "cut at " in shown.text(".hint:has-text('95th')")
    tallest = shown.tab.eval_on_selector_all(".over .mid", "all => Math.max(...all.map(one => one.getBBox().height))")
    assert tallest > 10


def test_groups_that_have_no_room_are_counted(show: Show) -> None:
    records = list(one_chat([f"Question {number}" for number in range(11)]))
    for number, span in enumerate(span for record in records for span in record.get("spans", ())):
        span["call"]["request_model"] = f"model-{number}"
    shown = show(json.loads(json.dumps(records)), "view=compare")
    assert len(panels(shown)) == 8
    assert "8 calls, without 3 smaller groups" in shown.text(".choices .hint")
