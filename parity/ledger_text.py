"""A ledger's TOML from outside: a short file, shallow, of texts, truth values and numbers that fit 64 bits."""

import math
import stat
import tomllib
from pathlib import Path
from typing import Any

from parity.json_text import check_depth

SIZE_LIMIT_BYTES = 1 << 20
"""Thirty times the ledger of today."""


def read(path: Path) -> dict[str, Any]:
    """The tables of a file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no file, too large, no TOML, too deep, or holds what is neither text, number, list nor table.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode) or found.st_size > SIZE_LIMIT_BYTES:
        raise ValueError(f"it is no file, or has {found.st_size} bytes, over the limit of {SIZE_LIMIT_BYTES}")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
    check_depth(content)
    _check_values(content)
    return content


def _check_values(value: Any) -> None:
    """Raise ValueError for a number that no trace can hold, or a kind that JSON has not: dates, times."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            _check_values(part)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no finite number")
    elif isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError(f"a whole number of {value.bit_length()} bits is too large")
    elif not isinstance(value, str | int | float):
        raise ValueError(f"{value} is a {type(value).__name__}")
