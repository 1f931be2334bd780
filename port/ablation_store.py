"""A done run of an ablation is one small JSON file, named by the digest of all that its numbers depend on."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from port.errors import OutputError
from port.evaluation import Comparison
from port.files import replacing
from port.settings import Settings
from port.versions import versions

PREDICTION = "prediction"
"""The network's name among a run's methods; the others are the baselines' own."""


@dataclass(frozen=True)
class Job:
    """One run to be had: the scene's name in the table, its content's digest, how it is run, on how many patches.

    `code` is the product's digest when it was planned.
    """

    scene: str
    digest: str
    settings: Settings
    threads: int
    patches: int
    code: str

    @property
    def facts(self) -> dict[str, Any]:
        """All that the run's numbers depend on; the scene by content, wherever it lies."""
        settings = self.settings
        return {
            "scene": self.digest,
            "first_date": settings.first_date,
            "variant": settings.variant,
            "seed": settings.seed,
            "test_region": None if settings.test_region is None else str(settings.test_region),
            "recipe": asdict(settings.recipe),
            "threads": self.threads,
            "code": self.code,
            "versions": versions(),
        }

    @property
    def key(self) -> str:
        """The digest of the facts."""
        return hashlib.sha256(json.dumps(self.facts, sort_keys=True).encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.scene} {self.settings.variant} seed {self.settings.seed}"


@dataclass(frozen=True)
class Outcome:
    """What a done run gave: its job, each method's accuracies by name (None: not a number), and how long it took."""

    job: Job
    methods: Mapping[str, Mapping[str, float | None]]
    seconds: float


def write(folder: Path, job: Job, comparison: Comparison, seconds: float) -> Outcome:
    """Keep a run that is done, and give what is kept; its file appears when whole.

    Raises:
        OutputError: the folder cannot be written to.
    """
    methods = {PREDICTION: comparison.prediction, **comparison.baselines}
    content: dict[str, Any] = {
        "facts": job.facts,
        "scene": job.scene,
        "seconds": round(seconds, 2),
        "methods": {name: _finite(asdict(found)) for name, found in methods.items()},
    }
    with replacing(folder / f"{job.key}.json") as beside:
        beside.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return Outcome(job, content["methods"], content["seconds"])


def read(folder: Path, job: Job) -> Outcome | None:
    """What a job gave when it was done; None if it has not been.

    Raises:
        OutputError: its file is there but damaged.
    """
    path = folder / f"{job.key}.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Outcome(job, content["methods"], content["seconds"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise OutputError(
            f"{path} is not a done run ({problem!r}), expected JSON with methods and seconds; remove it, and its run "
            f"is done again"
        ) from problem


def _finite(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """NaN and infinities as None: JSON has neither."""
    return {name: value if math.isfinite(value) else None for name, value in numbers.items()}
