"""How much may wait."""

import threading

from otel_wandb._process.budget import Budget


def test_what_waits_is_bounded_by_number_and_by_size() -> None:
    budget = Budget(3, 100)
    assert budget.take(2, 60)
    assert not budget.take(2, 10)
    assert not budget.take(1, 41)
    assert budget.take(1, 40)
    budget.give_back(1, 60)
    assert (budget.items, budget.take(1, 60)) == (2, True)


def test_threads_lose_no_count() -> None:
    budget = Budget(10**9, 10**9)

    def work() -> None:
        for _ in range(20_000):
            budget.take(1, 7)
            budget.give_back(1, 7)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.items == 0
    assert budget.take(10**9, 10**9)


def test_what_was_given_up_is_counted_once_and_nothing_follows_it() -> None:
    budget = Budget(10, 100)
    budget.take(5, 50)
    assert budget.give_back(1, 10)
    assert (budget.give_up(), budget.give_up()) == (4, 0)
    assert not budget.give_back(4, 40)
    assert not budget.take(1, 0)
    assert not budget.take(0, 0)
