"""A watched prediction is the network on the whole region, put together from tiles; what a tile was fed is seen."""

from unittest.mock import patch

import numpy as np
import torch

from port import prediction
from port.bands import variant_bands
from port.initialisation import initialise
from port.network import make_network
from port.normalisation import normalise
from port.recipes import recipe
from port.regions import Region
from port.scenes import Scene
from port.watched_prediction import INPUT, tile_px, watched_prediction

CHOSEN = recipe("original", precision="float64")
REGION = Region(30, 61, 21, 50)
BANDS = variant_bands("SOPTIIp")


def test_tiles_put_together_are_the_whole(synthetic_scene: Scene) -> None:
    """Every stage of several tiles is that of one pass, to 1e-12 of its maximum; what is fed is the same bits."""
    network = make_network("SOPTIIp", CHOSEN)
    initialise(network, "pytorch", seed=5)
    watched = watched_prediction(network, synthetic_scene, bands=BANDS, recipe=CHOSEN, region=REGION)
    fed = normalise(synthetic_scene.channels(REGION, BANDS).astype(np.float64)[None], BANDS, CHOSEN.scaling)
    assert len(list(REGION.grown(-8).tiles(tile_px(REGION.grown(-8))))) == 4
    assert np.array_equal(watched.pop(INPUT).numpy(), fed)
    with torch.no_grad():
        expected = network.stages(torch.from_numpy(fed))
    assert list(watched) == list(expected)
    for stage, value in expected.items():
        assert watched[stage].shape == value.shape, stage
        assert (watched[stage] - value).abs().max() <= 1e-12 * value.abs().max(), stage


def test_what_a_tile_is_fed_is_seen(synthetic_scene: Scene) -> None:
    """Zeros read in place of the scene stand in the input that is kept."""
    network = make_network("SOPTIIp", CHOSEN)
    initialise(network, "pytorch", seed=5)
    read = prediction.stored_input
    with patch.object(prediction, "stored_input", lambda *given: 0 * read(*given)):
        watched = watched_prediction(network, synthetic_scene, bands=BANDS, recipe=CHOSEN, region=REGION)
    assert not watched[INPUT].any()


def test_several_tiles() -> None:
    """Two thirds of the shorter side, and never less than a pixel."""
    assert [tile_px(Region(0, *side)) for side in ((9, 0, 8), (1, 0, 7), (24, 0, 84))] == [5, 1, 16]
