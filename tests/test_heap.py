"""A process that keeps what it freed does not fetch the same memory from the kernel again and again."""

import subprocess
import sys
from pathlib import Path

LAYERS = """
import ctypes, resource, sys
from port.heap import keep_freed
if "keep" in sys.argv:
    keep_freed()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
for step in range(40):  # as a batch's layers: all live at once, then none
    before = before if step > 20 else resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    layers = [ctypes.c_void_p(libc.malloc(15 << 20)) for _ in range(4)]
    for layer in layers:
        libc.memset(layer, 1, 15 << 20)
    for layer in reversed(layers):
        libc.free(layer)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(*words: str) -> int:
    """Pages that the second half of the steps had to get from the kernel."""
    command = [sys.executable, "-c", LAYERS, *words]
    root = Path(__file__).resolve().parent.parent
    return int(subprocess.run(command, capture_output=True, check=True, cwd=root, timeout=300).stdout)


def test_kept_memory_is_not_fetched_again() -> None:
    """Where another process fetches the pages of its layers again at each step, this one does not."""
    assert faults("keep") < faults() / 10
