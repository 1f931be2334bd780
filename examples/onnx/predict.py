"""NDVI of a scene by an exported network, without PyTorch: python predict.py MODEL.onnx SCENE OUT.tif [FIRST_DATE].

SCENE is a folder of 00k_VH.tif, 00k_VV.tif, 00k_NDVI.tif and DEM.tif for dates k = FIRST_DATE (default 1), +1, +2; a
suffix may stand before .tif. All else is told by the model's metadata. Pixels at the scene's edge stay NaN.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import rasterio
from rasterio.windows import Window

TILE_PX = 256


def band_files(folder, files, first_date):
    """The file of each channel, in the model's order."""
    for kind, offset in files:
        stem = kind if offset is None else f"{first_date + offset:03d}_{kind}"
        found = sorted(folder.glob(f"{stem}*.tif"))
        if len(found) != 1:
            sys.exit(f"error: {folder} holds {len(found)} files {stem}*.tif, expected one")
        yield found[0]


def tiles(shape, border):
    """Row, column, height and width of each tile of the pixels that can be estimated."""
    rows, cols = (length - border for length in shape)
    for row in range(border, rows, TILE_PX):
        for col in range(border, cols, TILE_PX):
            yield row, col, min(TILE_PX, rows - row), min(TILE_PX, cols - col)


def stored(raster, window, masked):
    """One channel's window, float32 in stored units; declared no-data as 0 where the model wants it so."""
    pixels = raster.read(1, window=window)
    band = pixels.astype(np.float32)
    if masked and raster.nodata is not None:
        band[np.isnan(pixels) if np.isnan(raster.nodata) else pixels == raster.nodata] = 0
    if masked:
        band[raster.read_masks(1, window=window) == 0] = 0  # a mask of the file's own
    if not np.isfinite(band).all():
        sys.exit(f"error: {raster.name} has NaN or infinite pixels in {window}; fill or declare them as no-data")
    return band


def predict(model, folder, out, first_date=1):
    """Write the estimate of a whole scene as a float32 GeoTIFF on the scene's grid."""
    out = Path(out)
    if out.exists():
        sys.exit(f"error: {out} exists already; give another name or remove it first")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    border, masked = int(told["border_px"]), json.loads(told["recipe"])["nodata"] == "masked"
    paths = list(band_files(folder, json.loads(told["files"]), first_date))
    rasters = [rasterio.open(path) for path in paths]
    shapes = {raster.shape for raster in rasters}
    if len(shapes) != 1 or min(rasters[0].shape) <= 2 * border:
        sys.exit(f"error: {folder} has shapes {sorted(shapes)}, expected one, above {2 * border} x {2 * border} px")
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "nodata": np.nan, "compress": "deflate"}
    profile |= {name: rasters[0].profile[name] for name in ("height", "width", "crs", "transform")}
    unfinished = out.with_name(f".{os.getpid()}-{out.name}")  # whole or not at all
    try:
        with rasterio.open(unfinished, "w", **profile) as written:
            written.update_tags(VARIANT=told["variant"], UNITS=told["units"])
            for row, col, height, width in tiles(rasters[0].shape, border):
                halo = Window(col - border, row - border, width + 2 * border, height + 2 * border)
                channels = np.stack([stored(raster, halo, masked) for raster in rasters])
                (estimate,) = session.run(["ndvi"], {"stored": channels[None]})
                written.write(estimate[0, 0], 1, window=Window(col, row, width, height))
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    try:
        predict(sys.argv[1], Path(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
    except Exception as error:
        sys.exit(f"error: {error}")
