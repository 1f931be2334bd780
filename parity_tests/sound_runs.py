"""Sound runs: a port without a mistake, before many random requests and computed in other ways, must raise no alarm.

`python -m parity_tests.sound_runs [--correct N] [--witness NAME]`; exit 0 without an alarm, 1 with one.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from parity import witness as witnesses
from parity.compare import compare
from parity.findings import Verdict
from parity.trace import read_request, read_trace, write_request
from parity.witness import Witness
from parity_tests.equivalent_ports import EQUIVALENT
from parity_tests.probes import (
    CHANNELS,
    DTYPES,
    STORED,
    Case,
    as_float32_values,
    initial_weights,
    make_request,
    patches,
    scaled_weights,
)
from parity_tests.workshop import ONE_THREAD
from port.record import record

Tell = Callable[[str], None]
PROCESSES = 2
SIDES_PX, BATCHES, MOST_IMAGES, MOST_STEPS = (17, 25), 2, 4, 3
SCALES = (0.3, 3.0)
"""Weights are those of a probe set times a number between these."""
SHORT = {"steps": 3, "recorded": [1, 2, 3]}


@dataclass(frozen=True)
class Network:
    """What a witness compiles once."""

    variant: str
    dtype: str
    output: str


OUTPUTS = ("linear", "rectify")
NETWORKS = [
    Network(variant, dtype, OUTPUTS[(number + other) % 2])
    for number, variant in enumerate(CHANNELS)
    for other, dtype in enumerate(DTYPES)
]
"""Every variant in either dtype and with either output; to compile one takes as long as dozens of runs."""


@dataclass(frozen=True)
class Judged:
    """What the judge said of one run."""

    id: str
    verdict: Verdict
    said: str


def sound(witness: Witness, count: int, tell: Tell) -> dict[str, Any]:
    """Judge sound ports: so many random requests, and each equivalent way to compute two of the probe sets'.

    Gives what zoo.json tells: comparisons, how many alarms (each is told), how often each verdict, and that of each
    equivalent port.
    """
    started = time.monotonic()
    os.environ.update(ONE_THREAD)  # inherited by the pool
    with (
        tempfile.TemporaryDirectory(prefix="sar2ndvi-sound-") as folder,
        ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool,
        ThreadPoolExecutor(PROCESSES) as waiting,
    ):
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = f"{folder}/compiled"  # another run's may hold programs for other widths
        work = partial(_chunk, witness, pool, Path(folder), tell)
        random = [one for chunk in waiting.map(work, *zip(*_chunks(count), strict=True)) for one in chunk]
        equivalent = _equivalent_ports(witness, pool, Path(folder))
    alarms = [one for one in (*random, *equivalent) if one.verdict is Verdict.FAIL]
    for one in equivalent:
        tell(f"equivalent port {one.id}: {one.verdict} {one.said}")
    verdicts = Counter(one.verdict.value for one in random)
    tell(f"{len(random)} sound runs in {time.monotonic() - started:.0f} s: {dict(verdicts)}, {len(alarms)} alarms")
    return {
        "comparisons": len(random),
        "alarms": len(alarms),
        "verdicts": dict(verdicts),
        "equivalent": [{"id": one.id, "verdict": one.verdict.value} for one in equivalent],
    }


def _chunks(count: int) -> Iterator[tuple[Network, range]]:
    """Each network with the numbers of its requests, so that it is compiled once."""
    for number, network in enumerate(NETWORKS):
        numbers = range(number, count, len(NETWORKS))
        if numbers:
            yield network, numbers


def _chunk(
    witness: Witness, pool: Executor, folder: Path, tell: Tell, network: Network, numbers: Sequence[int]
) -> list[Judged]:
    """The requests of one network: made, answered by the original, then by the port, and judged."""
    where = folder / f"{network.variant}-{network.dtype}-{network.output}"
    where.mkdir()
    requests = [where / f"{number}.request.npz" for number in numbers]
    for number, path in zip(numbers, requests, strict=True):
        _write(network, number, path)
    started = time.monotonic()
    witness.record([(path, _legacy(path)) for path in requests])
    between = time.monotonic()
    judged = list(pool.submit(_judged_all, requests).result())
    for one in judged:
        if one.verdict is Verdict.FAIL:
            tell(f"false alarm: {one.id}: {one.said}")
    tell(f"{where.name}: {len(requests)} runs, original {between - started:.0f} s, port and judge "
         f"{time.monotonic() - between:.0f} s")  # fmt: skip
    return judged


def _legacy(request: Path) -> Path:
    return request.with_name(request.name.replace("request", "legacy"))


def _write(network: Network, number: int, path: Path) -> None:
    """A random request: sizes, batch, steps, probe set and scale of the weights, all from its number."""
    random = np.random.RandomState(7_000 + number)
    side = (int(random.randint(*SIDES_PX)), int(random.randint(*SIDES_PX)))
    batch, steps = int(random.randint(1, MOST_IMAGES + 1)), int(random.randint(1, MOST_STEPS + 1))
    draw = (initial_weights, scaled_weights)[random.randint(2)]
    scale = float(np.exp(random.uniform(*np.log(SCALES))))
    weights = draw(random, len(CHANNELS[network.variant]))
    arrays = {name: scale * value for name, value in weights.items()} | patches(random, side, BATCHES * batch + 1)
    manifest = {
        "kind": "network",
        "probe": draw.__name__,
        "variant": network.variant,
        "channels": list(CHANNELS[network.variant]),
        "dtype": network.dtype,
        "divisor": STORED,
        "output": network.output,
        "seed": number,
        "training": {
            "steps": steps,
            "recorded": list(range(1, steps + 1)),
            "batch_size": batch,
            "learning_rate": 0.005,
            "momentum": 0.9,
        },
    }
    write_request(path, manifest, {name: as_float32_values(array) for name, array in arrays.items()})


def _judged_all(requests: Sequence[Path]) -> list[Judged]:
    """Each request recorded by the port and judged; its files are deleted."""
    judged = []
    for request in requests:
        judged.append(_judged(request, str(request.parent.name + "-" + request.name.split(".")[0])))
        request.unlink()
        _legacy(request).unlink()
    return judged


def _judged(request: Path, id: str) -> Judged:
    """The port as it is just now."""
    legacy, trace = _legacy(request), request.with_name(f"{id}.port.npz")
    record(request, trace, legacy)
    found = compare(read_trace(legacy), read_trace(trace), request=read_request(request))
    trace.unlink()
    return Judged(id, found.verdict, found.first_bad.message if found.first_bad else "")


def _equivalent_ports(witness: Witness, pool: Executor, folder: Path) -> list[Judged]:
    """Each equivalent port before two requests, one in either dtype."""
    requests = [folder / f"{dtype}.request.npz" for dtype in DTYPES]
    for dtype, path in zip(DTYPES, requests, strict=True):
        make_request(Case("SOPTIIp", "scaled", dtype), path, settings=SHORT)
    witness.record([(path, _legacy(path)) for path in requests])
    pairs = list(product(EQUIVALENT, requests))
    return list(pool.map(_judged_equivalent, *zip(*pairs, strict=True)))


def _judged_equivalent(name: str, request: Path) -> Judged:
    with EQUIVALENT[name]():
        return _judged(request, f"{name}-{request.name.split('.')[0]}")


def main() -> int:
    """Ask the witness, judge, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--correct", type=int, default=1000, metavar="N", help="how many random requests")
    parser.add_argument("--witness", default="best", help="best (default), container or interpreter")
    asked, console = parser.parse_args(), Console()
    tell = partial(console.print, markup=False, highlight=False, soft_wrap=True)
    found = sound(witnesses.find(asked.witness, say=tell), asked.correct, tell)
    tell(str(found))
    return int(found["alarms"] > 0)


if __name__ == "__main__":
    sys.exit(main())
