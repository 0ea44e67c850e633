from pathlib import Path

from tests.web import ASSET, SOURCES, build


def test_the_committed_asset_is_what_its_sources_make(node: None, tmp_path: Path) -> None:
    build(tmp_path)
    for name in ASSET:
        assert (tmp_path / name).read_bytes() == (SOURCES.parent / name).read_bytes(), name


def test_the_asset_keeps_the_notices_of_what_is_in_it() -> None:
    script = (SOURCES.parent / "viewer.js").read_text(encoding="utf-8")
    assert script.count("Permission is hereby granted") == 3
