import asyncio
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from otel_openai_wandb._gateway.spool.file import ROW_BYTES, Body
from otel_openai_wandb._gateway.spool.spool import Spool, SpoolFailedError, SpoolFullError
from tests.support.program import CHECKOUT, environment
from tests.support.waiting import until

ROOM = 2**30


def body(data: bytes = b"x", tenant: str = "", spans: int = 1) -> Body:
    return Body(tenant, "TRACES", "PROTOBUF", spans, data)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with closing(Spool(tmp_path, ROOM)) as opened:
        yield opened


def rows(spool: Spool, tenant: str = "") -> Iterator[tuple[int, bytes]]:
    after = 0
    while (row := spool.next(after, tenant)) is not None:
        after = row.id
        yield row.id, row.body.data


async def put_all(spool: Spool, count: int, size: int = 1, tenant: str = "") -> None:
    await asyncio.gather(*(spool.put(body(b"%06d" % n + b"x" * size, tenant)) for n in range(count)))


async def test_bodies_come_in_order_after_a_number(spool: Spool) -> None:
    for text in (b"one", b"two", b"three"):
        await spool.put(body(text))
    assert list(rows(spool)) == [(1, b"one"), (2, b"two"), (3, b"three")]
    assert spool.next(3, "") is None


async def test_what_was_put_is_there_for_the_next_process(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, ROOM)) as first:
        await put_all(first, 5)
        first.release([1, 3])
    with closing(Spool(tmp_path, ROOM)) as second:
        assert [number for number, _ in rows(second)] == [2, 4, 5]
        assert dict(second.counts()) == {"received": 5, "released": 2, "lost": 0, "spooled": 3}
        assert second.bytes == 3 * (7 + ROW_BYTES)
        await second.put(body())
        assert [number for number, _ in rows(second)] == [2, 4, 5, 6]


async def test_a_released_body_is_not_read_again_before_it_is_deleted(spool: Spool) -> None:
    await put_all(spool, 100)
    for number in range(1, 101):
        spool.release([number])
        following = spool.next(0, "")
        assert following is None or following.id > number
    spool.release([7, 1000])  # twice, and one that never was
    assert spool.next(0, "") is None


async def test_many_callers_share_a_commit(spool: Spool) -> None:
    await put_all(spool, 2000)
    assert len(list(rows(spool))) == 2000
    assert sorted(data[:6] for _, data in rows(spool)) == [b"%06d" % n for n in range(2000)]


async def test_a_full_spool_takes_nothing_until_something_is_released(tmp_path: Path) -> None:
    size = 1000 + ROW_BYTES
    with closing(Spool(tmp_path, 3 * size)) as spool:
        for _ in range(3):
            await spool.put(body(b"x" * 1000))
        with pytest.raises(SpoolFullError):
            await spool.put(body())
        spool.release([2])
        await asyncio.to_thread(until, lambda: spool.bytes == 2 * size, 20)
        await spool.put(body(b"x" * 1000))
        assert [number for number, _ in rows(spool)] == [1, 3, 4]


async def test_of_several_tenants_none_fills_the_spool_alone(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, 100 * (1000 + ROW_BYTES), is_shared=True)) as spool:
        assert 49 <= await put_until(SpoolFullError, spool, body(b"x" * 1000, "flood/all")) <= 51
        for _ in range(20):
            await spool.put(body(b"x" * 1000, "quiet/one"))
        assert len(list(rows(spool, "quiet/one"))) == 20


def test_a_directory_serves_one_gateway(tmp_path: Path) -> None:
    with closing(Spool(tmp_path, ROOM)), pytest.raises(SpoolFailedError, match="another gateway"):
        Spool(tmp_path, ROOM)


def test_prompts_are_for_the_user_alone(tmp_path: Path) -> None:
    with closing(Spool(tmp_path / "made", ROOM)):
        assert (tmp_path / "made").stat().st_mode & 0o077 == 0
        assert (tmp_path / "made/spool.db").stat().st_mode & 0o077 == 0


async def test_waiting_ends_when_a_body_comes(spool: Spool) -> None:
    marks: list[int] = []
    waiter = threading.Thread(target=lambda: marks.append(spool.wait(0, 60)))
    waiter.start()
    await spool.put(body())
    await asyncio.to_thread(waiter.join)
    assert marks == [1]


# --- damage


def damage(path: Path, text: bytes) -> None:
    """Write over the page that holds `text`."""
    data = bytearray(path.read_bytes())
    at = data.index(text)
    start = at - at % 4096
    data[start : start + 4096] = b"\xff" * 4096
    path.write_bytes(data)


async def filled(directory: Path, count: int = 300, size: int = 700) -> None:
    with closing(Spool(directory, ROOM)) as spool:
        await put_all(spool, count, size)
        spool.release([1, 2, 3])


async def test_of_a_page_that_is_broken_the_others_are_saved(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    await filled(tmp_path)
    damage(tmp_path / "spool.db", b"000150xxx")
    with closing(Spool(tmp_path, ROOM)) as spool:
        assert spool.salvaged is not None
        saved = [data[:6] for _, data in rows(spool)]
        assert 280 < len(saved) < 297
        assert saved == sorted(saved)
        assert b"000150" not in saved
        counts = spool.counts()
        assert (counts["received"], counts["released"]) == (300, 3)
        assert counts["spooled"] == len(saved)
        assert counts["lost"] == spool.salvaged.lost == 297 - len(saved)
        await spool.put(body())
        assert max(number for number, _ in rows(spool)) == 301
        assert spool.salvaged.aside.exists()
    assert "were saved" in caplog.text
    with closing(Spool(tmp_path, ROOM)) as again:
        assert again.salvaged is None
        assert len(list(rows(again))) == len(saved) + 1


async def test_of_a_body_that_is_broken_the_others_are_saved(tmp_path: Path) -> None:
    """No page is wrong for SQLite: only what was written there."""
    await filled(tmp_path, 20, 50_000)
    path = tmp_path / "spool.db"
    data = bytearray(path.read_bytes())
    at = data.index(b"000010xxx") + 20
    data[at] ^= 1
    path.write_bytes(data)
    with closing(Spool(tmp_path, ROOM)) as spool:
        assert [number for number, _ in rows(spool)] == [n for n in range(4, 21) if n != 11]
        assert dict(spool.counts()) == {"received": 20, "released": 3, "lost": 1, "spooled": 16}
        await spool.put(body())


@pytest.mark.parametrize("place", [0, 4096 * 3], ids=["the first page", "a root"])
async def test_a_file_that_is_no_database_is_set_aside_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, place: int
) -> None:
    await filled(tmp_path)
    path = tmp_path / "spool.db"
    data = bytearray(path.read_bytes())
    data[place : place + 4096] = os.urandom(4096)
    path.write_bytes(data)
    with closing(Spool(tmp_path, ROOM)) as spool:
        assert spool.salvaged is not None
        assert spool.salvaged.aside.exists()
        assert "damaged" in caplog.text
        await spool.put(body())
        assert len(list(rows(spool))) == spool.salvaged.bodies + 1


async def test_a_kill_while_the_new_file_is_put_in_place_loses_nothing(tmp_path: Path) -> None:
    """The log of the damaged file is still beside it: what it says is of the damaged file."""
    await filled(tmp_path)
    (tmp_path / "spool.db").rename(tmp_path / "spool.db.new")
    with closing(Spool(tmp_path / "other", ROOM)) as damaged:
        await put_all(damaged, 3)
        (tmp_path / "spool.db-wal").write_bytes((tmp_path / "other/spool.db-wal").read_bytes())
    with closing(Spool(tmp_path, ROOM)) as spool:
        assert len(list(rows(spool))) == 297


# --- the disk

_PUTS_UNTIL_REFUSED = """
import asyncio, sys
from pathlib import Path
from tests.gateway.test_spool import body
from otel_openai_wandb._gateway.spool.spool import Spool, SpoolFailedError

async def main():
    spool = Spool(Path(sys.argv[1]), 2**30)
    for number in range(200):
        try:
            await spool.put(body(b"%06d" % number + b"x" * 50_000))
        except SpoolFailedError as error:
            print("refused", number, error, flush=True)
            break
        print("kept", number, flush=True)
    {then}
    spool.close()

asyncio.run(main())
"""


def run_until_refused(directory: Path, then: str = "pass", file_bytes: int | None = None) -> list[str]:
    limit = None if file_bytes is None else (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, -1)))
    done = subprocess.run(
        [sys.executable, "-c", _PUTS_UNTIL_REFUSED.replace("{then}", then), str(directory)],
        env=environment(directory),
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limit,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


async def test_a_disk_that_is_full_refuses_and_keeps_what_it_took(tmp_path: Path) -> None:
    lines = run_until_refused(tmp_path, file_bytes=3_000_000)
    kept = [int(line.split()[1]) for line in lines if line.startswith("kept")]
    assert lines[-1].startswith(f"refused {len(kept)} ")
    assert 20 < len(kept) < 100
    with closing(Spool(tmp_path, ROOM)) as spool:
        assert spool.salvaged is None
        assert [int(data[:6]) for _, data in rows(spool)] == kept
        await spool.put(body())


async def test_a_disk_that_has_room_again_is_used(tmp_path: Path) -> None:
    then = """
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))
    while spool.failure:
        await asyncio.sleep(0.05)
    await spool.put(body(b"later"))
    print("taken again", spool.counts()["spooled"], flush=True)
    """
    lines = run_until_refused(tmp_path, then, file_bytes=3_000_000)
    kept = sum(line.startswith("kept") for line in lines)
    assert lines[-1] == f"taken again {kept + 1}"


async def put_until(error: type[Exception], spool: Spool, one: Body) -> int:
    """How many were taken before it was refused."""
    for taken in range(1000):
        try:
            await spool.put(one)
        except error:
            return taken
    raise AssertionError("nothing was refused")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own; needs root."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", place], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def test_a_disk_that_is_read_only_is_said_at_the_start(small_disk: Path) -> None:
    with closing(Spool(small_disk / "spool", ROOM)) as spool:
        await spool.put(body(b"before"))
    remount(small_disk, "ro")
    with pytest.raises(SpoolFailedError, match="cannot be used"):
        Spool(small_disk / "spool", ROOM)
    remount(small_disk, "rw")
    with closing(Spool(small_disk / "spool", ROOM)) as spool:
        assert [data for _, data in rows(spool)] == [b"before"]


async def test_a_file_system_that_is_full(small_disk: Path) -> None:
    with closing(Spool(small_disk / "spool", ROOM)) as spool:
        kept = await put_until(SpoolFailedError, spool, body(b"x" * 50_000))
        assert 5 < kept < 40
        assert len(list(rows(spool))) == kept


def remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", place], check=True)


def test_after_kill_9_all_that_was_kept_is_there(tmp_path: Path) -> None:
    source = _PUTS_UNTIL_REFUSED.replace("range(200)", "range(10**9)").replace("50_000", "100").replace("{then}", "")
    command = [sys.executable, "-c", source, str(tmp_path)]
    with subprocess.Popen(command, env=environment(tmp_path), cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = [child.stdout.readline() for _ in range(200)]
        child.send_signal(signal.SIGKILL)
        said += child.stdout.read().splitlines(keepends=True)
    kept = [int(line.split()[1]) for line in said if line.startswith("kept") and line.endswith("\n")]
    with closing(Spool(tmp_path, ROOM)) as spool:
        there = [int(data[:6]) for _, data in rows(spool)]
        assert there[: len(kept)] == kept
        assert spool.counts()["spooled"] == len(there)


def test_a_spool_of_another_kind_of_file_does_not_stop_the_gateway(tmp_path: Path) -> None:
    (tmp_path / "spool.db").write_bytes(b"no database at all" * 1000)
    with closing(Spool(tmp_path, ROOM)) as spool:
        assert spool.salvaged is not None
        assert spool.salvaged.lost is None
    with closing(sqlite3.connect(tmp_path / "spool.db")) as checked:
        assert checked.execute("PRAGMA integrity_check").fetchone() == ("ok",)
