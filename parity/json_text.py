"""JSON from outside is taken as the standard means it: each key once, finite numbers, no deeper than anyone needs.

Python's own reader lets NaN through, takes the last of two equal keys, and ends in a RecursionError where it is deep.
"""

import json
import math
import re
from typing import Any, NoReturn

DEPTH_LIMIT = 64
"""Objects and lists within each other; a manifest has six."""
INTEGER_DIGITS = 20
"""Of a whole number; no seed, size or step has more."""
_UNSHOWN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")  # steers a terminal, or is half a letter
_TOO_DEEP = f"it is nested more than {DEPTH_LIMIT} deep"


def parse(text: str | bytes) -> Any:
    """The value that a JSON text tells.

    Raises:
        ValueError: it is not JSON, or has a key twice, NaN, infinity, a number too large, a text that cannot be
            shown, or more depth than the limit.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=_object,
        )
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """Raise ValueError if lists and objects stand deeper than the limit, or a text cannot be shown."""
    level = [value]
    for _ in range(DEPTH_LIMIT + 1):
        level = [part for each in level for part in _parts(each)]
    if level:
        raise ValueError(_TOO_DEEP)


def _parts(value: Any) -> list[Any]:
    """What a value holds, keys too; none of a number, or of a text that can be shown."""
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, str) and (found := _UNSHOWN.search(value)) is not None:
        raise ValueError(f"a text has the character {found[0]!a}, which cannot be shown")
    return value if isinstance(value, list) else []


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:40]!r} stands twice in one object")
        found[key] = value
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > INTEGER_DIGITS:
        raise ValueError(f"{text[:40]} is too large a whole number")
    return int(text)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON's")
