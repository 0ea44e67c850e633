"""What of a partition need not be read again."""

import base64
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_openai_wandb._kafka.offsets import EMPTY, MOST_METADATA, Commit, Offsets, done_of, metadata_of
from otel_openai_wandb._kafka.partitions import Partitions
from otel_wandb._interface.intake import Position


def test_the_lowest_open_offset_is_committed_and_what_is_done_above_it() -> None:
    assert Offsets().commit is None
    offsets = Offsets()
    for offset in (10, 11, 13, 14):  # 12 was a mark of a transaction
        assert offsets.opened(offset)
    assert offsets.commit == Commit(10, EMPTY)
    offsets.settled(13)
    offsets.settled(11)
    assert offsets.commit is not None
    assert offsets.commit.offset == 10
    assert done_of(*offsets.commit) == {11, 13}
    offsets.settled(10)
    assert offsets.lowest == 14
    assert done_of(*offsets.commit) == frozenset()
    offsets.settled(14)
    offsets.settled(14)
    assert (offsets.commit, offsets.open_count) == (Commit(15, EMPTY), 0)


@given(st.sets(st.integers(0, 300)), st.sets(st.integers(0, 300)))
def test_what_is_committed_is_what_the_next_owner_does_not_read(settled: set[int], more: set[int]) -> None:
    first = Offsets()
    for offset in range(301):
        assert first.opened(offset)
    for offset in settled:
        first.settled(offset)
    assert first.commit is not None
    second = Offsets(done_of(*first.commit))
    read = {offset for offset in range(first.commit.offset, 301) if second.opened(offset)}
    assert read == set(range(301)) - settled
    for offset in read & more:
        second.settled(offset)
    assert second.commit is not None
    third = Offsets(done_of(*second.commit))
    assert {o for o in range(second.commit.offset, 301) if third.opened(o)} == set(range(301)) - settled - more


@given(st.integers(0, 2**40), st.sets(st.integers(0, 5_000), max_size=500))
def test_a_bitmap_is_read_as_it_was_written(lowest: int, above: set[int]) -> None:
    done = {lowest + number for number in above}
    text = metadata_of(lowest, done)
    assert len(text) <= MOST_METADATA
    assert done_of(lowest, text) == done


def test_metadata_that_would_be_too_long_says_the_first() -> None:
    chance = Random(7)
    done = {number for number in range(200_000) if chance.getrandbits(1)}
    text = metadata_of(0, done)
    found = done_of(0, text)
    assert MOST_METADATA // 2 < len(text) <= MOST_METADATA
    assert found
    last = max(found)
    assert found == {number for number in done if number <= last}


@pytest.mark.parametrize(
    "metadata",
    [
        *(None, "", "somebody else's", "b1:", "b1:???", "b1:AAAA", "b2:AAAA", "b1:ä"),
        f"b1:{base64.b64encode(zlib.compress(bytes(50)))[:12].decode()}",
    ],
)
def test_metadata_that_says_nothing(metadata: str | None) -> None:
    assert done_of(5, metadata) == frozenset()


def test_a_bomb_is_read_to_a_limit() -> None:
    bomb = EMPTY + base64.b64encode(zlib.compress(bytes(10**8) + b"\xff")).decode()
    assert done_of(0, bomb) == frozenset()


def test_what_is_settled_late_is_not_taken_for_what_is_read_now() -> None:
    partitions = Partitions()
    partitions.assign(3, None)
    early = partitions.open(3, 7)
    assert early is not None
    assert partitions.revoke(3) == early.part
    assert partitions.open(3, 8) is None
    partitions.assign(3, Commit(7, EMPTY))
    now = partitions.open(3, 7)
    partitions.settle([early])
    assert (partitions.open_count, partitions.commits()) == (1, {3: Commit(7, EMPTY)})
    assert isinstance(now, Position)
    partitions.settle([now])
    assert partitions.commits() == {3: Commit(8, EMPTY)}
    assert partitions.commits() == {}
    partitions.not_committed([3, 4])
    assert partitions.commits([4]) == {}
    assert partitions.commits([3]) == {3: Commit(8, EMPTY)}


def test_after_a_fault_everything_is_read_again_that_is_open() -> None:
    partitions = Partitions()
    for number in (0, 1):
        partitions.assign(number, None)
    found = [partitions.open(0, offset) for offset in (4, 5, 6)]
    partitions.settle([position for position in found if position is not None and position.number == 5])
    assert partitions.start_again() == {0: 4}
    partitions.settle([position for position in found if position is not None])
    again = [partitions.open(0, offset) for offset in (4, 5, 6)]
    assert [position and position.number for position in again] == [4, None, 6]
    assert not partitions.is_settled([0, 1])
    assert partitions.is_settled([1])
