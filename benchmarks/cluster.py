"""What a Dask cluster costs and gains: `python -m benchmarks.cluster FOLDER` writes results/cluster-DATE.json.

One large scene is predicted alone (one worker of one thread, its scale checked first, as the command does), then over
clusters of one and of two workers, in turn for several rounds, so that what else the machine does touches all alike;
at last one of two workers is killed on the way. Every file must hold the same bits. FOLDER is for the scene.
"""

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import Any

import psutil
import rasterio
from distributed import Client, LocalCluster

from benchmarks.large_scenes import landscape, write_large_scene
from port.audit import PREDICTION_SAMPLE_PX, scale_remarks, variant_sources
from port.checkpoints import Checkpoint
from port.cluster import Place
from port.cluster_prediction import Order, predict_many
from port.initialisation import initialise
from port.network import make_network
from port.observer import Silent
from port.prediction import write_prediction
from port.recipes import recipe
from port.scenes import Scene
from port.versions import versions

RESULTS = Path(__file__).parent / "results"
VARIANT = "SOPTIIp"
COUNTS = (1, 2)


class After(Silent):
    """Does something once, when a third of the units are over."""

    def __init__(self, what: Callable[[], None]) -> None:
        self._what: Callable[[], None] | None = what

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """One more is over."""
        if self._what and 3 * done >= total:
            what, self._what = self._what, None
            what()


@contextmanager
def cluster(count: int) -> Iterator[tuple[Place, Client]]:
    """So many workers of one thread on this machine, and a client of the benchmark's own."""
    own = {"n_workers": count, "threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**own, silence_logs=50) as local, Client(local, set_as_default=False) as client:
        yield Place(address=local.scheduler_address), client


def usage() -> dict[str, float]:
    """What this process has used: seconds of processor, bytes read by its system calls, the most memory it held."""
    process = psutil.Process()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    times = process.cpu_times()
    return {"cpu_s": times.user + times.system, "read_bytes": process.io_counters().read_chars, "peak_bytes": peak}


def alone(order: Order, to: Path) -> dict[str, float]:
    """Seconds that the check of the scale and the prediction take in this process, on one thread."""
    scene, given, began = Scene.open(order.data[0]), order.checkpoint, perf_counter()
    sources = variant_sources(VARIANT)
    scale_remarks(scene, variant=VARIANT, recipe=given.recipe, sources=sources, limit_px=PREDICTION_SAMPLE_PX)
    checked = perf_counter()
    write_prediction(
        to,
        given.network(),
        scene,
        variant=VARIANT,
        recipe=given.recipe,
        region=scene.region,
        tile_px=order.tile_px,
        workers=1,
    )
    return {"check_s": checked - began, "seconds": perf_counter() - began}


def over(order: Order, to: Path, count: int, *, kill: bool = False) -> dict[str, float]:
    """What a cluster of so many workers takes, without its start; with `kill` one is killed after a third."""
    with cluster(count) as (place, client), TemporaryDirectory(dir=to.parent) as folder:
        before = client.run(usage)
        process = next(iter(client.run(os.getpid).values()))
        observer = After(lambda: os.kill(process, signal.SIGKILL)) if kill else Silent()
        sent, cpu, began = psutil.net_io_counters(pernic=True)["lo"].bytes_sent, process_time(), perf_counter()
        predict_many(order, Path(folder), place=place, observer=observer)
        found = {
            "seconds": perf_counter() - began,
            "client_cpu_s": process_time() - cpu,
            "network_bytes": psutil.net_io_counters(pernic=True)["lo"].bytes_sent - sent,
        }
        if not kill:
            after = client.run(usage)
            found["worker_peak_bytes"] = max(one["peak_bytes"] for one in after.values())
            for name in ("cpu_s", "read_bytes"):
                found[f"worker_{name}"] = sum(after[address][name] - before[address][name] for address in after)
        (Path(folder) / f"{order.data[0].name}.tif").replace(to)
    return found


def compared(expected: Path, actual: Path) -> None:
    """See that two predictions hold the same bits, then forget the second.

    Raises:
        ValueError: they do not.
    """
    with rasterio.open(expected) as mine, rasterio.open(actual) as theirs:
        if mine.read(1).tobytes() != theirs.read(1).tobytes():
            raise ValueError(f"{actual} does not hold the bits of {expected}")
    actual.unlink()


def measured(order: Order, folder: Path, rounds: int) -> dict[str, Any]:
    """All rounds, and the one in which a worker is killed."""
    found: dict[str, Any] = {"alone": [], **{str(count): [] for count in COUNTS}}
    first = folder / "alone.tif"
    for number in range(rounds):
        again = folder / f"alone-{number}.tif"
        found["alone"].append(alone(order, again))
        again.replace(first)
        for count in COUNTS:
            found[str(count)].append(over(order, again, count))
            compared(first, again)
        sys.stderr.write(f"round {number + 1} of {rounds}\n")
    found["killed"] = over(order, folder / "killed.tif", 2, kill=True)
    compared(first, folder / "killed.tif")
    found["written_bytes"] = first.stat().st_size
    return found


def main() -> None:
    """Make the scene, measure, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the scene is made, and predictions are written meanwhile")
    parser.add_argument("--size", type=int, nargs=2, default=(2320, 10980), help="rows and columns of the scene")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        size = (given.size[0], given.size[1])
        scene = write_large_scene(folder / "large", landscape(folder / "small"), size_px=size)
        network = make_network(VARIANT, recipe())
        initialise(network, "pytorch", seed=0)
        checkpoint = Checkpoint(variant=VARIANT, recipe=recipe(), epoch=0, weights=network.state_dict())
        found = measured(Order(checkpoint=checkpoint, data=[scene]), folder, given.rounds)
        files = sum(path.stat().st_size for path in scene.iterdir())
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    facts = {"date": day, "size_px": size, "scene_bytes": files, "cores": os.cpu_count(), "machine": platform.machine()}
    content = facts | {"versions": versions(), "variant": VARIANT} | found
    (RESULTS / f"cluster-{day}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
