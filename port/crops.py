"""A crop cycle is a field's cover from green-up to harvest; greenness at the three dates follows from it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from port.landscape import Landscape, smooth_noise

DAYS = (-30.0, 0.0, 30.0)
"""The three dates, in days from t."""
_DRY_SPELL = (0.0, 0.28, 0.04)  # greenness lost on the highest ground at each date: rain fails before t
_GREEN_UP_DAYS = 4.0  # time constant of emergence
_BARE_NDVI = (0.08, 0.16)
_MARGIN_NDVI, _ROAD_NDVI = 0.45, 0.12
_SENSOR_NOISE = 0.012
_GALLERY_BELOW = 0.10  # elevation under which gallery forest lines the streams


class Change(IntEnum):
    """What happened to a pixel's field between the dates; the codes of CHANGES.tif."""

    STABLE = 0
    HARVESTED_BEFORE_T = 1
    HARVESTED_AFTER_T = 2
    EMERGED_BEFORE_T = 3
    EMERGED_AFTER_T = 4


class Crop(NamedTuple):
    """A land cover: peak NDVI, biomass (full canopy = 1), how it likes high ground (-1 to 1), whether it is sown."""

    peak_ndvi: float
    biomass: float
    upland: float
    share: float
    sown: bool


CROPS = (
    Crop(peak_ndvi=0.78, biomass=1.2, upland=-0.8, share=0.30, sown=True),  # maize
    Crop(peak_ndvi=0.70, biomass=0.9, upland=0.0, share=0.28, sown=True),  # cotton
    Crop(peak_ndvi=0.62, biomass=0.8, upland=0.8, share=0.24, sown=True),  # sorghum and millet
    Crop(peak_ndvi=0.48, biomass=0.35, upland=0.3, share=0.10, sown=False),  # fallow grass
    Crop(peak_ndvi=0.82, biomass=2.0, upland=-0.3, share=0.08, sown=False),  # woodland
)
_WOODLAND = len(CROPS) - 1


class _Calendar(NamedTuple):
    """Share of the sown fields, and the ranges their green-up and harvest days are drawn from."""

    change: Change
    share: float
    green_up: tuple[float, float]
    harvest: tuple[float, float]


_LONG_AGO, _LATER = (-90.0, -55.0), (45.0, 90.0)
_CALENDARS = (
    _Calendar(Change.STABLE, 0.50, _LONG_AGO, _LATER),  # stands throughout
    _Calendar(Change.STABLE, 0.14, _LATER, (100.0, 120.0)),  # bare throughout
    _Calendar(Change.HARVESTED_BEFORE_T, 0.11, _LONG_AGO, (-28.0, -2.0)),
    _Calendar(Change.HARVESTED_AFTER_T, 0.10, _LONG_AGO, (2.0, 28.0)),
    _Calendar(Change.EMERGED_BEFORE_T, 0.08, (-20.0, -9.0), _LATER),
    _Calendar(Change.EMERGED_AFTER_T, 0.07, (9.0, 20.0), _LATER),
)


@dataclass(frozen=True)
class Season:
    """NDVI and biomass at the three dates, and what changed between them."""

    ndvi: Float[np.ndarray, "3 row col"]
    biomass: Float[np.ndarray, "3 row col"]
    changes: UInt8[np.ndarray, "row col"]


def grow(land: Landscape, generator: np.random.Generator) -> Season:
    """Crops chosen by elevation, a calendar for each field, and the greenness that follows."""
    crop = _choose_crops(land, generator)
    sown = np.array([kind.sown for kind in CROPS])[crop]
    calendar = np.where(sown, generator.choice(len(_CALENDARS), land.field_count, p=[c.share for c in _CALENDARS]), 0)
    green_up, harvest = (
        generator.uniform(*np.array([getattr(c, name) for c in _CALENDARS])[calendar].T)
        for name in ("green_up", "harvest")
    )
    days = np.array(DAYS)[:, None]
    vigour = 1 + generator.normal(0, 0.06, land.field_count) + generator.normal(0, 0.03, (len(DAYS), land.field_count))
    cover = vigour * (days < harvest) / (1 + np.exp((green_up - days) / _GREEN_UP_DAYS))
    change = np.array([c.change for c in _CALENDARS], dtype=np.uint8)[calendar]
    return _season(land, crop[land.field], cover[:, land.field], change[land.field], generator)


def _choose_crops(land: Landscape, generator: np.random.Generator) -> Int[np.ndarray, "field"]:
    """One crop a field, likelier where the ground suits it; gallery forest along the lowest."""
    height = land.field_mean(land.elevation)
    weight = np.array([kind.share * np.exp(kind.upland * 4 * (height - 0.5)) for kind in CROPS])
    steps = np.cumsum(weight / weight.sum(axis=0), axis=0)
    drawn = (generator.uniform(size=land.field_count) > steps[:-1]).sum(axis=0)
    return np.where(height < _GALLERY_BELOW, _WOODLAND, drawn)


def _season(
    land: Landscape,
    crop: Int[np.ndarray, "row col"],
    cover: Float[np.ndarray, "3 row col"],
    change: UInt8[np.ndarray, "row col"],
    generator: np.random.Generator,
) -> Season:
    """Rows, patchy soils, margins, roads, water stress and sensor noise laid over the fields' cover."""
    shape = crop.shape
    patchy = 1 + 0.05 * smooth_noise(shape, 5.0, generator) + 0.05 * np.sin(2 * np.pi * land.across_px / 3.3)
    cover = np.clip(cover * patchy, 0, 1.15)
    green = cover * (1 - np.array(_DRY_SPELL)[:, None, None] * land.elevation)
    bare = np.clip(0.12 + 0.02 * smooth_noise(shape, 8.0, generator), *_BARE_NDVI)
    ndvi = bare + (np.array([kind.peak_ndvi for kind in CROPS])[crop] - bare) * green
    biomass = np.array([kind.biomass for kind in CROPS])[crop] * cover
    for where, grey, mass in ((land.margin, _MARGIN_NDVI, 0.4), (land.road, _ROAD_NDVI, 0.0)):
        ndvi[:, where], biomass[:, where] = grey * patchy[where], mass
    noisy = ndvi + generator.normal(0, _SENSOR_NOISE, ndvi.shape)
    return Season(noisy, biomass, np.where(land.margin | land.road, Change.STABLE, change).astype(np.uint8))
