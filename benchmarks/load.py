"""Load: fifty predictions side by side, and the epochs of a twelve-hour training: `python -m benchmarks.load`.

Both are watched: memory, open files, threads. What was seen goes to results/load.json and is drawn in docs/load.png.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

from benchmarks.load_figure import LOAD, load_figure
from benchmarks.whole_scene import VARIANT, untrained_checkpoint
from port.files import replacing
from port.recipes import recipe
from port.runs import run
from port.settings import Settings
from port.synthetic import write_synthetic_scene

RESULTS = Path(__file__).parent / "results" / "load.json"
PREDICTIONS = 50
EPOCHS = 6000
"""Of twelve hours: 15 200 patches take about 7 s an epoch, at 128 a step (`benchmarks.speed`)."""
SAMPLES = 300
SIDE_PX = 400
LOOK_S = 0.25


def side_by_side(count: int = PREDICTIONS, side_px: int = SIDE_PX) -> dict[str, Any]:
    """Predict one scene in a process alone, then in so many at once: seconds and memory; all must write the same file.

    Memory is what the kernel counts of each process, shared pages divided among those that share them (PSS), in bytes.

    Raises:
        RuntimeError: one failed, or wrote other bytes than the one that was alone.
    """
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        scene = write_synthetic_scene(here / "scene", size_px=(side_px, side_px), seed=0)
        command = [sys.executable, "-m", "port", "predict", "--data", str(scene), "--tile-px", "256"]
        command += ["--checkpoint", str(untrained_checkpoint(here / "weights.safetensors")), "--threads", "1", "--out"]
        alone = _watched([[*command, str(here / "alone.tif")]])
        together = _watched([[*command, str(here / f"{number}.tif")] for number in range(count)])
        expected = sha256((here / "alone.tif").read_bytes()).hexdigest()
        other = [n for n in range(count) if sha256((here / f"{n}.tif").read_bytes()).hexdigest() != expected]
    if other:
        raise RuntimeError(f"predictions {other} of {count} side by side differ from the one alone")
    return {"count": count, "side_px": side_px, "cores": os.cpu_count(), "alone": alone, "together": together}


def _watched(commands: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Run all at once; seconds, and of every look: seconds, how many still run, their memory."""
    began = monotonic()
    running = [
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8")
        for command in commands
    ]
    looks: list[tuple[float, int, int]] = []
    while any(process.poll() is None for process in running):
        alive = [process.pid for process in running if process.poll() is None]
        looks.append((round(monotonic() - began, 2), len(alive), sum(map(_memory, alive))))
        sleep(LOOK_S)
    seconds = monotonic() - began
    for process in running:
        _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(f"predict ended with {process.returncode}:\n{said[-2000:]}")
    return {"seconds": round(seconds, 2), "looks": looks}


def _memory(pid: int) -> int:
    """PSS of a process; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


class Watch:
    """Looks at this process as its training goes on.

    Attributes:
        looks: epoch, resident bytes, open files, threads.
    """

    def __init__(self, every: int) -> None:
        self.looks: list[tuple[int, int, int, int]] = []
        self._every = every

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Look, now and then."""
        if stage == "train" and done and done % self._every == 0:
            files = len(list(Path("/proc/self/fd").iterdir()))
            self.looks.append((done, 1024 * _status("VmRSS"), files, _status("Threads")))

    def remark(self, text: str) -> None:
        """Ignore a remark."""


def _status(name: str) -> int:
    """A number that the kernel tells of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def long_training(epochs: int = EPOCHS, samples: int = SAMPLES) -> dict[str, Any]:
    """Train so many epochs on a scene of 64 x 64 pixels, its state kept after each; what the process held meanwhile."""
    watch = Watch(math.ceil(epochs / samples))
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        settings = Settings(
            variant=VARIANT,
            recipe=recipe(epochs=epochs, patch_side_px=21, batch_size=3),
            data=write_synthetic_scene(here / "scene", size_px=(64, 64), seed=0),
            out=here / "runs",
        )
        began = monotonic()
        run(settings, watch)
    return {"epochs": epochs, "seconds": round(monotonic() - began, 1), "looks": watch.looks}


def growth(looks: Sequence[Sequence[int]], column: int) -> float:
    """What a column has grown by from the second tenth of the looks to the last: medians."""
    tenth = max(1, len(looks) // 10)
    begin, end = looks[tenth : 2 * tenth], looks[-tenth:]
    return median(look[column] for look in end) - median(look[column] for look in begin)


def load_table(path: Path = RESULTS) -> str:
    """What was seen, a line each."""
    results = json.loads(path.read_text(encoding="utf-8"))
    many, training = results["predictions"], results["training"]
    ratio = many["together"]["seconds"] / (many["count"] * many["alone"]["seconds"])
    peak = max(look[2] for look in many["together"]["looks"]) / 1e9
    memory, files, threads = (growth(training["looks"], column) for column in (1, 2, 3))
    return "\n".join(
        (
            "| load | seen |",
            "|---|---|",
            f"| {many['count']} predictions side by side on {many['cores']} cores | each the file of one alone, in "
            f"{ratio:.2f} of the time of as many one after the other; at most {peak:.1f} GB in all |",
            f"| {training['epochs']} epochs, the state kept after each: growth from the second tenth to the last | "
            f"memory {memory / 1e6:+.1f} MB, open files {files:+.0f}, threads {threads:+.0f} |",
        )
    )


def main(words: Sequence[str] | None = None) -> None:
    """Measure, write, draw, tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--predictions", type=int, default=PREDICTIONS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where else they go, with the figure beside them")
    given = parser.parse_args(words)
    results = {"training": long_training(given.epochs), "predictions": side_by_side(given.predictions)}
    with replacing(given.results) as beside:
        beside.write_text(json.dumps(results) + "\n", encoding="utf-8")
    load_figure(LOAD if given.results == RESULTS else given.results.with_suffix(".png"), results)
    print(load_table(given.results))  # noqa: T201


if __name__ == "__main__":
    main()
