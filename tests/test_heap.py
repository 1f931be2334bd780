"""What was freed is kept, and not fetched from the kernel again and again; or shared between threads."""

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


def run(program: str, *words: str) -> str:
    """What a program prints, in a process of its own."""
    command = [sys.executable, "-c", program, *words]
    root = Path(__file__).resolve().parent.parent
    return subprocess.run(command, capture_output=True, check=True, cwd=root, timeout=300, encoding="utf-8").stdout


def faults(*words: str) -> int:
    """Pages that the second half of the steps had to get from the kernel."""
    return int(run(LAYERS, *words))


def test_kept_memory_is_not_fetched_again() -> None:
    """Where another process fetches the pages of its layers again at each step, this one does not."""
    assert faults("keep") < faults() / 10


ARENAS = """
import ctypes, sys, threading
from port.heap import share_freed
if "share" in sys.argv:
    share_freed()
libc = ctypes.CDLL(None)
started = threading.Barrier(4)
def work():
    started.wait()  # all live at once
    libc.malloc(1000)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""


def arenas(*words: str) -> int:
    """How many arenas glibc has when four threads have taken memory."""
    return run(ARENAS, *words).count("<heap nr=")


def test_threads_share_what_was_freed() -> None:
    """Where other processes' threads have arenas of their own, here they have one."""
    assert arenas("share") == 1 < arenas()
