"""Stages alone: their sound computation from chosen inputs, and what is said of a program that computes another."""

from collections.abc import Callable
from typing import Any

import numpy as np

from parity.diagnosis import Explanation, explain
from parity.graph import Node
from parity.mistakes import Call

Wrong = Callable[..., np.ndarray]


def called(operation: str, *inputs: np.ndarray, dtype: str = "float64", **attributes: Any) -> Call:
    """The sound computation of a stage from these inputs; of what is given, the right value is the one input."""
    names = () if operation in ("given", "decode") else tuple(f"input/{number}" for number in range(len(inputs)))
    values = dict(zip(names or ("stage",), inputs, strict=True))
    entry = inputs[0].dtype if operation == "decode" else np.dtype(dtype)
    return Call(Node("stage", operation, names, attributes), values, np.dtype(dtype), entry)


def told(call: Call, wrong: Wrong) -> Explanation:
    """What is said of a program that computes something else from the inputs of a call."""
    inputs = call.inputs or [call.values["stage"]]
    return explain(call, np.asarray(wrong(*inputs)).astype(call.entry))


def names(found: Explanation) -> set[tuple[str, ...]]:
    """The names of all that explains a stage."""
    return {candidate.names for candidate in found.candidates}
