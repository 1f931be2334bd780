"""What sensor and unit allow a band to hold: limits that no sound scene comes near, and each known mistake oversteps.

Measured, as sound range and as the nearest mistake: 17 real scenes of Belgium (hesbaye_s, wervik, herne, 2017 to 2021,
all seasons, 4 to 52 m of relief) and synthetic ones of four seeds, at 1, 4.4 and 20 looks.
"""

from collections.abc import Mapping
from types import MappingProxyType

LOWEST_SAR_MEDIAN: Mapping[str, float] = MappingProxyType({"VH": 3e-4, "VV": 1e-3})
"""Median of linear sigma0: -35 and -30 dB, below Sentinel-1's own noise (-22 dB specified, about -30 dB at best).

Real scenes: VH 0.0081 to 0.029, VV 0.038 to 0.16; divided by 1000 at most 4.5e-5 (synthetic) and 1.6e-4.
"""
HIGHEST_SAR_MEDIAN = 3.0
"""Median of linear sigma0, 5 dB: only buildings and corner reflectors exceed 1; digital numbers start at tens.

Real scenes: at most 0.16; 99 % of the pixels below 2.1, the brightest 6.3.
"""
LARGEST_EXCHANGED_DB = 0.0
"""Median of VH / VV in dB: cross-polarised backscatter of land and sea is the weaker one.

Each date of the real scenes -9.1 to -5.4 dB, of the synthetic ones -5.3 to -4.1 dB; exchanged, as much above 0.
"""
LARGEST_UNSCALED_NDVI = 2.0
"""Stored |NDVI|, by its 1st and 99th percentile: NDVI in [-1, 1] stays below, NDVI x 1000 of any land above.

Real scenes, x 1000: 641 to 937; in [-1, 1]: below 1.
"""
USUAL_NDVI = (0.2, 1.25)
"""|NDVI| as the recipe scales it, by its 1st and 99th percentile: less is a scene without a plant, or NDVI x 100 taken
for x 1000 (at most 0.1); more is no NDVI but by negative reflectances, or NDVI x 10000 (at most 10).

Real scenes: 0.64 to 0.94.
"""
DEM_RANGE = (-0.01, 1.01)
"""A DEM scaled to [0, 1], with room for resampling. Real scenes: exactly 0 to 1."""
DEM_METRES = 10.0
"""|DEM| beyond which it can only be metres: a standardised DEM stays within some 5, that of the flattest real scene is
at 35 to 47 m."""
FILL_VALUES = (-9999.0, -32768.0, -32767.0, 32767.0, 65535.0)
"""Numbers that stand for no data by convention, and that no band here can measure."""
LARGEST_NUMBER = 1e30
"""Beyond it only fill values of float formats lie (-3.4e38, 9.97e36)."""
LARGEST_ZERO_SHARE = 1e-3
"""Share of sigma0 that is exactly 0, as swath edges are filled. Real scenes: none."""
MOSTLY_MASKED = 0.5
"""Share of a file's pixels that are missing. Real scenes: at most 0.06 a date, 0.11 at any of the three."""
INVISIBLE = 1e-4
"""Variance of a normalised channel, in units of the mean variance of all channels (or the target's, if larger).

Real scenes, each channel's own scale: 2.8e-3 (VH) to 3.2; all divided by 1000: sigma0 and DEM at most 1e-5. As an
amplitude: a hundredth of what an equal share would be.
"""
