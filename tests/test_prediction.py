"""A prediction is the network on the scene: any tiling alike, its halo the original's crop, on the scene's own grid."""

import itertools
import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from port.bands import Band, variant_bands
from port.engines import EngineName
from port.errors import OutputError, RegionError, SceneError
from port.initialisation import initialise
from port.network import FusionCNN, make_network
from port.normalisation import normalise
from port.prediction import fed_bands, predict, predictable, write_prediction
from port.raster_writer import RasterWriter
from port.recipes import Recipe, recipe
from port.regions import Region
from port.scenes import Scene
from port.weights_digest import weights_digest

REGION = Region(30, 81, 21, 90)
EXACT = {"corrected": recipe(precision="float64"), "published": recipe("published", precision="float64")}


def started(variant: str, chosen: Recipe) -> FusionCNN:
    """A network with PyTorch's start: all of its branches are used."""
    network = make_network(variant, chosen)
    initialise(network, "pytorch", seed=5)
    return network


def whole(
    scene: Scene, region: Region, chosen: Recipe, *, tile_px: int = 256, variant: str = "SOPTIIp"
) -> tuple[Region, np.ndarray]:
    """The predicted pixels as one array of the predictable region, NaN where no tile came."""
    network = started(variant, chosen)
    inner = predictable(region, scene.shape, chosen, network.border_px)
    made = np.full(inner.shape, np.nan)
    bands = fed_bands(variant, chosen)
    for tile, pixels in predict(network, scene, bands=bands, recipe=chosen, region=region, tile_px=tile_px):
        place = tile.relative_to(inner).slices
        assert np.isnan(made[place]).all()
        made[place] = pixels.numpy()
    assert not np.isnan(made).any()
    return inner, made


@pytest.mark.parametrize("tile_px", [7, 16, 33, 64])
def test_any_tiling_gives_the_same_numbers(tile_px: int, synthetic_scene: Scene) -> None:
    """Each pixel once, within 1e-12 of the maximum in float64, whatever the tiles."""
    expected = whole(synthetic_scene, REGION, EXACT["corrected"])[1]
    actual = whole(synthetic_scene, REGION, EXACT["corrected"], tile_px=tile_px)[1]
    assert np.abs(actual - expected).max() <= 1e-12 * np.abs(expected).max()


def test_a_tile_is_the_network_on_its_window(synthetic_scene: Scene) -> None:
    """A pixel's value is that of the network on the 17 x 17 normalised pixels around it."""
    chosen = EXACT["corrected"]
    inner, made = whole(synthetic_scene, REGION, chosen)
    network = started("SOPTIIp", chosen)
    bands = variant_bands("SOPTIIp")
    for row, col in ((30, 21), (55, 40), (80, 89)):
        window = Region(row, row + 1, col, col + 1).grown(8)
        x = normalise(synthetic_scene.channels(window, bands).astype(np.float64), bands, "per-channel")
        with torch.no_grad():
            expected = network(torch.from_numpy(x)[None]).item()
        assert abs(made[row - inner.row_start, col - inner.col_start] - expected) <= 1e-12 * np.abs(made).max()


def test_centre_of_the_halo_is_the_crop(synthetic_scene: Scene) -> None:
    """The original cuts the region first and loses 8 px on each side; what is left equals ours (deviation 12)."""
    full, halo = whole(synthetic_scene, REGION, EXACT["corrected"])
    inner, crop = whole(synthetic_scene, REGION, recipe(precision="float64", border="crop"))
    assert (full, inner) == (REGION, REGION.grown(-8))
    centre = halo[8:-8, 8:-8]
    assert np.abs(centre - crop).max() <= 1e-12 * np.abs(crop).max()


def test_the_paper_s_region_keeps_its_size() -> None:
    """470 x 450 px give 470 x 450 with the halo, 454 x 434 where cropped first."""
    region, shape = Region(530, 1000, 4300, 4750), (5253, 4797)
    assert predictable(region, shape, recipe("corrected"), 8).shape == (470, 450)
    assert predictable(region, shape, recipe("original"), 8).shape == (454, 434)


@pytest.mark.parametrize("engine", ["eager", "channels-last", "bfloat16"])
@pytest.mark.parametrize("workers", [2, 3, 5])
def test_the_number_of_workers_changes_no_bit(workers: int, engine: EngineName, synthetic_scene: Scene) -> None:
    """The same tiles in the same order, the same bits, whoever computed them."""
    made = [
        list(
            predict(
                started("SOPTIIp", recipe()),
                synthetic_scene,
                bands=variant_bands("SOPTIIp"),
                recipe=recipe(),
                region=REGION,
                tile_px=20,
                engine=engine,
                workers=count,
            )
        )
        for count in (1, workers)
    ]
    assert [tile for tile, _ in made[0]] == [tile for tile, _ in made[1]]
    assert all(torch.equal(one, many) for (_, one), (_, many) in zip(*made, strict=True))


@settings(max_examples=12)
@given(tile_px=st.integers(9, 80), top=st.integers(0, 40), left=st.integers(0, 30))
def test_float32_tilings_are_equal_within_their_rounding(
    tile_px: int, top: int, left: int, synthetic_scene: Scene
) -> None:
    """Any tiling of any region is at most twice as far from float64 as the region in one tile is."""
    region = Region(top + 8, top + 60, left + 8, left + 60)
    truth = whole(synthetic_scene, region, EXACT["corrected"])[1]
    one, other = (whole(synthetic_scene, region, recipe(), tile_px=side)[1] for side in (256, tile_px))
    assert np.abs(other - truth).max() <= 2 * np.abs(one - truth).max()


def test_that_rounding_is_far_below_a_pixel_s_change(synthetic_scene: Scene) -> None:
    """A map moved by one pixel would be ten thousand times as far off."""
    truth, one = (whole(synthetic_scene, REGION, chosen)[1] for chosen in (EXACT["corrected"], recipe()))
    assert np.abs(one[:, 1:] - truth[:, :-1]).max() > 1e4 * 2 * np.abs(one - truth).max()


def test_an_abandoned_prediction_leaves_no_thread_and_no_file(synthetic_scene: Scene) -> None:
    """Closed after its first tile: workers are gone, files closed, and PyTorch's threads as they were."""
    before = set(threading.enumerate()), torch.get_num_threads(), _open_files()
    tiles = predict(
        started("SAR", recipe()), synthetic_scene, bands=variant_bands("SAR"), recipe=recipe(), region=REGION,
        tile_px=8, workers=3,
    )  # fmt: skip
    next(tiles)
    tiles.close()
    assert (set(threading.enumerate()), torch.get_num_threads(), _open_files()) == before


def _open_files() -> set[str]:
    """The GeoTIFFs this process has open."""
    return {target for link in Path("/proc/self/fd").iterdir() if (target := _target(link)).endswith(".tif")}


def _target(link: Path) -> str:
    """Where a descriptor leads; nowhere if it is closed by now."""
    return str(link.readlink()) if link.is_symlink() else ""


def test_an_error_in_a_worker_leaves_nothing(altered: object, tmp_path: Path) -> None:
    """NaN in the last tile: its file is named, no GeoTIFF and no thread stays."""

    def torn(stored: np.ndarray) -> np.ndarray:
        stored[75, 85] = np.nan
        return stored

    scene, before = Scene.open(altered("002_VH.tif", torn)), set(threading.enumerate())
    with pytest.raises(SceneError, match=r"002_VH.tif has 1 NaN or infinite pixels .* row 75, column 85"):
        write_prediction(
            tmp_path / "p.tif", started("SAR", recipe()), scene, variant="SAR", recipe=recipe(), region=REGION,
            tile_px=16, workers=2,
        )  # fmt: skip
    assert not list(tmp_path.glob("*.tif"))
    assert set(threading.enumerate()) == before


def test_edge_of_the_scene_is_not_predicted(synthetic_scene: Scene) -> None:
    """Of the whole scene, the pixels 8 px or more from its edge."""
    rows, cols = synthetic_scene.shape
    found = predictable(synthetic_scene.region, synthetic_scene.shape, recipe(), 8)
    assert found == Region(8, rows - 8, 8, cols - 8)


@pytest.mark.parametrize(
    ("region", "border", "message"),
    [
        (Region(0, 121, 0, 104), "halo", "region 0:121,0:104 is not inside the scene of 120 rows x 104 columns"),
        (Region(0, 8, 0, 104), "halo", "region 0:8,0:104 lies within 8 px of the scene's edge"),
        (Region(10, 26, 10, 60), "crop", "region 10:26,10:60 has 16 rows x 50 columns, .* at least 17 x 17"),
    ],
)
def test_impossible_regions_are_errors(region: Region, border: str, message: str) -> None:
    """A region outside, at the edge, or too small to crop is refused with its size."""
    with pytest.raises(RegionError, match=message):
        predictable(region, (120, 104), recipe(border=border), 8)


def test_training_order_is_fed(synthetic_scene: Scene) -> None:
    """Recipe corrected feeds VV, VH at t+1 and date t, as trained (deviations 4 and 5)."""
    assert fed_bands("SOPTIIp", recipe()) == variant_bands("SOPTIIp")
    assert fed_bands("SAR", recipe()) == (Band.VH_AT, Band.VV_AT)


@pytest.mark.parametrize(
    ("variant", "order"),
    [
        ("SOPTII", (0, 1, 2, 3, 5, 4, 6, 7)),
        ("SOPTIIp", (0, 1, 2, 3, 5, 4, 6, 7, 8)),
        ("SAR", (0, 1)),
        ("SARp", (0, 1, 8)),
        ("SOPTIp", (0, 1, 2, 3, 6, 8)),
        ("OPTII", (6, 7)),
    ],
)
def test_published_order_is_reproduced(variant: str, order: tuple[int, ...], synthetic_scene: Scene) -> None:
    """Recipe published estimates what its test script would: the network on those channels, cropped, never negative."""
    inner, made = whole(synthetic_scene, REGION, EXACT["published"], variant=variant)
    raw = synthetic_scene.channels(REGION, tuple(map(Band, order))).astype(np.float64)
    network = started(variant, EXACT["published"])
    with torch.no_grad():
        expected = network(torch.from_numpy(raw)[None])[0, 0].numpy()
    assert inner == REGION.grown(-8)
    assert np.abs(made - expected).max() <= 1e-12 * np.abs(expected).max()
    assert made.min() >= 0


def test_float32_is_within_its_rounding(synthetic_scene: Scene) -> None:
    """Float32 differs from float64 by at most the sum of each layer's n u |W| |h|, carried through."""
    double = whole(synthetic_scene, REGION, EXACT["corrected"])[1]
    single = whole(synthetic_scene, REGION, recipe())[1]
    assert np.abs(single - double).max() <= _rounding_bound(synthetic_scene)


def _rounding_bound(scene: Scene) -> float:
    """The largest of a running error bound in the region: e' = |W| e + (n + 3) u (|W| |h| + |b|), at first 2 u |x|."""
    network = started("SOPTIIp", EXACT["corrected"])
    bands = variant_bands("SOPTIIp")
    x = normalise(scene.channels(REGION.grown(8), bands).astype(np.float64), bands, "per-channel")
    h = torch.from_numpy(x)[None]
    unit = 2.0**-24
    error = 2 * unit * h.abs()  # the stored value, and its division
    with torch.no_grad():
        for convolution, rectify in ((network.conv1, True), (network.conv2, True), (network.conv3, False)):
            W, b = convolution.weight.abs(), convolution.bias.abs()
            terms = W[0].numel() + 3  # the products' sum, the bias, and the weight's own rounding
            size = torch.nn.functional.conv2d(h.abs(), W, b)
            error = torch.nn.functional.conv2d(error, W) + terms * unit * size
            h = convolution(h).relu() if rectify else convolution(h)
    return error.max().item()


def test_geotiff_lies_on_the_scene_s_grid(synthetic_scene: Scene, tmp_path: Path) -> None:
    """CRS, no-data and a transform that puts the region's corner where it is (deviation 13)."""
    path = tmp_path / "прогноз.tif"
    network = started("SOPTIIp", recipe())
    region = Region(0, 60, 0, 50)
    written = write_prediction(path, network, synthetic_scene, variant="SOPTIIp", recipe=recipe(), region=region)
    assert written == region
    with rasterio.open(path) as file, rasterio.open(synthetic_scene.directory / "002_NDVI.tif") as seen:
        pixels = file.read(1)
        assert (file.crs, file.transform, file.dtypes) == (seen.crs, seen.transform, ("float32",))
        assert np.isnan(file.nodata)
        assert file.tags()["VARIANT"] == "SOPTIIp"
        assert file.tags()["CHECKPOINT"] == weights_digest(network)
        assert file.tags()["ENGINE"] == "channels-last"
    unpredicted = np.isnan(pixels)
    assert unpredicted[:8].all()
    assert unpredicted[:, :8].all()
    assert not unpredicted[8:, 8:].any()


def test_cropped_geotiff_is_moved_by_the_border(synthetic_scene: Scene, tmp_path: Path) -> None:
    """Cropped first, the file begins 8 px further in, and says so in its transform."""
    path = tmp_path / "p.tif"
    chosen = recipe("published", georeference="scene")
    network = started("SAR", chosen)
    written = write_prediction(path, network, synthetic_scene, variant="SAR", recipe=chosen, region=REGION)
    with rasterio.open(path) as file, rasterio.open(synthetic_scene.directory / "002_NDVI.tif") as seen:
        assert written == REGION.grown(-8)
        assert file.shape == written.shape
        assert file.xy(0, 0) == seen.xy(written.row_start, written.col_start)


def test_progress_reaches_its_total(synthetic_scene: Scene, tmp_path: Path) -> None:
    """Pixels are told: none at first, then each tile's once, and all at the end."""
    told: list[tuple[int, int]] = []
    write_prediction(
        tmp_path / "p.tif",
        started("SAR", recipe()),
        synthetic_scene,
        variant="SAR",
        recipe=recipe(),
        region=REGION,
        tile_px=32,
        on_tile=lambda done, total: told.append((done, total)),
    )
    total = 51 * 69
    tiles = [32 * 32, 32 * 32, 32 * 5, 19 * 32, 19 * 32, 19 * 5]
    assert told == [(done, total) for done in itertools.accumulate(tiles, initial=0)]


def test_an_existing_file_is_kept(synthetic_scene: Scene, tmp_path: Path) -> None:
    """A prediction never overwrites."""
    path = tmp_path / "p.tif"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write_prediction(path, started("SAR", recipe()), synthetic_scene, variant="SAR", recipe=recipe(), region=REGION)
    assert path.read_text() == "mine"


def test_nothing_is_left_of_a_prediction_that_fails(
    synthetic_scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up in the middle leaves no file."""

    def full(self: RasterWriter, tile: Region, pixels: np.ndarray) -> None:
        raise OutputError("no space left")

    monkeypatch.setattr(RasterWriter, "write", full)
    with pytest.raises(OutputError, match="no space left"):
        write_prediction(
            tmp_path / "p.tif", started("SAR", recipe()), synthetic_scene, variant="SAR", recipe=recipe(), region=REGION
        )
    assert not list(tmp_path.iterdir())
