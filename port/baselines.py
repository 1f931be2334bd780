"""The baselines estimate NDVI at t from the other optical dates alone."""

import numpy as np
from jaxtyping import Float


def interpolation(before: Float[np.ndarray, "*any"], after: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """(F- + F+) / 2, the paper's linear interpolation, whatever the dates."""
    middle: np.ndarray = (before + after) / 2
    return middle


def causal(before: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """F-, the last image before t."""
    return before.copy()
