"""An audit says of each channel what is stored, what the network is fed, and what influence it has."""

from dataclasses import dataclass
from pathlib import Path

from port.band_statistics import BAND_SOURCES, BandStatistics, survey
from port.bands import SOURCES, TARGET_SOURCE, Band, Source, variant_bands
from port.errors import SceneError
from port.findings import Finding, errors, told, warnings
from port.influence import Influence, influences, unused
from port.network import FusionCNN
from port.normalisation import divisors, target_divisor
from port.recipes import Recipe
from port.regions import TEST_FRACTION, Region
from port.scale_audit import channel_name, first_layer_shares, scale_findings
from port.scenes import Scene

PREDICTION_SAMPLE_PX = 2**21
"""Before a prediction no more pixels than these are looked at; an audit and a training look at all."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One channel, or the target (number None).

    `share` is the part of the first layer's variance before training (None: not of the variant); `influence` what
    shuffling costs after it (None: no checkpoint, or not of the variant).
    """

    number: int | None
    name: str
    file: str
    stored: BandStatistics
    divisor: float
    share: float | None
    influence: Influence | None


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The channels in training order, then the target; `mae` is the trained network's on `region`."""

    scene: Path
    variant: str
    recipe: Recipe
    channels: tuple[Channel, ...]
    findings: tuple[Finding, ...]
    region: Region | None = None
    mae: float | None = None


def audit(
    scene: Scene,
    *,
    variant: str,
    recipe: Recipe,
    network: FusionCNN | None = None,
    region: Region | None = None,
    seed: int = 0,
) -> Audit:
    """Statistics, shares and findings of a scene, and influences on a trained network's error in a region.

    Without a region it is the one that a run keeps for testing.

    Raises:
        SceneError: a band cannot be read or holds NaN.
        RegionError, PatchError: see `port.influence.influences`.
    """
    found = survey(scene)
    shares = first_layer_shares(found, variant=variant, recipe=recipe)
    findings = scale_findings(scene, found, variant=variant, recipe=recipe)
    mae, of_channels = None, dict[Band, Influence]()
    if network is not None:
        region = region or Region.lower_rows(scene.shape, TEST_FRACTION)
        mae, of_channels = influences(network, scene, region, variant=variant, recipe=recipe, seed=seed)
        findings += unused(mae, of_channels)
    scales = divisors(recipe.scaling)
    rows = [(band, SOURCES[band], float(scales[band])) for band in Band]
    channels = [
        Channel(
            number=band,
            name=channel_name(source),
            file=scene.rasters[source].path.name,
            stored=found.bands[source],
            divisor=divisor,
            share=None if band is None else shares.get(band),
            influence=None if band is None else of_channels.get(band),
        )
        for band, source, divisor in [*rows, (None, TARGET_SOURCE, target_divisor(recipe.scaling))]
    ]
    return Audit(
        scene=scene.directory,
        variant=variant,
        recipe=recipe,
        channels=tuple(channels),
        findings=tuple(findings),
        region=region if network is not None else None,
        mae=mae,
    )


def scale_remarks(
    scene: Scene, *, variant: str, recipe: Recipe, sources: tuple[Source, ...], limit_px: int | None = None
) -> list[str]:
    """The sure errors of some files' scale, one sentence each, for commands that do not stop there.

    Of a scene of more pixels than the limit a sample is read, and each sentence says so.
    """
    found = survey(scene, sources, limit_px=limit_px)
    sampled = f" (seen in a sample of {100 * found.read:.2g} % of the pixels)" if found.read < 1 else ""
    return [text + sampled for text in told(errors(scale_findings(scene, found, variant=variant, recipe=recipe)))]


def variant_sources(variant: str) -> tuple[Source, ...]:
    """The files of a variant's channels."""
    return tuple(SOURCES[band] for band in variant_bands(variant))


def check_scale(scene: Scene, *, variant: str, recipe: Recipe, force: bool) -> list[str]:
    """The scale part before training: remarks on what may be meant, and with `force` on sure errors too.

    Raises:
        SceneError: a sure error, and not `force`.
    """
    findings = scale_findings(scene, survey(scene, BAND_SOURCES), variant=variant, recipe=recipe)
    sure = told(errors(findings))
    if sure and not force:
        raise SceneError(
            f"{scene.directory} does not suit recipe {recipe.name}: {'; '.join(sure)}. Mend it (`audit` shows every "
            f"channel), or train all the same with --force"
        )
    return sure + told(warnings(findings))
