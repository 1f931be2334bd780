"""How near an estimate comes to the truth: numbers computed in float64 over a list of valid pixels."""
from __future__ import division

import numpy as np

PEAK = 1.0
"""The largest NDVI. The paper tells PSNR; with which peak is not at hand. NDVI over land lies between 0 and 1."""


def mean_absolute_error(estimate, truth):
    """Return the mean of |estimate - truth|, of shape ()."""
    return np.asarray(np.mean(np.abs(_difference(estimate, truth))))


def root_mean_square_error(estimate, truth):
    """Return the square root of the mean of (estimate - truth)**2, of shape ()."""
    return np.asarray(np.sqrt(np.mean(_difference(estimate, truth) ** 2)))


def peak_signal_to_noise_ratio(estimate, truth, peak):
    """Return 10 log10(peak**2 / mean of (estimate - truth)**2) in dB, of shape (); infinite where nothing is wrong."""
    with np.errstate(divide="ignore"):
        return np.asarray(10 * np.log10(peak ** 2 / np.mean(_difference(estimate, truth) ** 2)))


def correlation(estimate, truth):
    """Return Pearson's coefficient of correlation, of shape ()."""
    return np.asarray(np.corrcoef(estimate.astype(np.float64), truth.astype(np.float64))[0, 1])


def _difference(estimate, truth):
    return estimate.astype(np.float64) - truth.astype(np.float64)
