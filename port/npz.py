"""An `.npz` of weights is held to limits before memory is taken for it; its names are labels and never paths.

Nothing is unpacked to a disk, and nothing is unpickled. The judge has the like of its own (`parity.archive`).
"""

import io
import zipfile
from pathlib import Path

import numpy as np

from port.whole_file import open_file

SIZE_LIMIT_BYTES = 64 << 20
"""Of the file, and of all its members unpacked: a hundred times the weights of the largest variant."""
HEADER_LIMIT_BYTES = 10_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of an archive by its name without `.npy`.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no archive of distinct arrays of numbers, whole, or asks for more than is allowed.
    """
    try:
        with open_file(path, SIZE_LIMIT_BYTES) as file, zipfile.ZipFile(file) as archive:
            _check_members(archive.infolist())
            return {member.filename.removesuffix(".npy"): _array(archive, member) for member in archive.infolist()}
    except (OSError, ValueError):
        raise
    except Exception as problem:  # zipfile, its codec and numpy's parser of headers raise a dozen unrelated kinds
        raise ValueError(f"{type(problem).__name__}: {problem}") from problem


def _check_members(members: list[zipfile.ZipInfo]) -> None:
    """Raise ValueError unless the directory alone shows that all can be read within the limit."""
    total = sum(member.file_size for member in members)
    if total > SIZE_LIMIT_BYTES:
        raise ValueError(f"it unpacks to {total} bytes, over the limit of {SIZE_LIMIT_BYTES}; it is not read")
    names = {member.filename for member in members}
    if len(names) < len(members) or not all(name.isprintable() for name in names):
        raise ValueError("two of its entries have one name, or one that cannot be shown")
    other = [member.filename for member in members if member.compress_type not in _METHODS]
    if other:
        raise ValueError(f"its entry {other[0]} is packed in another way than numpy does")


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """One entry, whose header must promise just the bytes that are there."""
    with archive.open(member) as stream:  # read(-1) would unpack all that is packed, whatever its size is told to be
        content = io.BytesIO(stream.read(member.file_size))
    version = np.lib.format.read_magic(content)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(content, max_header_size=HEADER_LIMIT_BYTES)
    if dtype.hasobject or dtype.kind not in "biuf":
        raise ValueError(f"its entry {member.filename} has dtype {str(dtype)[:80]}, not a number; nothing is unpickled")
    held, promised = content.getbuffer().nbytes - content.tell(), int(np.prod(shape, dtype=object)) * dtype.itemsize
    if held != promised or min(shape, default=0) < 0:
        raise ValueError(f"its entry {member.filename} holds {held} bytes, its header says {promised}")
    return np.frombuffer(content.read(), dtype).reshape(shape, order="F" if fortran else "C")
