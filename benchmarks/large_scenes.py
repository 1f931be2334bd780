"""Large scenes on disk: one synthetic landscape of 512 x 512 px, repeated, in the layout and dtypes of a scene's files.

Each file is tiled, as Sentinel products are kept for reading by windows, and either uncompressed or deflated.
"""

from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
from rasterio.windows import Window

from port.regions import Region
from port.synthetic import write_synthetic_scene

BLOCK_PX = 512
"""Side of the landscape that is repeated, and of a file's own tiles."""
Compression = Literal["none", "deflate"]


def landscape(folder: Path, *, seed: int = 0) -> Path:
    """The scene that large ones repeat, 512 x 512 px."""
    return write_synthetic_scene(folder, size_px=(BLOCK_PX, BLOCK_PX), seed=seed)


def write_large_scene(folder: Path, of: Path, *, size_px: tuple[int, int], compression: Compression = "none") -> Path:
    """The scene in `of` repeated to (rows, columns) in `folder`: dtypes, grid and tags are its own."""
    folder.mkdir()
    for source in sorted(of.glob("*.tif")):
        if source.stem != "CHANGES":
            _repeat(source, folder / source.name, size_px, compression)
    return folder


def _repeat(source: Path, target: Path, size_px: tuple[int, int], compression: Compression) -> None:
    """Write one file block by block: nothing large is held."""
    with rasterio.open(source) as file:
        pixels, profile, tags = file.read(1), file.profile, file.tags()
    profile |= {"height": size_px[0], "width": size_px[1], "compress": compression, "bigtiff": "if_safer"}
    profile |= {"tiled": True, "blockxsize": BLOCK_PX, "blockysize": BLOCK_PX}
    if compression == "deflate":
        profile["predictor"] = 3 if np.issubdtype(pixels.dtype, np.floating) else 2
    with rasterio.open(target, "w", **profile) as file:
        for block in Region.whole(size_px).tiles(BLOCK_PX):
            rows, cols = block.shape
            file.write(pixels[:rows, :cols], 1, window=Window(block.col_start, block.row_start, cols, rows))
        file.update_tags(**tags)
