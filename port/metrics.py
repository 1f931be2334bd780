"""Accuracy of an estimated NDVI against the observed one, over valid pixels only, summed in float64."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from port.errors import PatchError


@dataclass(frozen=True)
class Metrics:
    """Mean absolute error, root mean square error, Pearson correlation (NaN where a side is constant), pixel count."""

    mae: float
    rmse: float
    cc: float
    pixels: int


def metrics(
    *,
    estimate: Float[np.ndarray, "row col"],
    truth: Float[np.ndarray, "row col"],
    valid: Bool[np.ndarray, "row col"],
) -> Metrics:
    """Compare two maps where `valid` is True, in the maps' own units.

    Raises:
        PatchError: no pixel is valid.
    """
    if not valid.any():
        raise PatchError(
            f"none of {valid.size} pixels is valid, so nothing can be compared; choose a region with unmasked pixels"
        )
    guess, seen = estimate[valid].astype(np.float64), truth[valid].astype(np.float64)
    difference = guess - seen
    return Metrics(
        mae=float(np.abs(difference).mean()),
        rmse=float(np.sqrt(np.square(difference).mean())),
        cc=_correlation(guess, seen),
        pixels=int(valid.sum()),
    )


def _correlation(guess: Float[np.ndarray, "pixel"], seen: Float[np.ndarray, "pixel"]) -> float:
    """Pearson's r; NaN where a side is constant."""
    if np.ptp(guess) == 0 or np.ptp(seen) == 0:
        return float("nan")
    a, b = guess - guess.mean(), seen - seen.mean()
    return float((a @ b) / np.sqrt((a @ a) * (b @ b)))
