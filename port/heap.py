"""What glibc's heap does with freed memory: it is kept, and prediction shares it. Without glibc nothing is changed.

Training frees the same large tensors at each step, prediction with each tile. glibc gives them back to the kernel above
a threshold that they exceed again and again; to fault them in anew may take a third of the time of a batch.

Predicting a whole scene, threads come and go, and glibc gives each an arena, whose freed memory no other thread gets:
a quarter of all that the process holds.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # M_... in glibc's malloc.h
_MOST_BYTES = 32 << 20
"""The largest that glibc takes for blocks with pages of their own: the first layer of 128 patches is 15 MB."""
_KEPT_BYTES = 128 << 20
"""More than a training step of 128 patches frees: two layers of 15 MB, two of 7, rectified and not, their gradients."""


def keep_freed() -> None:
    """From now on this process keeps up to 128 MB that it freed."""
    _set(_MMAP_THRESHOLD, _MOST_BYTES)
    _set(_TRIM_THRESHOLD, _KEPT_BYTES)


def share_freed() -> None:
    """Threads that start from now on use one arena: what one of them freed, another gets."""
    _set(_ARENA_MAX, 1)


def _set(parameter: int, value: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(parameter, value)
