"""Conditions are what the last bits of a run's numbers depend on beside its settings: versions, processor, threads."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from port.digests import code_digest
from port.versions import versions

_CPUINFO = Path("/proc/cpuinfo")
_HEX_DIGITS = 16


def conditions(processes: int = 1) -> dict[str, Any]:
    """Those of here and now."""
    return {
        "threads": torch.get_num_threads(),
        "processes": processes,
        "processor": f"{_processor()}, {torch.backends.cpu.get_cpu_capability()}",
        "code": code_digest()[:_HEX_DIGITS],
        "versions": versions(),
    }


def threads_for(recorded: Mapping[str, Any], processes: int) -> int:
    """PyTorch's threads of each of so many processes, in all as many as recorded (of one process, if not told)."""
    return max(1, int(recorded["threads"]) * int(recorded.get("processes", 1)) // processes)


def changed(recorded: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """Each condition that is not what was recorded, with both values."""
    before, now = (_flat(found) for found in (recorded, here))
    return [f"{name} {before.get(name)} then, {value} now" for name, value in now.items() if before.get(name) != value]


def _flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """Versions beside the others."""
    names = ("threads", "processes", "processor", "code")
    return {**{name: found.get(name) for name in names}, **found.get("versions", {})}


def _processor() -> str:
    """The processor's name, as far as the system tells it."""
    lines = _CPUINFO.read_text(encoding="utf-8").splitlines() if _CPUINFO.is_file() else []
    named = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
