"""Whole scenes, from GeoTIFF to GeoTIFF: `python -m benchmarks.whole_scene` times `python -m port predict` by size.

Each run is a process of its own, start-up and checks included, between two measurements of the machine's own rate of
matrix products. Times are told as the clock's and as the processor's: others on the machine lengthen the first only.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from math import prod
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch

from benchmarks.large_scenes import Compression, landscape, write_large_scene
from port.checkpoints import Checkpoint, save
from port.initialisation import initialise
from port.network import LAYERS, make_network
from port.prediction import TILE_PX
from port.recipes import recipe

PAPER_PX = (5253, 4797)
"""The paper's scene."""
SIZES_PX = ((1000, 1000), (2500, 2500), PAPER_PX, (10980, 10980))
"""Up to one tile of Sentinel-2."""
VARIANT = "SOPTIIp"
_TILES = re.compile(r"tiles of (\d+) px")  # as the command tells those that it tried and took
WATCHER = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"processor_s": used.ru_utime + used.ru_stime, "peak_bytes": used.ru_maxrss * 1024}))
sys.exit(code)
"""
"""Runs a command and tells what it took: a small process, for the kernel counts the memory of whoever starts it too."""
_PRODUCT = 2048  # rows and columns of the matrices
_PRODUCTS = 8


def flop_a_pixel(channels: int = 9) -> int:
    """Multiplications and additions that one estimated pixel takes, without halo and biases: 148384 for 9 channels."""
    inputs = (channels, *(layer.filters for layer in LAYERS))
    return sum(2 * n * layer.filters * layer.side_px**2 for n, layer in zip(inputs, LAYERS, strict=False))


def sgemm_rate(threads: int) -> dict[str, float]:
    """FLOP a second of float32 matrix products: the best by the clock, and all by the processor's time on all cores."""
    torch.set_num_threads(threads)
    left, right = (torch.rand(_PRODUCT, _PRODUCT) for _ in range(2))
    left @ right
    best, used = float("inf"), process_time()
    for _ in range(_PRODUCTS):
        start = perf_counter()
        left @ right
        best = min(best, perf_counter() - start)
    flop = 2 * _PRODUCT**3
    return {"clock": flop / best, "processor": threads * flop * _PRODUCTS / (process_time() - used)}


def measure(
    sizes: Iterable[tuple[int, int]] = SIZES_PX,
    *,
    compressions: Sequence[Compression] = ("none", "deflate"),
    engine: str = "channels-last",
    tile_px: str = "auto",
    threads: int = 2,
    folder: Path | None = None,
) -> list[dict[str, Any]]:
    """One entry a size and compression; scenes of up to 10 GB lie in a temporary folder (below `folder`) meanwhile.

    `ratio` is the clock's time in units of what the arithmetic takes at the best rate of matrix products measured right
    before and after; `processor_ratio` the same in processor time of all threads.
    """
    found = []
    with tempfile.TemporaryDirectory(dir=folder) as name:
        here = Path(name)
        of = landscape(here / "landscape")
        checkpoint = untrained_checkpoint(here / "weights.safetensors")
        for size in sizes:
            for compression in compressions:
                with tempfile.TemporaryDirectory(dir=here) as scene_name:
                    scene = write_large_scene(Path(scene_name) / "scene", of, size_px=size, compression=compression)
                    words = ["--checkpoint", checkpoint, "--data", scene, "--out", Path(scene_name) / "ndvi.tif"]
                    words += ["--engine", engine, "--tile-px", tile_px, "--threads", threads]
                    entry = {"size_px": list(size), "compression": compression, "engine": engine, "threads": threads}
                    found.append(entry | _timed([*map(str, words)], prod(size), threads))
    return found


def untrained_checkpoint(path: Path) -> Path:
    """Weights as they start: speed does not depend on them."""
    network = make_network(VARIANT, recipe())
    initialise(network, "pytorch", seed=0)
    save(path, Checkpoint(variant=VARIANT, recipe=recipe(), epoch=0, weights=network.state_dict()))
    return path


def _timed(words: Sequence[str], pixels: int, threads: int) -> dict[str, Any]:
    """One run of the command, between two measurements of the machine's rate."""
    rates = [sgemm_rate(threads)]
    start = perf_counter()
    command = [sys.executable, "-c", WATCHER, sys.executable, "-m", "port", "predict", *words]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    seconds = perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"predict ended with {done.returncode}:\n{done.stderr[-2000:]}")
    used: dict[str, float] = json.loads(done.stdout)
    rates.append(sgemm_rate(threads))
    notes = [line for line in done.stderr.splitlines() if line.startswith("note")]
    tiles = next((match[1] for match in map(_TILES.search, notes) if match), str(TILE_PX))
    return {"pixels": pixels, "tile_px": int(tiles), "notes": notes} | _ratios(pixels, seconds, used, rates, threads)


def _ratios(
    pixels: int, seconds: float, used: dict[str, float], rates: Sequence[dict[str, float]], threads: int
) -> dict[str, Any]:
    """Times and memory, and the times in units of the arithmetic's."""
    flop = pixels * flop_a_pixel()
    clock, processor = (max(rate[kind] for rate in rates) for kind in ("clock", "processor"))
    processor_s = used["processor_s"]
    return {
        "seconds": seconds,
        **used,
        "sgemm_flop_s": {"clock": [r["clock"] for r in rates], "processor": [r["processor"] for r in rates]},
        "arithmetic_s": flop / clock,
        "ratio": seconds * clock / flop,
        "processor_ratio": processor_s * processor / threads / flop,
    }


def main() -> None:
    """Measure all sizes, or those given as ROWSxCOLS, and print the entries as JSON."""
    asked = [(int(rows), int(cols)) for rows, cols in (word.split("x") for word in sys.argv[1:])]
    print(json.dumps(measure(asked or SIZES_PX), indent=2))  # noqa: T201 - a command


if __name__ == "__main__":
    main()
