"""The recording of a whole scene: every stage is what numpy makes of the files, and the file what was predicted."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from parity.errors import TraceError
from parity.reference import compute
from parity.trace import Record, read_trace, write_request, write_trace
from port.errors import PatchError, RegionError, SettingError
from port.record import record
from port.scene_recording import unpacked
from tests.conftest import Alter

REGION = (80, 104, 40, 62)
INNER = (slice(88, 96), slice(48, 54))  # 8 px lost on each side
STACK = ("001_VH", "001_VV", "002_VH", "002_VV", "003_VV", "003_VH", "001_NDVI", "003_NDVI", "DEM")
START = {"seed": 12, "deviation": 0.001}
SPLIT = {"side": 33, "stride": 12, "origin": 1, "limit": 9}
VALIDATION = ("validation/raw", "validation/targets")
TRAINING = {"epochs": 2, "batch_size": 2, "learning_rate": 0.01, "momentum": 0.9, "recorded": [1]}

Recorded = Callable[..., Record]


def write_scene_request(path: Path, folder: Path, changed: Mapping[str, Any]) -> None:
    """The synthetic scene for variant SOPTII, as the published scripts use one, from the original's own start."""
    random = np.random.default_rng(3)
    arrays = {"split/permutation": random.permutation(64)}
    names = [
        f"{name}.tif" for name in sorted({f"00{k}_{kind}" for k in (1, 2, 3) for kind in ("VH", "VV", "NDVI", "MASK")})
    ]
    for name in (*names, "DEM.tif"):
        arrays[f"files/{name}"] = np.frombuffer((folder / name).read_bytes(), np.uint8)
    manifest = {
        "kind": "pipeline", "probe": "synthetic", "variant": "SOPTII", "channels": list(range(8)),
        "test_channels": [0, 1, 2, 3, 5, 4, 6, 7], "dtype": "float64", "divisor": 1000.0, "output": "linear",
        "seed": 5, "scene": {"suffix": "", "first_date": 1}, "test_region": list(REGION), "patches": SPLIT,
        "initialisation": START, "training": TRAINING, **changed,
    }  # fmt: skip
    write_request(path, manifest, arrays)


@pytest.fixture(scope="module")
def plain(synthetic_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The trace of the request as it is."""
    folder = tmp_path_factory.mktemp("plain")
    write_scene_request(folder / "request.npz", synthetic_folder, {})
    record(folder / "request.npz", folder / "trace.npz")
    return read_trace(folder / "trace.npz")


@pytest.fixture
def recorded(tmp_path: Path, synthetic_folder: Path) -> Recorded:
    """A function that records such a request, with its settings and the recipe's switches as given."""

    def run(switches: Mapping[str, Any] | None = None, teacher: Path | None = None, **changed: Any) -> Record:
        write_scene_request(tmp_path / "request.npz", synthetic_folder, changed)
        record(tmp_path / "request.npz", tmp_path / "trace.npz", teacher, switches)
        return read_trace(tmp_path / "trace.npz")

    return run


def stored(folder: Path, name: str) -> np.ndarray:
    """A file's pixels, read by rasterio alone."""
    with rasterio.open(folder / f"{name}.tif") as file:
        return file.read(1)


def test_rasters_and_masks_are_the_files(plain: Record, synthetic_folder: Path) -> None:
    """Each file in its own dtype; the test region is masked at every date."""
    for name in (*STACK, "002_NDVI"):
        assert np.array_equal(plain[f"raster/{name}"], stored(synthetic_folder, name))
        assert plain[f"raster/{name}"].dtype == stored(synthetic_folder, name).dtype
    for date in ("001", "002", "003"):
        expected = stored(synthetic_folder, f"{date}_MASK") != 0
        expected[REGION[0] : REGION[1], REGION[2] : REGION[3]] = True
        assert np.array_equal(plain[f"mask/{date}"], expected)


def test_patches_are_found_shuffled_and_shared(plain: Record) -> None:
    """The clear corners from pixel 1 on, in the order of the numbers below their count; then seven, then two."""
    masked = plain["mask/001"] | plain["mask/002"] | plain["mask/003"]
    corners = [
        (row, col)
        for row in range(1, masked.shape[0] - 32, 12)
        for col in range(1, masked.shape[1] - 32, 12)
        if not masked[row : row + 33, col : col + 33].any()
    ]
    assert plain["patches/index"].tolist() == [list(corner) for corner in corners]
    order = [number for number in plain["split/permutation"] if number < len(corners)]
    listed = [list(corners[number]) for number in order]
    assert plain["split/shuffled"].tolist() == listed
    assert (plain["split/training"].tolist(), plain["split/validation"].tolist()) == (listed[:7], listed[7:9])
    assert plain["split/order"].tolist() == [[0, 1], [2, 3], [4, 5]] * 2


def test_patches_are_cut_from_the_stack(plain: Record, synthetic_folder: Path) -> None:
    """Nine channels in training order, VV before VH at t+1, and the inner 17 x 17 pixels of NDVI at t."""
    stack, target = [stored(synthetic_folder, name) for name in STACK], stored(synthetic_folder, "002_NDVI")
    for part, inputs, targets in (("training", "patches/raw", "targets/raw"), ("validation", *VALIDATION)):
        for number, (row, col) in enumerate(plain[f"split/{part}"]):
            for channel, raster in enumerate(stack):
                assert np.array_equal(plain[inputs][number, channel], raster[row : row + 33, col : col + 33])
            inner = target[row + 8 : row + 25, col + 8 : col + 25]
            assert np.array_equal(plain[targets][number, 0], inner)


def test_start_is_the_original_s(plain: Record) -> None:
    """Each W is the next part of one stream of numpy's numbers, and told so; biases are 0."""
    stream = np.random.RandomState(12).normal(0, 0.001, 48 * 8 * 81 + 32 * 48 * 25 + 32 * 25)
    for name in ("conv1", "conv2", "conv3"):
        node = plain.graph[f"weight/{name}/W"]
        assert node.operation == "normal"
        skip, shape = node.attributes["skip"], node.attributes["shape"]
        drawn = stream[skip : skip + int(np.prod(shape))].reshape(shape)
        assert np.array_equal(plain[f"weight/{name}/W"], drawn)
        assert not plain[f"weight/{name}/b"].any()


def test_losses_are_means_of_their_batches(recorded: Recorded) -> None:
    """Three steps an epoch; the epoch's loss is their mean, the last weights are those after the last step."""
    trace = recorded(training={**TRAINING, "recorded": [6]})
    means = trace["loss/curve"].reshape(2, 3).mean(axis=1)
    assert (np.abs(trace["loss/epochs"] - means) <= np.spacing(means)).all()
    assert trace["loss/validation"].shape == (2,)
    assert np.array_equal(trace["trained/conv2/W"], trace["step/0006/weight/conv2/W"])
    assert trace.manifest["training"]["steps"] == 6


def test_prediction_is_fed_the_published_channels(plain: Record, synthetic_folder: Path) -> None:
    """The region alone, divided by 1000, with VH before VV at t+1 as the test script has them."""
    region = (slice(REGION[0], REGION[1]), slice(REGION[2], REGION[3]))
    raw = np.stack([stored(synthetic_folder, name)[region] for name in STACK])[None]
    assert np.array_equal(plain["predict/raw"], raw)
    assert np.array_equal(plain["predict/selected"], raw.astype(np.float64)[:, [0, 1, 2, 3, 5, 4, 6, 7]] / 1000)


def test_accuracies_are_those_of_the_unmasked_pixels(plain: Record, synthetic_folder: Path) -> None:
    """Computed here from the prediction, the target and the three masks."""
    clear = ~np.any([stored(synthetic_folder, f"00{k}_MASK")[INNER] for k in (1, 2, 3)], axis=0)
    truth = stored(synthetic_folder, "002_NDVI")[INNER].astype(np.float64) / 1000
    assert np.array_equal(plain["metrics/valid"], clear)
    wrong = (plain["predict/output"][0, 0] - truth)[clear]
    assert abs(plain["metrics/mae"] - np.abs(wrong).mean()) < 1e-15
    assert abs(plain["metrics/rmse"] - np.sqrt((wrong**2).mean())) < 1e-15
    assert abs(plain["metrics/psnr"] + 10 * np.log10((wrong**2).mean())) < 1e-12
    assert abs(plain["metrics/cc"] - np.corrcoef(plain["metrics/estimate"], plain["metrics/truth"])[0, 1]) < 1e-12


def test_file_holds_the_prediction_and_nothing_else(plain: Record) -> None:
    """One float32 band, rounded once; no CRS, no transform, no no-data value."""
    assert np.array_equal(plain["geotiff/pixels"], plain["predict/output"][0, 0].astype(np.float32))
    assert plain["geotiff/header"].tolist() == [1, 32, 0, 0, 0, 1, 0, 0, 0, 1]


def test_file_is_placed_where_the_scene_is(recorded: Recorded, synthetic_folder: Path) -> None:
    """With georeference "scene" the header tells CRS, no-data and the corner of what was predicted (deviation 13)."""
    trace = recorded({"georeference": "scene"})
    with rasterio.open(synthetic_folder / "DEM.tif") as file:
        left, pixel, _, top, _, height = file.transform.to_gdal()
        expected = [1, 32, file.crs.to_epsg(), 1, left + 48 * pixel, pixel, 0, top + 88 * height, 0, height]
    assert trace["geotiff/header"].tolist() == expected
    attributes = trace.graph["geotiff/header"].attributes
    assert [*(attributes[name] for name in ("bands", "bits", "epsg", "nodata")), *attributes["transform"]] == expected


def test_halo_predicts_the_whole_region(plain: Record, recorded: Recorded) -> None:
    """All pixels of the region, the original's in the middle, bit by bit or by a rounding (deviation 12)."""
    whole = recorded({"border": "halo"})
    assert whole["predict/output"].shape[2:] == (24, 22)
    apart = np.abs(whole["predict/output"][:, :, 8:-8, 8:-8] - plain["predict/output"])
    assert apart.max() <= 1e-13 * np.abs(plain["predict/output"]).max()


def test_halo_at_the_scene_s_edge_leaves_nan(recorded: Recorded) -> None:
    """Where 8 pixels are missing the file is NaN; the node tells where the prediction lies."""
    trace = recorded({"border": "halo"}, test_region=[90, 120, 40, 62])
    assert trace.graph["geotiff/pixels"].attributes["within"] == [0, 22, 0, 22]
    pixels = trace["geotiff/pixels"]
    assert pixels.shape == (30, 22)
    assert np.isnan(pixels[22:]).all()
    assert np.array_equal(pixels[:22], trace["predict/output"][0, 0].astype(np.float32))


def test_own_shuffle_is_drawn_from_the_seed(recorded: Recorded) -> None:
    """In place of the given one (deviation 15)."""
    trace = recorded({"seeded": "own"})
    drawn = np.random.default_rng(5).permutation(len(trace["patches/index"]))
    assert np.array_equal(trace["split/permutation"], drawn)
    assert trace.graph["split/permutation"].attributes == {"seed": 5, "length": len(drawn)}


def test_kept_last_batch_is_filled_up(recorded: Recorded) -> None:
    """Seven patches in twos: the fourth batch of an epoch holds one, and -1 for none."""
    trace = recorded({"last_batch": "keep"})
    assert trace["split/order"].tolist() == [[0, 1], [2, 3], [4, 5], [6, -1]] * 2
    assert (trace.manifest["training"]["steps"], trace.manifest["training"]["batches"]) == (8, 4)


def test_schedule_is_told_step_by_step(recorded: Recorded) -> None:
    """Half a cosine wave over two epochs: the second's rate is half the first."""
    told = recorded({"schedule": "cosine"}).manifest["training"]["rate_changes"]
    assert [step for step, _ in told] == [4]
    assert abs(told[0][1] - 0.005) < 1e-17


def test_turned_patches_are_told(recorded: Recorded) -> None:
    """The first batch is the list's, each patch turned as its number says; every step's numbers are told."""
    trace = recorded({"augmentation": "dihedral"})
    node = trace.graph["batch/raw"]
    assert node.operation == "rows_transformed"
    assert node.attributes["symmetries"] == trace.manifest["training"]["symmetries"][0]
    for turned, listed, number in zip(
        trace["batch/raw"], trace["patches/raw"][:2], node.attributes["symmetries"], strict=True
    ):
        expected = np.rot90(listed, number % 4, axes=(1, 2))
        assert np.array_equal(turned, expected[..., ::-1] if number >= 4 else expected)
    assert len(trace.manifest["training"]["symmetries"]) == 6


def test_teacher_forces_every_stage_that_is_computed(plain: Record, recorded: Recorded) -> None:
    """Taught by its own trace the product gives the same again: exactly, but for the rounding of convolutions."""
    trace = recorded(teacher=plain.path)
    unforced = {"decode", "given", "trajectory", "normal", "constant"}
    assert set(trace.forced) == {node.stage for node in trace.graph if node.operation not in unforced}
    for stage, again in trace.forced.items():
        assert again.dtype == trace[stage].dtype
        apart = np.abs(again.astype(np.float64) - trace[stage]).max()
        exact = not trace.graph[stage].operation.startswith(("convolution", "bias"))
        assert apart <= (0 if exact else 1e-13 * np.abs(trace[stage]).max()), stage


def test_teacher_s_own_pixels_are_used(plain: Record, recorded: Recorded, tmp_path: Path) -> None:
    """A teacher that read another raster is followed in the forced stages, not in the product's own."""
    other = {**plain.arrays, "raster/001_VH": plain["raster/001_VH"] + 1}
    kept = {name: value for name, value in plain.manifest.items() if name not in ("order", "content_sha256")}
    write_trace(tmp_path / "teacher.npz", kept, other)
    trace = recorded(teacher=tmp_path / "teacher.npz")
    assert np.array_equal(trace["patches/raw"], plain["patches/raw"])
    assert np.array_equal(trace.forced["patches/raw"][:, 0], (plain["patches/raw"] + np.float32(1))[:, 0].astype("f4"))
    assert np.array_equal(trace.forced["patches/raw"][:, 1:], plain["patches/raw"][:, 1:])


@pytest.mark.parametrize(
    ("changed", "error", "message"),
    [
        ({"training": {**TRAINING, "batch_size": 8}}, PatchError, "7 training patches are fewer than one batch of 8"),
        ({"initialisation": {"seed": 1, "deviation": 0.01}}, TraceError, r"deviation is 0.01, expected 0.001"),
        ({"test_region": [80, 130, 0, 20]}, RegionError, "region .* is not inside the scene of 120 rows"),
    ],
)
def test_what_cannot_be_run_is_refused(
    changed: dict[str, Any], error: type[Exception], message: str, recorded: Recorded, tmp_path: Path
) -> None:
    """The error is the product's own, and no trace appears."""
    with pytest.raises(error, match=message):
        recorded(**changed)
    assert not (tmp_path / "trace.npz").exists()


@pytest.mark.parametrize(("nodata", "excluded"), [("ignored", 0), ("masked", 1)])
def test_declared_nodata_is_excluded_where_the_recipe_says(
    tmp_path: Path, altered: Alter, nodata: str, excluded: int
) -> None:
    """The file's pixels stay as stored; the mask's node names the file and its value where it is masked."""

    def hole(pixels: np.ndarray) -> np.ndarray:
        pixels[3, 4] = 9999
        return pixels

    folder = altered("001_NDVI.tif", hole, nodata=9999)
    write_scene_request(tmp_path / "request.npz", folder, {})
    record(tmp_path / "request.npz", tmp_path / "trace.npz", switches={"nodata": nodata})
    trace = read_trace(tmp_path / "trace.npz")
    assert trace["raster/001_NDVI"][3, 4] == 9999
    node, told = trace.graph["mask/001"], {"nodata": [9999.0]} if excluded else {}
    assert node.inputs == ("raster/001_MASK", "raster/001_NDVI")[: 1 + excluded]
    assert node.attributes == {"region": list(REGION), **told}
    assert np.array_equal(compute(node, trace.arrays), trace["mask/001"])
    assert trace["mask/001"][3, 4] == excluded


@pytest.mark.parametrize(
    "name", ["../001_VH.tif", "/001_VH.tif", "a/001_VH.tif", "..\\001_VH.tif", "..", "", "notes.txt"]
)
def test_file_with_a_part_of_a_path_is_not_unpacked(tmp_path: Path, name: str) -> None:
    """A request writes nothing outside the folder it is unpacked into, and nothing that is no raster."""
    folder = tmp_path / "inside"
    folder.mkdir()
    request = Record(tmp_path / "request.npz", {}, {f"files/{name}": np.zeros(3, np.uint8)}, "")
    with pytest.raises(TraceError, match=r"no plain name that ends in \.tif; write the request again"):
        unpacked(request, folder, "ignored")
    assert list(tmp_path.rglob("*")) == [folder]


def test_engine_is_refused_for_a_whole_scene(synthetic_folder: Path, tmp_path: Path) -> None:
    """An engine is observed on patches, layer by layer; the message says what to give."""
    write_scene_request(tmp_path / "request.npz", synthetic_folder, {})
    with pytest.raises(SettingError, match=r"engine eager is asked for, but .* is of kind 'pipeline'; give a request"):
        record(tmp_path / "request.npz", tmp_path / "trace.npz", engine="eager")
