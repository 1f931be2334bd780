"""Operations that may give many right values: what each must hold, from which a program's own choice is judged.

Each function returns why a value is not sound, or an empty text.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from parity.data_operations import covered_pixels
from parity.errors import ParityError
from parity.graph import Graph, Node

FALSE_ALARM = 1e-6
"""How often a sample that is uniform is told not to be."""


def blocks(value: np.ndarray, others: Sequence[np.ndarray], index: np.ndarray, *, side: int) -> str:
    """Corners of the index, none twice, that share no pixel with the other parts', which each have some.

    Args:
        value: this part's corners, (patch, 2).
        others: the other parts' corners.
        index: all corners.
        side: of a patch, in pixels.
    """
    if value.ndim != 2 or value.shape[1] != 2:
        return f"{value.shape} is not a list of corners"
    if repeated := len(value) - len(np.unique(value, axis=0)):
        return f"{repeated} of {len(value)} patches stand twice"
    if not len(value) or not all(len(other) for other in others):
        return "a part has no patch"
    known = {(int(row), int(col)) for row, col in index}
    if strange := [corner for corner in value.tolist() if tuple(corner) not in known]:
        return f"{len(strange)} of {len(value)} patches are not in the index, the first at {strange[0]}"
    for other in others:
        if shared := _sharing(value, other, side):
            return f"{shared} of {len(value)} patches share pixels with another part's"
    used = np.unique(np.concatenate([value, *others]), axis=0)
    dropped = np.array([corner for corner in index.tolist() if corner not in used.tolist()]).reshape(-1, 2)
    if others and (idle := len(dropped) - _sharing(dropped, used, side)):
        return f"{idle} of {len(dropped)} dropped patches share no pixel with those of any part"
    return ""


def _sharing(corners: np.ndarray, others: np.ndarray, side: int) -> int:
    """How many patches have a pixel of one of the others."""
    if not len(corners) or not len(others):
        return 0
    ends = np.zeros(np.concatenate([corners, others]).max(axis=0) + side + 1, np.int64)
    for row, sign in ((0, 1), (side, -1)):
        for col, other_sign in ((0, 1), (side, -1)):
            np.add.at(ends, (others[:, 0] + row, others[:, 1] + col), sign * other_sign)
    covered = ends.cumsum(axis=0).cumsum(axis=1)
    rows, cols = (np.unique(corners[:, axis], return_inverse=True) for axis in (0, 1))
    return int((covered_pixels(covered, rows[0], cols[0], (side, side))[rows[1], cols[1]] > 0).sum())


def uniform(value: np.ndarray, _others: Sequence[np.ndarray], *, limit: float, shape: Sequence[int]) -> str:
    """Numbers within the limit, spread as Kolmogorov and Smirnov allow, equal and in order no more than by chance."""
    if list(value.shape) != list(shape):
        return f"shape {value.shape}, its graph gives {tuple(shape)}"
    largest = float(np.abs(value).max())
    if not largest <= float(np.nextafter(value.dtype.type(limit), value.dtype.type(np.inf))):
        return f"a magnitude of {largest!r} is over the limit of {limit!r}"
    ranks = np.arange(value.size + 1) / value.size
    even = (np.sort(value.ravel().astype(np.float64)) + limit) / (2 * limit)
    apart = float(max((ranks[1:] - even).max(), (even - ranks[:-1]).max()))
    allowed = math.sqrt(-math.log(FALSE_ALARM / 2) / 2 / value.size)
    if not apart <= allowed:
        return f"{value.size} numbers are {apart:.3g} from an even spread in +-{limit:.3g}, allowed {allowed:.3g}"
    return _why_not_drawn(value.ravel())


def _why_not_drawn(value: np.ndarray) -> str:
    """Why numbers were not drawn one by one: too many are equal, or each is like the one before it."""
    equal = value.size - len(np.unique(value))
    chance = value.size**2 / 2 * float(np.finfo(value.dtype).eps)  # pairs of so many of 2 / eps numbers, and twice that
    most = int(chance + 6 * math.sqrt(chance)) + (chance > FALSE_ALARM)
    if equal > most:
        return f"{equal} of {value.size} numbers are repeated, allowed {most}"
    centred = value.astype(np.float64) - value.mean(dtype=np.float64)
    allowed = math.sqrt(-2 * math.log(FALSE_ALARM / 2) / value.size)
    together = float(centred[1:] @ centred[:-1]) / float(centred @ centred) if value.size > 1 else 0.0
    if not abs(together) <= allowed:
        return f"each of {value.size} numbers goes with the one before it, by {together:.3g}, allowed {allowed:.3g}"
    return ""


PROPERTIES: Mapping[str, Callable[..., str]] = {"blocks": blocks, "uniform": uniform}


def why_unsound(node: Node, graph: Graph, values: Mapping[str, np.ndarray]) -> str:
    """Why a recorded value is not one that its stage may have; empty where it is.

    Args:
        node: the stage, of an operation in `PROPERTIES`.
        graph: its graph: stages of the same operation on the same inputs are the other parts of one whole.
        values: the recorded entries.

    Raises:
        ParityError: its attributes are not those of the operation.
    """
    others = [
        values[other.stage]
        for other in graph
        if other.stage != node.stage and (other.operation, other.inputs) == (node.operation, node.inputs)
    ]
    inputs = [values[name] for name in node.inputs]
    try:
        return PROPERTIES[node.operation](values[node.stage], others, *inputs, **node.attributes)
    except (TypeError, ValueError, IndexError) as error:
        raise ParityError(
            f"{node.stage}: {node.operation} cannot be judged with {dict(node.attributes)} ({error}); record it again"
        ) from error
