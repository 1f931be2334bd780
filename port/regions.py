"""A region is a half-open rectangle of pixels, rows first; everything read, tiled, tested or written is one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from port.errors import RegionError

TEST_FRACTION = 0.4
"""Share of a scene's rows, the lower ones, kept for testing where no test region is given."""
_FORM = re.compile(r"\s*([0-9]{1,9})\s*:\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*:\s*([0-9]{1,9})\s*")


@dataclass(frozen=True)
class Region:
    """Rows row_start..row_stop-1 and columns col_start..col_stop-1, in pixels; written `R0:R1,C0:C1`.

    Raises:
        RegionError: the region holds no pixel.
    """

    row_start: int
    row_stop: int
    col_start: int
    col_stop: int

    def __post_init__(self) -> None:
        if self.row_start >= self.row_stop or self.col_start >= self.col_stop:
            raise RegionError(f"region {self} holds no pixel; each stop must be above its start (R0:R1,C0:C1)")

    def __str__(self) -> str:
        return f"{self.row_start}:{self.row_stop},{self.col_start}:{self.col_stop}"

    @classmethod
    def parse(cls, text: str) -> "Region":
        """The region written as `R0:R1,C0:C1`.

        Raises:
            RegionError: the text has another form, or the region holds no pixel.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise RegionError(
                f"region {text!r:.60} is not of the form R0:R1,C0:C1 (whole pixels from 0, such as 60:100,0:100)"
            )
        return cls(*map(int, match.groups()))

    @classmethod
    def whole(cls, shape: tuple[int, int]) -> "Region":
        """All pixels of a raster of shape (rows, columns)."""
        return cls(0, shape[0], 0, shape[1])

    @classmethod
    def lower_rows(cls, shape: tuple[int, int], fraction: float) -> "Region":
        """The last `fraction` of a raster's rows, rounded to whole rows and at least one, all columns."""
        return cls(shape[0] - max(1, round(shape[0] * fraction)), shape[0], 0, shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.row_stop - self.row_start, self.col_stop - self.col_start

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the region in an array of (row, col)."""
        return slice(self.row_start, self.row_stop), slice(self.col_start, self.col_stop)

    def grown(self, margin_px: int) -> "Region":
        """The region with a margin on all four sides; negative shrinks it; it may leave the raster.

        Raises:
            RegionError: a shrunken region holds no pixel.
        """
        return Region(
            self.row_start - margin_px, self.row_stop + margin_px, self.col_start - margin_px, self.col_stop + margin_px
        )

    def clipped(self, shape: tuple[int, int]) -> "Region":
        """The part inside a raster of shape (rows, columns).

        Raises:
            RegionError: no pixel of it is inside.
        """
        return self.intersection(Region.whole(shape))

    def intersection(self, other: "Region") -> "Region":
        """The pixels in both.

        Raises:
            RegionError: there is none.
        """
        bounds = (
            max(self.row_start, other.row_start),
            min(self.row_stop, other.row_stop),
            max(self.col_start, other.col_start),
            min(self.col_stop, other.col_stop),
        )
        if bounds[0] >= bounds[1] or bounds[2] >= bounds[3]:
            raise RegionError(f"regions {self} and {other} share no pixel; choose ones that overlap")
        return Region(*bounds)

    def within(self, shape: tuple[int, int]) -> "Region":
        """The region itself, once it is known to lie in a raster of shape (rows, columns).

        Raises:
            RegionError: a pixel of it lies outside.
        """
        if min(self.row_start, self.col_start) < 0 or self.row_stop > shape[0] or self.col_stop > shape[1]:
            raise RegionError(
                f"region {self} is not inside the scene of {shape[0]} rows x {shape[1]} columns; "
                f"choose one within {Region.whole(shape)}"
            )
        return self

    def relative_to(self, other: "Region") -> "Region":
        """The region counted from the other's first row and column: its place in an array that holds `other`."""
        return Region(
            self.row_start - other.row_start,
            self.row_stop - other.row_start,
            self.col_start - other.col_start,
            self.col_stop - other.col_start,
        )

    def tiles(self, tile_px: int) -> Iterator["Region"]:
        """Tiles of at most tile_px x tile_px pixels that together touch each pixel of the region once, row by row."""
        for row in range(self.row_start, self.row_stop, tile_px):
            for col in range(self.col_start, self.col_stop, tile_px):
                yield Region(row, min(row + tile_px, self.row_stop), col, min(col + tile_px, self.col_stop))

    def strips(self, rows_px: int) -> Iterator["Region"]:
        """Strips of at most rows_px whole rows that together touch each pixel of the region once."""
        for row in range(self.row_start, self.row_stop, rows_px):
            yield Region(row, min(row + rows_px, self.row_stop), self.col_start, self.col_stop)
