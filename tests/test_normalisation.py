"""Normalisation divides each band by its own number and can be undone for the target."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from port.bands import VARIANTS, Band, variant_bands
from port.normalisation import denormalise_target, divisors, normalise, normalise_target, target_divisor
from port.recipes import RECIPES

EXPECTED_DIVISORS = {
    "per-channel": [1, 1, 1, 1, 1, 1, 1000, 1000, 1],
    "all-by-1000": [1000] * 9,
    "none": [1] * 9,
}


@pytest.mark.parametrize("scaling", EXPECTED_DIVISORS)
def test_divisors_in_training_order(scaling: str) -> None:
    """Per channel: 1000 for the two NDVI bands alone; the target as they."""
    assert divisors(scaling).tolist() == EXPECTED_DIVISORS[scaling]
    assert target_divisor(scaling) == EXPECTED_DIVISORS[scaling][Band.NDVI_BEFORE]


@pytest.mark.parametrize("variant", VARIANTS)
def test_each_variants_channel_is_divided_as_its_band(variant: str) -> None:
    """A variant's channels are the whole stack's normalised channels, picked."""
    stack = np.random.default_rng(0).uniform(0, 900, (9, 4, 5)).astype(np.float32)
    bands = variant_bands(variant)
    picked = normalise(stack, tuple(Band), "per-channel")[list(bands)]
    assert np.array_equal(normalise(stack[list(bands)], bands, "per-channel"), picked)


def test_batch_and_image_are_normalised_alike() -> None:
    """A leading batch axis changes nothing."""
    images = np.random.default_rng(0).uniform(0, 900, (3, 2, 4, 5))
    bands = variant_bands("OPTII")
    assert np.array_equal(normalise(images, bands, "per-channel")[1], normalise(images[1], bands, "per-channel"))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_is_kept(dtype: str) -> None:
    """Normalisation neither widens float32 nor narrows float64."""
    stored = np.full((1, 2, 2), 123, dtype=dtype)
    assert normalise(stored, (Band.NDVI_BEFORE,), "per-channel").dtype == dtype
    assert normalise_target(stored, "per-channel").dtype == dtype
    assert denormalise_target(stored, "per-channel").dtype == dtype


def test_division_is_rounded_once() -> None:
    """Stored 123 becomes the float32 nearest to 0.123."""
    stored = np.array([123], dtype=np.float32)
    assert normalise_target(stored, "per-channel")[0] == np.float32(0.123)


@given(st.integers(-1000, 1000), st.sampled_from(sorted(EXPECTED_DIVISORS)))
def test_target_comes_back(stored: int, scaling: str) -> None:
    """Stored NDVI normalised and denormalised in float64 is itself, to one rounding."""
    value = np.array([float(stored)])
    back = denormalise_target(normalise_target(value, scaling), scaling)
    assert abs(back - value)[0] <= np.spacing(1000.0)


def test_recipes_use_the_known_scalings() -> None:
    """Each recipe's scaling has its divisors."""
    assert {recipe.scaling for recipe in RECIPES.values()} == set(EXPECTED_DIVISORS)
