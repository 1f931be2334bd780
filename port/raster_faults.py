"""A raster's fault is why its file cannot be read as a GeoTIFF, told in words of our own; GDAL's stand in --debug."""

import errno
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path

from port.errors import SceneError
from port.tiff_header import images

_BEGINNINGS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""Of a TIFF and a BigTIFF, in either order of bytes."""
_OTHERS = {
    b"\x89PNG": "a PNG",
    b"\xff\xd8\xff": "a JPEG",
    b"\x89HDF": "an HDF5 or netCDF",
    b"CDF": "a netCDF",
    b"PK\3\4": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\0\0\0\x0cjP": "a JPEG 2000",
    b"<VRTD": "a GDAL VRT",
    b"<": "a web page or XML",
}
_MOST_PACKED = 2**17
"""Pixels' bytes for each byte of a file: deflate reaches 1032, ZSTD 32768, blocks never written 16384."""
_UNPACKED_BYTES = 2**22  # held at once where blocks are checked


def check_file(path: Path) -> None:
    """See that there is a whole file that this user may read and that begins as a TIFF does.

    Raises:
        SceneError: nothing, no file, one that may not be read, an empty one, one of another kind, or one cut off.
    """
    if not is_text(path):
        raise unreadable(Path(ascii(str(path))), "its name is no UTF-8", "rename it")
    try:
        mode, size = path.stat().st_mode, path.stat().st_size
        if stat.S_ISDIR(mode):
            raise unreadable(path, "it is a folder", "give a file")
        if not stat.S_ISREG(mode):
            raise unreadable(path, "it is a device or pipe", "give a file")
        with path.open("rb") as file:
            beginning = file.read(8)
        needed = max((image.extent for image in images(path)), default=0) if beginning.startswith(_BEGINNINGS) else 0
    except OSError as error:
        raise unreadable(path, *_refused(path, error)) from error
    if not size:
        raise unreadable(path, "it is empty (0 bytes)", "copy it again")
    if not beginning.startswith(_BEGINNINGS):
        kind = next((name for start, name in _OTHERS.items() if beginning.startswith(start)), None)
        what = f"it is {kind} file" if kind else "it is no TIFF"
        raise unreadable(
            path, f"{what} (its first bytes are {beginning[:4].hex(' ')}, expected 49 49 2a 00 or 4d 4d 00 2a)",
            "store it as a GeoTIFF, for instance with gdal_translate, or copy it again",
        )  # fmt: skip
    if needed > size:
        raise unreadable(path, f"it is cut off: its header tells of {needed} bytes, it has {size}", "copy it again")


def is_text(path: Path) -> bool:
    """Whether a path can be told to GDAL, which takes names as UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def check_size(path: Path, shape: tuple[int, int], pixel_bytes: int) -> None:
    """See that a file is large enough for the pixels that its header declares, however well they are packed.

    Raises:
        SceneError: it is not.
    """
    declared, found = shape[0] * shape[1] * pixel_bytes, path.stat().st_size
    if declared > _MOST_PACKED * found:
        raise unreadable(
            path,
            f"its header declares {shape[0]} rows x {shape[1]} columns ({declared} bytes), but the file has {found}",
            "its header is damaged or its pixels were never written; copy it again",
        )


def check_blocks(path: Path) -> None:
    """See that each block of a raster that is packed by deflate unpacks to what was packed: it ends in a checksum.

    GDAL stops reading before it. Files packed otherwise have none, and pass.

    Raises:
        SceneError: a block does not, or the file is no longer as it was opened.
    """
    check_file(path)
    for number, (total, unpacked) in enumerate(_unpacked(path), start=1):
        if not unpacked:
            raise unreadable(path, f"block {number} of {total} is not what was once stored", "copy it again")


def _unpacked(path: Path) -> Iterator[tuple[int, bool]]:
    """The number of blocks, and whether it is whole, for each of a raster's deflated blocks."""
    for raster in images(path)[:1]:
        if not raster.deflated:
            return
        with path.open("rb") as file:
            for start, size in zip(raster.starts.tolist(), raster.sizes.tolist(), strict=True):
                file.seek(start)
                yield len(raster.starts), _is_whole(file.read(size))


def _is_whole(packed: bytes) -> bool:
    """Whether a stream of zlib's reaches its end and its checksum is that of what it holds."""
    stream = zlib.decompressobj()
    try:
        while not stream.eof:
            unpacked, packed = stream.decompress(packed, _UNPACKED_BYTES), stream.unconsumed_tail
            if not (unpacked or packed or stream.eof):
                return False
    except zlib.error:
        return False
    return True


def damaged(path: Path, part: str) -> SceneError:
    """The error of a file in whose header or pixels GDAL found a fault: what became of it meanwhile, or damage.

    Raises:
        SceneError: the file is no longer there, or is none that can be read.
    """
    check_file(path)
    size = path.stat().st_size
    return unreadable(path, f"{part} is cut off or damaged (the file has {size} bytes)", "copy it again")


def unreadable(path: Path, fault: str, remedy: str) -> SceneError:
    """The error that says why a file cannot be read, and what to do."""
    return SceneError(f"{path} cannot be read as a GeoTIFF: {fault}; {remedy}")


def _refused(path: Path, error: OSError) -> tuple[str, str]:
    """What the system's refusal means, and what to do."""
    if error.errno == errno.ELOOP:
        return "it is a link that leads in a circle", "replace it with the file"
    if error.errno == errno.ENOENT and path.is_symlink():
        return (
            f"it is a link to {os.readlink(path)}, which does not exist",
            "mend the link, or replace it with the file",
        )
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "it does not exist", "give a file that does"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "this user may not read it", "change its permissions, or those of its folder"
    return f"the system says: {error.strerror}", "copy it again, from a disk that can be read"
