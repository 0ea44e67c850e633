"""A run's journal is packed while it grows: what was damaged is passed over, and a trace in pieces is one."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from otel_openai_wandb._view.growth import Growth
from otel_openai_wandb._view.runs import Directory
from otel_wandb._journal.reader import journal_files
from otel_wandb._journal.schema import RunOfFile
from otel_wandb._journal.writer import Journal
from tests.exporter.spans import chat_attributes, messages, read, span, trace
from tests.view.test_packing import block

ABOUT: RunOfFile = {"id": "r", "project": "p", "entity": "", "url": None}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(str(tmp_path / "files"), ABOUT, keep=str, failed=_fail)
    yield made
    made.release()


def test_a_journal_that_is_damaged_while_it_is_followed_grows_on(
    tmp_path: Path, journal: Journal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("otel_wandb._journal.writer._RESTART_BYTES", 5_000)
    random = Random(0)

    def write(numbers: range) -> None:
        for number in numbers:
            asked = messages("user", f"{random.getrandbits(4_000):x}")
            made = trace(
                span("a", trace_id=f"{number:032x}", attributes=chat_attributes(**{"gen_ai.input.messages": asked}))
            )
            assert journal.add_trace(read(made))

    write(range(10))
    growth = Growth([Directory(str(tmp_path))])
    assert _numbers(growth) == list(range(10))
    (path,) = journal_files(str(tmp_path))
    read_up_to = Path(path).stat().st_size
    write(range(10, 12))
    with open(path, "r+b") as file:
        file.seek(read_up_to)
        file.write(bytes([7] * 40))  # where a block begins: of a kind that there is not
    growth.look()
    growth.look()
    assert caplog.text.count("is damaged: about") == 1
    write(range(12, 40))
    growth.look()
    found = _numbers(growth)
    assert found[:10] == list(range(10))
    assert len(found) > 30
    assert found[-1] == 39
    write(range(40, 43))
    growth.look()
    assert _numbers(growth) == [*found, 40, 41, 42]
    assert caplog.text.count("is damaged: about") == 2  # how much it is in the end


def _numbers(growth: Growth) -> list[int]:
    return [int(trace_id, 16) for trace_id in block(growth.page(), "index")["traces"]["id"]]


def _fail(why: object) -> None:
    raise AssertionError(why)
