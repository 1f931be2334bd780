"""Backscatter of vegetated ground after the water cloud model (Attema and Ulaby 1978), under gamma speckle."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32

from port.landscape import smooth_noise


class Polarisation(NamedTuple):
    """Sigma0 of dense canopy, of dry soil, what saturated soil adds, and the canopy's extinction per unit biomass."""

    canopy_db: float
    dry_soil_db: float
    wetting_db: float
    extinction: float


POLARISATIONS: Mapping[str, Polarisation] = MappingProxyType(
    {
        "VH": Polarisation(canopy_db=-11.5, dry_soil_db=-22.0, wetting_db=3.0, extinction=0.8),
        "VV": Polarisation(canopy_db=-7.5, dry_soil_db=-15.0, wetting_db=6.0, extinction=0.5),
    }
)


def soil_moisture(
    elevation: Float[np.ndarray, "row col"], wetness: float, generator: np.random.Generator
) -> Float[np.ndarray, "row col"]:
    """Saturation in [0, 1]: the day's wetness, more in the valleys, less on the ridges, varying over some 200 m."""
    moisture: np.ndarray = wetness + 0.5 * (0.5 - elevation) + 0.08 * smooth_noise(elevation.shape, 20.0, generator)
    return moisture.clip(0, 1)


def sigma0(
    biomass: Float[np.ndarray, "row col"],
    moisture: Float[np.ndarray, "row col"],
    polarisation: Polarisation,
    *,
    looks: float,
    generator: np.random.Generator,
) -> Float32[np.ndarray, "row col"]:
    """Linear sigma0: canopy seen through itself plus soil seen through the canopy, times speckle of mean 1."""
    through = np.exp(-2 * polarisation.extinction * biomass)
    soil = _power(polarisation.dry_soil_db + polarisation.wetting_db * moisture)
    mean = _power(polarisation.canopy_db) * (1 - through) + soil * through
    speckled: np.ndarray = mean * generator.gamma(looks, 1 / looks, mean.shape)
    return speckled.astype(np.float32)


def _power(decibel: float | Float[np.ndarray, "row col"]) -> Float[np.ndarray, "*map"]:
    return np.asarray(10 ** (np.asarray(decibel) / 10))
