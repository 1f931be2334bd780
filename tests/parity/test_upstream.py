"""A stage that comes before one of another kind is judged, and blamed; nothing is of traces in doubt as such."""

from pathlib import Path

import numpy as np
import pytest
from path_pair import make_path_pair

from parity.findings import Verdict


@pytest.mark.parametrize("stage", ["mask/001", "mask/002"])
def test_a_mask_that_lets_patches_in_is_blamed(tmp_path: Path, stage: str) -> None:
    """More patches make the list of them longer; what is wrong is the mask."""
    comparison = make_path_pair(tmp_path, dtype="float64", mistakes={stage: np.zeros_like}).judge()
    assert comparison.verdict is Verdict.FAIL
    assert [finding.stage for finding in comparison.blamed][:1] == [stage]


def test_nothing_is_judged_of_another_request(tmp_path: Path) -> None:
    """Traces that may not be compared at all are not, however their stages differ."""
    pair = make_path_pair(tmp_path, dtype="float64", mistakes={"mask/001": np.zeros_like})
    pair.port.manifest["request_sha256"] = "0" * 64
    comparison = pair.judge()
    assert comparison.first_bad is not None
    assert (comparison.first_bad.stage, comparison.elements) == ("request_sha256", 0)


def test_a_graph_that_differs_at_a_stage_is_blamed_there(tmp_path: Path) -> None:
    """Another file read under the same name is told by the stage's node."""
    pair = make_path_pair(tmp_path, dtype="float64")
    told = [dict(node) for node in pair.port.manifest["graph"]]
    wrong = next(node for node in told if node["operation"] == "decode")
    wrong["attributes"] = {**wrong["attributes"], "file": "other.tif"}
    pair.port.manifest["graph"] = told
    comparison = pair.judge()
    assert [finding.stage for finding in comparison.blamed] == [wrong["stage"]]


def test_nothing_after_training_is_judged_where_the_training_is_in_doubt(tmp_path: Path) -> None:
    """Steps of two programs that tell different trainings cannot be held against each other."""
    pair = make_path_pair(tmp_path, dtype="float64")
    pair.spoil("predict/raw", lambda raw: raw[:, :, 1:])
    pair.spoil("step/0001/weight/conv1/W", lambda W: 2 * W)
    before = [finding.stage for finding in pair.judge().blamed]
    pair.port.manifest["training"] = {**pair.port.manifest["training"], "momentum": 0.5}
    after = [finding.stage for finding in pair.judge().blamed]
    assert "step/0001/weight/conv1/W" in before
    assert "step/0001/weight/conv1/W" not in after
    assert "predict/raw" in after
