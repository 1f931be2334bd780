"""What is read out of a run: ratios round by round, their median and spread, and the claims that rest on them."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
ORIGINAL, TUNED, BFLOAT16 = "original", "original, tuned", "bfloat16"
"""The original with the kernels its OpenBLAS detects, and with its fastest; the port's engine of lower precision."""
PREDICTION, STEP, DENSE, REDUCED, LOADER, ROUND_OFF = 5.0, 6.0, 4.5, 3.0, 0.05, 1e-4
"""What is claimed: how many times as fast, the loader's share of an epoch, the relative error allowed in float32."""
SCENE, SCENE_BYTES = 1.3, 1.2e9
"""A whole scene: times what its arithmetic takes at the sgemm rate, and the most memory."""

Results = Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    """The median of a ratio over the rounds, and the lowest and highest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Spread":
        """That of some numbers, at least one."""
        return cls(statistics.median(numbers), min(numbers), max(numbers))

    def __format__(self, spec: str) -> str:
        return f"{self.median:{spec}} ({self.low:{spec}} to {self.high:{spec}})"


@dataclass(frozen=True)
class Claim:
    """A claim of speed, and whether a run bears it out.

    Attributes:
        text: what is claimed.
        found: what the run says.
        holds: None where this machine cannot be asked; `found` says why.
    """

    text: str
    found: str
    holds: bool | None


def file_name(day: date) -> str:
    """Results are kept by the day, in UTC; a second run of a day replaces the first."""
    return f"speed-{day.isoformat()}.json"


def newest(folder: Path = RESULTS) -> Results:
    """The results of the last day there are any of.

    Raises:
        FileNotFoundError: there are none.
    """
    found = sorted(folder.glob("speed-????-??-??.json"))
    if not found:
        raise FileNotFoundError(f"there is no speed-YYYY-MM-DD.json in {folder}; run python -m benchmarks.speed")
    read: Results = json.loads(found[-1].read_text(encoding="utf-8"))
    return read


def kept_scenes(folder: Path = RESULTS) -> Results:
    """The whole scenes of the newest results, and the day they were measured; nothing where there are none."""
    if not list(folder.glob("speed-????-??-??.json")):
        return {}
    return {name: found for name, found in newest(folder).items() if name in ("scenes", "scenes_date")}


def ratio(slow: Sequence[float], fast: Sequence[float]) -> Spread:
    """How many times as fast, from the seconds of both in the same rounds."""
    return Spread.of([s / f for s, f in zip(slow, fast, strict=True)])


def to_original(results: Results, work: str, name: str, original: str = ORIGINAL) -> Spread:
    """How many times as fast as the original's own; a step by blocks is held against its step by patches."""
    seconds = results["seconds"]
    return ratio(seconds["step" if work == "blocks" else work][original], seconds[work][name])


def gemm(results: Results, dtype: str) -> list[float]:
    """The machine's GFLOP/s round by round, of the matrices with the best median."""
    rates = [rate for name, rate in results["rates"].items() if name.startswith(f"gemm {dtype} ")]
    return max(rates, key=statistics.median)


def share_of_gemm(results: Results, work: str, name: str, dtype: str = "float32") -> Spread:
    """The rate at which a work's arithmetic is done, as a share of the machine's matrix products."""
    done, machine = results["seconds"][work][name], gemm(results, dtype)
    return Spread.of([results["flop"][work] / s / 1e9 / g for s, g in zip(done, machine, strict=True)])


def best(results: Results, work: str) -> str:
    """The port's fastest contender in float32."""
    medians = {name: statistics.median(found) for name, found in results["seconds"][work].items()}
    return min(medians.keys() - {ORIGINAL, TUNED, BFLOAT16}, key=lambda name: medians[name])


def claims(results: Results) -> list[Claim]:
    """Every claim of speed, against these results."""
    return [
        _against_original(results, "region", "prediction of the paper's test region", PREDICTION),
        _against_original(results, "forward", "prediction of a batch of patches", PREDICTION),
        _against_original(results, "step", "a training step patch by patch", STEP),
        _against_original(results, "blocks", "a training step of as many patches, by blocks,", STEP),
        _dense(results),
        *(_reduced(results, work, what) for work, what in (("region", "prediction"), ("step", "a training step"))),
        _agreement(results),
        *([_loading(results)] if "loader" in results else []),
        *(_scenes(results["scenes"]) if results.get("scenes") else []),
    ]


def _against_original(results: Results, work: str, what: str, wanted: float) -> Claim:
    """The original as its environment is; beside it, what is left against the original with its fastest kernels."""
    name = best(results, work)
    spread, tuned = (to_original(results, work, name, original) for original in (ORIGINAL, TUNED))
    found = f"{spread:.1f} x with {name}; {tuned:.1f} x against the tuned original"
    return Claim(f"{what} at least {wanted:g} x the original, in float32", found, spread.median >= wanted)


def _dense(results: Results) -> Claim:
    """Each form with the engine that is fastest for it."""
    seconds = results["seconds"]
    patches, blocks = best(results, "step"), best(results, "blocks")
    spread = ratio(seconds["step"][patches], seconds["blocks"][blocks])
    found = f"{spread:.1f} x"
    return Claim(f"training by blocks at least {DENSE:g} x that by patches", found, spread.median >= DENSE)


def _reduced(results: Results, work: str, what: str) -> Claim:
    """bfloat16 is asked for where a product unit multiplies in it; vdpbf16ps alone does at most two FMAs' work."""
    seconds = results["seconds"][work]
    spread = ratio(seconds[best(results, work)], seconds[BFLOAT16])
    machine = share_of_gemm(results, work, BFLOAT16)
    found = f"{spread:.1f} x, {machine:.1f} x the machine's float32 matrix products"
    holds: bool | None = spread.median >= REDUCED
    if "amx_bf16" not in results["machine"]["flags"]:
        reason = (
            "avx512_bf16 does at most twice float32's work"
            if "avx512_bf16" in results["machine"]["flags"]
            else "no instructions"
        )
        found, holds = f"{found}; not asked of this processor ({reason})", None
    return Claim(f"bfloat16 at least {REDUCED:g} x float32 for {what}, where the processor has AMX", found, holds)


def _agreement(results: Results) -> Claim:
    """Speed counts for nothing where something else is computed."""
    errors = {name: max(told.values()) for name, told in results["errors"].items() if name != BFLOAT16}
    worst = max(errors, key=lambda name: errors[name])
    text = f"all compute the same as float64, to {ROUND_OFF:g} in float32"
    return Claim(text, f"{errors[worst]:.1e} ({worst})", errors[worst] <= ROUND_OFF)


def _loading(results: Results) -> Claim:
    """The share where it is largest; beside it that of bfloat16, whose loader does the same in a shorter epoch."""
    by_engine = [
        [row for row in results["loader"] if (row["engine"] == BFLOAT16) is reduced] for reduced in (False, True)
    ]
    worst, *shorter = (max(rows, key=lambda row: row["share"]) for rows in by_engine if rows)
    found = f"{100 * worst['share']:.1f} % ({worst['recipe']}, {worst['batching']})"
    found += "".join(f"; {100 * row['share']:.1f} % of an epoch by bfloat16" for row in shorter)
    text = f"the data loader takes at most {100 * LOADER:g} % of an epoch by the default engine"
    return Claim(text, found, worst["share"] <= LOADER)


def _scenes(scenes: Sequence[Mapping[str, Any]]) -> list[Claim]:
    """Of uncompressed scenes in float32: the largest two in time (start-up counts in smaller ones), all in memory."""
    plain = sorted(
        (row for row in scenes if row["compression"] == "none" and row["engine"] != BFLOAT16),
        key=lambda row: row["pixels"],
    )
    told = [f"{_size(row)}: {row['ratio']:.2f} x" for row in plain[-2:]]
    memory = [f"{_size(row)}: {row['peak_bytes'] / 1e9:.2f} GB" for row in plain]
    largest = max(row["peak_bytes"] for row in plain)
    return [
        Claim(
            f"a whole scene, GeoTIFF to GeoTIFF, in at most {SCENE:g} x its arithmetic at the sgemm rate",
            ", ".join(told),
            all(row["ratio"] <= SCENE for row in plain[-2:]),
        ),
        Claim(f"in at most {SCENE_BYTES / 1e9:g} GB, whatever its size", ", ".join(memory), largest <= SCENE_BYTES),
    ]


def _size(row: Mapping[str, Any]) -> str:
    return " x ".join(map(str, row["size_px"]))
