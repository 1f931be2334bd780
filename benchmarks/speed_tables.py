"""The tables of speed, made from the newest run of `benchmarks.speed`."""

import statistics
from collections.abc import Callable, Mapping

from benchmarks.speed_ratios import BFLOAT16, ORIGINAL, Results, claims, gemm, newest, share_of_gemm, to_original

HOLDS = {True: "yes", False: "**no**", None: "not asked"}
MEMORY = ("read", "copy", "triad")


def speed() -> str:
    """Each contender: its ratio to the original, its share of the machine's sgemm rate, its error."""
    return speed_of(newest())


def speed_claims() -> str:
    """Each claim of speed, and whether the run bears it out."""
    return claims_of(newest())


def speed_scenes() -> str:
    """Whole scenes, from GeoTIFF to GeoTIFF."""
    return scenes_of(newest())


def speed_machine() -> str:
    """The machine of the run, and what it can do."""
    return machine_of(newest())


def speed_of(results: Results) -> str:
    """The table of some results: ratios as median, lowest and highest over the rounds; a dash where there is none."""
    lines = [
        "| | test region x original | of sgemm | 128 patches x original | of sgemm | training step x original "
        "| of sgemm | step by blocks x original | error: output | gradient |",
        "|---" + "|--:" * 9 + "|",
    ]
    names = dict.fromkeys(name for found in results["seconds"].values() for name in found)
    lines += [f"| {name} | {' | '.join(_cells(results, name))} |" for name in names]
    return "\n".join(lines)


def _cells(results: Results, name: str) -> list[str]:
    """A contender's cells, from left to right."""
    there = {work for work, found in results["seconds"].items() if name in found}
    ratios = {
        work: f"{to_original(results, work, name):.1f}" if work in there and name != ORIGINAL else "-"
        for work in ("region", "forward", "step", "blocks")
    }
    if name == ORIGINAL:
        ratios.update(region="1", forward="1", step="1")
    shares = {
        work: f"{100 * share_of_gemm(results, work, name).median:.0f} %" if work in there else "-"
        for work in ("region", "forward", "step")
    }
    told = results["errors"][name]
    errors = [f"{told[of]:.0e}" if of in told else "-" for of in ("output", "gradient")]
    training = [ratios["step"], shares["step"], ratios["blocks"]]
    predicting = [ratios["region"], shares["region"], ratios["forward"], shares["forward"]]
    return [*predicting, *training, *errors]


def scenes_of(results: Results) -> str:
    """The table of whole scenes: time in units of the arithmetic's, by the clock and by the processor; peak memory."""
    lines = [
        f"| scene (px), {results.get('scenes_date')} | files | engine | tiles (px) | time / arithmetic "
        "| processor time / arithmetic | Mpx/s "
        "| peak memory |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in results.get("scenes", []):
        size, files = " x ".join(map(str, row["size_px"])), row["compression"].replace("none", "uncompressed")
        rates = f"{row['ratio']:.2f} | {row['processor_ratio']:.2f} | {row['pixels'] / row['seconds'] / 1e6:.2f}"
        lines.append(
            f"| {size} | {files} | {row['engine']} | {row['tile_px']} | {rates} | {row['peak_bytes'] / 1e9:.2f} GB |"
        )
    return "\n".join(lines)


def claims_of(results: Results) -> str:
    """The table of the claims."""
    lines = ["| claim | measured | holds |", "|---|---|---|"]
    lines += [f"| {claim.text} | {claim.found} | {HOLDS[claim.holds]} |" for claim in claims(results)]
    return "\n".join(lines)


def machine_of(results: Results) -> str:
    """The table of the machine, of the original and of the run."""
    machine, original = results["machine"], results["original"]
    rates = {dtype: statistics.median(gemm(results, dtype)) for dtype in ("float32", BFLOAT16)}
    memory = (f"{what} {statistics.median(results['rates'][f'memory {what}']):.1f}" for what in MEMORY)
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    kernels = ", ".join(f"{work} {name}" for work, name in original["kernels"].items())
    rows = {
        "measured": f"{results['date']}, {results['rounds']} rounds, batch of {results['batch']} patches",
        "processor": f"{machine['cpu']}, {machine['threads']} threads, {', '.join(machine['flags'])}",
        "matrix products (GFLOP/s)": ", ".join(f"{dtype} {rate:.0f}" for dtype, rate in rates.items()),
        "memory (GB/s)": ", ".join(memory),
        "port": versions,
        "original": f"{original['witness']}, Theano {original['stack'].get('theano')}, OpenBLAS kernels as detected",
        "original, tuned": kernels,
        "seconds a step of the original, by its kernels": ", ".join(
            f"{name} {seconds['step']:.2f}" for name, seconds in original["auditions"].items()
        ),
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows.items())])


TABLES: Mapping[str, Callable[[], str]] = {
    "speed": speed,
    "speed-claims": speed_claims,
    "speed-machine": speed_machine,
    "speed-scenes": speed_scenes,
}
