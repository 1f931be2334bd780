"""A large scene is a small one repeated, tiled on disk, and sound to the product; its arithmetic is the network's."""

from pathlib import Path

import numpy as np
import pytest
import rasterio

from benchmarks.large_scenes import landscape, write_large_scene
from benchmarks.whole_scene import flop_a_pixel, measure
from port.scenes import Scene


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The landscape of 512 x 512 px."""
    return landscape(tmp_path_factory.mktemp("large") / "landscape")


@pytest.mark.parametrize("compression", ["none", "deflate"])
def test_repeated_landscape_is_a_scene(compression: str, land: Path, tmp_path: Path) -> None:
    """13 files, natural dtypes, blocks of 512 px, compressed or not, each repeat the same pixels."""
    folder = write_large_scene(tmp_path / "large", land, size_px=(530, 1100), compression=compression)
    assert Scene.open(folder).shape == (530, 1100)
    kinds = {"001_VH": "float32", "003_VV": "float32", "002_NDVI": "int16", "DEM": "float32", "001_MASK": "uint8"}
    for name, dtype in kinds.items():
        with rasterio.open(folder / f"{name}.tif") as file, rasterio.open(land / f"{name}.tif") as small:
            assert (file.dtypes, file.block_shapes) == ((dtype,), [(512, 512)])
            assert (file.compression is None) == (compression == "none")
            assert np.array_equal(file.read(1), np.tile(small.read(1), (2, 3))[:530, :1100])


def test_arithmetic_is_that_of_the_layers() -> None:
    """2 x (9 x 81 x 48 + 48 x 25 x 32 + 32 x 25)."""
    assert flop_a_pixel() == 148384


def test_a_measurement_tells_times_memory_and_ratios(tmp_path: Path) -> None:
    """One entry a size and compression, all from a run of the command; nothing stays on disk."""
    (entry,) = measure([(64, 64)], compressions=["none"], threads=1, folder=tmp_path)
    assert entry["pixels"] == 64 * 64
    assert entry["ratio"] == pytest.approx(entry["seconds"] / entry["arithmetic_s"])
    assert entry["peak_bytes"] > 50e6
    assert not list(tmp_path.iterdir())
