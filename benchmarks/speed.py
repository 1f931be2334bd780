"""The race: original, port and machine in one run, `python -m benchmarks.speed`.

In each round everything is measured once, one after another, so that what slows the machine slows all alike; ratios are
taken within a round. Results go to benchmarks/results/speed-YYYY-MM-DD.json, the figures to docs/speed.png and, with
--scenes, docs/growth.png; `benchmarks.tables` makes the README's tables of them. With --quick nothing is written. With
--check the exit code is 1 when a claim of speed does not hold.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from benchmarks import loader, whole_scene
from benchmarks.speed_figures import GROWTH, SPEED, growth_figure, speed_figure
from benchmarks.speed_machine import Rates, facts, seconds_a_call
from benchmarks.speed_original import KERNELS, Original, find_original, make_problem
from benchmarks.speed_port import Contender, contenders, errors, works
from benchmarks.speed_ratios import RESULTS, claims, file_name, kept_scenes
from benchmarks.speed_tables import HOLDS, claims_of, machine_of, scenes_of, speed_of
from port.heap import keep_freed

BATCH, SIDE_PX = 128, 33
REGION_PX = (470, 450)
"""The published program's test region, which it predicts as one image."""


@dataclass(frozen=True)
class Effort:
    """How much is measured: rounds, the least time of a measurement, kernels tried, patches of the loader's epoch."""

    rounds: int = 7
    minimum_s: float = 0.5
    kernels: Sequence[str] = KERNELS
    patches: int = loader.PATCHES


QUICK = Effort(rounds=2, minimum_s=0.2, kernels=KERNELS[:2], patches=10 * BATCH)


@dataclass
class Race:
    """What is measured in each round, and what was found: a number a round, by name."""

    original: Original
    contenders: Sequence[Contender]
    machine: Rates
    seconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)

    def warm_up(self) -> dict[str, dict[str, float]]:
        """Call every contender once; return the seconds it took, what compiles included."""
        found: dict[str, dict[str, float]] = {}
        for one in self.contenders:
            started = perf_counter()
            one.call()
            found.setdefault(one.work, {})[one.name] = perf_counter() - started
        return found

    def round(self, minimum_s: float) -> None:
        """Measure everything once."""
        for name, found in self.original.round().items():
            for work, taken in found.items():
                self.seconds.setdefault(work, {}).setdefault(name, []).append(taken)
        for name, rate in self.machine.round(minimum_s).items():
            self.rates.setdefault(name, []).append(rate)
        for one in self.contenders:
            taken = seconds_a_call(one.call, minimum_s)
            self.seconds.setdefault(one.work, {}).setdefault(one.name, []).append(taken)


def measure(witness: str, threads: int, effort: Effort, scenes: Sequence[tuple[int, int]] = ()) -> dict[str, Any]:
    """All results of a run, with `threads` threads on either side."""
    torch.set_num_threads(threads)
    problem = make_problem(BATCH, SIDE_PX, REGION_PX)
    original = find_original(witness, problem, threads=threads, minimum_s=max(1.0, effort.minimum_s))
    _say("the original: which kernels are fastest")
    original.audition(effort.kernels)
    race = Race(original, list(contenders(problem, threads)), Rates())
    _say("compiling")
    first = race.warm_up()
    for number in range(effort.rounds):
        _say(f"round {number + 1} of {effort.rounds}")
        race.round(effort.minimum_s)
    _say("errors, and the loader")
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "rounds": effort.rounds,
        "batch": BATCH,
        "side_px": SIDE_PX,
        "region_px": REGION_PX,
        "machine": facts(threads),
        "original": original.told(),
        "flop": dict(works(problem)),
        "rates": race.rates,
        "seconds": race.seconds,
        "first_call_s": first,
        "errors": errors(problem, original.raced()),
        "loader": loader.measure(effort.patches),
        **({"scenes": _scenes(scenes, threads), "scenes_date": datetime.now(UTC).date().isoformat()} if scenes else {}),
    }


def _scenes(sizes: Sequence[tuple[int, int]], threads: int) -> list[dict[str, Any]]:
    """Scenes of these sizes, from GeoTIFF to GeoTIFF; the paper's compressed and in bfloat16 too, its tiles kept."""
    found = whole_scene.measure(sizes, compressions=["none"], threads=threads)
    for paper in [row for row in found if tuple(row["size_px"]) == whole_scene.PAPER_PX]:
        alike: dict[str, Any] = {"tile_px": str(paper["tile_px"]), "threads": threads}
        found += whole_scene.measure([whole_scene.PAPER_PX], compressions=["deflate"], **alike)
        found += whole_scene.measure([whole_scene.PAPER_PX], compressions=["none"], engine="bfloat16", **alike)
    return found


def _sizes(words: Sequence[str] | None) -> Sequence[tuple[int, int]]:
    """Sizes written as ROWSxCOLS; the usual ones where none is named, none where scenes are not asked for."""
    if words is None:
        return ()
    given = [(int(rows), int(cols)) for rows, cols in (word.split("x") for word in words)]
    return given or whole_scene.SIZES_PX


def write(results: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Keep the results by their day, a row a line, and draw the figures; scenes not measured are those of before."""
    results = {**kept_scenes(folder), **results}
    path = folder / file_name(datetime.fromisoformat(results["date"]).date())
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    speed_figure(SPEED, results)
    if "scenes" in results:
        growth_figure(GROWTH, results["scenes"])
    return path


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> int:
    """Race, keep and print; return the exit code."""
    keep_freed()  # as training does
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--witness", default="best", help="the original's: best, container, interpreter or period")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of either side")
    parser.add_argument("--rounds", type=int, help="how often all is measured")
    parser.add_argument("--scenes", nargs="*", metavar="ROWSxCOLS", help="predict whole scenes too (minutes, 10 GB)")
    parser.add_argument("--quick", action="store_true", help="two short rounds; nothing is written")
    parser.add_argument("--check", action="store_true", help="exit 1 when a claim of speed does not hold")
    given = parser.parse_args()
    effort = QUICK if given.quick else Effort()
    if given.rounds is not None:
        effort = Effort(given.rounds, effort.minimum_s, effort.kernels, effort.patches)
    results = measure(given.witness, given.threads, effort, _sizes(given.scenes))
    sys.stdout.write("\n\n".join(table(results) for table in (machine_of, speed_of, scenes_of, claims_of)) + "\n")
    if not given.quick:
        _say(f"written: {write(results)}")
    failed = [claim for claim in claims(results) if claim.holds is False]
    for claim in failed:
        _say(f"does not hold ({HOLDS[claim.holds]}): {claim.text}: {claim.found}")
    return int(given.check and bool(failed))


if __name__ == "__main__":
    sys.exit(main())
