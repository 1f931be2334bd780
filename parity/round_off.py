"""What sums and functions may err by, in units of round-off: the factors that all bounds are made of."""

import math

import numpy as np

FUNCTION = 4.0
"""exp, log and tanh: one unit in the last place each in the program and in the judge, and a unit is two round-offs."""


def sum_factor(length: int) -> float:
    """How many round-offs the sum of so many terms may err by: min(6 sqrt(n), n)."""
    return min(6 * math.sqrt(length), float(length))


def repeated_sum_factor(terms: np.ndarray) -> float:
    """Likewise for given terms, of which m of one magnitude round alike: 6 sqrt(sum of m^2), at least 6 sqrt(n).

    Added to sums of one binade, equal terms lose equal bits. The gradient of a mean of magnitudes has but two values.
    """
    magnitude, times = np.unique(np.abs(terms), return_counts=True)
    alike = times[magnitude != 0].astype(np.float64)  # 0 is added without rounding
    return min(6 * math.sqrt(max(alike @ alike, terms.size)), float(terms.size))
