import shutil
from pathlib import Path

from tests.support.files import bytes_below, files_below


def test_a_folder_that_is_deleted_meanwhile_has_no_files(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder / "inner").mkdir(parents=True)
        (tmp_path / folder / "inner/file").write_text("text")
    assert bytes_below(tmp_path) == 8
    found = files_below(tmp_path)
    first = next(found)
    other = tmp_path / ("two" if "one" in first.parts else "one")
    shutil.rmtree(other)
    assert list(found) == []
