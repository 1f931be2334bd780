"""The bad scenes: what can be wrong with a scene, a region, a prediction or an output, and the one error for each.

`python -m benchmarks.tables` writes them into docs/bad-scenes.md; tests/test_bad_scenes.py runs every one, in a folder
that holds the scene as `scene`, weights as `model.npz` and a prediction as `estimate.tif`.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import rasterio

from tests.scene_damage import (
    FILES,
    Damage,
    as_cloud_of_nan,
    as_dtype,
    bare_header,
    block_garbled,
    byte_changed,
    bytes_of,
    copied,
    cut_out,
    each,
    exchanged,
    filled,
    linked,
    made_file,
    made_folder,
    made_pipe,
    moved,
    nothing,
    permitted,
    removed,
    rewritten,
    scaled,
    with_value,
)

VH, VV, NDVI, MASK = "scene/001_VH.tif", "scene/002_VV.tif", "scene/003_NDVI.tif", "scene/002_MASK.tif"
DEM = "scene/DEM.tif"
PREDICT = "predict --checkpoint model.npz --variant SOPTIIp --recipe corrected --data scene --out ndvi.tif"
TRAIN = "train --data scene --epochs 1"
EVALUATE = "evaluate --prediction estimate.tif --data scene"
AUDIT = "audit --data scene"


@dataclass(frozen=True)
class Case:
    """What is wrong, how it is made, the command that meets it, and its error after `error: `; `{bytes}` is a number.

    `unprivileged`: root may read and write everything, so this is run as a user who may not.
    """

    name: str
    damage: Damage
    command: str
    error: str
    unprivileged: bool = False


CASES: Mapping[str, tuple[Case, ...]] = {
    "Files that are not there, or are no files": (
        Case(
            "the scene's folder does not exist",
            moved("scene", "elsewhere"),
            PREDICT,
            "scene is not a folder; give the folder that holds the scene's GeoTIFFs",
        ),
        Case(
            "the scene's folder is a file",
            made_file("scene"),
            TRAIN,
            "scene is a file, not a folder; give the folder that holds the scene's GeoTIFFs",
        ),
        Case(
            "the folder is empty",
            each(moved("scene", "elsewhere"), made_folder("scene")),
            PREDICT,
            "scene holds none of the files of a scene among its 0 entries; expected 001_VH.tif, 001_VV.tif, "
            "001_NDVI.tif, 001_MASK.tif, the same for 002 and 003, and DEM.tif (any one suffix before .tif)",
        ),
        Case(
            "the folder holds other files",
            each(moved("scene", "elsewhere"), made_folder("scene"), made_file("scene/notes.txt")),
            AUDIT,
            "scene holds none of the files of a scene among its 1 entries; expected 001_VH.tif, 001_VV.tif, "
            "001_NDVI.tif, 001_MASK.tif, the same for 002 and 003, and DEM.tif (any one suffix before .tif)",
        ),
        Case(
            "the folder may not be listed",
            permitted("scene", 0o311),
            PREDICT,
            "scene cannot be listed (Permission denied); make it readable, or give another folder that holds the "
            "scene's GeoTIFFs",
            unprivileged=True,
        ),
        Case(
            "the folder may be listed, but its files not opened",
            permitted("scene", 0o644),
            PREDICT,
            "scene/001_VH.tif cannot be read as a GeoTIFF: this user may not read it; change its permissions, or "
            "those of its folder",
            unprivileged=True,
        ),
        Case(
            "a file is missing",
            removed(VH),
            PREDICT,
            "scene lacks 001_VH.tif: 1 of the 13 files of dates 1 to 3; add them, or choose another --first-date "
            "(dates present: 001, 002, 003)",
        ),
        Case(
            "a date is missing",
            removed(*(f"scene/002_{kind}.tif" for kind in ("VH", "VV", "NDVI", "MASK"))),
            TRAIN,
            "scene lacks 002_VH.tif, 002_VV.tif, 002_NDVI.tif, 002_MASK.tif: 4 of the 13 files of dates 1 to 3; "
            "add them, or choose another --first-date (dates present: 001, 003)",
        ),
        Case(
            "later dates are asked for than there are",
            nothing,
            f"{PREDICT} --first-date 2",
            "scene lacks 004_VH.tif, 004_VV.tif, 004_NDVI.tif, 004_MASK.tif: 4 of the 13 files of dates 2 to 4; "
            "add them, or choose another --first-date (dates present: 001, 002, 003)",
        ),
        Case(
            "files of two suffixes",
            copied(VH, "scene/001_VH_new.tif"),
            PREDICT,
            "scene holds files of 2 suffixes ('': 13 files such as 001_MASK.tif; '_new': 1 files such as "
            "001_VH_new.tif), expected one; keep one scene a folder",
        ),
        Case(
            "a file ends in .TIF",
            moved(VH, "scene/001_VH.TIF"),
            PREDICT,
            "scene lacks 001_VH.tif: 1 of the 13 files of dates 1 to 3; add them (there is 001_VH.TIF: rename), "
            "or choose another --first-date (dates present: 001, 002, 003)",
        ),
        Case(
            "a folder in a file's place",
            made_folder(MASK),
            EVALUATE,
            "scene/002_MASK.tif cannot be read as a GeoTIFF: it is a folder; give a file",
        ),
        Case(
            "a named pipe in a file's place",
            made_pipe(DEM),
            PREDICT,
            "scene/DEM.tif cannot be read as a GeoTIFF: it is a device or pipe; give a file",
        ),
        Case(
            "a link to nothing",
            linked(VV, "gone.tif"),
            PREDICT,
            "scene/002_VV.tif cannot be read as a GeoTIFF: it is a link to gone.tif, which does not exist; mend "
            "the link, or replace it with the file",
        ),
        Case(
            "a link to itself",
            linked(VV, "002_VV.tif"),
            TRAIN,
            "scene/002_VV.tif cannot be read as a GeoTIFF: it is a link that leads in a circle; replace it with "
            "the file",
        ),
        Case(
            "a scene that is a link to itself",
            lambda folder: os.symlink("circle", folder / "circle"),
            TRAIN.replace("scene", "circle"),
            "circle cannot be listed (Too many levels of symbolic links); make it readable, or give another folder "
            "that holds the scene's GeoTIFFs",
        ),
        Case(
            "a file that may not be read",
            permitted(NDVI, 0o200),
            TRAIN,
            "scene/003_NDVI.tif cannot be read as a GeoTIFF: this user may not read it; change its permissions, "
            "or those of its folder",
            unprivileged=True,
        ),
        Case(
            "a folder whose name is no UTF-8",
            moved("scene", "sc\udce8ne"),
            PREDICT.replace("--data scene", "--data sc\udce8ne"),
            "'sc\\udce8ne/001_VH.tif' cannot be read as a GeoTIFF: its name is no UTF-8; rename it",
        ),
    ),
    "Files that are damaged or of another kind": (
        Case(
            "an empty file",
            made_file(VH, b""),
            PREDICT,
            "scene/001_VH.tif cannot be read as a GeoTIFF: it is empty (0 bytes); copy it again",
        ),
        Case(
            "an empty mask file",
            made_file(MASK, b""),
            TRAIN,
            "scene/002_MASK.tif cannot be read as a GeoTIFF: it is empty (0 bytes); copy it again",
        ),
        Case(
            "a text file",
            made_file(DEM, b"not a raster"),
            AUDIT,
            "scene/DEM.tif cannot be read as a GeoTIFF: it is no TIFF (its first bytes are 6e 6f 74 20, expected "
            "49 49 2a 00 or 4d 4d 00 2a); store it as a GeoTIFF, for instance with gdal_translate, or copy it "
            "again",
        ),
        Case(
            "a PNG",
            rewritten(MASK, driver="PNG", compress=None),
            PREDICT,
            "scene/002_MASK.tif cannot be read as a GeoTIFF: it is a PNG file (its first bytes are 89 50 4e 47, "
            "expected 49 49 2a 00 or 4d 4d 00 2a); store it as a GeoTIFF, for instance with gdal_translate, or "
            "copy it again",
        ),
        Case(
            "an HDF5 file",
            made_file(VH, b"\x89HDF\r\n\x1a\n"),
            PREDICT,
            "scene/001_VH.tif cannot be read as a GeoTIFF: it is an HDF5 or netCDF file (its first bytes are 89 "
            "48 44 46, expected 49 49 2a 00 or 4d 4d 00 2a); store it as a GeoTIFF, for instance with "
            "gdal_translate, or copy it again",
        ),
        Case(
            "a web page: a failed download",
            made_file(NDVI, b"<html>404</html>"),
            PREDICT,
            "scene/003_NDVI.tif cannot be read as a GeoTIFF: it is a web page or XML file (its first bytes are "
            "3c 68 74 6d, expected 49 49 2a 00 or 4d 4d 00 2a); store it as a GeoTIFF, for instance with "
            "gdal_translate, or copy it again",
        ),
        Case(
            "bytes drawn by lot",
            made_file(VH, bytes(range(255, 100, -1))),
            PREDICT,
            "scene/001_VH.tif cannot be read as a GeoTIFF: it is no TIFF (its first bytes are ff fe fd fc, "
            "expected 49 49 2a 00 or 4d 4d 00 2a); store it as a GeoTIFF, for instance with gdal_translate, or "
            "copy it again",
        ),
        Case(
            "the header cut off",
            bytes_of(VH, lambda whole: whole[:60]),
            PREDICT,
            "scene/001_VH.tif cannot be read as a GeoTIFF: it is cut off: its header tells of {bytes} bytes, it "
            "has {bytes}; copy it again",
        ),
        Case(
            "half of the pixels cut off",
            bytes_of(VH, lambda whole: whole[: len(whole) // 2]),
            PREDICT,
            "scene/001_VH.tif cannot be read as a GeoTIFF: it is cut off: its header tells of {bytes} bytes, it "
            "has {bytes}; copy it again",
        ),
        Case(
            "the last hundred bytes cut off",
            bytes_of(VV, lambda whole: whole[:-100]),
            TRAIN,
            "scene/002_VV.tif cannot be read as a GeoTIFF: it is cut off: its header tells of {bytes} bytes, it "
            "has {bytes}; copy it again",
        ),
        Case(
            "the mask cut off",
            bytes_of(MASK, lambda whole: whole[:-10]),
            EVALUATE,
            "scene/002_MASK.tif cannot be read as a GeoTIFF: it is cut off: its header tells of {bytes} bytes, "
            "it has {bytes}; copy it again",
        ),
        Case(
            "a block that is not what was compressed",
            block_garbled(DEM),
            AUDIT,
            "scene/DEM.tif cannot be read as a GeoTIFF: block 1 of 2 is not what was once stored; copy it again",
        ),
        Case(
            "one byte of the mask changed",
            byte_changed(MASK, 20),
            PREDICT,
            "scene/002_MASK.tif cannot be read as a GeoTIFF: block 1 of 1 is not what was once stored; copy it again",
        ),
        Case(
            "one byte of NDVI at t changed, evaluated",
            byte_changed("scene/002_NDVI.tif", 900),
            EVALUATE,
            "scene/002_NDVI.tif cannot be read as a GeoTIFF: block 1 of 1 is not what was once stored; copy it again",
        ),
        Case(
            "one byte of a prediction changed",
            byte_changed("estimate.tif", 900),
            EVALUATE,
            "estimate.tif cannot be read as a GeoTIFF: block 1 of 2 is not what was once stored; copy it again",
        ),
        Case(
            "a header of 1 000 000 x 1 000 000 px without a pixel",
            bare_header(VH, 1_000_000, 1_000_000),
            PREDICT,
            "scene/001_VH.tif cannot be read as a GeoTIFF: its header declares 1000000 rows x 1000000 columns "
            "(4000000000000 bytes), but the file has 134; its header is damaged or its pixels were never "
            "written; copy it again",
        ),
        Case(
            "all files with such a header",
            each(*(bare_header(name, 1_000_000, 1_000_000) for name in FILES)),
            TRAIN,
            "scene/001_VH.tif cannot be read as a GeoTIFF: its header declares 1000000 rows x 1000000 columns "
            "(4000000000000 bytes), but the file has 134; its header is damaged or its pixels were never "
            "written; copy it again",
        ),
        Case(
            "a header of 4 000 000 000 px a side",
            bare_header(DEM, 4_000_000_000, 4_000_000_000),
            AUDIT,
            "scene/DEM.tif cannot be read as a GeoTIFF: its header is cut off or damaged (the file has {bytes} "
            "bytes); copy it again",
        ),
    ),
    "Bands and numbers": (
        Case(
            "three bands",
            rewritten(VH, times=3),
            PREDICT,
            "scene/001_VH.tif has 3 bands, expected 1; write each band to its own file",
        ),
        Case(
            "a band and its transparency",
            rewritten(NDVI, times=2, photometric="MINISBLACK", alpha="YES"),
            PREDICT,
            "scene/003_NDVI.tif has 2 bands, expected 1; write each band to its own file",
        ),
        Case(
            "no band",
            bare_header(VH, 64, 64, bands=0),
            PREDICT,
            "scene/001_VH.tif cannot be read as a GeoTIFF: its header is cut off or damaged (the file has "
            "{bytes} bytes); copy it again",
        ),
        Case(
            "two images in one file",
            bare_header(VH, 64, 64, times=2),
            PREDICT,
            "scene/001_VH.tif has 2 images, expected 1; write each band to its own file",
        ),
        Case(
            "complex numbers",
            rewritten(VV, as_dtype("complex64")),
            PREDICT,
            "scene/002_VV.tif is complex64, expected real numbers; store sigma0, not the complex signal",
        ),
        Case(
            "NaN in a radar band",
            rewritten(VH, with_value(np.nan)),
            PREDICT,
            "scene/001_VH.tif has 1 NaN or infinite pixels in 0:64,0:64, expected none; the first is nan at row "
            "3, column 4; fill them, or declare that value as the file's no-data value and leave nodata at masked",
        ),
        Case(
            "infinity in a radar band",
            rewritten(VV, with_value(np.inf)),
            PREDICT,
            "scene/002_VV.tif has 1 NaN or infinite pixels in 0:64,0:64, expected none; the first is inf at row "
            "3, column 4; fill them, or declare that value as the file's no-data value and leave nodata at masked",
        ),
        Case(
            "minus infinity in the DEM",
            rewritten(DEM, with_value(-np.inf)),
            TRAIN,
            "scene/DEM.tif has 1 NaN or infinite pixels in 0:64,0:64, expected none; the first is -inf at row 3, "
            "column 4; fill them, or declare that value as the file's no-data value and leave nodata at masked",
        ),
        Case(
            "NaN in NDVI stored as float",
            rewritten(NDVI, with_value(np.nan, "float32")),
            AUDIT,
            "scene/003_NDVI.tif has 1 NaN or infinite pixels in 0:64,0:64, expected none; the first is nan at "
            "row 3, column 4; fill them, or declare that value as the file's no-data value and leave nodata at "
            "masked",
        ),
        Case(
            "NaN in NDVI at t, trained",
            rewritten("scene/002_NDVI.tif", with_value(np.nan, "float32")),
            TRAIN,
            "scene/002_NDVI.tif has 1 NaN or infinite pixels in 0:64,0:64, expected none; the first is nan at "
            "row 3, column 4; fill them, or declare that value as the file's no-data value and leave nodata at "
            "masked",
        ),
        Case(
            "NaN in NDVI at t, evaluated",
            rewritten("scene/002_NDVI.tif", with_value(np.nan, "float32")),
            EVALUATE,
            "scene/002_NDVI.tif has 1 NaN or infinite pixels in 0:64,0:64, expected none; the first is nan at "
            "row 3, column 4; fill them, or declare that value as the file's no-data value and leave nodata at "
            "masked",
        ),
        Case(
            "an undeclared no-data value that float32 cannot hold",
            rewritten(DEM, with_value(-1.7976931348623157e308, "float64")),
            PREDICT,
            "scene/DEM.tif has 1 too large pixels in 0:64,0:64, expected none; the first is "
            "-1.7976931348623157e+308 at row 3, column 4; fill them, or declare that value as the file's no-data "
            "value and leave nodata at masked",
        ),
        Case(
            "another no-data value declared than is stored",
            rewritten(VH, with_value(np.nan), nodata=-9999.0),
            PREDICT,
            "scene/001_VH.tif has 1 NaN or infinite pixels in 0:64,0:64, expected none; the first is nan at row "
            "3, column 4; fill them, or declare that value as the file's no-data value and leave nodata at masked",
        ),
        Case(
            "no-data declared, but the recipe ignores it",
            rewritten(VH, with_value(np.nan), nodata=np.nan),
            f"{PREDICT} --nodata ignored",
            "scene/001_VH.tif has 1 NaN or infinite pixels in 0:64,0:64, expected none; the first is nan at row "
            "3, column 4; fill them, or declare that value as the file's no-data value and leave nodata at masked",
        ),
    ),
    "Places and dates": (
        Case(
            "another size",
            rewritten(DEM, cut_out(64, 63)),
            PREDICT,
            "scene/DEM.tif has shape (rows, columns) (64, 63), 001_VH.tif has (64, 64); all files of a scene "
            "must lie on one grid: resample it, for instance with gdalwarp",
        ),
        Case(
            "another coordinate system",
            rewritten(VV, crs="EPSG:32631"),
            PREDICT,
            "scene/002_VV.tif has CRS EPSG:32631, 001_VH.tif has EPSG:32630; all files of a scene must lie on "
            "one grid: resample it, for instance with gdalwarp",
        ),
        Case(
            "degrees for metres",
            rewritten(DEM, crs="EPSG:4326", transform=rasterio.Affine(1e-4, 0, -3.7, 0, -1e-4, 11.3)),
            TRAIN,
            "scene/DEM.tif has CRS EPSG:4326, 001_VH.tif has EPSG:32630; all files of a scene must lie on one "
            "grid: resample it, for instance with gdalwarp",
        ),
        Case(
            "no coordinate system",
            rewritten(NDVI, crs=None),
            PREDICT,
            "scene/003_NDVI.tif has no georeference (CRS None, transform (10.0, 0.0, 420000.0, 0.0, -10.0, "
            "1250000.0)), expected both a CRS and a transform; set them, for instance with gdal_translate -a_srs "
            "and -a_ullr",
        ),
        Case(
            "no transform",
            rewritten(MASK, transform=None),
            PREDICT,
            "scene/002_MASK.tif has no georeference (CRS EPSG:32630, transform (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)), "
            "expected both a CRS and a transform; set them, for instance with gdal_translate -a_srs and -a_ullr",
        ),
        Case(
            "pixels without size",
            rewritten(FILES, transform=rasterio.Affine(0, 0, 420000, 0, 0, 1250000)),
            PREDICT,
            "scene/001_VH.tif has no georeference (CRS EPSG:32630, transform (0.0, 0.0, 420000.0, 0.0, 0.0, "
            "1250000.0)), expected both a CRS and a transform; set them, for instance with gdal_translate -a_srs "
            "and -a_ullr",
        ),
        Case(
            "another resolution",
            rewritten(DEM, transform=rasterio.Affine(20, 0, 420000, 0, -20, 1250000)),
            PREDICT,
            "scene/DEM.tif has transform (20.0, 0.0, 420000.0, 0.0, -20.0, 1250000.0), 001_VH.tif has (10.0, "
            "0.0, 420000.0, 0.0, -10.0, 1250000.0); all files of a scene must lie on one grid: resample it, for "
            "instance with gdalwarp",
        ),
        Case(
            "half a pixel to the east",
            rewritten(NDVI, transform=rasterio.Affine(10, 0, 420005, 0, -10, 1250000)),
            EVALUATE,
            "scene/003_NDVI.tif has transform (10.0, 0.0, 420005.0, 0.0, -10.0, 1250000.0), 001_VH.tif has "
            "(10.0, 0.0, 420000.0, 0.0, -10.0, 1250000.0); all files of a scene must lie on one grid: resample "
            "it, for instance with gdalwarp",
        ),
        Case(
            "a pixel to the south",
            rewritten(MASK, transform=rasterio.Affine(10, 0, 420000, 0, -10, 1249990)),
            AUDIT,
            "scene/002_MASK.tif has transform (10.0, 0.0, 420000.0, 0.0, -10.0, 1249990.0), 001_VH.tif has "
            "(10.0, 0.0, 420000.0, 0.0, -10.0, 1250000.0); all files of a scene must lie on one grid: resample "
            "it, for instance with gdalwarp",
        ),
        Case(
            "rotated",
            rewritten(VV, transform=rasterio.Affine(9.9, 1.4, 420000, 1.4, -9.9, 1250000)),
            PREDICT,
            "scene/002_VV.tif has transform (9.9, 1.4, 420000.0, 1.4, -9.9, 1250000.0), 001_VH.tif has (10.0, "
            "0.0, 420000.0, 0.0, -10.0, 1250000.0); all files of a scene must lie on one grid: resample it, for "
            "instance with gdalwarp",
        ),
        Case(
            "south up",
            rewritten(VV, transform=rasterio.Affine(10, 0, 420000, 0, 10, 1249360)),
            TRAIN,
            "scene/002_VV.tif has transform (10.0, 0.0, 420000.0, 0.0, 10.0, 1249360.0), 001_VH.tif has (10.0, "
            "0.0, 420000.0, 0.0, -10.0, 1250000.0); all files of a scene must lie on one grid: resample it, for "
            "instance with gdalwarp",
        ),
        Case(
            "dates in another order",
            exchanged("scene/001_NDVI.tif", "scene/003_NDVI.tif"),
            PREDICT,
            "scene has DATE tags 2016-10-14, 2016-09-14, 2016-08-15, expected ascending dates for t-1, t, t+1; "
            "rename the files in the order of their dates",
        ),
        Case(
            "the same date twice",
            copied("scene/001_NDVI.tif", "scene/002_NDVI.tif"),
            TRAIN,
            "scene has DATE tags 2016-08-15, 2016-08-15, 2016-10-14, expected ascending dates for t-1, t, t+1; "
            "rename the files in the order of their dates",
        ),
        Case(
            "a date that is none",
            rewritten(NDVI, tags={"DATE": "14/09/2016"}),
            EVALUATE,
            "scene/003_NDVI.tif has DATE tag '14/09/2016', expected YYYY-MM-DD; correct or remove the tag",
        ),
    ),
    "Sizes and clouds": (
        Case(
            "a scene of one pixel",
            rewritten(FILES, cut_out(1, 1)),
            PREDICT,
            "scene is a scene of 1 rows x 1 columns, but the network sees 17 x 17 px at once, the least that a "
            "scene must have; give a larger one",
        ),
        Case(
            "a scene smaller than the network's window",
            rewritten(FILES, cut_out(16, 16)),
            TRAIN,
            "scene is a scene of 16 rows x 16 columns, but the network sees 17 x 17 px at once, the least that a "
            "scene must have; give a larger one",
        ),
        Case(
            "a scene smaller than a patch",
            rewritten(FILES, cut_out(32, 64)),
            TRAIN,
            "a scene of 32 rows x 64 columns is too small for one patch of 33 x 33 px from pixel 0; it needs at "
            "least 33 x 33: choose a larger scene",
        ),
        Case(
            "all is clouded at t-1",
            rewritten("scene/001_MASK.tif", filled(1)),
            TRAIN,
            "scene does not suit recipe corrected: mostly-masked-band: 001_MASK.tif marks 100 % of the pixels as "
            "missing, more than 50 %; take a date with fewer clouds, or check which value means valid (MASK: 0, "
            "others: all but the no-data value). Mend it (`audit` shows every channel), or train all the same "
            "with --force",
        ),
        Case(
            "all is clouded, evaluated",
            rewritten(MASK, filled(1)),
            EVALUATE,
            "none of 4096 pixels in 0:64,0:64 is valid, so nothing can be compared: 1792 are not estimated, the "
            "others masked at one of the dates or less than 8 px from the scene's edge; choose a region with "
            "unmasked pixels",
        ),
        Case(
            "all is declared no-data",
            rewritten(VV, filled(-9999), nodata=-9999.0),
            TRAIN,
            "scene does not suit recipe corrected: mostly-masked-band: 002_VV.tif marks 100 % of the pixels as "
            "missing, more than 50 %; take a date with fewer clouds, or check which value means valid (MASK: 0, "
            "others: all but the no-data value). Mend it (`audit` shows every channel), or train all the same "
            "with --force",
        ),
        Case(
            "no patch is free of clouds",
            rewritten(MASK, lambda stored: np.indices(stored.shape).sum(axis=0).astype("uint8") % 20 // 19),
            TRAIN,
            "none of 16 patches of 33 x 33 px is free of masked and test pixels (1841 of 4096 px are masked or "
            "kept for testing); choose a smaller test region, a scene with fewer clouds, or a smaller --stride-px",
        ),
        Case(
            "fewer patches than a batch",
            rewritten(MASK, filled(0)),
            f"{TRAIN} --batch-size 500",
            "1 training patches are fewer than one batch of 500; choose a smaller --batch-size or --stride-px, a "
            "smaller test region or a larger scene",
        ),
    ),
    "Units": (
        Case(
            "radar in dB",
            rewritten(VH, lambda stored: 10 * np.log10(stored)),
            TRAIN,
            "scene does not suit recipe corrected: sar-in-db: 001_VH.tif has a median of -13.2, expected linear "
            "sigma0, which is never negative (usual median 0.005 to 0.2): it is in dB; store 10 ** (dB / 10). "
            "Mend it (`audit` shows every channel), or train all the same with --force",
        ),
        Case(
            "radar divided by 1000",
            rewritten(VH, scaled(0.001)),
            TRAIN,
            "scene does not suit recipe corrected: sar-divided-by-1000: 001_VH.tif has a median of 4.77e-05, "
            "expected linear sigma0 with a median above 0.0003 (-35 dB, the sensor's own noise): it was divided "
            "by 1000 or so; store it as measured, 0.005 to 0.2 as a rule. Mend it (`audit` shows every channel), "
            "or train all the same with --force",
        ),
        Case(
            "radar as digital numbers",
            rewritten(VV, scaled(1000, "uint16")),
            TRAIN,
            "scene does not suit recipe corrected: sar-too-large: 002_VV.tif has a median of 101, expected "
            "linear sigma0 with a median below 3 (5 dB): it holds digital numbers or another unit; calibrate it "
            "to linear sigma0. Mend it (`audit` shows every channel), or train all the same with --force",
        ),
        Case(
            "VH and VV exchanged",
            exchanged("scene/001_VH.tif", "scene/001_VV.tif"),
            TRAIN,
            "scene does not suit recipe corrected: vv-vh-exchanged: 001_VH.tif is stronger than 001_VV.tif: VH / "
            "VV has a median of +4.1 dB, expected -10 to -4 dB over land and never above 0: the two files are "
            "exchanged; exchange their names. Mend it (`audit` shows every channel), or train all the same with "
            "--force",
        ),
        Case(
            "NDVI in [-1, 1]",
            rewritten(NDVI, scaled(0.001)),
            TRAIN,
            "scene does not suit recipe corrected: ndvi-unscaled: 003_NDVI.tif reaches only 0.89476, so NDVI "
            "seems to be stored in [-1, 1], but scaling 'per-channel' divides it by 1000; store NDVI x 1000, or "
            "set --scaling none. Mend it (`audit` shows every channel), or train all the same with --force",
        ),
        Case(
            "NDVI x 10000",
            rewritten(NDVI, scaled(10, "int16")),
            TRAIN,
            "scene does not suit recipe corrected: ndvi-out-of-range: 003_NDVI.tif reaches 8947.6, 8.9476 as "
            "scaling 'per-channel' feeds it, expected 0.2 to 1.25: NDVI x 100 or x 10000, or a scene without a "
            "plant; store NDVI x 1000. Mend it (`audit` shows every channel), or train all the same with --force",
        ),
        Case(
            "a DEM in metres",
            rewritten(DEM, lambda stored: 280 + 60 * stored),
            TRAIN,
            "scene does not suit recipe corrected: dem-in-metres: DEM.tif holds 280 to 340, expected 0 to 1: it "
            "is in metres; store (metres - lowest) / (highest - lowest). Mend it (`audit` shows every channel), "
            "or train all the same with --force",
        ),
        Case(
            "a constant band",
            rewritten(DEM, filled(0.5)),
            TRAIN,
            "scene does not suit recipe corrected: constant-band: DEM.tif is 0.5 on all of its valid pixels, "
            "expected values that vary; store the measured band, or train a variant that does not use it. Mend "
            "it (`audit` shows every channel), or train all the same with --force",
        ),
        Case(
            "fill values that are not declared",
            rewritten(VH, with_value(-9999.0)),
            TRAIN,
            "scene does not suit recipe corrected: fill-values: 001_VH.tif holds -9999 on 0.025 % of the "
            "unmasked pixels, a fill value, expected measured values; declare it as the file's no-data value "
            "(gdal_translate -a_nodata), or mask those pixels. Mend it (`audit` shows every channel), or train "
            "all the same with --force",
        ),
    ),
    "Regions": (
        Case(
            "a region outside the scene",
            nothing,
            f"{PREDICT} --region 0:64,0:65",
            "region 0:64,0:65 is not inside the scene of 64 rows x 64 columns; choose one within 0:64,0:64",
        ),
        Case(
            "half a region",
            nothing,
            f"{PREDICT} --region 0:64",
            "region '0:64' is not of the form R0:R1,C0:C1 (whole pixels from 0, such as 60:100,0:100)",
        ),
        Case(
            "a region of parts of pixels",
            nothing,
            f"{EVALUATE} --region 0:64,0.5:64",
            "region '0:64,0.5:64' is not of the form R0:R1,C0:C1 (whole pixels from 0, such as 60:100,0:100)",
        ),
        Case(
            "a region from below zero",
            nothing,
            f"{EVALUATE} --region -4:64,0:64",
            "region '-4:64,0:64' is not of the form R0:R1,C0:C1 (whole pixels from 0, such as 60:100,0:100)",
        ),
        Case(
            "a region from high to low",
            nothing,
            f"{PREDICT} --region 60:20,0:64",
            "region 60:20,0:64 holds no pixel; each stop must be above its start (R0:R1,C0:C1)",
        ),
        Case(
            "a word for a region",
            nothing,
            f"{TRAIN} --test-region lower",
            "region 'lower' is not of the form R0:R1,C0:C1 (whole pixels from 0, such as 60:100,0:100)",
        ),
        Case(
            "a region on the edge, which cannot be predicted",
            nothing,
            f"{PREDICT} --region 0:8,0:64",
            "region 0:8,0:64 lies within 8 px of the scene's edge, where nothing can be estimated; choose one "
            "that reaches into 8:56,8:56",
        ),
        Case(
            "a region too narrow for the original's border",
            nothing,
            f"{PREDICT} --border crop --region 0:16,0:64",
            "region 0:16,0:64 has 16 rows x 64 columns, but the network loses 8 px on each side: at least 17 x "
            "17 are needed; choose a larger one",
        ),
        Case(
            "the whole scene kept for testing",
            nothing,
            f"{TRAIN} --test-region 0:64,0:64",
            "none of 16 patches of 33 x 33 px is free of masked and test pixels (4096 of 4096 px are masked or "
            "kept for testing); choose a smaller test region, a scene with fewer clouds, or a smaller --stride-px",
        ),
    ),
    "Predictions to be evaluated": (
        Case(
            "no prediction there",
            removed("estimate.tif"),
            EVALUATE,
            "estimate.tif cannot be read as a GeoTIFF: it does not exist; give a file that does",
        ),
        Case(
            "an empty prediction",
            made_file("estimate.tif", b""),
            EVALUATE,
            "estimate.tif cannot be read as a GeoTIFF: it is empty (0 bytes); copy it again",
        ),
        Case(
            "a prediction of two bands",
            rewritten("estimate.tif", times=2),
            EVALUATE,
            "estimate.tif has 2 bands, expected 1; write each band to its own file",
        ),
        Case(
            "a prediction of another place",
            rewritten("estimate.tif", transform=rasterio.Affine(10, 0, 430000, 0, -10, 1250000)),
            EVALUATE,
            "estimate.tif (64 x 64 px, EPSG:32630, (10.0, 0.0, 430000.0, 0.0, -10.0, 1250000.0)) does not lie on "
            "the grid of scene (64 x 64 px, EPSG:32630, (10.0, 0.0, 420000.0, 0.0, -10.0, 1250000.0)); give a "
            "prediction of this scene",
        ),
        Case(
            "a prediction between the scene's pixels",
            rewritten("estimate.tif", transform=rasterio.Affine(10, 0, 420004, 0, -10, 1250000)),
            EVALUATE,
            "estimate.tif (64 x 64 px, EPSG:32630, (10.0, 0.0, 420004.0, 0.0, -10.0, 1250000.0)) does not lie on "
            "the grid of scene (64 x 64 px, EPSG:32630, (10.0, 0.0, 420000.0, 0.0, -10.0, 1250000.0)); give a "
            "prediction of this scene",
        ),
        Case(
            "a bare prediction, and no region",
            rewritten("estimate.tif", crs=None, transform=None),
            EVALUATE,
            "estimate.tif has no georeference (CRS None, transform (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)), expected "
            "both a CRS and a transform; set them, for instance with gdal_translate -a_srs and -a_ullr, or name "
            "with --region where a bare prediction lies",
        ),
        Case(
            "a bare prediction, and a region of another shape",
            rewritten("estimate.tif", crs=None, transform=None),
            f"{EVALUATE} --region 0:20,0:20",
            "estimate.tif has 64 rows x 64 columns and no georeference, but is said to lie on a region of 20 x "
            "20; give the region that was written",
        ),
        Case(
            "an infinite prediction",
            rewritten("estimate.tif", with_value(np.inf, row=20, col=30)),
            EVALUATE,
            "estimate.tif has 1 infinite or too large pixels, expected NDVI, or NaN where nothing is estimated; "
            "the first is inf at row 20, column 30; declare that value as the file's no-data value, or predict "
            "again",
        ),
        Case(
            "a prediction of nothing but NaN",
            rewritten("estimate.tif", filled(np.nan)),
            EVALUATE,
            "none of 4096 pixels in 0:64,0:64 is valid, so nothing can be compared: 4096 are not estimated, the "
            "others masked at one of the dates or less than 8 px from the scene's edge; choose a region with "
            "unmasked pixels",
        ),
        Case(
            "a prediction that does not cover the region",
            rewritten("estimate.tif", cut_out(30, 30), transform=rasterio.Affine(10, 0, 420300, 0, -10, 1249700)),
            f"{EVALUATE} --region 0:20,0:20",
            "estimate.tif covers 30:60,30:60 of the scene, no pixel of region 0:20,0:20; choose a region it covers",
        ),
        Case(
            "CHANGES of another size",
            rewritten("scene/CHANGES.tif", cut_out(60, 64)),
            EVALUATE,
            "scene/CHANGES.tif has shape (rows, columns) (60, 64), 001_VH.tif has (64, 64); all files of a scene "
            "must lie on one grid: resample it, for instance with gdalwarp",
        ),
        Case(
            "CHANGES of fractions",
            rewritten("scene/CHANGES.tif", as_dtype("float32")),
            EVALUATE,
            "scene/CHANGES.tif is float32, expected codes as uint8; store it so, or remove it",
        ),
    ),
    "Outputs and weights": (
        Case(
            "the output file exists",
            made_file("ndvi.tif"),
            PREDICT,
            "ndvi.tif exists already; give another name or remove it first",
        ),
        Case(
            "the output file is a folder",
            made_folder("ndvi.tif"),
            PREDICT,
            "ndvi.tif is a folder, expected the name of a file to write; give one in it",
        ),
        Case(
            "the output file is a link to nothing",
            lambda folder: (folder / "ndvi.tif").symlink_to("gone.tif"),
            PREDICT,
            "ndvi.tif exists already; give another name or remove it first",
        ),
        Case(
            "output in a folder that does not exist",
            nothing,
            PREDICT.replace("ndvi.tif", "no/ndvi.tif"),
            "cannot write no/ndvi.tif: no does not exist; give a path in an existing folder you may write to",
        ),
        Case(
            "output in a file",
            nothing,
            PREDICT.replace("ndvi.tif", "model.npz/ndvi.tif"),
            "cannot write model.npz/ndvi.tif: model.npz is no folder; give a path in an existing folder you may "
            "write to",
        ),
        Case(
            "output in a folder that may not be written to",
            each(made_folder("locked"), permitted("locked", 0o555)),
            PREDICT.replace("ndvi.tif", "locked/ndvi.tif"),
            "cannot write locked/ndvi.tif: this user may not write to locked; give a path in an existing folder "
            "you may write to",
            unprivileged=True,
        ),
        Case(
            "output in a folder whose entries may not be looked at",
            each(made_folder("locked"), permitted("locked", 0o644)),
            PREDICT.replace("ndvi.tif", "locked/ndvi.tif"),
            "cannot write locked/ndvi.tif: this user may not write to locked; give a path in an existing folder you "
            "may write to",
            unprivileged=True,
        ),
        Case(
            "a longer name than the disk allows",
            nothing,
            PREDICT.replace("ndvi.tif", f"{'n' * 250}.tif"),
            f"cannot write {'n' * 250}.tif: its name is longer than 239 bytes; give a shorter one",
        ),
        Case(
            "a name for the output that is no UTF-8",
            nothing,
            PREDICT.replace("ndvi.tif", "\udce9t\udce9.tif"),
            "cannot write '\\udce9t\\udce9.tif': the name is no UTF-8; give another",
        ),
        Case(
            "runs in a file",
            nothing,
            f"{TRAIN} --out model.npz",
            "cannot write a run into model.npz: File exists; give --out a folder you may write to",
        ),
        Case(
            "runs in a folder of a longer name than the disk allows",
            nothing,
            f"{TRAIN} --out {'n' * 256}",
            f"cannot write a run into {'n' * 256}: File name too long; give --out a folder you may write to",
        ),
        Case(
            "a run to resume of a longer name than the disk allows",
            nothing,
            f"train --resume {'n' * 247}",
            f".{'n' * 247}.partial: File name too long; give a shorter path",
        ),
        Case(
            "runs in a folder that may not be written to",
            each(made_folder("locked"), permitted("locked", 0o555)),
            f"{TRAIN} --out locked",
            "cannot write a run into locked: Permission denied; give --out a folder you may write to",
            unprivileged=True,
        ),
        Case(
            "numbers in a file's place that is a folder",
            nothing,
            f"{AUDIT} --json scene",
            "scene is a folder, expected the name of a file to write; give one in it",
        ),
        Case(
            "numbers in a file's place that is a pipe",
            lambda folder: os.mkfifo(folder / "numbers"),
            f"{AUDIT} --json numbers",
            "numbers is a pipe or device, expected the name of a file to write; give another",
        ),
        Case(
            "numbers in a folder that does not exist",
            nothing,
            f"{AUDIT} --json no/audit.json",
            "cannot write no/audit.json: no does not exist; give a path in an existing folder you may write to",
        ),
        Case(
            "a network for a folder that does not exist",
            nothing,
            "export --checkpoint model.npz --variant SOPTIIp --onnx no/model.onnx",
            "cannot write no/model.onnx: no does not exist; give a path in an existing folder you may write to",
        ),
        Case(
            "converted weights in a folder's place",
            made_folder("model.safetensors"),
            "convert model.npz model.safetensors --variant SOPTIIp",
            "model.safetensors is a folder, expected the name of a file to write; give one in it",
        ),
        Case(
            "weights of a variant with other channels",
            nothing,
            PREDICT.replace("SOPTIIp", "SAR"),
            "model.npz: arr_0 (W1) has shape (48, 9, 9, 9), expected (48, 2, 9, 9) for variant SAR; the shapes "
            "are those of variant SOPTIIp: give it as the variant",
        ),
    ),
}


@dataclass(frozen=True)
class Sound:
    """What only looks bad: how it is made, and a command that predicts the same numbers as before into `written`."""

    name: str
    damage: Damage
    command: str = PREDICT
    written: str = "ndvi.tif"


SOUND = (
    Sound(
        "names with spaces, signs and other letters",
        moved("scene", "плато Бобо é/scène #1 ?x=1&y %20!"),
        PREDICT.replace("--data scene", "--data 'плато Бобо é/scène #1 ?x=1&y %20!'"),
    ),
    Sound(
        "such a name for the output",
        made_folder("été 雪 #2"),
        PREDICT.replace("ndvi.tif", "'été 雪 #2/карта ?.tif'"),
        "été 雪 #2/карта ?.tif",
    ),
    Sound(
        "one suffix for all files",
        each(*(moved(name, name.replace(".tif", " сцена 1.tif")) for name in FILES)),
    ),
    Sound("files that are links to files elsewhere", linked(VH, "../elsewhere/001_VH.tif")),
    Sound("radar as float64", rewritten(VH, as_dtype("float64"))),
    Sound("NDVI as float32", rewritten(NDVI, as_dtype("float32"))),
    Sound("NDVI as 32-bit integers", rewritten(NDVI, as_dtype("int32"))),
    Sound("masks as 16-bit integers", rewritten(MASK, as_dtype("int16"))),
    Sound("masks as floats, NaN where there is a cloud", rewritten(MASK, as_cloud_of_nan)),
    Sound("masks of 0 and 255, the latter declared as no-data", rewritten(MASK, scaled(255, "uint8"), nodata=255)),
    Sound("a BigTIFF", rewritten(VH, BIGTIFF="YES")),
    Sound("big-endian numbers", rewritten(VH, ENDIANNESS="BIG")),
    Sound("no compression", rewritten(FILES, compress=None)),
    Sound("LZW in tiles", rewritten(FILES, compress="lzw", tiled=True, blockxsize=16, blockysize=32)),
    Sound("all files rotated alike", rewritten(FILES, transform=rasterio.Affine(9.9, 1.4, 420000, 1.4, -9.9, 1250000))),
    Sound("all files south up", rewritten(FILES, transform=rasterio.Affine(10, 0, 420000, 0, 10, 1249360))),
    Sound("no CHANGES", removed("scene/CHANGES.tif")),
    Sound("other files beside the scene's", made_file("scene/001_VH.tif.aux.json", b"{}")),
)
"""What is legitimate, and must work."""
