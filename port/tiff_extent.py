"""A TIFF's extent is the last byte that its header points to; a file that ends before it was cut off.

GDAL opens such a file all the same where its pixels come first, and takes what the lost tags said (place, no-data
value, date) as never said. TIFF 6.0, pages 13 to 16; BigTIFF has wider numbers in the same places.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Of one number of each type of field."""
_UNSIGNED = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_COMPRESSION, _UNCOMPRESSED = 259, 1
_BLOCKS = ((273, 279), (324, 325))
"""Fields of where strips and tiles begin, and of how many bytes they have."""
_MOST_IMAGES = 64  # overviews and masks; more are not looked at


@dataclass(frozen=True)
class _Form:
    """How a file writes numbers: the order of bytes, bytes of a place, of the count of fields, of a field."""

    order: str
    place: int
    count: int

    @property
    def field(self) -> int:
        """Bytes of a field: tag, type, count, and its value or place."""
        return 4 + 2 * self.place

    def number(self, content: bytes) -> int:
        """An unsigned number."""
        return int.from_bytes(content, "little" if self.order == "<" else "big")


def extent(path: Path) -> int:
    """The least number of bytes that the file must have to hold all that its header points to.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(16)
        order = "<" if beginning[:2] == b"II" else ">"
        form = _Form(order, 8, 8) if 43 in beginning[2:4] else _Form(order, 4, 2)
        place = form.number(beginning[8:16] if form.place == 8 else beginning[4:8])
        reach, seen = len(beginning[: 2 * form.place]), set[int]()
        while place and place not in seen and len(seen) < _MOST_IMAGES:
            seen.add(place)
            end, place = _directory(file, place, form)
            reach = max(reach, end)
        return reach


def _directory(file: BinaryIO, place: int, form: _Form) -> tuple[int, int]:
    """How far an image's fields and blocks reach, and where the next image's fields are (0: there is none)."""
    _seek(file, place)
    count = form.number(file.read(form.count))
    reach = place + form.count + count * form.field + form.place
    content = file.read(count * form.field + form.place) if count < 2**16 else b""
    if len(content) < count * form.field + form.place:
        return reach, 0
    fields = dict[int, tuple[int, int, bytes]]()
    for start in range(0, count * form.field, form.field):
        tag, kind = form.number(content[start : start + 2]), form.number(content[start + 2 : start + 4])
        many = form.number(content[start + 4 : start + 4 + form.place])
        value = content[start + 4 + form.place : start + form.field]
        fields[tag] = kind, many, value
        size = many * _BYTES.get(kind, 0)
        if size > form.place:
            reach = max(reach, form.number(value) + size)
    return max(reach, _blocks(file, fields, form)), form.number(content[-form.place :])


def _blocks(file: BinaryIO, fields: dict[int, tuple[int, int, bytes]], form: _Form) -> int:
    """How far an image's blocks reach; of uncompressed ones, where they begin: their last may be shorter than told."""
    packed = form.number(fields.get(_COMPRESSION, (3, 1, bytes(2)))[2][:2]) > _UNCOMPRESSED
    for begin, length in _BLOCKS:
        starts, sizes = (_numbers(file, fields.get(tag), form) for tag in (begin, length))
        written = starts[: len(sizes)] > 0  # the others were never written, and read as no-data or 0
        if len(starts) == len(sizes) and written.any():
            return int((starts + (sizes if packed else 1))[written].max())
    return 0


def _numbers(file: BinaryIO, field: tuple[int, int, bytes] | None, form: _Form) -> np.ndarray:
    """A field's unsigned numbers; none where it has none, or they lie beyond the file's end."""
    kind, many, value = field or (0, 0, b"")
    size = many * _BYTES.get(kind, 0)
    if kind not in _UNSIGNED or size > 2**30:
        return np.zeros(0, dtype=np.int64)
    if size > form.place:
        _seek(file, form.number(value))
        value = file.read(size)
    if len(value) < size:
        return np.zeros(0, dtype=np.int64)
    return np.frombuffer(value[:size], dtype=form.order + _UNSIGNED[kind]).astype(np.int64)


def _seek(file: BinaryIO, place: int) -> None:
    """Go to a place, or to the end where that lies beyond it: a damaged header's places go farther than any disk."""
    file.seek(min(place, file.seek(0, os.SEEK_END)))
