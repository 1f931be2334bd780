"""The nine input channels and the eight variants of the method, in the one place that knows their order."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from port.errors import SettingError


class Band(IntEnum):
    """A channel of the network's input stack; the value is its position in training order (paper's table, 0-based)."""

    VH_BEFORE = 0
    VV_BEFORE = 1
    VH_AT = 2
    VV_AT = 3
    VV_AFTER = 4  # the original's order at t+1 is VV, VH
    VH_AFTER = 5
    NDVI_BEFORE = 6
    NDVI_AFTER = 7
    DEM = 8


class Source(NamedTuple):
    """Where a channel is stored: the file kind and the date's offset in the triple (None: no date)."""

    kind: str
    date_offset: int | None


SOURCES: Mapping[Band, Source] = MappingProxyType(
    {
        Band.VH_BEFORE: Source("VH", 0),
        Band.VV_BEFORE: Source("VV", 0),
        Band.VH_AT: Source("VH", 1),
        Band.VV_AT: Source("VV", 1),
        Band.VV_AFTER: Source("VV", 2),
        Band.VH_AFTER: Source("VH", 2),
        Band.NDVI_BEFORE: Source("NDVI", 0),
        Band.NDVI_AFTER: Source("NDVI", 2),
        Band.DEM: Source("DEM", None),
    }
)
TARGET_SOURCE = Source("NDVI", 1)

NDVI_SCALE = 1000.0
"""Stored NDVI is int16, NDVI x 1000 (the paper's files); sigma0 is stored linear and the DEM in [0, 1]."""

_SAR_AT = (Band.VH_AT, Band.VV_AT)
_SAR_CAUSAL = (Band.VH_BEFORE, Band.VV_BEFORE, *_SAR_AT)
_ALL_BUT_DEM = tuple(band for band in Band if band is not Band.DEM)

VARIANTS: Mapping[str, tuple[Band, ...]] = MappingProxyType(
    {
        "SAR": _SAR_AT,
        "SARp": (*_SAR_AT, Band.DEM),
        "OPTI": (Band.NDVI_BEFORE,),
        "OPTII": (Band.NDVI_BEFORE, Band.NDVI_AFTER),
        "SOPTI": (*_SAR_CAUSAL, Band.NDVI_BEFORE),
        "SOPTIp": (*_SAR_CAUSAL, Band.NDVI_BEFORE, Band.DEM),
        "SOPTII": _ALL_BUT_DEM,
        "SOPTIIp": tuple(Band),
    }
)
PAPER_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "SAR": "SAR",
        "SARp": "SAR+",
        "OPTI": "Optical/C",
        "OPTII": "Optical",
        "SOPTI": "Optical-SAR/C",
        "SOPTIp": "Optical-SAR+/C",
        "SOPTII": "Optical-SAR",
        "SOPTIIp": "Optical-SAR+",
    }
)


def variant_bands(variant: str) -> tuple[Band, ...]:
    """The channels of a variant in training order.

    Raises:
        SettingError: the name is none of the eight.
    """
    try:
        return VARIANTS[variant]
    except KeyError:
        raise SettingError(f"unknown variant {variant!r}; choose one of {', '.join(VARIANTS)}") from None


_PUBLISHED_TEST_BAND = MappingProxyType({Band.VV_AFTER: Band.VH_AFTER, Band.VH_AFTER: Band.VV_AFTER})
_PUBLISHED_TEST_DATE = MappingProxyType({Band.VH_AT: Band.VH_BEFORE, Band.VV_AT: Band.VV_BEFORE})


def published_test_bands(variant: str) -> tuple[Band, ...]:
    """The bands the public test script feeds a variant's channels: VH, VV at t+1; date t-1 for SAR and SARp.

    It is the published mistake, reproduced by recipe `published` only (deviations 4 and 5 of the method's notes).

    Raises:
        SettingError: the name is none of the eight.
    """
    swaps = _PUBLISHED_TEST_DATE if variant in ("SAR", "SARp") else _PUBLISHED_TEST_BAND
    return tuple(swaps.get(band, band) for band in variant_bands(variant))
