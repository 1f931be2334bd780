"""Gates, signs and maxima that fall differently on two sides, and what follows from them.

They may where their argument is within its own error of 0, or of another pixel, which is judged where it is computed.
What follows is no rounding: it has a sign, and adds to what other decisions make of the same element.
"""

from collections import ChainMap

import numpy as np

from parity import reference
from parity.graph import Graph

Values = reference.Values

DECIDING = {"rectify_gradient": 1, "mean_absolute_error_gradient": 2, "max_pool_gradient": 1}
"""Operations that decide by the sign of something, or by what is largest: of how many of their first inputs."""


def decisions(graph: Graph, legacy: Values, port: Values) -> dict[str, np.ndarray]:
    """Per element, what follows from the decisions that the two sides made differently, in float64; by stage."""
    other: dict[str, np.ndarray] = {}
    apart: dict[str, np.ndarray] = {}
    for node in graph:
        deciding = node.inputs[: DECIDING.get(node.operation, 0)]
        if node.operation == "trajectory" or not (deciding or other.keys() & set(node.inputs)):
            continue
        values = ChainMap({name: port[name] for name in deciding}, other, dict(legacy))
        own, changed = (reference.compute(node, side).astype(np.float64) for side in (legacy, values))
        if not np.array_equal(own, changed):
            other[node.stage], apart[node.stage] = changed, np.abs(changed - own)
    return {stage: np.nan_to_num(value, nan=0.0, posinf=0.0) for stage, value in apart.items()}


def undecided(graph: Graph, legacy: Values, errors: Values) -> dict[str, np.ndarray]:
    """Likewise of all gates whose argument is within its own error of 0: a sound run may open or close any of them."""
    gates = {node.inputs[0] for node in graph if node.operation == "rectify_gradient"} & errors.keys()
    doubtful = {name: np.abs(legacy[name]) <= errors[name] for name in gates}
    if not any(doubt.any() for doubt in doubtful.values()):
        return {}
    flipped = {name: np.where(doubt, -legacy[name], legacy[name]) for name, doubt in doubtful.items()}
    return decisions(graph, legacy, {**legacy, **flipped})
