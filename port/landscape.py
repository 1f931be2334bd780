"""A landscape is hills, blocks of land between roads, and the fields and margins within each block."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

_BLOCK_PX = 60  # mean spacing of blocks: each has its own field direction and sizes
_FIELD_WIDTH_PX = (7.0, 14.0)
_FIELD_LENGTH_PX = (12.0, 28.0)
_MARGIN_PX = 1.0  # grass between fields
_ROAD_PX = 1.6  # bare track between blocks
_HILLS_PX = ((30.0, 1.0), (12.0, 0.25), (4.0, 0.03))  # (scale, weight) of the noise that makes the hills


@dataclass(frozen=True)
class Landscape:
    """Elevation in [0, 1]; field number of each pixel; where margins and roads run; metres across the crop rows."""

    elevation: Float[np.ndarray, "row col"]
    field: Int[np.ndarray, "row col"]
    margin: Bool[np.ndarray, "row col"]
    road: Bool[np.ndarray, "row col"]
    across_px: Float[np.ndarray, "row col"]

    @property
    def field_count(self) -> int:
        """Fields are numbered from 0."""
        return int(self.field.max()) + 1

    def field_mean(self, values: Float[np.ndarray, "row col"]) -> Float[np.ndarray, "field"]:
        """Mean of a map over each field."""
        mean: np.ndarray = np.bincount(self.field.ravel(), values.ravel()) / np.bincount(self.field.ravel())
        return mean


def make_landscape(shape: tuple[int, int], generator: np.random.Generator) -> Landscape:
    """A landscape of (rows, columns): each block is cut into parallel strips, each strip into fields."""
    elevation = _hills(shape, generator)
    block, road = _blocks(shape, generator)
    count = int(block.max()) + 1
    angle = generator.uniform(0, np.pi, count)[block]
    width = generator.uniform(*_FIELD_WIDTH_PX, count)[block]
    length = generator.uniform(*_FIELD_LENGTH_PX, count)[block]
    row, col = np.indices(shape, dtype=np.float64)
    across, along = row * np.cos(angle) + col * np.sin(angle), col * np.cos(angle) - row * np.sin(angle)
    strip = np.floor(across / width)
    shifted = along + length * np.modf(np.abs(strip) * 0.618)[0]  # neighbouring strips are cut at different places
    piece = np.floor(shifted / length)
    margin = (across - strip * width < _MARGIN_PX) | (shifted - piece * length < _MARGIN_PX)
    names = np.stack([block, strip, piece], axis=-1).reshape(-1, 3)
    field = np.unique(names, axis=0, return_inverse=True)[1].reshape(shape)
    return Landscape(elevation, field, margin & ~road, road, across)


def _hills(shape: tuple[int, int], generator: np.random.Generator) -> Float[np.ndarray, "row col"]:
    """Noise of several scales, scaled to [0, 1]."""
    hills = np.zeros(shape)
    for scale, weight in _HILLS_PX:
        hills += weight * smooth_noise(shape, scale, generator)
    scaled: np.ndarray = (hills - hills.min()) / np.ptp(hills)
    return scaled


def smooth_noise(
    shape: tuple[int, int], scale_px: float, generator: np.random.Generator
) -> Float[np.ndarray, "row col"]:
    """White noise behind a Gaussian of `scale_px`, mean 0, standard deviation 1; drawn on a larger sheet, then cut."""
    sheet = tuple(length + int(4 * scale_px) for length in shape)  # the Fourier transform joins opposite edges
    frequency = np.fft.fftfreq(sheet[0])[:, None] ** 2 + np.fft.rfftfreq(sheet[1])[None, :] ** 2
    gain = np.exp(-2 * (np.pi * scale_px) ** 2 * frequency)
    smooth = np.fft.irfft2(np.fft.rfft2(generator.standard_normal(sheet)) * gain, sheet)[: shape[0], : shape[1]]
    noise: np.ndarray = (smooth - smooth.mean()) / smooth.std()
    return noise


def _blocks(
    shape: tuple[int, int], generator: np.random.Generator
) -> tuple[Int[np.ndarray, "row col"], Bool[np.ndarray, "row col"]]:
    """The nearest of a jittered grid of centres for each pixel, and the roads where the nearest two are as near."""
    across = tuple(length // _BLOCK_PX + 3 for length in shape)  # one cell more on each side
    row, col = np.indices(shape, dtype=np.float64)
    cell_row, cell_col = (axis.astype(int) // _BLOCK_PX + 1 for axis in (row, col))
    jitter = generator.uniform(0.15, 0.85, (2, *across))
    nearest, second, block = np.full(shape, np.inf), np.full(shape, np.inf), np.zeros(shape, dtype=int)
    for step_row in (-1, 0, 1):
        for step_col in (-1, 0, 1):
            r, c = cell_row + step_row, cell_col + step_col
            centre_row, centre_col = (r - 1 + jitter[0, r, c]) * _BLOCK_PX, (c - 1 + jitter[1, r, c]) * _BLOCK_PX
            distance = np.hypot(row - centre_row, col - centre_col)
            closer = distance < nearest
            second = np.minimum(second, np.where(closer, nearest, distance))
            block = np.where(closer, r * across[1] + c, block)
            nearest = np.minimum(nearest, distance)
    return block, second - nearest < _ROAD_PX
