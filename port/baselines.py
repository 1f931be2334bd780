"""A baseline estimates NDVI at t from the other optical dates alone: a linear combination of both, pixel by pixel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from jaxtyping import Bool, Float

from port.bands import Band
from port.normalisation import normalise, normalise_target
from port.recipes import Scaling
from port.regions import Region
from port.scenes import Scene

_STRIP_PX = 256  # rows read at once where a regressor is fitted
_NO_DATE, _NO_PIXEL = "a file has no DATE tag", "no valid pixel lies outside the region kept for testing"
_NEEDS = {"time-weighted": _NO_DATE, "regressor F-": _NO_PIXEL, "regressor F-F+": _NO_PIXEL}
_ROUNDING = 1e-12  # share of the largest singular value below which one is the rounding of its sums


@dataclass(frozen=True)
class Baseline:
    """Estimate of F: intercept + before * F- + after * F+, all in NDVI as the recipe scales it."""

    intercept: float
    before: float
    after: float

    def __call__(
        self, before: Float[np.ndarray, "*any"], after: Float[np.ndarray, "*any"]
    ) -> Float[np.ndarray, "*any"]:
        """The estimate from F- and F+, same dtype."""
        estimate: np.ndarray = self.intercept + self.before * before + self.after * after
        return estimate


INTERPOLATION = Baseline(0.0, 0.5, 0.5)
"""(F- + F+) / 2, the paper's linear interpolation, whatever the dates."""
CAUSAL = Baseline(0.0, 1.0, 0.0)
"""F-, the last image before t."""


def time_weighted(dates: Sequence[date | None]) -> Baseline | None:
    """Interpolation by the days between the dates: the nearer image weighs more; None where a date is not known."""
    before, at, after = dates
    if before is None or at is None or after is None:
        return None
    share = (at - before) / (after - before)
    return Baseline(0.0, 1 - share, share)


def regressors(scene: Scene, scaling: Scaling, *, kept: Region) -> tuple[Baseline, Baseline] | None:
    """The least-squares regressors of F on F-, and on F- and F+, with intercept; None where no pixel may be fitted.

    Fitted on what the network may learn from: pixels valid at all dates and outside the region kept for testing. The
    sums of their products are gathered by strips in float64, so that a scene is never held whole; where they
    leave a choice (a constant image, fewer than three pixels), the smallest coefficients are taken.

    Raises:
        SceneError: a file cannot be read or holds NaN.
    """
    products = np.zeros((4, 4))  # of the columns 1, F-, F+, F
    for strip in scene.region.strips(_STRIP_PX):
        columns = _columns(scene, strip, scaling)[:, _outside(strip, kept) & ~scene.masks(strip).any(axis=0)]
        products += columns @ columns.T
    if products[0, 0] == 0:
        return None
    (one, causal), (shift, before, after) = (
        np.linalg.lstsq(products[:count, :count], products[:count, 3], rcond=_ROUNDING)[0] for count in (2, 3)
    )
    return Baseline(float(one), float(causal), 0.0), Baseline(float(shift), float(before), float(after))


def baselines(scene: Scene, scaling: Scaling, *, kept: Region) -> dict[str, Baseline]:
    """All baselines of a scene by name, interpolation first; those that its files do not allow are left out.

    Raises:
        SceneError: a file cannot be read or holds NaN.
    """
    fitted = regressors(scene, scaling, kept=kept) or (None, None)
    found = {
        "interpolation": INTERPOLATION,
        "causal": CAUSAL,
        "time-weighted": time_weighted(scene.dates),
        "regressor F-": fitted[0],
        "regressor F-F+": fitted[1],
    }
    return {name: baseline for name, baseline in found.items() if baseline is not None}


def missing_remark(found: Mapping[str, Baseline]) -> str:
    """Which baselines a scene does not allow, and why; empty where it allows all."""
    missing = [f"{name} ({reason})" for name, reason in _NEEDS.items() if name not in found]
    return f"baselines not compared: {', '.join(missing)}" if missing else ""


def _columns(scene: Scene, strip: Region, scaling: Scaling) -> Float[np.ndarray, "4 row col"]:
    """1, F-, F+ and F of a strip, float64."""
    bands = (Band.NDVI_BEFORE, Band.NDVI_AFTER)
    before, after = normalise(scene.channels(strip, bands).astype(np.float64), bands, scaling)
    truth = normalise_target(scene.target(strip).astype(np.float64), scaling)
    return np.stack([np.ones_like(truth), before, after, truth])


def _outside(strip: Region, kept: Region) -> Bool[np.ndarray, "row col"]:
    """Which pixels of a strip are not in the region kept."""
    rows = np.arange(strip.row_start, strip.row_stop)[:, None]
    cols = np.arange(strip.col_start, strip.col_stop)[None, :]
    outside: np.ndarray = (
        (rows < kept.row_start) | (rows >= kept.row_stop) | (cols < kept.col_start) | (cols >= kept.col_stop)
    )
    return outside
