"""The thread behind the exporter."""

import threading
from collections.abc import Callable
from time import monotonic

import pytest

from otel_wandb._process.worker import Worker


def worker(take: Callable[[int], None], **more: Callable[..., object]) -> Worker[int]:
    nothing: dict[str, Callable[..., object]] = {"flush": lambda: None, "wake": lambda: None, "due": lambda: None}
    made: Worker[int] = Worker("test", take, **{**nothing, **more})  # type: ignore[arg-type]  # one shape for all cases
    return made


def test_items_are_taken_in_order_and_a_flush_waits_for_them() -> None:
    taken: list[int] = []
    made = worker(taken.append)
    for number in range(100):
        made.put(number)
    assert made.flush(10)
    assert taken == list(range(100))


def test_stop_flushes_ends_and_is_final() -> None:
    said: list[str] = []
    made = worker(lambda _: None, flush=lambda: said.append("flush"))
    assert made.stop(10)
    assert made.stop(10)
    assert made.flush(10)
    assert said == ["flush"]


def test_what_is_left_when_a_stop_takes_too_long_is_not_taken() -> None:
    release, taken = threading.Event(), []

    def take(item: int) -> None:
        taken.append(item)
        assert_released(release)

    made = worker(take)
    for number in range(3):
        made.put(number)
    assert not made.stop(0.01)
    release.set()
    made._thread.join(10)
    assert (taken, made._thread.is_alive()) == ([0], False)


def test_it_wakes_when_something_is_due() -> None:
    woken = threading.Event()
    made = worker(lambda _: None, wake=woken.set, due=lambda: None if woken.is_set() else monotonic())
    assert woken.wait(10)
    assert made.stop(10)


def test_a_flush_is_bounded_while_an_item_takes_long() -> None:
    release = threading.Event()
    made = worker(lambda _: assert_released(release))
    made.put(1)
    assert not made.flush(0.01)
    release.set()
    assert made.flush(10)


def assert_released(release: threading.Event) -> None:
    assert release.wait(30)


def test_a_fault_is_said_without_its_message_and_costs_one_item(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[int] = []

    def take(item: int) -> None:
        if item == 1:
            raise ValueError("a prompt")
        taken.append(item)

    made = worker(take)
    for number in range(3):
        made.put(number)
    assert made.flush(10)
    assert taken == [0, 2]
    assert [record.getMessage() for record in caplog.records] == ["a fault in test: ValueError"]
