"""Tests the run file reader with files that wandb wrote, and with damaged and hand-made ones."""

from __future__ import annotations

import importlib
import os
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.run_file import RunFile, Table, find_runs, read_run, stats_rows, traces

LONG = "é" * 50_000  # 100,000 bytes: first, middle and last fragments over four blocks

PROGRAM = f"""
import wandb
from wandb.sdk.data_types.trace_tree import Span, WBTraceTree

run = wandb.init(project="proj", config={{"a": 1, "b": {{"c": [1, 2]}}}})
span = Span(name="root", child_spans=[Span(name="child", attributes={{"x": 1}})])
run.log({{"trace": WBTraceTree(span, model_dict={{"kind": "m"}}), "usage/total_tokens": 5, "note": "hi"}})
run.log({{"other": {{"trace": WBTraceTree(Span(name="second"))}}}})
stats = wandb.Table(columns=["n", "text"], log_mode="INCREMENTAL")
mutable = wandb.Table(columns=["n"], log_mode="MUTABLE")
for n in range(3):
    stats.add_data(n, f"text {{n}}")
    mutable.add_data(n)
    run.log({{"stats": stats, "mutable": mutable, "chunk/a b": wandb.Table(columns=["n"], data=[[n], [-n]])}})
run.log({{"deep": {{"x.y": {{"z/w": 1}}}}, "long": {LONG!r}, "list": [{{"a": 1}}], "nothing": None}})
for n in range(200):
    run.log({{"n": n, "filler": "x" * (n * 7)}})
run.summary["set"] = {{"p": {{"q": 1}}}}
run.summary["gone"] = 1
del run.summary["gone"]
run.config.update({{"late": {{"x": 2}}}})
run.config.update({{"b": {{"c": 5}}}}, allow_val_change=True)
run.finish(exit_code=3)
wandb.teardown()
"""


def wandb_environment(directory: Path) -> dict[str, str]:
    """An environment in which wandb writes below one directory only and sends no request."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WANDB_")}
    places = {f"WANDB_{name}_DIR": str(directory / name.lower()) for name in ("DATA", "CONFIG", "CACHE", "ARTIFACT")}
    return {**kept, **places, "WANDB_DIR": str(directory), "WANDB_MODE": "offline", "WANDB_SILENT": "true"}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of one real offline run."""
    path = tmp_path_factory.mktemp("run")
    command = [sys.executable, "-c", PROGRAM]
    subprocess.run(command, check=True, cwd=path, env=wandb_environment(path), timeout=120)
    return path


@pytest.fixture(scope="module")
def run(directory: Path) -> RunFile:
    return read_run(directory)


def test_identity_and_end(run: RunFile, directory: Path) -> None:
    (path,) = find_runs(directory)
    assert path.name == f"run-{run.run_id}.wandb"
    assert (run.project, run.exit_code) == ("proj", 3)
    assert read_run(path) == run


def test_history_is_complete_and_in_order(run: RunFile) -> None:
    assert [row["_step"] for row in run.history] == list(range(206))
    assert [row["n"] for row in run.history[6:]] == list(range(200))
    assert all(row["filler"] == "x" * (n * 7) for n, row in enumerate(run.history[6:]))


def test_history_keeps_nesting_and_odd_keys(run: RunFile) -> None:
    row = {key: value for key, value in run.history[5].items() if not key.startswith("_")}
    assert row == {"deep": {"x.y": {"z/w": 1}}, "long": LONG, "list": [{"a": 1}], "nothing": None}


def test_config_and_summary_are_the_last_state(run: RunFile) -> None:
    config = {key: value for key, value in run.config.items() if key != "_wandb"}
    assert config == {"a": 1, "b": {"c": 5}, "late": {"x": 2}}
    assert run.summary["set"] == {"p": {"q": 1}}
    assert "gone" not in run.summary
    assert (run.summary["n"], run.summary["note"], run.summary["deep"]) == (199, "hi", {"x.y": {"z/w": 1}})


def test_traces(run: RunFile) -> None:
    first, second = traces(run)
    assert first.root["name"] == "root"
    assert first.root["child_spans"][0]["attributes"] == {"x": 1}
    assert first.model == {"kind": "m"}
    assert (first.row["note"], first.row["usage/total_tokens"]) == ("hi", 5)
    assert (second.root["name"], second.model) == ("second", {})


def test_tables(run: RunFile) -> None:
    assert set(run.tables) == {"stats", "mutable", "chunk/a b"}
    # The file of an increment has only its new rows.
    assert run.tables["stats"] == tuple(Table(("n", "text"), ((n, f"text {n}"),), "INCREMENTAL") for n in range(3))
    assert [len(table.rows) for table in run.tables["mutable"]] == [1, 2, 3]


def test_stats_rows_joins_every_row_once(run: RunFile) -> None:
    assert stats_rows(run) == [{"n": n, "text": f"text {n}"} for n in range(3)]
    assert stats_rows(run, "mutable") == [{"n": n} for n in range(3)]
    assert stats_rows(run, "chunk/a b") == [{"n": n} for n in (0, 0, 1, -1, 2, -2)]
    with pytest.raises(KeyError):
        stats_rows(run, "absent")


def damaged(directory: Path, target: Path, data: bytes) -> Path:
    """Copy the run with other bytes in its run file. Returns that file."""
    (original,) = find_runs(directory)
    shutil.copytree(original.parent, target, dirs_exist_ok=True)
    copy = target / original.name
    copy.write_bytes(data)
    return copy


def test_a_truncated_file_ends_quietly(run: RunFile, directory: Path, tmp_path: Path) -> None:
    data = find_runs(directory)[0].read_bytes()
    copy = damaged(directory, tmp_path / "copy", data)
    for size in (*range(7, len(data), 9973), *range(len(data) - 60, len(data))):
        copy.write_bytes(data[:size])
        part = read_run(copy)
        assert part.history == run.history[: len(part.history)]
        assert part.exit_code is None
    assert part.history == run.history
    copy.write_bytes(data[: len(data) // 2])
    assert 6 < len(read_run(copy).history) < 206


def test_damage_is_not_quiet(directory: Path, tmp_path: Path) -> None:
    data = bytearray(find_runs(directory)[0].read_bytes())
    data[len(data) // 2] ^= 1
    copy = damaged(directory, tmp_path / "copy", bytes(data))
    with pytest.raises(ValueError, match="checksum"):
        read_run(copy)
    copy.write_bytes(b"text")
    with pytest.raises(ValueError, match=r"not a \.wandb file"):
        read_run(copy)


def full_fragment(record: Any) -> bytes:
    data: bytes = record.SerializeToString()
    return struct.pack("<IHB", zlib.crc32(b"\x01" + data), len(data), 1) + data


def history_record(text: str) -> Any:
    record = importlib.import_module("wandb.proto.wandb_internal_pb2").Record()
    record.history.item.add(key=text[:5], value_json=f'"{text}"')
    return record


@pytest.mark.parametrize("left", range(8))
def test_block_ends_too_small_for_a_header_are_skipped(tmp_path: Path, left: int) -> None:
    """Seven remaining bytes have the header of an empty fragment, fewer are zeros (once in 5000 real runs)."""
    room = 32 * 1024 - 7 - left
    filler = room - len(full_fragment(history_record("x" * 30_000))) + 30_000
    tail = full_fragment(history_record("after"))
    if left == 7:  # FIRST without data, then LAST in the next block
        data = tail[7:]
        parts = ((2, b""), (4, data))
        tail = b"".join(struct.pack("<IHB", zlib.crc32(bytes([k]) + d), len(d), k) + d for k, d in parts)
        left = 0
    content = b":W&B\xe1\xbe\x00" + full_fragment(history_record("x" * filler)) + bytes(left) + tail
    (tmp_path / "run-x.wandb").write_bytes(content)
    assert read_run(tmp_path).history == ({"x" * 5: "x" * filler}, {"after": "after"})


def test_find_runs_is_sorted_and_read_run_wants_one(directory: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 run files"):
        read_run(tmp_path)
    data = find_runs(directory)[0].read_bytes()
    for name in ("b", "a"):
        damaged(directory, tmp_path / name, data)
    assert [path.parent.name for path in find_runs(tmp_path)] == ["a", "b"]
    with pytest.raises(ValueError, match="2 run files"):
        read_run(tmp_path)
