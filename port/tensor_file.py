"""A safetensors file is read once its header is known to be sound: plain floats, each with bytes of its own.

The library checks offsets and sizes too; that each tensor is named once, and how much is read, it leaves to us.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from port.json_text import parse
from port.whole_file import read_bytes

SIZE_LIMIT_BYTES = 64 << 20
"""A hundred times the weights and velocities of the largest variant."""
HEADER_LIMIT_BYTES = 4 << 20
"""Room for the losses of 50 000 epochs."""
_LENGTH_BYTES = 8
_ITEM_BYTES = {"F32": 4, "F64": 8}


def read(path: Path) -> bytes:
    """All of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file on a disk, or larger than anything of ours.
    """
    return read_bytes(path, SIZE_LIMIT_BYTES)


def loaded(content: bytes) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors by name, and what the header tells beside them.

    Raises:
        ValueError: it is no safetensors file of float32 and float64, whole.
    """
    header = _header(content)
    told = header.pop("__metadata__", {})
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise ValueError("its metadata is not texts by name")
    _check_places(header, len(content) - _LENGTH_BYTES - _header_bytes(content))
    try:
        return load(content), told
    except (SafetensorError, RuntimeError, KeyError, TypeError) as problem:
        raise ValueError(str(problem)) from problem


def _header_bytes(content: bytes) -> int:
    return int.from_bytes(content[:_LENGTH_BYTES], "little")


def _header(content: bytes) -> dict[str, Any]:
    """The JSON object that the file begins with."""
    told = _header_bytes(content)
    if len(content) < _LENGTH_BYTES or told > min(HEADER_LIMIT_BYTES, len(content) - _LENGTH_BYTES):
        raise ValueError(f"it tells a header of {told} bytes in a file of {len(content)}; at most {HEADER_LIMIT_BYTES}")
    header = parse(content[_LENGTH_BYTES : _LENGTH_BYTES + told])
    if not isinstance(header, dict):
        raise ValueError(f"its header is a {type(header).__name__}, not an object")
    return header


def _check_places(tensors: Mapping[str, Any], held_bytes: int) -> None:
    """Raise ValueError unless each tensor has just the bytes that it needs, one after the other, and all are used."""
    places = sorted(_place(name, tensor) for name, tensor in tensors.items())
    end = 0
    for start, stop, name in places:
        if start != end:
            raise ValueError(
                f"tensor {name[:80]!r} begins at byte {start}, expected {end}: tensors overlap or leave a gap"
            )
        end = stop
    if end != held_bytes:
        raise ValueError(f"its tensors take {end} bytes, the file holds {held_bytes}")


def _place(name: str, tensor: Any) -> tuple[int, int, str]:
    """Where a tensor begins and ends."""
    try:
        dtype, shape, (start, stop) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
        counts = [*shape, start, stop]
    except (KeyError, TypeError, ValueError) as problem:
        raise ValueError(f"tensor {name[:80]!r} lacks its dtype, shape or place ({problem!r:.100})") from problem
    if (
        not isinstance(dtype, str)
        or dtype not in _ITEM_BYTES
        or not all(type(count) is int and count >= 0 for count in counts)
    ):
        raise ValueError(f"tensor {name[:80]!r} is {str(tensor)[:100]}, expected float32 or float64 and whole numbers")
    if stop - start != math.prod(shape) * _ITEM_BYTES[dtype]:
        raise ValueError(f"tensor {name[:80]!r} of shape {str(shape)[:100]} has {stop - start} bytes, which do not fit")
    return start, stop, name
