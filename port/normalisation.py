"""Normalisation divides each stored channel by one number: what the network should see (deviation 2 of the method)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Float

from port.bands import NDVI_SCALE, SOURCES, Band
from port.recipes import Scaling

_DIVISORS: Mapping[Scaling, Mapping[Band, float]] = MappingProxyType(
    {
        "per-channel": {band: NDVI_SCALE if SOURCES[band].kind == "NDVI" else 1.0 for band in Band},
        "all-by-1000": dict.fromkeys(Band, NDVI_SCALE),  # turns sigma0 of 0 to 0.3 into 0 to 0.0003
        "none": dict.fromkeys(Band, 1.0),  # the public files: they expect NDVI in [-1, 1]
    }
)


def divisors(scaling: Scaling, bands: Sequence[Band] = tuple(Band)) -> Float[np.ndarray, "channel"]:
    """What each band is divided by, float64, in the order given."""
    return np.array([_DIVISORS[scaling][band] for band in bands])


def target_divisor(scaling: Scaling) -> float:
    """What NDVI at t is divided by: the same as NDVI at t-1 and t+1."""
    return _DIVISORS[scaling][Band.NDVI_BEFORE]


def normalise(
    stored: Float[np.ndarray, "*batch channel row col"], bands: Sequence[Band], scaling: Scaling
) -> Float[np.ndarray, "*batch channel row col"]:
    """Stored channels as the network sees them, same dtype."""
    scale = divisors(scaling, bands).astype(stored.dtype)
    normalised: np.ndarray = stored / scale[:, None, None]
    return normalised


def normalise_target(stored: Float[np.ndarray, "*any"], scaling: Scaling) -> Float[np.ndarray, "*any"]:
    """Stored NDVI as the network should give it, same dtype."""
    normalised: np.ndarray = stored / stored.dtype.type(target_divisor(scaling))
    return normalised


def denormalise_target(output: Float[np.ndarray, "*any"], scaling: Scaling) -> Float[np.ndarray, "*any"]:
    """The network's output in stored units, same dtype."""
    stored: np.ndarray = output * output.dtype.type(target_divisor(scaling))
    return stored
