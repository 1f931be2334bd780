"""What the port feeds its networks: which files, in which order, divided by what."""

import numpy as np

from port.bands import SOURCES, Band, variant_bands
from port.layout import file_name
from port.network import make_network
from port.normalisation import normalise, normalise_target
from port.prediction import fed_bands
from port.recipes import recipe


def channels(variant: str) -> int:
    """The input channels of a variant's network."""
    return int(make_network(variant, recipe("original")).conv1.weight.shape[1])


def channel_lists(variant: str) -> list[int]:
    """The positions of a variant's channels in the stack of nine."""
    return [int(band) for band in variant_bands(variant)]


def training_order() -> list[str]:
    """The stem of each channel's file in a triple that starts at date 1."""
    return [file_name(SOURCES[band], 1, "").removesuffix(".tif") for band in Band]


def published_test_lists(variant: str) -> list[int]:
    """The positions of what the public test script feeds a variant."""
    return [int(band) for band in fed_bands(variant, recipe("published"))]


def divisors(recipe_name: str) -> list[float]:
    """By how much each of the nine channels becomes smaller."""
    stored = np.ones((len(Band), 1, 1))
    return [float(1 / value) for value in normalise(stored, tuple(Band), recipe(recipe_name).scaling).ravel()]


def target_divisor(recipe_name: str) -> float:
    """By how much NDVI at t becomes smaller."""
    return float(1 / normalise_target(np.ones(1), recipe(recipe_name).scaling)[0])
