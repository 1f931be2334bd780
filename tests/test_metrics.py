"""Metrics count valid pixels only and equal an independent computation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.errors import PatchError
from port.metrics import metrics


def _maps(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    truth = generator.uniform(0, 0.9, (12, 9)).astype(np.float32)
    estimate = (truth + generator.normal(0, 0.1, truth.shape)).astype(np.float32)
    return estimate, truth, generator.uniform(size=truth.shape) < 0.7


def test_errors_by_hand() -> None:
    """Errors 0.1, -0.3 and 0.2: MAE 0.2, RMSE the root of 0.14 / 3."""
    truth = np.array([[0.5, 0.6, 0.2]])
    found = metrics(estimate=truth + np.array([0.1, -0.3, 0.2]), truth=truth, valid=np.ones((1, 3), dtype=bool))
    assert found.pixels == 3
    assert found.mae == pytest.approx(0.2, rel=1e-14, abs=0)
    assert found.rmse == pytest.approx(math.sqrt(0.14 / 3), rel=1e-14, abs=0)


@given(st.integers(0, 10**6))
def test_all_three_equal_the_loop(seed: int) -> None:
    """Python sums over the valid pixels, and numpy's own correlation, give the same numbers."""
    estimate, truth, valid = _maps(seed)
    pairs = [(float(a), float(b)) for a, b, ok in zip(estimate.flat, truth.flat, valid.flat, strict=True) if ok]
    found = metrics(estimate=estimate, truth=truth, valid=valid)
    assert found.pixels == len(pairs)
    assert found.mae == pytest.approx(math.fsum(abs(a - b) for a, b in pairs) / len(pairs), rel=1e-13, abs=0)
    assert found.rmse == pytest.approx(
        math.sqrt(math.fsum((a - b) ** 2 for a, b in pairs) / len(pairs)), rel=1e-13, abs=0
    )
    assert found.cc == pytest.approx(float(np.corrcoef(*np.array(pairs).T)[0, 1]), rel=1e-12, abs=0)


@pytest.mark.parametrize("junk", [1e6, float("nan")])
def test_masked_pixels_do_not_count(junk: float) -> None:
    """Anything may stand in a masked pixel, on either side."""
    estimate, truth, valid = _maps(0)
    before = metrics(estimate=estimate, truth=truth, valid=valid)
    estimate[~valid], truth[~valid] = junk, -junk
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
