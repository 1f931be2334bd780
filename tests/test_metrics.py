"""Metrics count valid pixels only and equal an independent computation, SSIM window by window."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import structural_similarity

from port.errors import PatchError
from port.metrics import metrics, ssim

ANY_FLOATS = arrays(np.float32, (12, 9), elements=st.floats(width=32))


def _maps(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.uniform(0, 0.9, (12, 9)).astype(np.float32)
    estimate = (truth + generator.normal(0, 0.1, truth.shape)).astype(np.float32)
    return estimate, truth, generator.uniform(size=truth.shape) < 0.7


def _ssim_by_hand(estimate: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> float:
    """The formula of Wang et al. (2004), window by window: means, sample covariance, peak 1."""
    found = []
    for row, col in np.ndindex(valid.shape[0] - 6, valid.shape[1] - 6):
        window = slice(row, row + 7), slice(col, col + 7)
        if valid[window].all():
            x, y = estimate[window].astype(float).ravel(), truth[window].astype(float).ravel()
            (x_var, xy), (_, y_var) = np.cov(x, y)
            likeness = (2 * x.mean() * y.mean() + 0.01**2) / (x.mean() ** 2 + y.mean() ** 2 + 0.01**2)
            found.append(likeness * (2 * xy + 0.03**2) / (x_var + y_var + 0.03**2))
    return math.fsum(found) / len(found) if found else math.nan


def test_errors_by_hand() -> None:
    """Errors 0.1, -0.3 and 0.2: MAE 0.2, RMSE the root of 0.14 / 3, PSNR 10 log10(3 / 0.14) = 13.3099 dB."""
    truth = np.array([[0.5, 0.6, 0.2]])
    found = metrics(estimate=truth + np.array([0.1, -0.3, 0.2]), truth=truth, valid=np.ones((1, 3), dtype=bool))
    assert found.pixels == 3
    assert found.mae == pytest.approx(0.2, rel=1e-14, abs=0)
    assert found.rmse == pytest.approx(math.sqrt(0.14 / 3), rel=1e-14, abs=0)
    assert found.psnr == pytest.approx(13.3099, rel=0, abs=5e-5)


@given(st.integers(0, 10**6))
def test_pixel_metrics_equal_the_loop(seed: int) -> None:
    """Python sums over the valid pixels, and numpy's own correlation, give the same numbers."""
    estimate, truth, valid = _maps(seed)
    pairs = [(float(a), float(b)) for a, b, ok in zip(estimate.flat, truth.flat, valid.flat, strict=True) if ok]
    found = metrics(estimate=estimate, truth=truth, valid=valid)
    assert found.pixels == len(pairs)
    assert found.mae == pytest.approx(math.fsum(abs(a - b) for a, b in pairs) / len(pairs), rel=1e-13, abs=0)
    assert found.rmse == pytest.approx(
        math.sqrt(math.fsum((a - b) ** 2 for a, b in pairs) / len(pairs)), rel=1e-13, abs=0
    )
    mean_square = math.fsum((a - b) ** 2 for a, b in pairs) / len(pairs)
    assert found.psnr == pytest.approx(10 * math.log10(1 / mean_square), rel=1e-12, abs=0)
    assert found.cc == pytest.approx(float(np.corrcoef(*np.array(pairs).T)[0, 1]), rel=1e-12, abs=0)


def test_an_offset_of_a_tenth_is_20_db() -> None:
    """The peak is 1: an error of 0.1 everywhere is a hundredth of its square."""
    truth = np.zeros((8, 8))
    found = metrics(estimate=truth + 0.1, truth=truth, valid=np.ones((8, 8), dtype=bool))
    assert found.psnr == pytest.approx(20, rel=1e-14, abs=0)


def test_nothing_wrong_is_an_infinite_psnr_and_an_ssim_of_1() -> None:
    """The truth itself."""
    _, truth, _ = _maps(0)
    found = metrics(estimate=truth, truth=truth, valid=np.ones(truth.shape, dtype=bool))
    assert (found.mae, found.rmse, found.psnr) == (0, 0, math.inf)
    assert abs(found.ssim - 1) <= 1e-15


@given(st.integers(0, 10**6), st.floats(0, 0.05))
def test_ssim_equals_the_formula_window_by_window(seed: int, masked: float) -> None:
    """Means, variances and covariance of each whole window, computed here one window after the other."""
    generator = np.random.default_rng(seed)
    estimate, truth = generator.uniform(-0.1, 0.9, (2, 17, 12)).astype(np.float32)
    valid = generator.uniform(size=truth.shape) >= masked
    expected = _ssim_by_hand(estimate, truth, valid)
    found = ssim(estimate=estimate, truth=truth, valid=valid)
    assert found == pytest.approx(expected, rel=0, abs=1e-12, nan_ok=True)


def test_ssim_of_a_high_map_is_that_of_all_strips() -> None:
    """300 rows are passed over in two strips that share no window and miss none: scikit-image's own mean."""
    truth = np.random.default_rng(0).uniform(size=(300, 9))
    estimate = truth**2
    found = ssim(estimate=estimate, truth=truth, valid=np.ones(truth.shape, dtype=bool))
    assert found == pytest.approx(structural_similarity(estimate, truth, data_range=1.0, win_size=7), rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("shape", "masked"),
    [((6, 30), ()), ((30, 6), ()), ((7, 7), (3, 6)), ((13, 13), (6, 6))],
    ids=["low", "narrow", "one pixel of the only window", "the pixel in every window"],
)
def test_no_whole_window_is_no_ssim(shape: tuple[int, int], masked: tuple[int, ...]) -> None:
    """Smaller than a window, or each window holds an invalid pixel: NaN, while the errors are known."""
    valid = np.ones(shape, dtype=bool)
    if masked:
        valid[masked] = False
    found = metrics(estimate=np.full(shape, 0.2), truth=np.full(shape, 0.3), valid=valid)
    assert math.isnan(found.ssim)
    assert found.mae == pytest.approx(0.1, rel=1e-14, abs=0)


def test_ssim_can_be_left_out() -> None:
    """For scattered pixels nothing but SSIM changes."""
    estimate, truth, valid = _maps(0)
    valid[:7, :7] = True
    with_it, without = (metrics(estimate=estimate, truth=truth, valid=valid, structure=s) for s in (True, False))
    assert not math.isnan(with_it.ssim)
    assert math.isnan(without.ssim)
    assert replace(with_it, ssim=0.0) == replace(without, ssim=0.0)


@given(
    arrays(np.float32, (12, 9), elements=st.floats(width=32)), arrays(np.float32, (12, 9), elements=st.floats(width=32))
)
def test_masked_pixels_do_not_count(junk: np.ndarray, other: np.ndarray) -> None:
    """Any float may stand in a masked pixel, NaN and infinity too, on either side: no bit of a metric changes."""
    estimate, truth, valid = _maps(0)
    valid[:8, :8] = True
    before = metrics(estimate=estimate, truth=truth, valid=valid)
    assert not math.isnan(before.ssim)
    estimate[~valid], truth[~valid] = junk[~valid], other[~valid]
    assert metrics(estimate=estimate, truth=truth, valid=valid) == before


def test_sums_are_float64() -> None:
    """A million equal float32 errors average to that error, where float32 sums drift."""
    truth = np.zeros((1000, 1000), dtype=np.float32)
    found = metrics(estimate=truth + np.float32(0.1), truth=truth, valid=np.ones(truth.shape, dtype=bool))
    assert found.mae == pytest.approx(float(np.float32(0.1)), rel=1e-12, abs=0)


def test_constant_map_has_no_correlation() -> None:
    """Pearson's r of a constant estimate is NaN, the errors are not."""
    _, truth, valid = _maps(0)
    found = metrics(estimate=np.full_like(truth, 0.5), truth=truth, valid=valid)
    assert math.isnan(found.cc)
    assert found.mae > 0


def test_nothing_valid_is_refused() -> None:
    """The error says how many pixels there were."""
    estimate, truth, valid = _maps(0)
    with pytest.raises(PatchError, match=r"none of 108 pixels is valid, .* choose a region with unmasked pixels"):
        metrics(estimate=estimate, truth=truth, valid=np.zeros_like(valid))
