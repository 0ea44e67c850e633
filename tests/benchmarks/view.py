"""Measures the times to write, open, scroll and search the page of `openai-wandb view`, and prints their limits.

Needs an installed Chromium and the extra `browser`. Run it with `python -m tests.benchmarks.view`.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any

from playwright.sync_api import sync_playwright

from otel_openai_wandb._cli import main as command
from tests.view.corpus import Record, corpus, one_chat, wide, write

SCROLL = """async () => {
  const list = document.querySelector('.list .vp'), took = [];
  let blank = 0, last = performance.now();
  for (let step = 0; step < 120; step++) {
    list.scrollTop += step % 10 === 0 ? 20000 : 180;
    await new Promise(requestAnimationFrame);
    const now = performance.now(); took.push(now - last); last = now;
    const box = list.getBoundingClientRect();
    if (!document.elementFromPoint(box.left + 60, box.top + box.height / 2)?.closest('.row')) blank++;
  }
  took.sort((a, b) => a - b);
  return {p95: took[Math.floor(took.length * .95)], worst: took[took.length - 1], blank};
}"""


def figure(name: str, value: float, most: float, unit: str) -> None:
    print(f"{name:<44}{value:>10.1f} {unit:<3} (at most {most:g}){'' if value <= most else '   TOO MUCH'}")


def timed(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return (perf_counter() - began) * 1e3


def page_of(records: Iterable[Record], directory: Path) -> tuple[Path, float]:
    """The page, and the seconds that the command took to write it."""
    run, target = write(records, directory), directory / "page.html"
    return target, timed(lambda: command(["view", str(run), "--output", str(target)])) / 1e3


def opened(tab: Any, file: Path) -> float:
    tab.goto("about:blank")
    tab.goto(file.as_uri())
    tab.wait_for_selector("[data-painted]")
    return float(tab.get_attribute("html", "data-painted"))


def searched(tab: Any, words: str) -> float:
    def work() -> None:
        tab.fill(".search input", words)
        tab.wait_for_selector(f"[data-answered='{words}']")

    return timed(work)


def measure(browser: Any, place: Path, traces: int) -> None:
    file, seconds = page_of(corpus(traces, words=120), place / "many")
    figure("page written", seconds, 10, "s")
    figure("page", file.stat().st_size / 1e6, 20, "MB")
    tab = browser.new_page(viewport={"width": 1400, "height": 875})
    figure("painted", opened(tab, file), 2000, "ms")
    scrolled = tab.evaluate(SCROLL)
    figure("scroll, p95 of a frame", scrolled["p95"], 50, "ms")
    figure("scroll, worst frame", scrolled["worst"], 100, "ms")
    figure("scroll, blank frames", scrolled["blank"], 0, "")
    figure("first search", searched(tab, "kettle voucher"), 2000, "ms")
    figure("later search", max(searched(tab, words) for words in ("lamp", "discount code", "zzz")), 300, "ms")
    tab.fill(".search input", "")
    tab.wait_for_selector("[data-answered='']")
    tab.keyboard.press("Escape")

    def open_one() -> None:
        tab.keyboard.press("j")
        tab.wait_for_selector(".panel .msg")

    figure("open a trace", timed(open_one), 200, "ms")
    session = tab.context.new_cdp_session(tab)
    session.send("HeapProfiler.collectGarbage")
    figure("main heap", session.send("Runtime.getHeapUsage")["usedSize"] / 1e6, 100, "MB")
    tab.close()
    for name, records in (
        ("a trace of 1,000 spans", wide(1000)),
        ("a message of 500 KB", one_chat(["word " * 100_000])),
    ):
        tab = browser.new_page(viewport={"width": 1400, "height": 875})
        opened(tab, page_of(records, place / name.replace(" ", "-"))[0])
        began = perf_counter()
        tab.click(".list .row")
        tab.wait_for_selector(".panel .msg")
        figure(f"open {name}", (perf_counter() - began) * 1e3, 500, "ms")
        tab.close()


def main() -> None:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sys.exit("There is no Chromium.")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=arguments)
        measure(browser, Path(place), 300 if "--quick" in sys.argv else 10_000)
        browser.close()


if __name__ == "__main__":
    main()
