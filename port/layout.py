"""The layout of a scene's folder is the original's: `00k_VH<suffix>.tif` and its like for date k, `DEM<suffix>.tif`."""

import os
import re
from pathlib import Path

from port.bands import Source
from port.errors import SceneError

_NAME = re.compile(r"(?:(?P<date>[0-9]{3})_(?P<kind>VH|VV|NDVI|MASK)|(?P<dem>DEM))(?P<suffix>.*)\.tif")
_DATED_KINDS = ("VH", "VV", "NDVI", "MASK")

TRIPLE = (0, 1, 2)
"""Offsets of t-1, t, t+1 from the first date."""
ALL_SOURCES = (*(Source(kind, offset) for offset in TRIPLE for kind in _DATED_KINDS), Source("DEM", None))
"""The 13 files of a triple."""


def file_name(source: Source, first_date: int, suffix: str) -> str:
    """`00k_KIND<suffix>.tif` for date k, `DEM<suffix>.tif` for the DEM."""
    if source.date_offset is None:
        return f"{source.kind}{suffix}.tif"
    return f"{first_date + source.date_offset:03d}_{source.kind}{suffix}.tif"


def suffix_in(folder: Path) -> str:
    """The one suffix between kind and .tif that all files of a folder share.

    Raises:
        SceneError: the folder holds no file of a scene, or files of several suffixes.
    """
    files: dict[str, list[str]] = {}
    for match in _names(folder):
        files.setdefault(match["suffix"], []).append(match.string)
    if len(files) > 1:
        found = "; ".join(f"{suffix!r}: {len(names)} files such as {names[0]}" for suffix, names in files.items())
        raise SceneError(
            f"{folder} holds files of {len(files)} suffixes ({found}), expected one; keep one scene a folder"
        )
    return next(iter(files))


def dates_in(folder: Path) -> str:
    """The dates whose files are there, as a list to be read: `001, 002, 003`."""
    return ", ".join(sorted({match["date"] for match in _names(folder) if match["date"]})) or "none"


def names_in(folder: Path) -> frozenset[str]:
    """All names in a folder, whatever they stand for.

    Raises:
        SceneError: the folder does not exist or cannot be listed.
    """
    try:
        return frozenset(os.listdir(folder))
    except OSError as error:
        what = f"cannot be listed ({error.strerror}); make it readable, or give another"
        if isinstance(error, FileNotFoundError):
            what = "is not a folder; give the"
        elif isinstance(error, NotADirectoryError):
            what = "is a file, not a folder; give the"
        raise SceneError(f"{folder} {what} folder that holds the scene's GeoTIFFs") from error


def _names(folder: Path) -> list[re.Match[str]]:
    """The names in the folder that follow the layout.

    Raises:
        SceneError: the folder does not exist, cannot be listed, or holds no such name.
    """
    names = sorted(names_in(folder))
    matches = [match for name in names if (match := _NAME.fullmatch(name))]
    if not matches:
        raise SceneError(
            f"{folder} holds none of the files of a scene among its {len(names)} entries; expected 001_VH.tif, "
            "001_VV.tif, 001_NDVI.tif, 001_MASK.tif, the same for 002 and 003, and DEM.tif (any one suffix before .tif)"
        )
    return matches
