"""The zoo's wrong inputs: what the network is fed, shifted, turned, exchanged or scaled."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np

from parity_tests.mutation import Mutation, Plant, replaced, wrapped
from port import normalisation, scenes
from port.bands import NDVI_SCALE, SOURCES, VARIANTS, Band, Source
from port.dataset import SentinelPatchDataset

Stored = tuple[np.ndarray, np.ndarray]
HIGHEST_M = 749.0
"""Of Burkina Faso: what the DEM's 1 stands for."""


def cutting(wrong: Callable[..., Stored]) -> Plant:
    """Patches are cut by `wrong(stored, dataset, indices)`."""
    return wrapped(SentinelPatchDataset, "stored", wrong)


def _shifted(stored: Callable[..., Stored], self: SentinelPatchDataset, indices: Any, *, by: tuple[int, int]) -> Stored:
    """Inputs lie beside where they should; targets do not."""
    with patch.object(self, "patches", self.patches + by):
        inputs, _ = stored(self, indices)
    return inputs, stored(self, indices)[1]


def _transposed(stored: Callable[..., Stored], self: SentinelPatchDataset, indices: Any) -> Stored:
    inputs, targets = stored(self, indices)
    return inputs.swapaxes(2, 3), targets


def _at_other_date(stored: Callable[..., Stored], self: SentinelPatchDataset, indices: Any) -> Stored:
    """Where the network is fed radar at t alone, that at t-1 is cut."""
    if self.bands != VARIANTS["SAR"]:
        return stored(self, indices)
    with patch.object(self, "bands", (Band.VH_BEFORE, Band.VV_BEFORE)):
        return stored(self, indices)


def reading(exchanged: Mapping[Band, Band]) -> Plant:
    """Bands are read from each other's files."""
    taken: Mapping[Band, Source] = {band: SOURCES[exchanged.get(band, band)] for band in Band}
    return replaced(scenes, "SOURCES", lambda _: taken)


def both_ways(*pairs: tuple[Band, Band]) -> dict[Band, Band]:
    """Each of a pair for the other."""
    return {one: other for pair in pairs for one, other in (pair, pair[::-1])}


def dividing(change: Callable[[np.ndarray, list[Band]], np.ndarray]) -> Plant:
    """Channels are divided by `change(right divisors, bands)`."""

    def divisors(original: Callable[..., np.ndarray], scaling: str, bands: Any = tuple(Band)) -> np.ndarray:
        return change(original(scaling, bands), list(bands))

    return wrapped(normalisation, "divisors", divisors)


def _only_ndvi(right: np.ndarray, bands: list[Band]) -> np.ndarray:
    return np.where([SOURCES[band].kind == "NDVI" for band in bands], right, 1.0)


def _all_but_ndvi(right: np.ndarray, bands: list[Band]) -> np.ndarray:
    return np.where([SOURCES[band].kind == "NDVI" for band in bands], 1.0, right)


def _dem_in_metres(right: np.ndarray, bands: list[Band]) -> np.ndarray:
    return np.where([band is Band.DEM for band in bands], right / HIGHEST_M, right)


def target_divided_by(divisor: float) -> Plant:
    """The target is divided by another number."""
    return replaced(normalisation, "target_divisor", lambda _: lambda scaling: divisor)


_RADAR = both_ways((Band.VH_BEFORE, Band.VV_BEFORE), (Band.VH_AT, Band.VV_AT), (Band.VH_AFTER, Band.VV_AFTER))
INPUTS: tuple[Mutation, ...] = (
    # the original's list of patches is the first stage that holds any: batch/raw is its first rows
    *(
        Mutation(
            id=f"input-shifted-in-{axis}", rows=("Z08",), title=f"Inputs, not targets, are one pixel off in {axis}.",
            case="path", stage="patches/raw", known="shifted", plant=cutting(partial(_shifted, by=by)),
        )
        for axis, by in (("rows", (-1, 0)), ("cols", (0, -1)))
    ),
    Mutation(
        id="input-transposed", rows=("Z09",), title="Rows and columns of every input patch are exchanged.",
        case="path", stage="patches/raw", known="transposed", plant=cutting(_transposed),
    ),
    Mutation(
        id="channels-4-and-5-exchanged", rows=("Z10",), title="VV and VH at t+1 are read in the other order.",
        case="path", stage="patches/raw", known="channels-exchanged",
        plant=reading(both_ways((Band.VV_AFTER, Band.VH_AFTER))),
    ),
    Mutation(
        id="vh-and-vv-exchanged", rows=("Z11",), title="VH and VV are exchanged at every date.",
        case="path", stage="patches/raw", known="channels-permuted", plant=reading(_RADAR),
    ),
    Mutation(
        id="ndvi-exchanged", rows=("Z12",), title="NDVI before and after are exchanged.",
        case="path", stage="patches/raw", known="channels-exchanged",
        plant=reading(both_ways((Band.NDVI_BEFORE, Band.NDVI_AFTER))),
    ),
    Mutation(
        id="all-channels-by-1000", rows=("Z13",), title="All channels are divided by 1000 where none is to be.",
        case="unscaled", stage="batch/normalised", known="other-divisor",
        plant=dividing(lambda right, bands: right * NDVI_SCALE),
    ),
    # the original divides all: a port that knows better, and does not tell, is as wrong
    Mutation(
        id="only-ndvi-by-1000", rows=("Z13",), title="Only NDVI is divided, where all channels are to be.",
        case="network", stage="batch/normalised", known="other-divisor", plant=dividing(_only_ndvi),
    ),
    Mutation(
        id="ndvi-not-divided", rows=("Z14",), title="NDVI is fed as stored, all else divided by 1000.",
        case="network", stage="batch/normalised", known="other-divisor", plant=dividing(_all_but_ndvi),
    ),
    Mutation(
        id="target-not-divided", rows=("Z15",), title="The target is not divided by 1000.",
        case="network", stage="target/normalised", known="not-divided", plant=target_divided_by(1.0),
    ),
    Mutation(
        id="target-divided-twice", rows=("Z15",), title="The target is divided by 1000 twice.",
        case="network", stage="target/normalised", known="divided-twice", plant=target_divided_by(NDVI_SCALE**2),
    ),
    Mutation(
        id="dem-in-metres", rows=("Z16",), title="The DEM is fed in metres.",
        case="network", stage="batch/normalised", known="other-divisor", plant=dividing(_dem_in_metres),
    ),
    Mutation(
        id="radar-of-other-date", rows=("Z17",), title="Variant SAR is fed radar at t-1 for radar at t.",
        case="radar", stage="batch/selected", known="other-channel", plant=cutting(_at_other_date),
    ),
)  # fmt: skip
