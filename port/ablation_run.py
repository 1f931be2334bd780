"""One run of an ablation, wherever it is done: only its numbers are kept, and how long it took."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from port.ablation_store import Job
from port.evaluation import Comparison
from port.runs import run


@dataclass(frozen=True)
class Measured:
    """The accuracies on all pixels of the test region, of the network and every baseline; seconds on the clock."""

    comparison: Comparison
    seconds: float


def measure(job: Job, scratch: Path | str | None = None) -> Measured:
    """Do the run in this process, in a folder within `scratch` that is removed.

    Raises:
        Sar2NdviError: see `port.runs.run`.
    """
    began = perf_counter()
    with TemporaryDirectory(dir=scratch) as folder:
        comparison = run(replace(job.settings, out=Path(folder), resumable=False)).comparisons["all"]
    return Measured(comparison, perf_counter() - began)
