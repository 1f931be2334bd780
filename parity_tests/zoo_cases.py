"""The zoo's requests: few and small, each built so that some mistakes show; the original answers each once, live."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from parity_tests.data_path import JOBS, ORIGINAL_START, Job, make_pipeline_request
from parity_tests.probes import STORED, Case, make_request
from parity_tests.scenes import AWKWARD, Awkward, write_awkward_scene

SHORT: Mapping[str, Any] = {"steps": 6, "recorded": [1, 2, 3, 6]}
"""Of two batches an epoch; step 3 is the first of the second."""
TINY = 1e-9
"""A learning rate where a stored 1000 is a 1000 to the network: with a larger one the loss soon is no number."""
PATH = replace(JOBS["awkward"], recorded=(1, 2, 5))
"""Of four batches an epoch; step 5 is the first of the second."""
_COVER = [(row, col) for row in range(58) for col in range(74, 122)] + [(70, 58), (71, 59), (73, 61)]
CLOUDED = Awkward(
    shape=(82, 122), suffix="", first_date=9, clouds=tuple(tuple((*at, 1) for at in _COVER) for _ in range(3))
)
"""Clouds at the same place at all three dates, patches wide, and in the test region; its dates are 9, 10 and 11."""


@dataclass(frozen=True, kw_only=True)
class ZooCase:
    """A request: patches by probe set, or a scene and how it is used.

    Attributes:
        probe: variant, weights, dtype and output.
        job: how the scene is used; None where patches are given.
        scene: the scene, where a job is given.
        divisor: what the original divides every channel by, where patches are given.
        training: entries of the request's `training` in place of the usual ones, where patches are given.
        start: seed and deviation of the original's own start; None for the probe set's weights.
    """

    probe: Case
    job: Job | None = None
    scene: Awkward = AWKWARD
    divisor: float = STORED
    training: Mapping[str, Any] = field(default_factory=lambda: SHORT)
    start: Mapping[str, float] | None = None
    refused: bool = False
    """Whether a sound port refuses the request."""


def _scaled(variant: str = "SOPTIIp", dtype: str = "float64", **rest: Any) -> Case:
    return Case(variant, "scaled", dtype, **rest)


ZOO_CASES: Mapping[str, ZooCase] = {
    "network": ZooCase(probe=_scaled()),
    "ties": ZooCase(probe=Case("OPTI", "initial", "float64")),
    "float32": ZooCase(probe=_scaled(dtype="float32")),
    "rectified": ZooCase(probe=_scaled(output="rectify")),
    "unscaled": ZooCase(probe=_scaled(), divisor=1.0, training={**SHORT, "learning_rate": TINY}),
    "path": ZooCase(probe=_scaled(), job=PATH),
    # its estimates lie below -1, between, and above 1
    "radar": ZooCase(probe=_scaled("SAR"), job=replace(PATH, divisor=1.0, settings={"learning_rate": TINY})),
    "start": ZooCase(probe=Case("SOPTIIp", "original", "float64"), job=PATH, start=ORIGINAL_START),
    "rates": ZooCase(probe=_scaled(), job=replace(PATH, settings={"rate_changes": [[5, 0.0005]]})),
    "clouded": ZooCase(
        probe=_scaled(),
        job=replace(PATH, clear=30, limit=26, training=21, validation=5, suffix="", first_date=9),
        scene=CLOUDED,
    ),
    "unsigned": ZooCase(probe=_scaled(), job=PATH, scene=AWKWARD._replace(radar="uint16")),
    # in row 0, where no patch and no prediction reaches
    "hole": ZooCase(probe=_scaled(), job=PATH, scene=AWKWARD._replace(hole=(0, 30)), refused=True),
    "restarts": ZooCase(probe=_scaled(), job=replace(PATH, settings={"restarts": [1]})),
}


def make_zoo_request(name: str, path: Path, directory: Path) -> None:
    """Write the request of that name; its scene is made below `directory` where it is not there yet."""
    case = ZOO_CASES[name]
    if case.job is None:
        make_request(case.probe, path, divisor=case.divisor, settings=case.training)
        return
    make_pipeline_request(
        path,
        _scene(case.scene, directory),
        case.job,
        variant=case.probe.variant,
        dtype=case.probe.dtype,
        output=case.probe.output,
        initialisation=case.start,
        probe=case.probe.probe,
    )


def _scene(scene: Awkward, directory: Path) -> Path:
    """The folder of a scene: scenes that differ have folders of their own."""
    kinds = list(dict.fromkeys(case.scene for case in ZOO_CASES.values()))
    folder = directory / "scenes" / f"{kinds.index(scene):02d}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        write_awkward_scene(folder, scene)
    return folder
