"""What a layer may err by whose factors are rounded to bfloat16 (docs/decisions/bfloat16.md)."""

from typing import Any

import numpy as np

from parity import bounds, reference
from parity.graph import Node

UNIT_ROUNDOFF = 2.0**-9
"""8 significant bits, the nearest taken."""


def bound(node: Node, values: reference.Values, dtype: np.dtype[Any], u: float = UNIT_ROUNDOFF) -> np.ndarray:
    """Per element of a convolution: two rounded factors of each product, a rounded result, and float32 sums.

    |error| <= ((1 + u)^3 - 1) (|W| conv |h| + |b|) + (1 + u)^3 times the stage's bound in float32.
    """
    inputs = [np.abs(values[name].astype(np.float64)) for name in node.inputs]
    magnitude = reference.OPERATIONS[node.operation](*inputs, **reference.attributes(node))
    return np.asarray(((1 + u) ** 3 - 1) * magnitude + (1 + u) ** 3 * bounds.rounding(node, values, dtype))
