"""A channel's share is what random first layers make of it, its influence what a trained network loses without it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from port import influence
from port.band_statistics import survey
from port.bands import SOURCES, Band, variant_bands
from port.errors import PatchError, RegionError
from port.influence import influences, unused
from port.initialisation import initialise
from port.network import FusionCNN, make_network
from port.normalisation import normalise
from port.recipes import Recipe, recipe
from port.regions import Region
from port.runs import run
from port.scale_audit import channel_name, first_layer_shares
from port.scenes import Scene
from port.settings import Settings
from port.weights import read_weights

REGION = Region(72, 120, 0, 104)
RECIPE = recipe("corrected")


def first_layer_variances(scene: Scene, variant: str, chosen: Recipe, networks: int) -> np.ndarray:
    """Mean variance over the pixels of the first layer's pre-activations, of all channels and of each one alone."""
    bands = variant_bands(variant)
    inputs = torch.from_numpy(normalise(scene.channels(scene.region, bands), bands, chosen.scaling)[None])
    inputs = inputs.double()
    sums = torch.zeros(len(bands) + 1, dtype=torch.float64)
    for seed in range(networks):
        network = make_network(variant, chosen)
        initialise(network, chosen.initialisation, seed=seed)
        weight = network.conv1.weight.double()
        sums[0] += torch.nn.functional.conv2d(inputs, weight)[0].var(dim=(1, 2)).mean()
        for channel in range(len(bands)):
            one = slice(channel, channel + 1)
            sums[1 + channel] += torch.nn.functional.conv2d(inputs[:, one], weight[:, one])[0].var(dim=(1, 2)).mean()
    return (sums / networks).detach().numpy()


@pytest.mark.parametrize("initialisation", ["pytorch", "normal-0.001"])
def test_share_is_that_of_random_first_layers(initialisation: str, hesbaye: Scene) -> None:
    """960 filters drawn as the recipe draws them: each channel's part of the variance, and no more than its parts."""
    chosen = recipe(initialisation=initialisation)
    shares = first_layer_shares(survey(hesbaye), variant="SOPTIIp", recipe=chosen)
    together, *alone = first_layer_variances(hesbaye, "SOPTIIp", chosen, networks=20)
    assert abs(sum(shares.values()) - 1) < 1e-12
    assert abs(together / sum(alone) - 1) < 0.15  # the cross terms of 960 filters have not quite averaged out
    for band, part in zip(shares, alone, strict=True):
        assert abs(part / sum(alone) / shares[band] - 1) < 0.15, band.name


def test_scaling_decides_the_share(hesbaye: Scene) -> None:
    """All divided by 1000, sigma0 has less than a millionth of the variance; by channel, VV alone a twentieth."""
    hidden, seen = (
        first_layer_shares(survey(hesbaye), variant="SOPTII", recipe=recipe(scaling=scaling))
        for scaling in ("all-by-1000", "per-channel")
    )
    sar = [band for band in hidden if SOURCES[band].kind in ("VH", "VV")]
    assert max(hidden[band] for band in sar) < 1e-6
    assert min(seen[band] for band in sar) > 1e-3
    assert min(seen[band] for band in sar if SOURCES[band].kind == "VV") > 0.05


def blind(*bands: Band) -> FusionCNN:
    """A random network whose weights of these channels are 0."""
    network = make_network("SOPTIIp", RECIPE)
    initialise(network, "pytorch", seed=0)
    with torch.no_grad():
        for band in bands:
            network.conv1.weight[:, band] = 0
    return network


def test_channel_without_weights_has_no_influence(synthetic_scene: Scene) -> None:
    """Shuffling it moves no estimate at all; every other channel's does."""
    base, found = influences(blind(Band.VV_AT, Band.DEM), synthetic_scene, REGION, variant="SOPTIIp", recipe=RECIPE)
    assert {band for band, of in found.items() if of.movement == 0} == {Band.VV_AT, Band.DEM}
    assert all((of.rise, of.spread) == (0, 0) for of in found.values() if of.movement == 0)
    assert {"VV at t", "DEM"} <= {finding.where for finding in unused(base, found)}


def test_error_is_that_of_the_whole_region(synthetic_scene: Scene) -> None:
    """The base is the mean absolute error of one pass over the region with its halo, on the valid pixels."""
    network = blind()
    base, found = influences(network, synthetic_scene, REGION, variant="SOPTIIp", recipe=RECIPE)
    inner = Region(72, 112, 8, 96)
    outer = inner.grown(8)
    inputs = normalise(synthetic_scene.channels(outer), tuple(Band), "per-channel")
    with torch.inference_mode():
        estimate = network(torch.from_numpy(inputs)[None])[0, 0].numpy()
    valid = ~synthetic_scene.masks(inner).any(axis=0)
    assert abs(base - np.abs(estimate - synthetic_scene.target(inner) / 1000)[valid].mean()) < 1e-6
    assert all(abs(of.rise) <= of.movement for of in found.values())


def test_shuffles_are_repeatable(synthetic_scene: Scene) -> None:
    """By their seed."""
    first, again, other = (
        influences(blind(), synthetic_scene, REGION, variant="SOPTIIp", recipe=RECIPE, seed=seed) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_shuffling_keeps_values_and_masked_pixels(synthetic_scene: Scene) -> None:
    """The channel's valid values are the same ones, elsewhere; masked pixels and other channels stay."""
    bands = tuple(Band)
    tile = Region(8, 112, 8, 96)
    generator = np.random.default_rng(0)
    pieces = list(influence._pieces(synthetic_scene, tile, bands, RECIPE, 8, generator))
    changed = influence._shuffled(pieces, Band.NDVI_AFTER, generator)
    assert len(pieces) == 4
    before = np.concatenate([piece.inputs[Band.NDVI_AFTER][piece.clear] for piece in pieces])
    after = np.concatenate([new[Band.NDVI_AFTER][piece.clear] for new, piece in zip(changed, pieces, strict=True)])
    assert np.array_equal(np.sort(before), np.sort(after))
    assert (before == after).mean() < 0.1
    others = [band for band in bands if band is not Band.NDVI_AFTER]
    for new, piece in zip(changed, pieces, strict=True):
        assert np.array_equal(new[others], piece.inputs[others])
        assert np.array_equal(new[:, ~piece.clear], piece.inputs[:, ~piece.clear])
    assert any(not piece.clear.all() for piece in pieces)


def test_sample_is_bounded(synthetic_scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more pieces than allowed are read."""
    monkeypatch.setattr(influence, "_TILES", 3)
    monkeypatch.setattr(influence, "_TILE_PX", 16)
    pieces = list(
        influence._pieces(synthetic_scene, Region(8, 112, 8, 96), tuple(Band), RECIPE, 8, np.random.default_rng(0))
    )
    assert [piece.truth.shape for piece in pieces] == [(16, 16)] * 3


def test_published_test_bands_are_those_measured(synthetic_scene: Scene) -> None:
    """Recipe published feeds variant SAR the bands of t-1."""
    chosen = recipe("published")
    network = make_network("SAR", chosen)
    initialise(network, "pytorch", seed=0)
    found = influences(network, synthetic_scene, REGION, variant="SAR", recipe=chosen)[1]
    assert list(found) == [Band.VH_BEFORE, Band.VV_BEFORE]


def test_region_without_a_valid_pixel_is_an_error(altered: object) -> None:
    """There is no truth to compare with."""
    scene = Scene.open(altered("002_MASK.tif", np.ones_like))
    with pytest.raises(PatchError, match="no pixel of 72:112,8:96 is valid at all three dates"):
        influences(blind(), scene, REGION, variant="SOPTIIp", recipe=RECIPE)
    with pytest.raises(RegionError, match="is not inside the scene"):
        influences(blind(), scene, Region(72, 121, 0, 104), variant="SOPTIIp", recipe=RECIPE)


@pytest.fixture(scope="module", params=["per-channel", "all-by-1000"])
def trained(request: pytest.FixtureRequest, synthetic_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint trained on the small synthetic scene for a few epochs, its channels scaled as named."""
    chosen = recipe(scaling=request.param, epochs=20, batch_size=4)
    out = tmp_path_factory.mktemp("trained")
    return run(Settings(variant="SOPTIIp", recipe=chosen, data=synthetic_folder, out=out)).folder


def test_training_cannot_use_what_the_scaling_hides(trained: Path, synthetic_scene: Scene) -> None:
    """Trained on channels all divided by 1000, sigma0 and DEM are unused; each by its own scale, none is."""
    state = read_weights(trained / "checkpoint.safetensors")
    base, found = influences(state.network(), synthetic_scene, REGION, variant=state.variant, recipe=state.recipe)
    names = {finding.where for finding in unused(base, found)}
    hidden = {channel_name(SOURCES[band]) for band in Band if SOURCES[band].kind != "NDVI"}
    assert names == (hidden if state.recipe.scaling == "all-by-1000" else set())
