"""A process that keeps what it freed does not fault the same memory in again and again."""

import subprocess
import sys
from pathlib import Path

TENSORS = """
import resource, sys
import torch
from port.heap import keep_freed
if "keep" in sys.argv:
    keep_freed()
for number in range(40):  # as a network's layers: some live at once, then all are freed
    layers = [torch.empty(1 << 20).fill_(1.0) for _ in range(8)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt if number == 19 else locals().get("before")
    del layers
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*words: str) -> int:
    """Pages that the second half of the steps had to get from the kernel."""
    command = [sys.executable, "-c", TENSORS, *words]
    root = Path(__file__).resolve().parent.parent
    return int(subprocess.run(command, capture_output=True, check=True, cwd=root, timeout=300).stdout)


def test_kept_memory_is_not_fetched_again() -> None:
    """Twenty steps of 32 MB are 160 000 pages, of which a process that keeps them fetches hardly any."""
    assert faults("keep") < faults() / 10
