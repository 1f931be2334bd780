"""The baselines know the optical dates alone."""

import numpy as np

from port.baselines import causal, interpolation

BEFORE = np.array([[0.60, 0.60, 0.10]])
AFTER = np.array([[0.10, 0.62, 0.10]])


def test_interpolation_is_the_mean_of_both_dates() -> None:
    """A harvest from 0.60 to 0.10 is put at 0.35, whichever side of t it fell on."""
    assert np.array_equal(interpolation(BEFORE, AFTER), np.array([[0.35, 0.61, 0.10]]))


def test_interpolation_of_stored_numbers_keeps_halves() -> None:
    """Float32 stored units are not rounded to whole numbers."""
    assert interpolation(np.float32([[3]]), np.float32([[4]])).item() == 3.5


def test_causal_is_the_last_image_and_a_copy() -> None:
    """F-, unchanged and not the same memory."""
    estimate = causal(BEFORE)
    assert np.array_equal(estimate, BEFORE)
    assert not np.shares_memory(estimate, BEFORE)
