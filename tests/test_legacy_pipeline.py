"""The witness's data path, apart from Theano: what it refuses, and the whole with a stand-in network."""

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from legacy_scene import TRANSFORM, Arrays, Change, Manifest, StandIn, mask_of, pixels_of, request_of

from legacy import rasters
from legacy.pipeline import record_pipeline
from legacy.pipeline_graph import describe_pipeline
from legacy.pipeline_request import PipelineRequest, file_name
from legacy.trace import BadInput
from legacy.training import train


def test_dates_count_from_the_first() -> None:
    """001 to 003 are t-1 to t+1, whatever the scene calls them."""
    found = [file_name(name, 5, "_x") for name in ("001_VH", "003_MASK", "DEM")]
    assert found == ["005_VH_x.tif", "007_MASK_x.tif", "DEM_x.tif"]


REFUSED: dict[str, tuple[Change, str]] = {
    "kind": (lambda m, a: m.update(kind="pipe"), "kind is .*pipe.*, expected network or pipeline"),
    "suffix": (lambda m, a: m["scene"].update(suffix="/../x"), "file name .*expected a plain name, no path"),
    "no suffix": (lambda m, a: m.update(scene={"first_date": 1}), "scene is .*expected a suffix and a first_date"),
    "date": (lambda m, a: m["scene"].update(first_date=1), "the list of entries"),
    "file": (lambda m, a: a.pop("files/DEM_a b.tif"), "the list of entries"),
    "stranger": (lambda m, a: a.update({"files/../x": np.zeros(1, np.uint8)}), r"the list of entries .*\.\./x"),
    "bytes": (lambda m, a: a.update({"files/DEM_a b.tif": np.zeros((2, 2), np.uint8)}), "expected bytes"),
    "test channels": (lambda m, a: m.update(test_channels=[1]), r"test_channels is \[1\], expected as many"),
    "no band": (lambda m, a: m.update(test_channels=[1, 9]), "indices below 9"),
    "region": (lambda m, a: m.update(test_region=[20, 20, 3, 13]), r"test_region is \[20, 20, 3, 13\].*rising"),
    "narrow": (lambda m, a: m.update(test_region=[20, 26, 3, 13]), "is 6, expected more than twice the border of 3"),
    "stride": (lambda m, a: m["patches"].update(stride=0), "patches.stride is 0, expected a whole number from 1 up"),
    "limit": (lambda m, a: m["patches"].pop("limit"), "patches.limit is None, expected a whole number from 1 up"),
    "epochs": (lambda m, a: m["training"].pop("epochs"), "training.epochs is None"),
    "permutation": (lambda m, a: a.update({"split/permutation": np.array([0, 2])}), "expected a permutation of 0, 1"),
    "start": (lambda m, a: m.update(initialisation={"seed": 1}), "initialisation is .*expected null, or a seed"),
    "both": (lambda m, a: m.update(initialisation={"seed": 1, "deviation": 1}), "the list of entries"),
    "even": (
        lambda m, a: a.update({"weight/conv2/W": np.zeros((1, 3, 4, 4))}),
        "expected square filters of odd side, one in the last layer",
    ),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_a_bad_request_is_refused_with_both_values(tmp_path: Path, change: Change, message: str) -> None:
    """Before anything is unpacked or compiled."""
    with pytest.raises(BadInput, match=message) as caught:
        request_of(tmp_path, change)
    assert "r.npz" in str(caught.value)


def _three_rows_less(_m: Manifest, arrays: Arrays) -> None:
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", count=1, height=27, width=27, dtype="uint8", transform=TRANSFORM) as file:
            file.write(np.zeros((27, 27), np.uint8), 1)
        arrays["files/003_MASK_a b.tif"] = np.frombuffer(memory.read(), np.uint8).copy()


UNFIT: dict[str, tuple[Change, str]] = {
    "size": (_three_rows_less, r"003_MASK_a b.tif has the shape \(27, 27\), expected \(30, 27\) of 002_VH_a b.tif"),
    "raster": (lambda m, a: a.update({"files/DEM_a b.tif": np.zeros(9, np.uint8)}), "cannot be read as a GeoTIFF"),
    "region": (lambda m, a: m.update(test_region=[20, 31, 3, 13]), r"expected within the scene's \(30, 27\)"),
    "step": (lambda m, a: m["training"].update(recorded=[7]), "training.recorded is .*1 to 6"),
    "batch": (lambda m, a: m["training"].update(batch_size=8), "7 training patches are fewer than a batch of 8"),
    "clouds": (lambda m, a: m.update(test_region=[8, 15, 10, 17]), "has 0 valid pixels within the border of 3"),
}


@pytest.mark.parametrize(("change", "message"), UNFIT.values(), ids=UNFIT)
def test_a_scene_that_does_not_fit_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, message: str
) -> None:
    """The directory that files were unpacked to is gone."""
    request = request_of(tmp_path, change)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with pytest.raises(BadInput, match=message):
        record_pipeline(request, StandIn(request))
    assert list((tmp_path / "temporary").iterdir()) == []


def test_without_gdal_a_scene_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Python 2.7; the paragraph says where to ask."""
    monkeypatch.setattr(rasters, "gdal", None)
    monkeypatch.setattr(rasters, "rasterio", None)
    request = request_of(tmp_path)
    with pytest.raises(BadInput, match=r"kind is pipeline, which takes GDAL, and this Python .* Ask the container"):
        record_pipeline(request, StandIn(request))


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PipelineRequest, StandIn, Arrays]:
    """The small scene, recorded with the stand-in."""
    request = request_of(tmp_path)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    network = StandIn(request)
    recorded = record_pipeline(request, network)
    assert list((tmp_path / "temporary").iterdir()) == []
    return request, network, recorded


Recorded = tuple[PipelineRequest, StandIn, Arrays]


def test_the_graph_tells_each_stage_in_its_order(stages: Recorded) -> None:
    """Every array has its node, and every input of a node stands before it."""
    request, _, recorded = stages
    nodes = describe_pipeline(request, recorded)
    assert [node["stage"] for node in nodes] == list(recorded)
    seen: set[str] = set()
    for node in nodes:
        assert set(node["inputs"]) <= seen, node["stage"]
        seen.add(node["stage"])
    told = {node["stage"]: node["attributes"] for node in nodes}
    assert told["raster/001_NDVI"] == {"file": "002_NDVI_a b.tif", "dtype": "int16"}
    assert told["metrics/valid"] == {"region": [23, 27, 22, 24]}


def test_rasters_are_read_by_name_as_stored(stages: Recorded) -> None:
    """Each of the thirteen holds its own numbers."""
    recorded = stages[2]
    for stage, actual in list(recorded.items())[:13]:
        name = stage.removeprefix("raster/")
        expected = mask_of(name[:3]) if name.endswith("MASK") else pixels_of(name)
        np.testing.assert_array_equal(actual, expected, strict=True)


def test_patches_avoid_the_cloud_and_the_test_region(stages: Recorded) -> None:
    """Of five rows by four columns of corners, the cloud at (11, 13) and the region from (20, 19) refuse four each."""
    request, _, recorded = stages
    cloud = [(row, col) for row in (6, 11) for col in (6, 11)]
    region = [(16, 11), (16, 16), (21, 11), (21, 16)]
    grid = [(row, col) for row in (1, 6, 11, 16, 21) for col in (1, 6, 11, 16)]
    expected = [list(corner) for corner in grid if corner not in cloud + region]
    assert recorded["patches/index"].tolist() == expected
    order = [number for number in request.permutation.tolist() if number < len(expected)]
    assert recorded["split/training"].tolist() == [expected[number] for number in order[:7]]
    assert recorded["split/validation"].tolist() == [expected[number] for number in order[7:9]]


def test_patches_hold_the_nine_bands_in_training_order(stages: Recorded) -> None:
    """VV stands before VH at t+1; targets are the middle 3 x 3 of NDVI at t; nothing is scaled yet."""
    recorded = stages[2]
    names = ["001_VH", "001_VV", "002_VH", "002_VV", "003_VV", "003_VH", "001_NDVI", "003_NDVI", "DEM"]
    for kind, raw, target in (
        ("training", "patches/raw", "targets/raw"),
        ("validation", "validation/raw", "validation/targets"),
    ):
        for number, (row, col) in enumerate(recorded[f"split/{kind}"]):
            expected = [pixels_of(name)[row : row + 9, col : col + 9] for name in names]
            np.testing.assert_array_equal(recorded[raw][number], np.array(expected, float))
            middle = pixels_of("002_NDVI")[row + 3 : row + 6, col + 3 : col + 6]
            np.testing.assert_array_equal(recorded[target][number, 0], middle.astype(float))


def test_losses_follow_the_batches(stages: Recorded) -> None:
    """Three batches an epoch, then the one whole batch of validation; rate and restart where they are told."""
    _, network, recorded = stages
    assert network.asked == ["step", "step", "forget", "rate 0.001", "step", "loss", *["step"] * 3, "loss"]
    scaled = recorded["patches/raw"][:, [2, 3]] / 1000
    means = [scaled[row : row + 2].mean() for row in (0, 2, 4)]
    np.testing.assert_array_equal(recorded["loss/curve"], means * 2)
    np.testing.assert_array_equal(recorded["loss/epochs"], [np.mean(means)] * 2)
    held = recorded["validation/raw"][:2, [2, 3]].min() / 1000
    np.testing.assert_array_equal(recorded["loss/validation"], [held] * 2)


def test_the_estimate_is_of_the_published_channels_and_read_back(stages: Recorded) -> None:
    """The first test channel is VH at t-1, not the training's; the file holds float32 of it, and no coordinates."""
    recorded = stages[2]
    expected = pixels_of("001_VH")[23:27, 22:24].astype(float) / 1000
    np.testing.assert_array_equal(
        recorded["predict/output"][0, 0], pixels_of("001_VH")[23:27, 22:24].astype(float) / 1000
    )
    np.testing.assert_array_equal(recorded["geotiff/pixels"], expected.astype(np.float32), strict=False)
    assert recorded["geotiff/header"].tolist() == [1, 32, 0, 0, 0, 1, 0, 0, 0, 1]


def test_only_valid_pixels_are_scored(tmp_path: Path) -> None:
    """A region around the cloud: its pixel is left out of the 5 x 4 within the border."""
    request = request_of(tmp_path, lambda m, a: m.update(test_region=[6, 17, 8, 18]))
    recorded = record_pipeline(request, StandIn(request))
    valid = np.ones((5, 4), np.uint8)
    valid[11 - 9, 13 - 11] = 0
    np.testing.assert_array_equal(recorded["metrics/valid"], valid, strict=True)
    truth = np.delete(pixels_of("002_NDVI")[9:14, 11:15].astype(float).ravel() / 1000, 10)
    np.testing.assert_array_equal(recorded["metrics/truth"], truth)
    estimate = np.delete(pixels_of("001_VH")[9:14, 11:15].astype(float).ravel() / 1000, 10)
    expected = sum(abs(a - b) for a, b in zip(estimate, truth, strict=True)) / 19
    assert abs(recorded["metrics/mae"] - expected) < 1e-12 * expected
    square = sum((a - b) ** 2 for a, b in zip(estimate, truth, strict=True)) / 19
    assert abs(recorded["metrics/psnr"] + 10 * math.log10(square)) < 1e-12


def test_validation_below_a_batch_has_no_loss(tmp_path: Path) -> None:
    """Where the original ends in a division by zero after its first epoch, no number is made up."""
    request = request_of(tmp_path, lambda m, a: m["patches"].update(limit=6))
    recorded = record_pipeline(request, StandIn(request))
    assert "loss/validation" not in recorded
    assert recorded["validation/raw"].shape == (1, 9, 9, 9)


def test_a_step_is_recorded_before_its_velocities_are_forgotten(tmp_path: Path) -> None:
    """A restart after a recorded step shows in the next one."""
    request = request_of(tmp_path, lambda m, a: m["training"].update(recorded=[2], rate_changes=[]))
    network = StandIn(request)
    network.state = lambda: network.asked.append("state") or ([], [])  # type: ignore[func-returns-value]
    used = {"batch/selected": np.ones(1), "target/normalised": np.ones(1)}
    steps, curve = train(request, network, [used], 3)
    assert network.asked == ["step", "step", "state", "forget", "step"]
    assert list(steps) == ["step/0002/loss"]
    assert curve.tolist() == [1.0, 1.0, 1.0]
