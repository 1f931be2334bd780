"""`python -m fuzz_tests [FORMAT ...] --runs N`: fuzz every reader, formats side by side; exit code 1 if one crashed."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from fuzz_tests.formats import harnesses

RUNS = 110_000
KEPT = Path("reports") / "fuzz"
TIMEOUT_S = 3600


@dataclass(frozen=True)
class Found:
    """What a campaign found of one format: crashes by kind, and what ended it before its time, if anything."""

    name: str
    inputs: int
    refused: int
    slowest_s: float
    more_mb: float
    kinds: dict[str, str]
    ended: str

    def __str__(self) -> str:
        return (
            f"{self.name:17} {self.inputs:8} inputs, {self.refused:8} refused, {len(self.kinds)} crashes, slowest "
            f"{self.slowest_s * 1000:6.0f} ms, {self.more_mb:5.0f} MiB more than at its start{self.ended}"
        )


def campaign(name: str, runs: int, seed: int, kept: Path) -> Found:
    """Fuzz one format in a process of its own; what crashed it is kept."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as place:
        folder = Path(place) / name
        folder.mkdir()
        command = [sys.executable, "-m", "fuzz_tests.campaign", name, str(folder), str(runs), str(seed)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
        done = subprocess.run(
            command, env=environment, capture_output=True, encoding="utf-8", errors="replace", timeout=TIMEOUT_S
        )
        told = json.loads((folder / "told.json").read_text(encoding="utf-8")) if (folder / "told.json").exists() else {}
        crashes = list((folder / "crashes").iterdir()) if (folder / "crashes").is_dir() else []
        for crash in crashes:
            (kept / name).mkdir(parents=True, exist_ok=True)
            (kept / name / crash.name).write_bytes(crash.read_bytes())
    executed = re.search(r"number_of_executed_units: +(\d+)", done.stderr)
    return Found(
        name=name,
        inputs=int(executed[1]) if executed else told.get("inputs", 0),
        refused=told.get("refused", 0),
        slowest_s=told.get("slowest_s", 0.0),
        more_mb=told.get("more_kb", 0) / 1024,
        kinds=told.get("kinds", {}),
        ended="" if done.returncode == 0 else f"; ended with {done.returncode}: {done.stderr[-600:]}",
    )


def main(
    formats: Annotated[list[str] | None, typer.Argument(help="Formats; all when left out.")] = None,
    runs: Annotated[int, typer.Option(help="Inputs in all, shared out by how fast each reader is.")] = RUNS,
    seed: Annotated[int, typer.Option(help="Of the chance behind it.")] = 1,
    jobs: Annotated[int, typer.Option(help="Formats at a time.")] = os.cpu_count() or 1,
) -> None:
    """Give each reader mutated files; tell inputs, crashes, the slowest and the memory of each."""
    known = harnesses()
    if unknown := sorted(set(formats or ()) - set(known)):
        raise typer.BadParameter(f"there is no format {unknown[0]}; choose of {', '.join(known)}")
    chosen = {name: known[name].share for name in (formats or known)}
    started, whole = time.monotonic(), sum(chosen.values())
    with ThreadPoolExecutor(jobs) as pool:
        asked = [pool.submit(campaign, name, round(runs * share / whole), seed, KEPT) for name, share in chosen.items()]
        found = []
        for each in asked:
            found.append(each.result())
            print(found[-1], flush=True)
            for kind, message in found[-1].kinds.items():
                print(f"    {kind}: {message}")
    inputs, crashes = sum(each.inputs for each in found), sum(len(each.kinds) + bool(each.ended) for each in found)
    slowest, more = max(found, key=lambda each: each.slowest_s), max(found, key=lambda each: each.more_mb)
    print(
        f"fuzz: {inputs} inputs of {len(found)} formats in {time.monotonic() - started:.0f} s, {crashes} crashes; "
        f"slowest {slowest.slowest_s * 1000:.0f} ms ({slowest.name}); most memory {more.more_mb:.0f} MiB ({more.name})"
        + (f"; crashes are kept in {KEPT}" if crashes else "")
    )
    raise typer.Exit(1 if crashes else 0)


if __name__ == "__main__":
    typer.run(main)
