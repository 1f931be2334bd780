"""Every smaller request is one that the original takes, and is smaller in just its direction."""

from pathlib import Path

import numpy as np
import pytest

from legacy.pipeline_request import read_request as read_legacy_request
from parity.reduction import Request, Shrink
from parity.trace import read_request
from parity_tests.data_path import make_path_request
from parity_tests.probes import CHANNELS, Case, make_request
from parity_tests.shrinking import SHRINKS, channels, columns, epochs, limit, patches, rows, steps

BORDER = 16


@pytest.fixture
def network(tmp_path: Path) -> Request:
    """A list of patches with all nine channels."""
    make_request(Case("SOPTIIp", "scaled", "float64"), tmp_path / "network.npz")
    return Request.of(read_request(tmp_path / "network.npz"))


@pytest.fixture
def scene(tmp_path: Path) -> Request:
    """A whole scene."""
    make_path_request(Case("SOPTIIp", "scaled", "float64", scene="awkward"), tmp_path / "scene.npz", tmp_path)
    return Request.of(read_request(tmp_path / "scene.npz"))


def smallest(request: Request) -> Request:
    """As small as it can be in all directions."""
    for shrink in SHRINKS:
        request = next(iter(shrink(request)), request)
    return request


@pytest.mark.parametrize("kind", ["network", "scene"])
def test_smaller_requests_are_taken_by_the_original(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Each, and the smallest of all, is read by the original's own reader."""
    whole = request.getfixturevalue(kind)
    found = [smaller for shrink in SHRINKS for smaller in shrink(whole)]
    assert len(found) > 5
    for smaller in [*found, smallest(whole)]:
        smaller.write(tmp_path / "smaller.npz")
        assert read_legacy_request(str(tmp_path / "smaller.npz")).kind == whole.manifest["kind"]


@pytest.mark.parametrize("shrink", [steps, patches, rows, columns, channels], ids=lambda shrink: shrink.__name__)
def test_smallest_network_can_be_no_smaller(network: Request, shrink: Shrink) -> None:
    """Each direction has an end: one step, one patch, one pixel of output, the fewest channels."""
    while one := next(iter(shrink(network)), None):
        network = one
    sizes = {
        "steps": network.manifest["training"]["steps"],
        "patches": len(network.arrays["patches/raw"]),
        "rows": network.arrays["targets/raw"].shape[2],
        "columns": network.arrays["targets/raw"].shape[3],
        "channels": len(network.manifest["channels"]),
    }
    assert sizes[shrink.__name__] == 1


def test_patches_and_targets_stay_together(network: Request) -> None:
    """Targets are cut where the output of the smaller patches lies."""
    for smaller in [*rows(network), *columns(network)]:
        inputs, targets = (smaller.arrays[name].shape[2:] for name in ("patches/raw", "targets/raw"))
        assert np.subtract(inputs, targets).tolist() == [BORDER, BORDER]


def test_first_filters_are_cut_to_the_channels_left(network: Request) -> None:
    """Each channel keeps the filters that it had."""
    W = network.arrays["weight/conv1/W"]
    found = {one.manifest["variant"]: one.arrays["weight/conv1/W"] for one in channels(network)}
    assert set(found) == set(CHANNELS) - {"SOPTIIp"}
    for variant, cut in found.items():
        np.testing.assert_array_equal(cut, W[:, list(CHANNELS[variant])])


def test_scene_has_fewer_epochs_and_patches(scene: Request) -> None:
    """Down to one epoch of batches of one, with one patch that validates; recorded steps are among those left."""
    least = smallest(scene).manifest
    assert (least["training"]["epochs"], least["training"]["batch_size"], least["patches"]["limit"]) == (1, 1, 3)
    assert max(least["training"]["recorded"]) == 2
    assert list(epochs(scene))
    assert list(limit(scene))
