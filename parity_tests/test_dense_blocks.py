"""Dense blocks: the port computes whole blocks of overlapping patches at once, the original their patches one by one.

The shuffle is arranged so that each of the original's batches holds whole blocks: complete ones, and pairs of blocks
that lack some of their patches. Then both train on the same patches in the same batches.
"""

from functools import cached_property
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from parity.compare import Comparison, compare
from parity.findings import Check, Verdict
from parity.trace import Record, read_request, read_trace
from parity.trajectories import true_trajectory
from parity_tests.data_path import Job, make_pipeline_request
from parity_tests.mutation import Plant, replaced
from parity_tests.proceedings import Proceedings
from parity_tests.requirements import of, require
from port import blocks
from port.patches import clear_patches, excluding
from port.recipes import recipe
from port.record import record
from port.regions import Region
from port.scenes import Scene
from port.synthetic import write_synthetic_scene

pytestmark = [pytest.mark.scenes, pytest.mark.first_witness]
SIZE_PX, SEED = (200, 240), 3
"""Of a synthetic scene, with clouds."""
TEST_REGION = (160, 200, 0, 240)
EPOCHS = 2
BATCHES, VALIDATE = 5, 5
"""Of an epoch; one batch in five validates, as the original's shares have it."""
SIDES = (2, 4)
"""Of a block, in patches; a batch is of as many patches as a complete block."""
SMALLEST = pytest.mark.parametrize("dense", SIDES[:1], indirect=True, ids=[f"{SIDES[0]}x{SIDES[0]}"])
"""For what one size of blocks shows."""


class DenseCase:
    """A request whose batches are whole blocks, and what the original made of it."""

    def __init__(self, proceedings: Proceedings, folder: Path, side: int) -> None:
        self.folder, self.request, self.legacy = folder, folder / "request.npz", folder / "legacy.npz"
        scene = write_synthetic_scene(folder / "scene", size_px=SIZE_PX, seed=SEED)
        patches = clear(scene)
        self.batches = arranged(patches, side)[:BATCHES]
        used = [patch for batch in self.batches for block in batch for patch in block]
        job = Job(
            TEST_REGION,
            clear=len(patches),
            limit=len(used),
            training=len(used) - len(used) // VALIDATE,
            validation=len(used) // VALIDATE,
            batch_size=side**2,
            epochs=EPOCHS,
            recorded=(1, 2),
        )
        rest = sorted(set(range(len(patches))) - set(used))
        make_pipeline_request(self.request, scene, job, variant="SOPTIIp", dtype="float64", permutation=used + rest)
        proceedings.witness.record([(self.request, self.legacy)])
        self.truth = true_trajectory(read_trace(self.legacy))

    def port(self, batching: str) -> Record:
        """The port's answer."""
        trace = self.folder / f"{batching}.port.npz"
        record(self.request, trace, self.legacy, {"batching": batching})
        return read_trace(trace)

    @cached_property
    def dense(self) -> Record:
        """The port's answer by blocks."""
        return self.port("blocks")

    def judged(self, port: Record) -> Comparison:
        """A port's answer, judged by the original's."""
        return compare(read_trace(self.legacy), port, request=read_request(self.request), truth=self.truth)


def clear(folder: Path) -> np.ndarray:
    """The clear patches of the scene, in the original's grid."""
    scene = Scene.open(folder, nodata="ignored")
    return clear_patches(excluding(scene.invalid(), Region(*TEST_REGION)), recipe("original"))


def arranged(patches: np.ndarray, side: int) -> list[tuple[list[int], ...]]:
    """Batches of whole blocks: pairs of incomplete ones that make up one, then complete ones."""
    grid: dict[tuple[int, int], list[int]] = {}
    for number, (row, col) in enumerate((patches - 1) // (8 * side)):
        grid.setdefault((int(row), int(col)), []).append(number)
    complete = [(block,) for block in grid.values() if len(block) == side**2]
    left, pairs = [block for block in grid.values() if len(block) < side**2], []
    for one, other in combinations(left, 2):
        if len(one) + len(other) == side**2 and all(block not in pair for pair in pairs for block in (one, other)):
            pairs.append((one, other))
    return [*pairs, *complete]


@pytest.fixture(scope="module", params=SIDES, ids=[f"{side}x{side}" for side in SIDES])
def dense(
    request: pytest.FixtureRequest, proceedings: Proceedings, tmp_path_factory: pytest.TempPathFactory
) -> DenseCase:
    """A request of blocks of this side."""
    return DenseCase(proceedings, tmp_path_factory.mktemp("dense"), request.param)


def test_batches_hold_incomplete_blocks_too(dense: DenseCase) -> None:
    """Patches that a block lacks are left out of its weights: some batch must show it."""
    assert len(dense.batches) == BATCHES
    assert sum(len(batch) == 2 for batch in dense.batches) >= 2


def test_dense_training_is_the_originals(dense: DenseCase) -> None:
    """Batches, losses, velocities (from gradients) and weights after all steps: to 1e-12 of each tensor's maximum."""
    found = dense.judged(dense.dense)
    assert not [finding.message for finding in found.findings if finding.verdict is Verdict.FAIL]
    require(found, Check.FREE, where=of("split/"), stages=4)
    steps = ("step/0001/", "step/0002/")
    require(found, Check.TRAJECTORY, where=of(*steps), stages=26)
    require(found, Check.TRAJECTORY, where=of("loss/", "trained/"), stages=9)


@SMALLEST
def test_dense_training_is_no_training_by_patches(dense: DenseCase) -> None:
    """The dense port sums otherwise: were its numbers those of the patch form to the last bit, nothing was tried."""
    patches = dense.port("patches")
    assert any((dense.dense[f"trained/conv{n}/W"] != patches[f"trained/conv{n}/W"]).any() for n in (1, 2, 3))


MISTAKES: dict[str, Plant] = {
    "every pixel counts once": replaced(
        blocks, "_covering", lambda covering: lambda there, cover: np.minimum(covering(there, cover), 1)
    ),
    "missing patches count": replaced(
        blocks, "_covering", lambda covering: lambda there, cover: covering(np.ones_like(there), cover)
    ),
    "targets reach as far as inputs": replaced(
        blocks, "_cover", lambda cover: lambda count, side, stride: np.roll(cover(count, side, stride), 1, axis=1)
    ),
}


@SMALLEST
@pytest.mark.parametrize("mistake", MISTAKES)
def test_wrong_weights_are_caught(dense: DenseCase, mistake: str) -> None:
    """Each mistake that a dense pass invites fails, and the first step's loss is blamed."""
    with MISTAKES[mistake]():
        found = dense.judged(dense.port("blocks"))
    assert found.verdict is Verdict.FAIL
    assert found.first_bad is not None
    assert found.first_bad.stage == "step/0001/loss"
