"""Accuracy of an estimated NDVI against the observed one, over valid pixels only, summed in float64."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from port.errors import PatchError

PEAK = 1.0
"""Peak of PSNR and data range of SSIM, in NDVI: land lies between 0 and 1 (water and clouds below).

One number for all scenes, so that decibels can be compared; a map is in NDVI under a scaling that suits its scene."""
WINDOW_PX = 7
"""Side of the SSIM window; all its pixels weigh the same (scikit-image's default, not a Gaussian)."""
_STRIP_PX = 256  # rows of windows compared at once, so that a whole scene's SSIM takes the memory of a strip


@dataclass(frozen=True)
class Metrics:
    """How well a map is estimated: MAE and RMSE in NDVI, Pearson's CC, PSNR in dB, SSIM, and the pixels compared.

    `cc` is NaN where a side is constant, `psnr` infinite where nothing is wrong, `ssim` NaN where no window is whole.
    """

    mae: float
    rmse: float
    cc: float
    psnr: float
    ssim: float
    pixels: int


def metrics(
    *,
    estimate: Float[np.ndarray, "row col"],
    truth: Float[np.ndarray, "row col"],
    valid: Bool[np.ndarray, "row col"],
    structure: bool = True,
) -> Metrics:
    """Compare two maps in NDVI where `valid` is True; what stands elsewhere, NaN too, changes nothing.

    `structure` False leaves SSIM out (NaN): for pixels scattered over a map, of which no window tells.

    Raises:
        PatchError: no pixel is valid.
    """
    if not valid.any():
        raise PatchError(
            f"none of {valid.size} pixels is valid, so nothing can be compared; choose a region with unmasked pixels"
        )
    guess, seen = estimate[valid].astype(np.float64), truth[valid].astype(np.float64)
    difference = guess - seen
    rmse = float(np.sqrt(np.square(difference).mean()))
    return Metrics(
        mae=float(np.abs(difference).mean()),
        rmse=rmse,
        cc=_correlation(guess, seen),
        psnr=20 * math.log10(PEAK / rmse) if rmse else math.inf,
        ssim=ssim(estimate=estimate, truth=truth, valid=valid) if structure else math.nan,
        pixels=int(valid.sum()),
    )


def ssim(
    *,
    estimate: Float[np.ndarray, "row col"],
    truth: Float[np.ndarray, "row col"],
    valid: Bool[np.ndarray, "row col"],
) -> float:
    """Mean structural similarity over the pixels whose whole window of 7 x 7 is valid; NaN where there is none.

    Wang et al. (2004): (2 m m' + C1)(2 v + C2) / ((m^2 + m'^2 + C1)(s^2 + s'^2 + C2)) of the window's means, sample
    covariance and sample variances, C1 = (0.01 PEAK)^2, C2 = (0.03 PEAK)^2. Invalid pixels are 0 on both sides.
    """
    from skimage.metrics import structural_similarity  # it and its scipy are slow to load; prediction needs neither

    if min(valid.shape) < WINDOW_PX:
        return math.nan
    total, count, half = 0.0, 0, WINDOW_PX // 2
    for top in range(0, valid.shape[0] - WINDOW_PX + 1, _STRIP_PX):
        strip = slice(top, top + _STRIP_PX + WINDOW_PX - 1)
        whole = np.lib.stride_tricks.sliding_window_view(valid[strip], (WINDOW_PX, WINDOW_PX)).all(axis=(-2, -1))
        guess, seen = (np.where(valid[strip], side[strip], 0).astype(np.float64) for side in (estimate, truth))
        _, similarity = structural_similarity(  # type: ignore[no-untyped-call]  # the library is not typed
            guess, seen, win_size=WINDOW_PX, data_range=PEAK, full=True
        )
        total += float(similarity[half:-half, half:-half][whole].sum())
        count += int(whole.sum())
    return total / count if count else math.nan


def _correlation(guess: Float[np.ndarray, "pixel"], seen: Float[np.ndarray, "pixel"]) -> float:
    """Pearson's r; NaN where a side is constant."""
    if np.ptp(guess) == 0 or np.ptp(seen) == 0:
        return float("nan")
    a, b = guess - guess.mean(), seen - seen.mean()
    return float((a @ b) / np.sqrt((a @ a) * (b @ b)))
