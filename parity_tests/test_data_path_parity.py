"""The data path: every variant on every scene, from the GeoTIFFs read to the one written, in the order of evidence."""

import numpy as np
import pytest

from parity.compare import Comparison
from parity.findings import Check
from parity.trace import read_trace
from parity_tests.data_path import JOBS, TRAINED
from parity_tests.probes import Case
from parity_tests.proceedings import Proceedings
from parity_tests.requirements import of, require

pytestmark = pytest.mark.scenes

EXACT = (Check.GIVEN, Check.REFERENCE, Check.FORCED, Check.FREE)


def test_rasters_are_read_alike(comparison: Comparison) -> None:
    """All 13 files decode to the same numbers of the same type."""
    require(comparison, Check.GIVEN, where=of("raster/"), stages=13)


def test_masks(comparison: Comparison) -> None:
    """Clouds and the test region make the same pixels invalid, at each date."""
    require(comparison, *EXACT, where=of("mask/"), stages=3)


def test_patches(proceedings: Proceedings, case: Case, comparison: Comparison) -> None:
    """The same patches are found clear, as many as counted by hand."""
    require(comparison, *EXACT, where=of("patches/index"), stages=1)
    index = read_trace(proceedings.answered(case))["patches/index"]
    assert len(index) == JOBS[case.scene].clear


def test_split_and_order(proceedings: Proceedings, case: Case, comparison: Comparison) -> None:
    """Shuffle, split and batches pick the same patches in the same order, in the numbers asked for."""
    require(comparison, *EXACT, where=of("split/"), stages=5)
    legacy, job = read_trace(proceedings.answered(case)), JOBS[case.scene]
    assert (len(legacy["split/training"]), len(legacy["split/validation"])) == (job.training, job.validation)
    assert legacy["split/order"].shape == (job.epochs * (job.training // job.batch_size), job.batch_size)


def test_stacks(comparison: Comparison) -> None:
    """Border, patches and targets are cut alike, for training and validation."""
    require(comparison, *EXACT, where=of("border", "patches/raw", "targets/raw", "validation/"), stages=5)


def test_training(comparison: Comparison) -> None:
    """The loss of each batch, the losses of each epoch and the weights in the end are the original's."""
    require(comparison, Check.TRAJECTORY, where=of("loss/", "trained/"), stages=9)


def test_prediction(comparison: Comparison) -> None:
    """The test region goes through the trained network alike, in the public test script's order of channels."""
    require(comparison, Check.FORCED, where=of("predict/"), stages=9)
    require(comparison, Check.FREE, where=of("predict/"), stages=9)


def test_metrics(comparison: Comparison) -> None:
    """Truth, valid pixels and accuracies are the original's."""
    require(comparison, Check.REFERENCE, Check.FORCED, Check.FREE, where=of("metrics/"), stages=9)


def test_geotiff(comparison: Comparison) -> None:
    """The file written holds the same pixels, and the same georeference: none."""
    require(comparison, Check.FORCED, Check.FREE, where=of("geotiff/"), stages=2)


def test_original_trained(proceedings: Proceedings) -> None:
    """Recipe `original`, 20 epochs from its own start: the same loss curve to 1e-10, accuracies and raster."""
    files = proceedings.files(TRAINED)
    assert proceedings.comparison(TRAINED)  # the files are there when it is
    legacy, port = read_trace(files.legacy), read_trace(files.port)
    assert legacy["loss/epochs"].shape == legacy["loss/validation"].shape == (20,)
    assert legacy["loss/epochs"][-1] < 0.9 * legacy["loss/epochs"][10]  # it has left the plateau of a constant output
    assert legacy["geotiff/pixels"].std() > 0.05
    scores = [f"metrics/{score}" for score in ("mae", "rmse", "cc", "psnr")]
    for stage in ("loss/curve", "loss/epochs", "loss/validation", *scores):
        assert np.abs(port[stage] - legacy[stage]).max() <= 1e-10 * np.abs(legacy[stage]).max(), stage
    apart = np.abs(port["geotiff/pixels"].astype(np.float64) - legacy["geotiff/pixels"])
    assert apart.max() <= np.spacing(np.abs(legacy["geotiff/pixels"])).max()
