"""What the judge writes appears whole or not at all, and never in the place of what is no file."""

import os
from pathlib import Path

import pytest

from parity.errors import ParityError
from parity.whole_file import replacing, write_text


def test_file_appears_at_the_end(tmp_path: Path) -> None:
    """Its folder is made; until then what was there before is there."""
    path = tmp_path / "new" / "report.json"
    write_text(path, "first")
    with replacing(path) as beside:
        beside.write_text("second", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "first"
    assert path.read_text(encoding="utf-8") == "second"
    assert [found.name for found in path.parent.iterdir()] == ["report.json"]


def test_half_a_file_is_none(tmp_path: Path) -> None:
    """Where writing fails nothing is left, and what was there before stays."""
    write_text(tmp_path / "kept", "whole")

    def interrupted() -> None:
        with replacing(tmp_path / "kept") as beside:
            beside.write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [found.read_text(encoding="utf-8") for found in tmp_path.iterdir()] == ["whole"]


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to a pipe"])
def test_what_is_no_file_stays(kind: str, tmp_path: Path) -> None:
    """A name given by mistake, such as /dev/null: renaming a file onto it would take it from the whole system."""
    path = tmp_path / "there"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    if kind.startswith("link"):
        path = tmp_path / "link"
        path.symlink_to("there")
    before = path.lstat()
    with pytest.raises(ParityError, match=r"is a folder, pipe or device, expected the name of a file to write"):
        write_text(path, "numbers")
    assert path.lstat() == before
