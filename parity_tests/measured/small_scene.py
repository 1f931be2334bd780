"""A small scene is a synthetic one on disk for as long as something is measured on it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from port.scenes import Scene
from port.synthetic import write_synthetic_scene

SIDE_PX = 57
"""Four patches of 33 px fit, at any origin up to 8."""


@contextmanager
def small_scene() -> Iterator[Scene]:
    """A synthetic scene of 57 x 57 px; its folder goes with it."""
    with tempfile.TemporaryDirectory(prefix="sar2ndvi-") as folder:
        yield Scene.open(write_synthetic_scene(Path(folder) / "scene", size_px=(SIDE_PX, SIDE_PX)))
