"""A TIFF's header tells how far the file must reach and where its blocks are: what GDAL does not hold a file to.

GDAL opens a file that was cut off all the same where its pixels come first, and takes what the lost fields said (place,
no-data value, date) as never said. TIFF 6.0, pages 13 to 16; BigTIFF has wider numbers in the same places.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import Int64

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Of one number of each type of field."""
_UNSIGNED = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_COMPRESSION, _UNCOMPRESSED, _DEFLATE = 259, 1, (8, 32946)
_BLOCKS = ((273, 279), (324, 325))
"""Fields of where strips and tiles begin, and of how many bytes they have."""
_MOST_IMAGES = 64  # overviews and masks; more are not looked at

_Field = tuple[int, int, bytes]
"""Type, count, and the value or its place."""


@dataclass(frozen=True)
class Image:
    """One image of a file: how far its fields reach, its compression, and where its written blocks lie."""

    end: int
    compression: int
    starts: Int64[np.ndarray, "block"]
    sizes: Int64[np.ndarray, "block"]

    @property
    def extent(self) -> int:
        """How far fields and blocks reach; uncompressed ones may be shorter than told, so where those begin."""
        sizes = self.sizes if self.compression != _UNCOMPRESSED else 1
        return max(self.end, int((self.starts + sizes).max(initial=0)))

    @property
    def deflated(self) -> bool:
        """Whether each block is a stream of zlib's, which ends in a checksum."""
        return self.compression in _DEFLATE


@dataclass(frozen=True)
class _Form:
    """How a file writes numbers: the order of bytes, bytes of a place, of the count of fields."""

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


def images(path: Path) -> list[Image]:
    """The images of a file that begins as a TIFF does, the raster itself first, then masks and overviews.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        beginning = file.read(16)
        order = "<" if beginning[:2] == b"II" else ">"
        form = _Form(order, 8, 8) if 43 in beginning[2:4] else _Form(order, 4, 2)
        return list(_images(file, form.number(beginning[8:16] if form.place == 8 else beginning[4:8]), form))


def _images(file: BinaryIO, place: int, form: _Form) -> Iterator[Image]:
    """One image after another, each of which tells where the next one's fields are."""
    seen = set[int]()
    while place and place not in seen and len(seen) < _MOST_IMAGES:
        seen.add(place)
        image, place = _image(file, place, form)
        yield image


def _image(file: BinaryIO, place: int, form: _Form) -> tuple[Image, int]:
    """The image whose fields are at a place, and where the next one's are (0: there is none)."""
    _seek(file, place)
    count = form.number(file.read(form.count))
    end = place + form.count + count * form.field + form.place
    content = file.read(count * form.field + form.place) if count < 2**16 else b""
    none = np.zeros(0, dtype=np.int64)
    if len(content) < count * form.field + form.place:
        return Image(end, _UNCOMPRESSED, none, none), 0
    fields = dict[int, _Field]()
    for start in range(0, count * form.field, form.field):
        tag, kind = form.number(content[start : start + 2]), form.number(content[start + 2 : start + 4])
        many = form.number(content[start + 4 : start + 4 + form.place])
        value = content[start + 4 + form.place : start + form.field]
        fields[tag] = kind, many, value
        size = many * _BYTES.get(kind, 0)
        if size > form.place:
            end = max(end, form.number(value) + size)
    compression = form.number(fields[_COMPRESSION][2][:2]) if _COMPRESSION in fields else _UNCOMPRESSED
    return Image(end, compression, *_blocks(file, fields, form)), form.number(content[-form.place :])


def _blocks(
    file: BinaryIO, fields: dict[int, _Field], form: _Form
) -> tuple[Int64[np.ndarray, "block"], Int64[np.ndarray, "block"]]:
    """Where an image's blocks begin and their bytes; those never written, which read as no-data or 0, are left out."""
    for begin, length in _BLOCKS:
        starts, sizes = (_numbers(file, fields.get(tag), form) for tag in (begin, length))
        if len(starts) == len(sizes) > 0:
            written = starts > 0
            return starts[written], sizes[written]
    return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)


def _numbers(file: BinaryIO, field: _Field | None, form: _Form) -> Int64[np.ndarray, "number"]:
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
