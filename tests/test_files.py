"""A file is whole or what it was before; what was written is on the disk, its name too."""

import os
import re
from pathlib import Path

import pytest

from port import files
from port.errors import OutputError
from port.files import folder_name, replacing, write_text

WRITES = re.compile(r"\.write_text\(|\.write_bytes\(|\.savefig\(|np\.save|\.open\(\"w|rasterio\.open\([^)]*\"w")
WHOLE = {"files", "checkpoints", "training_state", "onnx_export", "figures", "ablation_figure", "ablation_store"}
WHOLE |= {"ablation_table", "lasagne_weights", "raster_writer", "runs", "file_commands"}
"""Files of the product that write by `replacing`."""
OTHERWISE = {
    "synthetic": "a whole folder appears by one rename",
    "scene_recording": "in a temporary folder",
    "run_folders": "the lock, which holds nothing",
}
PORT = Path(files.__file__).parent


def test_content_and_name_are_flushed_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content before the rename, the folder after it."""
    seen: list[str] = []
    sync, rename = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        seen.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        sync(handle)

    def replace(path: Path, target: Path) -> Path:
        seen.append(f"{path.name} to {target.name}")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    write_text(tmp_path / "a.txt", "whole")
    beside = f".{os.getpid()}-a.txt"
    assert seen == [beside, f"{beside} to a.txt", tmp_path.name]
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    """The error names path, cause and remedy; the half-written file is gone."""
    path = tmp_path / "a.txt"
    path.write_text("before")
    (tmp_path / f".{os.getpid()}-a.txt").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"cannot write .*a\.txt: No space left on device; free some space there"):
        write_text(path, "after")
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_any_error_keeps_what_was_there(tmp_path: Path) -> None:
    """Also one that is no error of the disk."""
    path = tmp_path / "a.txt"
    path.write_text("before")

    def interrupted() -> None:
        with replacing(path) as beside:
            beside.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]


def test_every_writer_of_the_product_is_known() -> None:
    """A file of the product that writes does it by `replacing`, or its reason stands here."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in PORT.glob("*.py")}
    writing = {name for name, text in found.items() if WRITES.search(text)}
    assert writing - OTHERWISE.keys() == {name for name in WHOLE if WRITES.search(found[name])}
    assert all(re.search(r"\breplacing\(|\bwrite_text\(", found[name]) for name in WHOLE)
    assert writing >= OTHERWISE.keys()


@pytest.mark.parametrize("link", [False, True])
def test_what_is_no_file_stays(link: bool, tmp_path: Path) -> None:
    """A name given by mistake, such as /dev/null: renaming a file onto it would take it from the whole system."""
    path = tmp_path / "there"
    os.mkfifo(path)
    if link:
        path = tmp_path / "link"
        path.symlink_to("there")
    before = path.lstat()
    with pytest.raises(OutputError, match=r"is a folder, pipe or device, expected the name of a file to write"):
        write_text(path, "numbers")
    assert path.lstat() == before


def test_folder_is_named_by_where_links_lead(tmp_path: Path) -> None:
    """A link has the name of its folder; one that leads in a circle its own, and no error."""
    (tmp_path / "T31UFS").mkdir()
    (tmp_path / "link").symlink_to("T31UFS")
    (tmp_path / "circle").symlink_to("circle")
    assert [folder_name(tmp_path / name) for name in ("T31UFS", "link", "circle")] == ["T31UFS", "T31UFS", "circle"]
