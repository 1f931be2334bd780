"""A band stack is a scene's nine channels and target on disk as one array, so patches are cheap slices of it."""

import tempfile
from types import TracebackType
from typing import BinaryIO

import numpy as np
from jaxtyping import Float32

from port.bands import Band
from port.errors import OutputError
from port.scenes import Scene

_STRIP_PX = 256  # rows read at once
TARGET_INDEX = len(Band)
"""Place of NDVI at t in the stack, after the nine channels."""


class BandStack:
    """Memory-mapped copy of a scene in stored units, made by strips of rows, in a file that ends with the process.

    `pixels` is float32 (10, row, col): the nine channels in training order, then NDVI at t.

    Raises:
        OutputError: the temporary folder has no space.
        SceneError: a band holds NaN or cannot be read.
    """

    pixels: Float32[np.ndarray, "10 row col"]

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def __enter__(self) -> "BandStack":
        shape = (len(Band) + 1, *self.scene.shape)
        try:
            with tempfile.TemporaryFile() as file:  # without a name: a process that is killed leaves nothing
                self._fill(file)
                self.pixels = np.memmap(file, dtype=np.float32, mode="r", shape=shape)
        except OSError as error:
            raise OutputError(
                f"{tempfile.gettempdir()} cannot hold a copy of {self.scene.directory} "
                f"({4 * np.prod(shape) / 2**20:.1f} MiB): {error}; point TMPDIR to a folder with space"
            ) from error
        return self

    def _fill(self, file: BinaryIO) -> None:
        """Write the layers one after another; not through the map, where a full disk would end the process."""
        rows, cols = self.scene.shape
        for strip in self.scene.region.strips(_STRIP_PX):
            for number, layer in enumerate((*self.scene.channels(strip), self.scene.target(strip))):
                file.seek(layer.itemsize * (number * rows + strip.row_start) * cols)
                file.write(layer.tobytes())
        file.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del self.pixels
