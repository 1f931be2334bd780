"""The fastest tile is the one whose rate was seen highest; a small region is not worth a trial."""

import math

import pytest
import torch

from port import tile_timing
from port.initialisation import initialise
from port.network import make_network
from port.recipes import recipe
from port.regions import Region
from port.scenes import Scene
from port.tile_timing import TileTiming, central, fastest_tile, timed_tile

INNER = Region(8, 2008, 8, 3008)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((5, 6, 7, 8), (4, 6, 7, 8), TileTiming(384, 8)),
        ((1, 6, 7, 2), (9, 6, 7, 2), TileTiming(128, 9)),
        ((9, 6, 5, 4), (1, 1, 8.7, 1), TileTiming(256, 8.7)),
        ((9, 6, 5, 4), (1, 1, 8.5, 1), TileTiming(128, 9)),
    ],
    ids=["last", "better of two passes", "usual is about as fast", "usual is slower"],
)
def test_fastest_is_taken(
    first: tuple[float, ...], second: tuple[float, ...], expected: TileTiming, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the better of two passes, the usual one where it is within 5 %; two small tiles go before, to warm up."""
    asked: list[int] = []

    def rate(_estimate: object, _inner: Region, side_px: int, _workers: int) -> float:
        asked.append(side_px)
        return 99 if side_px < 128 else (*first, *second)[len(asked) - 3]

    monkeypatch.setattr(tile_timing, "_rate", rate)
    assert fastest_tile(lambda tile: None, INNER, workers=2) == expected
    assert asked[2:] == [128, 192, 256, 384] * 2


def test_each_side_is_timed_on_about_as_many_pixels() -> None:
    """By two workers, so that none looks slow for its sample: between one usual tile each, and a little over two."""
    for side in tile_timing.SIDES_PX:
        seen: list[int] = []

        def estimate(tile: Region, seen: list[int] = seen) -> torch.Tensor:
            seen.append(math.prod(tile.shape))
            return torch.zeros(tile.shape)

        tile_timing._rate(estimate, INNER, side, 2)
        assert 2 * 256**2 <= sum(seen) <= 2 * 384**2


def test_small_region_is_not_timed(synthetic_scene: Scene) -> None:
    """Of 120 x 104 px nothing is predicted to find out."""
    network = make_network("SAR", recipe())
    region = synthetic_scene.region
    assert timed_tile(network, synthetic_scene, variant="SAR", recipe=recipe(), region=region) is None


def test_large_region_is_timed_on_the_scene(synthetic_scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A side that was tried, with a rate above 0."""
    monkeypatch.setattr(tile_timing, "WORTH_PX", 1)
    monkeypatch.setattr(tile_timing, "SIDES_PX", (16, 32))
    network = make_network("SAR", recipe())
    initialise(network, "pytorch", seed=0)
    region = synthetic_scene.region
    found = timed_tile(network, synthetic_scene, variant="SAR", recipe=recipe(), region=region)
    assert found is not None
    assert found.side_px in (16, 32)
    assert found.rate > 0


def test_central_square() -> None:
    """In the middle, and cut off where the region is smaller."""
    assert central(INNER, 256) == Region(880, 1136, 1380, 1636)
    assert central(Region(0, 10, 0, 100), 20) == Region(0, 10, 40, 60)
