"""The heap keeps what was freed: large tensors are not returned to the kernel after each step and faulted in anew.

glibc gives freed memory back above a threshold that a network's tensors exceed again and again, which may take a third
of the time of a batch. For training: predicting whole scenes, kept memory would stand beside GDAL's. Without glibc
nothing is changed.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of glibc's malloc.h
_MOST_BYTES = 32 << 20
"""The largest that glibc takes for blocks with pages of their own: the first layer of 128 patches is 15 MB."""
_KEPT_BYTES = 128 << 20
"""More than a training step of 128 patches frees: two layers of 15 MB, two of 7, rectified and not, their gradients."""


def keep_freed() -> None:
    """From now on this process keeps up to 128 MB that it freed."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, _MOST_BYTES)
        mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
