"""The scale audit holds what a scene stores against what sensor, unit and recipe allow, and names what does not fit."""

import math
from collections.abc import Iterator
from dataclasses import replace

from port.band_limits import (
    DEM_METRES,
    DEM_RANGE,
    HIGHEST_SAR_MEDIAN,
    INVISIBLE,
    LARGEST_EXCHANGED_DB,
    LARGEST_UNSCALED_NDVI,
    LARGEST_ZERO_SHARE,
    LOWEST_SAR_MEDIAN,
    MOSTLY_MASKED,
    USUAL_NDVI,
)
from port.band_statistics import BandStatistics, Survey
from port.bands import SOURCES, TARGET_SOURCE, Band, Source, variant_bands
from port.findings import Finding, Severity, errors
from port.layout import TRIPLE
from port.normalisation import divisors, target_divisor
from port.recipes import Recipe
from port.scenes import Scene

_SAR = ("VH", "VV")
_DATES = ("t-1", "t", "t+1")


def channel_name(source: Source) -> str:
    """What a file holds, to be read: `VH at t-1`."""
    return source.kind if source.date_offset is None else f"{source.kind} at {_DATES[source.date_offset]}"


def scale_findings(scene: Scene, survey: Survey, *, variant: str, recipe: Recipe) -> list[Finding]:
    """All that does not fit, errors first; in a file that neither variant nor baselines use nothing is a sure error.

    Channels too weak to be seen are named only where no error stands: once it is mended they look different.
    """
    used = {SOURCES[band] for band in variant_bands(variant)} | {Source("NDVI", date) for date in TRIPLE}
    found = [finding for date, share in survey.masked.items() for finding in _masked(_mask_name(scene, date), share)]
    judged = {source: _of_file(scene, source, band, recipe) for source, band in survey.bands.items()}
    suspect = {source for source, findings in judged.items() if errors(findings)}
    for source, findings in judged.items():
        found += findings if source in used else _as_warnings(findings, variant)
    for date, ratio in survey.vh_over_vv_db.items():
        pair = {Source(kind, date) for kind in _SAR}
        if ratio > LARGEST_EXCHANGED_DB and not pair & suspect:
            exchanged = [_exchanged(scene, date, ratio)]
            found += exchanged if pair & used else _as_warnings(exchanged, variant)
    if not errors(found):
        found += _invisible(survey, variant, recipe)
    return sorted(found, key=lambda finding: finding.severity)


def first_layer_shares(survey: Survey, *, variant: str, recipe: Recipe) -> dict[Band, float]:
    """Each channel's share of the first layer's pre-activation variance over the pixels, for weights not yet trained.

    Weights drawn alike and independently, as both initialisations do, leave no cross terms on average: the variance of
    W * x is proportional to the sum of the channels' variances, whatever their correlation. Their means are the same
    at every pixel, so a bias can remove them. NaN where a channel has no valid pixel, 0 where nothing varies.
    """
    variances = _variances(survey, variant, recipe)
    total = sum(variances.values())
    return {band: variance / total if total else 0.0 for band, variance in variances.items()}


def _variances(survey: Survey, variant: str, recipe: Recipe) -> dict[Band, float]:
    """Variance of each channel as the network is fed it."""
    bands = variant_bands(variant)
    scales = divisors(recipe.scaling, bands)
    return {
        band: survey.bands[SOURCES[band]].variance / float(scale) ** 2
        for band, scale in zip(bands, scales, strict=True)
        if SOURCES[band] in survey.bands
    }


def _invisible(survey: Survey, variant: str, recipe: Recipe) -> Iterator[Finding]:
    """Channels that the recipe's scaling makes too weak beside the others, or beside what is to be estimated."""
    variances = _variances(survey, variant, recipe)
    reference = sum(variances.values()) / len(variances) if variances else math.nan
    if TARGET_SOURCE in survey.bands:
        reference = max(reference, survey.bands[TARGET_SOURCE].variance / target_divisor(recipe.scaling) ** 2)
    for band, variance in variances.items():
        if variance < INVISIBLE * reference:
            deviation = math.sqrt(variance)
            yield Finding(
                id="channel-invisible",
                severity="warning",
                where=channel_name(SOURCES[band]),
                text=(
                    f"varies by {deviation:.2g} as scaling {recipe.scaling!r} (recipe {recipe.name}) feeds it, beside "
                    f"{math.sqrt(reference):.2g} of an average channel or the target; below a hundredth of that the "
                    f"network hardly sees it: set --scaling per-channel"
                ),
            )


def _masked(name: str, share: float) -> Iterator[Finding]:
    """A file most of whose pixels are missing, an error where all are."""
    if share > MOSTLY_MASKED:
        yield Finding(
            id="mostly-masked-band",
            severity="error" if share == 1 else "warning",
            where=name,
            text=(
                f"marks {100 * share:.3g} % of the pixels as missing, more than {100 * MOSTLY_MASKED:.0f} %; take a "
                f"date with fewer clouds, or check which value means valid (MASK: 0, others: all but the no-data value)"
            ),
        )


def _of_file(scene: Scene, source: Source, band: BandStatistics, recipe: Recipe) -> list[Finding]:
    """What is wrong with one file: missing pixels, fill values, then a constant, else its unit."""
    name = _file(scene, source)
    found = [*_masked(name, band.missing), *_filled(name, band)]
    if not band.count:
        return found
    if band.low == band.high:
        return [*found, _constant(name, band)]
    if source.kind in _SAR:
        return [*found, *_sar(name, source, band)]
    return [*found, *(_ndvi(name, band, recipe) if source.kind == "NDVI" else _dem(name, band))]


def _filled(name: str, band: BandStatistics) -> Iterator[Finding]:
    """Undeclared fill values."""
    if band.fill is not None:
        text = (
            f"holds {band.fill:g} on {100 * band.filled:.2g} % of the unmasked pixels, a fill value, expected "
            f"measured values; declare it as the file's no-data value (gdal_translate -a_nodata), or mask those pixels"
        )
        yield Finding(id="fill-values", severity="error", where=name, text=text)


def _constant(name: str, band: BandStatistics) -> Finding:
    """Nothing to learn from; an error where every pixel is the same."""
    whole = band.minimum == band.maximum
    text = (
        f"is {band.median:g} on {'all' if whole else 'at least 98 %'} of its valid pixels, expected values that vary; "
        f"store the measured band, or train a variant that does not use it"
    )
    return Finding(id="constant-band", severity="error" if whole else "warning", where=name, text=text)


def _sar(name: str, source: Source, band: BandStatistics) -> Iterator[Finding]:
    """Backscatter that is no linear sigma0."""
    lowest = LOWEST_SAR_MEDIAN[source.kind]
    if band.zeros > LARGEST_ZERO_SHARE:
        text = (
            f"is exactly 0 on {100 * band.zeros:.2g} % of the unmasked pixels, expected above 0: no backscatter is 0, "
            f"but no-data is; declare 0 as the file's no-data value (gdal_translate -a_nodata 0), or mask those pixels"
        )
        yield Finding(id="fill-values", severity="warning", where=name, text=text)
    if band.zeros >= 0.5:
        return
    if band.median < 0:
        text = (
            f"has a median of {band.median:.3g}, expected linear sigma0, which is never negative (usual median "
            f"0.005 to 0.2): it is in dB; store 10 ** (dB / 10)"
        )
        yield Finding(id="sar-in-db", severity="error", where=name, text=text)
    elif band.median < lowest:
        text = (
            f"has a median of {band.median:.3g}, expected linear sigma0 with a median above {lowest:g} "
            f"({10 * math.log10(lowest):.0f} dB, the sensor's own noise): it was divided by 1000 or so; store it as "
            f"measured, 0.005 to 0.2 as a rule"
        )
        yield Finding(id="sar-divided-by-1000", severity="error", where=name, text=text)
    elif band.median > HIGHEST_SAR_MEDIAN:
        text = (
            f"has a median of {band.median:.3g}, expected linear sigma0 with a median below {HIGHEST_SAR_MEDIAN:g} "
            f"(5 dB): it holds digital numbers or another unit; calibrate it to linear sigma0"
        )
        yield Finding(id="sar-too-large", severity="error", where=name, text=text)
    elif band.minimum < 0:
        text = f"goes down to {band.minimum:.3g}, expected linear sigma0, which is never negative; mask those pixels"
        yield Finding(id="sar-negative", severity="warning", where=name, text=text)


def _ndvi(name: str, band: BandStatistics, recipe: Recipe) -> Iterator[Finding]:
    """NDVI in another unit than the recipe's divisor expects."""
    divisor = target_divisor(recipe.scaling)
    reaches, scaled = f"reaches {band.largest:g}", band.largest / divisor
    if divisor == 1 and band.largest > LARGEST_UNSCALED_NDVI:
        text = (
            f"{reaches}, so NDVI is stored x 1000, but scaling 'none' (recipe {recipe.name}) feeds it as it is: the "
            f"public program expects NDVI in [-1, 1], and diverges or gives a constant otherwise; store NDVI in "
            f"[-1, 1], or set --scaling per-channel"
        )
        yield Finding(id="ndvi-scaled", severity="error", where=name, text=text)
    elif divisor != 1 and band.largest <= LARGEST_UNSCALED_NDVI:
        text = (
            f"{reaches.replace('reaches', 'reaches only')}, so NDVI seems to be stored in [-1, 1], but scaling "
            f"{recipe.scaling!r} divides it by {divisor:g}; store NDVI x 1000, or set --scaling none"
        )
        yield Finding(id="ndvi-unscaled", severity="error", where=name, text=text)
    elif not USUAL_NDVI[0] <= scaled <= USUAL_NDVI[1]:
        text = (
            f"{reaches}, {scaled:g} as scaling {recipe.scaling!r} feeds it, expected {USUAL_NDVI[0]:g} to "
            f"{USUAL_NDVI[1]:g}: NDVI x 100 or x 10000, or a scene without a plant; store NDVI x {divisor:g}"
        )
        severity: Severity = "error" if scaled > USUAL_NDVI[1] else "warning"
        yield Finding(id="ndvi-out-of-range", severity=severity, where=name, text=text)


def _dem(name: str, band: BandStatistics) -> Iterator[Finding]:
    """A DEM that is not scaled to [0, 1]."""
    lowest, highest = DEM_RANGE
    if lowest <= band.minimum and band.maximum <= highest:
        return
    range_text = f"holds {band.minimum:g} to {band.maximum:g}, expected 0 to 1"
    if max(abs(band.minimum), abs(band.maximum)) > DEM_METRES:
        text = f"{range_text}: it is in metres; store (metres - lowest) / (highest - lowest)"
        yield Finding(id="dem-in-metres", severity="error", where=name, text=text)
    else:
        text = f"{range_text}; scale it so that its lowest pixel is 0 and its highest 1"
        yield Finding(id="dem-out-of-range", severity="warning", where=name, text=text)


def _exchanged(scene: Scene, date: int, ratio_db: float) -> Finding:
    """VH is the stronger one at a date."""
    vh, vv = (_file(scene, Source(kind, date)) for kind in _SAR)
    text = (
        f"is stronger than {vv}: VH / VV has a median of {ratio_db:+.1f} dB, expected -10 to -4 dB over land and never "
        f"above {LARGEST_EXCHANGED_DB:g}: the two files are exchanged; exchange their names"
    )
    return Finding(id="vv-vh-exchanged", severity="error", where=vh, text=text)


def _as_warnings(findings: list[Finding], variant: str) -> list[Finding]:
    """The same, for a file that is not used."""
    return [
        replace(finding, severity="warning", text=f"{finding.text} (variant {variant} does not use it)")
        for finding in findings
    ]


def _mask_name(scene: Scene, date: int) -> str:
    return _file(scene, Source("MASK", date))


def _file(scene: Scene, source: Source) -> str:
    """A file's name in the scene's folder."""
    return scene.rasters[source].path.name
