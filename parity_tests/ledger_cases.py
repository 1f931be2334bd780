"""The ledger's requests: one scene on which every intended difference shows, in as few and small patches as show it.

Patches and validation both end in an incomplete batch, two units are dead (their pre-activation is exactly 0), pixels
surround the test region on all sides, radar and DEM are stored large enough to count, and more patches are clear than
the limit takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from parity_tests.data_path import ORIGINAL_START, Job, make_pipeline_request
from parity_tests.scenes import Awkward, write_awkward_scene

SCENE = Awkward(shape=(180, 60), clouds=(((2, 3, 1),), ((160, 35, 7),), ((90, 3, 2),)), missing=(120, 4))
"""One NDVI at t-1, outside the test region, is declared no-data and not masked.

Long, so that a gap between blocks costs little; a cloud in the test region, so that not every pixel of it counts."""
BASE = Job(
    (148, 172, 22, 48), clear=80, limit=36, training=29, validation=7, batch_size=6, recorded=(1, 5),
    side=21, suffix=SCENE.suffix, first_date=SCENE.first_date,
)  # fmt: skip
"""Four whole batches an epoch, so that step 5 is the first of the second."""


@dataclass(frozen=True)
class LedgerCase:
    """A request by name: how the scene is used, and by which network."""

    job: Job = BASE
    variant: str = "SOPTIIp"
    output: str = "rectify"
    initialisation: Mapping[str, float] | None = None


LEDGER_CASES: Mapping[str, LedgerCase] = {
    "base": LedgerCase(),
    "linear": LedgerCase(output="linear"),
    "radar": LedgerCase(variant="SAR"),
    # a stored NDVI of 900 is a 900 to the network: a step must be tiny, or the loss soon is no number
    "unscaled": LedgerCase(replace(BASE, divisor=1.0, settings={"learning_rate": 1e-9})),
    "rates": LedgerCase(replace(BASE, settings={"rate_changes": [[5, 0.0005]]})),
    "restarts": LedgerCase(replace(BASE, recorded=(1, 2, 5), settings={"restarts": [1]})),
    "start": LedgerCase(output="linear", initialisation=ORIGINAL_START),
}


def make_ledger_request(name: str, path: Path, directory: Path) -> None:
    """Write the request of that name; the scene is made below `directory` where it is not there yet."""
    folder = directory / "scenes" / "ledger"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_awkward_scene(folder, SCENE)
    case = LEDGER_CASES[name]
    make_pipeline_request(
        path,
        folder,
        case.job,
        variant=case.variant,
        dtype="float64",
        output=case.output,
        initialisation=case.initialisation,
        probe=f"ledger, {name}",
    )
