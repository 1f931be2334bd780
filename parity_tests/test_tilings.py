"""The prediction of a scene passes before a live witness however it is tiled, by any workers, engine and layout."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.compare import Comparison, compare
from parity.findings import Verdict
from parity.trace import read_request, read_trace
from parity_tests.data_path import PATH_CASES
from parity_tests.mutation import Plant, replaced, together, wrapped
from parity_tests.proceedings import Proceedings
from port import prediction, prediction_recording, watched_prediction
from port.record import record

pytestmark = [pytest.mark.scenes, pytest.mark.first_witness]
CASE = next(case for case in PATH_CASES if (case.variant, case.dtype, case.scene) == ("SOPTIIp", "float32", "awkward"))
WAYS: Mapping[str, tuple[int, dict[str, Any]]] = {
    "tiles-of-7-px": (7, {"workers": 1}),
    "tiles-of-16-px-2-workers": (16, {"workers": 2}),
    "tiles-of-11-px-5-workers": (11, {"workers": 5}),
    "one-tile": (256, {"workers": 2}),
    "eager-2-workers": (9, {"workers": 2, "engine": "eager"}),
}
"""Side of the tiles, and how `predict` and `write_prediction` compute them."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each way of predicting."""
    if "way" in metafunc.fixturenames:
        metafunc.parametrize("way", WAYS)


def _planted(side_px: int, how: Mapping[str, Any]) -> Plant:
    """The port predicting in a way; the watched prediction stays with one worker, and the file shows the others."""
    modules = (prediction_recording, watched_prediction)
    engine = {name: value for name, value in how.items() if name == "engine"}
    return together(
        *(replaced(module, "tile_px", lambda _: lambda _region: side_px) for module in modules),
        replaced(prediction_recording, "write_prediction", lambda write: partial(write, **how)),
        replaced(watched_prediction, "predict", lambda predict: partial(predict, **engine)),
    )


def _halo_of_7() -> Plant:
    """The outermost pixel of what is read for a tile is 0."""

    def cut(stored_input: Callable[..., np.ndarray], *arguments: Any) -> np.ndarray:
        stored = stored_input(*arguments)
        cut = np.zeros_like(stored)
        cut[..., 1:-1, 1:-1] = stored[..., 1:-1, 1:-1]
        return cut

    return wrapped(prediction, "stored_input", cut)


def _judged(proceedings: Proceedings, plant: Plant, folder: Path) -> Comparison:
    """The case recorded by the port as planted, on the witness's own trace."""
    files = proceedings.files(CASE)
    legacy = proceedings.answered(CASE)
    with plant():
        record(files.request, folder / "port.npz", legacy)
    return compare(read_trace(legacy), read_trace(folder / "port.npz"), request=read_request(files.request))


def _verdicts(comparison: Comparison) -> dict[str, set[Verdict]]:
    """What was found of each stage of the prediction and of the file."""
    found: dict[str, set[Verdict]] = {}
    for finding in comparison.findings:
        if finding.stage.startswith(("predict/", "geotiff/")):
            found.setdefault(finding.stage, set()).add(finding.verdict)
    return found


@pytest.mark.scenes
def test_any_way_passes(proceedings: Proceedings, way: str, tmp_path: Path) -> None:
    """Every stage of the prediction, and the file that is written."""
    found = _verdicts(_judged(proceedings, _planted(*WAYS[way]), tmp_path))
    assert {"predict/selected", "predict/output", "geotiff/pixels", "geotiff/header"} <= found.keys()
    assert {stage: verdicts for stage, verdicts in found.items() if verdicts != {Verdict.PASS}} == {}


@pytest.mark.scenes
def test_a_halo_of_7_px_fails(proceedings: Proceedings, tmp_path: Path) -> None:
    """Tiles read with a pixel of zeros around 7 of halo are caught in what the network is fed."""
    plant = together(_planted(16, {"workers": 2}), _halo_of_7())
    found = _verdicts(_judged(proceedings, plant, tmp_path))
    assert Verdict.FAIL in found["predict/selected"]
    assert Verdict.FAIL in found["geotiff/pixels"]
