"""The tables of docs/scale.md, made from the newest `results/cluster-DATE.json`: rates, and the plan for a country."""

import json
import math
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
SCENES = 300
"""Sentinel-2 tiles of a country at one date: an assumption; tiles are laid every 100 km, so about 3 million km²."""
SIDE_PX = 10980
WORKERS = 64
PRICE = 0.05
"""Of a core-hour, in euros: an example, not measured and nobody's offer."""
_GIB, _TIB = 2**30, 2**40


def _found() -> dict[str, Any]:
    """The newest measurement."""
    newest = max(RESULTS.glob("cluster-*.json"))
    found: dict[str, Any] = json.loads(newest.read_text(encoding="utf-8"))
    return found


def _median(rounds: list[dict[str, float]], name: str) -> float:
    return statistics.median(one[name] for one in rounds)


def _spread(numbers: list[float], unit: str) -> str:
    """Median, lowest and highest."""
    return f"{statistics.median(numbers):.2f} ({min(numbers):.2f} to {max(numbers):.2f}){unit}"


def rates() -> str:
    """Megapixels a second alone and over one and two workers, growth, and what a killed worker costs."""
    found = _found()
    mpx = math.prod(found["size_px"]) / 1e6
    base = found["alone"]
    lines = [
        f"| {found['size_px'][0]} x {found['size_px'][1]} px, {found['date']}, {found['cores']} cores | Mpx/s "
        "| against alone |",
        "|---|--:|--:|",
        f"| alone, one thread, its check of the scale included | {_spread([mpx / one['seconds'] for one in base], '')} "
        "| |",
    ]
    for count in ("1", "2"):
        rounds = found[count]
        gains = [one["seconds"] / other["seconds"] for one, other in zip(base, rounds, strict=True)]
        speed = _spread([mpx / one["seconds"] for one in rounds], "")
        lines.append(f"| cluster, {count} worker{'s' * (count != '1')} | {speed} | {_spread(gains, ' x')} |")
    killed = found["killed"]["seconds"]
    against = statistics.median(one["seconds"] for one in base) / killed
    lines.append(f"| cluster, 2 workers, one killed on the way | {mpx / killed:.2f} | {against:.2f} x |")
    return "\n".join(lines)


def country() -> str:
    """What a date of a country costs in core-hours, storage, network and memory, from the rates of one worker."""
    found = _found()
    one = found["1"]
    scale = SCENES * SIDE_PX**2 / math.prod(found["size_px"])
    core_h = scale * _median(one, "seconds") / 3600
    client_h = scale * _median(one, "client_cpu_s") / 3600
    feeds = max(1, math.floor(core_h / client_h))
    clients = math.ceil(WORKERS / feeds)
    hours = max(core_h / WORKERS, client_h / clients)
    rows = {
        "pixels": f"{SCENES * SIDE_PX**2 / 1e9:.1f} billion",
        "core-hours of workers": f"{core_h:.1f}",
        "core-hours of clients and scheduler": f"{client_h:.1f}",
        "workers that one client keeps up with": f"{feeds}",
        f"hours with {WORKERS} workers and {clients} client{'s' * (clients > 1)}": f"{hours:.2f}",
        "scenes on storage, uncompressed": f"{scale * found['scene_bytes'] / _TIB:.2f} TiB",
        "read from storage": f"{scale * _median(one, 'worker_read_bytes') / _TIB:.2f} TiB",
        "written to storage": f"{scale * found['written_bytes'] / _GIB:.0f} GiB",
        "over the network, storage apart": f"{scale * _median(one, 'network_bytes') / _GIB:.0f} GiB",
        "memory of a worker, at most": f"{max(each['worker_peak_bytes'] for each in one) / 2**20:.0f} MiB",
        f"money = core-hours x price; at an assumed {PRICE:.2f} euro": f"{(core_h + client_h) * PRICE:.2f} euro",
    }
    lines = [f"| {SCENES} tiles of {SIDE_PX} x {SIDE_PX} px, one date | |", "|---|--:|"]
    return "\n".join([*lines, *(f"| {what} | {much} |" for what, much in rows.items())])


TABLES: Mapping[str, Callable[[], str]] = {"cluster-rates": rates, "country": country}
