"""A TIFF's header tells exactly how far the file reaches, and where its blocks are, in every form that GDAL writes."""

from contextlib import suppress
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from port.errors import SceneError
from port.failures import quiet_gdal
from port.raster_faults import check_blocks, check_file
from port.rasters import Raster
from port.regions import Region
from port.tiff_header import images

FORMS = list(product(["NO", "YES"], ["LITTLE", "BIG"], [None, "deflate", "lzw"], [False, True], [False, True]))
SHAPE = (70, 90)


def written(path: Path, form: tuple) -> np.ndarray:
    """A raster of a form: BigTIFF, order of bytes, compression, tiles, a mask and overviews."""
    big, order, compression, tiled, more = form
    profile = {
        "BIGTIFF": big,
        "ENDIANNESS": order,
        "count": 1,
        "dtype": "float32",
        "height": SHAPE[0],
        "width": SHAPE[1],
    }
    profile |= {"compress": compression} if compression else {}
    profile |= {"tiled": True, "blockxsize": 32, "blockysize": 16} if tiled else {}
    profile |= {"crs": "EPSG:32630", "transform": rasterio.Affine(10, 0, 420000, 0, -10, 1250000)}
    pixels = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "w", driver="GTiff", **profile) as file:
        file.write(pixels, 1)
        file.update_tags(DATE="2016-09-14")
        if more:
            file.write_mask(pixels > 0)
    if more:
        with rasterio.open(path, "r+") as file:
            file.build_overviews([2])
    return pixels


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_whole_files_are_whole(form: tuple, tmp_path: Path) -> None:
    """The extent is never beyond the file's end, and for compressed files just there; their blocks are as stored."""
    written(tmp_path / "a.tif", form)
    size, found = (tmp_path / "a.tif").stat().st_size, images(tmp_path / "a.tif")
    extent = max(image.extent for image in found)
    assert extent <= size
    assert extent == size or form[2] is None
    assert len(found) == (4 if form[4] else 1)  # the raster, its mask, and an overview of each
    assert found[0].deflated == (form[2] == "deflate")
    check_file(tmp_path / "a.tif")
    check_blocks(tmp_path / "a.tif")


@pytest.mark.parametrize("form", FORMS[::5], ids=str)
def test_blocks_are_where_gdal_says(form: tuple, tmp_path: Path) -> None:
    """The first one's place and length."""
    written(tmp_path / "a.tif", form)
    raster = images(tmp_path / "a.tif")[0]
    with rasterio.open(tmp_path / "a.tif") as file:
        place, size = (int(file.get_tag_item(f"BLOCK_{what}_0_0", "TIFF", bidx=1)) for what in ("OFFSET", "SIZE"))
    assert (raster.starts[0], raster.sizes[0]) == (place, size)


def test_any_cut_is_seen(synthetic_folder: Path, tmp_path: Path) -> None:
    """However much of a file is left, but all."""
    whole = (synthetic_folder / "002_NDVI.tif").read_bytes()
    for left in range(0, len(whole), 97):
        (tmp_path / "a.tif").write_bytes(whole[:left])
        with pytest.raises(SceneError, match=r"it is empty|it is no TIFF|it is cut off"):
            check_file(tmp_path / "a.tif")
    (tmp_path / "a.tif").write_bytes(whole[:-1])
    with pytest.raises(SceneError, match=rf"tells of {len(whole)} bytes, it has {len(whole) - 1}"):
        check_file(tmp_path / "a.tif")


def test_any_changed_byte_of_a_deflated_block_is_seen(synthetic_folder: Path, tmp_path: Path) -> None:
    """Also where GDAL reads other numbers without an error."""
    whole = (synthetic_folder / "002_NDVI.tif").read_bytes()
    raster = images(synthetic_folder / "002_NDVI.tif")[0]
    for start, size in zip(raster.starts.tolist(), raster.sizes.tolist(), strict=True):
        for place in range(start, start + size, 211):
            (tmp_path / "a.tif").write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
            with pytest.raises(SceneError, match=r"a\.tif cannot be read as a GeoTIFF: block \d+ of \d+ is not what"):
                check_blocks(tmp_path / "a.tif")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A small file of each of some forms."""
    folder = tmp_path_factory.mktemp("forms")
    for number, form in enumerate(FORMS[::7]):
        written(folder / f"{number}.tif", form)
    return sorted(folder.iterdir())


@given(
    which=st.integers(0, len(FORMS[::7]) - 1),
    changes=st.lists(st.tuples(st.integers(0, 700), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_a_damaged_header_is_read_or_refused(files: list[Path], which: int, changes: list[tuple[int, int]]) -> None:
    """Whatever bytes stand in it, there is no other error than ours."""
    content = bytearray(files[which].read_bytes())
    fields = images(files[which])[0].end % len(content)
    for place, byte in changes:
        content[fields - place] = byte
    damaged = files[which].with_name("damaged")
    damaged.write_bytes(content)
    with quiet_gdal(), suppress(SceneError):
        raster = Raster.open(damaged)
        raster.read(Region(0, 16, 0, 16))
        raster.check_blocks()
