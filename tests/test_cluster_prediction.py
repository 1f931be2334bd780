"""Over a cluster a prediction has the bits that it has alone; a killed worker, a stop or a bad scene spoils no file."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from dask_processes import START_S, DaskProcesses, dask_processes
from hypothesis import given
from hypothesis import strategies as st

from port import cluster_prediction
from port.checkpoints import Checkpoint, save
from port.cluster import Place, connected
from port.cluster_prediction import Order, predict_many
from port.cluster_units import SharedScene, Unit, unit_regions
from port.errors import ClusterError, OutputError, RegionError, SceneError, SettingError
from port.initialisation import initialise
from port.network import make_network
from port.prediction import write_prediction
from port.recipes import recipe
from port.regions import Region
from port.scenes import Scene
from port.synthetic import write_synthetic_scene

TILE_PX = 40
UNIT_PX = 2 * TILE_PX**2


class Listener:
    """Keeps what it is told of, and does something after each step."""

    def __init__(self, after: Callable[[int], None] = lambda done: None) -> None:
        self.steps: list[tuple[str, int, int, str]] = []
        self.remarks: list[str] = []
        self._after = after

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Keep a step."""
        self.steps.append((stage, done, total, word))
        self._after(done)

    def remark(self, text: str) -> None:
        """Keep a remark."""
        self.remarks.append(text)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A scene of 210 x 170 px and one of 90 x 130."""
    folder = tmp_path_factory.mktemp("scenes")
    return [
        write_synthetic_scene(folder / name, size_px=size_px, seed=seed)
        for seed, (name, size_px) in enumerate({"north": (210, 170), "south": (90, 130)}.items())
    ]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """A network with PyTorch's start: all of its branches are used."""
    network = make_network("SOPTIIp", recipe())
    initialise(network, "pytorch", seed=5)
    return Checkpoint(variant="SOPTIIp", recipe=recipe(), epoch=1, weights=network.state_dict())


@pytest.fixture
def order(scenes: list[Path], checkpoint: Checkpoint) -> Order:
    """Both scenes, whole: 21 units."""
    return Order(checkpoint=checkpoint, data=scenes, tile_px=TILE_PX, unit_px=UNIT_PX)


def bits(path: Path) -> np.ndarray:
    """A file's pixels as they are stored."""
    with rasterio.open(path) as file:
        return np.asarray(file.read(1).view(np.uint32))


def alone(order: Order, folder: Path, to: Path) -> Path:
    """What `predict` writes of a scene."""
    scene = Scene.open(folder, nodata=order.checkpoint.recipe.nodata)
    write_prediction(
        to,
        order.checkpoint.network(),
        scene,
        variant=order.checkpoint.variant,
        recipe=order.checkpoint.recipe,
        region=order.region or scene.region,
        tile_px=order.tile_px,
        engine=order.engine,
    )
    return to


def check_as_alone(order: Order, out: Path, tmp_path: Path) -> None:
    """Each scene's file has the bits, the place and at least the tags that it has alone, and nothing else is there."""
    assert {path.name for path in out.iterdir()} == {f"{folder.name}.tif" for folder in order.data}
    for folder in order.data:
        expected, actual = alone(order, folder, tmp_path / f"{folder.name}-alone.tif"), out / f"{folder.name}.tif"
        assert np.array_equal(bits(expected), bits(actual))
        with rasterio.open(expected) as theirs, rasterio.open(actual) as ours:
            assert (theirs.crs, theirs.transform, theirs.dtypes) == (ours.crs, ours.transform, ours.dtypes)
            assert theirs.tags().items() <= ours.tags().items()


@pytest.mark.parametrize(
    ("region", "switches"),
    [
        (None, {}),
        (Region(13, 90, 5, 130), {}),
        (Region(13, 90, 5, 130), {"border": "crop", "precision": "float64", "scaling": "none"}),
    ],
    ids=["whole", "region", "crop"],
)
def test_numbers_are_those_of_a_prediction_alone(
    region: Region | None, switches: dict[str, Any], order: Order, place: Place, tmp_path: Path
) -> None:
    """Bit for bit, in one go over both scenes; each unit is told once, the last with nothing left to do."""
    listener = Listener()
    given = order.checkpoint.with_switches(switches)
    order = replace(order, checkpoint=given, region=region)
    written = predict_many(order, tmp_path / "out", place=place, observer=listener)
    assert [path.name for path in written.done] == ["north.tif", "south.tif"]
    check_as_alone(order, tmp_path / "out", tmp_path)
    stages, counts, totals, words = zip(*listener.steps, strict=True)
    assert (set(stages), list(counts), set(totals)) == ({"predict"}, [*range(1, len(counts) + 1)], {len(counts)})
    assert {word.split(";")[0] for word in words} == {"north", "south"}
    assert words[-1].endswith("; about 0 s left")


def test_killed_worker_loses_nothing(order: Order, dask: DaskProcesses, place: Place, tmp_path: Path) -> None:
    """One of two is killed while units run: the other, and a new one, do what it had; the same bits."""

    def kill(done: int) -> None:
        if done == 3:
            dask.kill()
            dask.add()

    listener = Listener(kill)
    predict_many(order, tmp_path / "out", place=place, observer=listener)
    assert any(remark.endswith("is gone; what it had is done by another") for remark in listener.remarks)
    check_as_alone(order, tmp_path / "out", tmp_path)


def test_no_worker_left_leaves_whole_files_only(order: Order, checkpoint: Checkpoint, tmp_path: Path) -> None:
    """One error after the wait; the scene that was whole stays, and the same order does the other alone."""
    order = replace(order, data=order.data[::-1])
    with dask_processes(tmp_path, 1) as own:
        place, out = Place(address=own.address, wait_s=5.0), tmp_path / "out"
        killer = Listener(lambda done: own.kill() if (out / "south.tif").exists() and own.workers else None)
        with connected(Place(address=own.address, wait_s=START_S)):
            pass  # the worker is there
        with pytest.raises(ClusterError, match="has had no worker for 5 s"):
            predict_many(order, out, place=place, observer=killer)
        assert [path.name for path in out.iterdir()] == ["south.tif"]
        before = (out / "south.tif").stat().st_mtime_ns
        own.add()
        again = predict_many(order, out, place=Place(address=own.address, wait_s=START_S))
    assert [[path.stem for path in paths] for paths in (again.done, again.kept)] == [["north"], ["south"]]
    assert (out / "south.tif").stat().st_mtime_ns == before
    check_as_alone(order, out, tmp_path)


@pytest.fixture(scope="module")
def made(scenes: list[Path], checkpoint: Checkpoint, dask: DaskProcesses, tmp_path_factory: Any) -> Path:
    """A folder with what the order wrote of the smaller scene."""
    out: Path = tmp_path_factory.mktemp("made") / "out"
    order = Order(checkpoint=checkpoint, data=scenes[1:], tile_px=TILE_PX)
    predict_many(order, out, place=Place(address=dask.address, wait_s=START_S))
    return out


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting is a mistake here."""

    def connect(place: Place, observer: object) -> None:
        raise AssertionError("a cluster was asked for")

    monkeypatch.setattr(cluster_prediction, "connected", connect)


def test_what_is_done_needs_no_cluster(order: Order, made: Path, no_cluster: None) -> None:
    """All kept, none done."""
    again = predict_many(replace(order, data=order.data[1:]), made)
    assert (again.done, again.kept) == ([], [made / "south.tif"])


def touched(folder: Path) -> Path:
    """A copy of a scene under its own name whose files have another time of change."""
    return Path(shutil.copytree(folder, folder.parent / "copies" / folder.name, copy_function=shutil.copyfile))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda order: {"region": Region(10, 80, 10, 80)}, "other recipe, region or tiles"),
        (lambda order: {"tile_px": 50}, "other recipe, region or tiles"),
        (lambda order: {"engine": "bfloat16"}, "other engine"),
        (lambda order: {"checkpoint": order.checkpoint.with_switches({"output": "rectify"})}, "other recipe"),
        (
            lambda order: {
                "checkpoint": replace(
                    order.checkpoint, weights={name: 2 * value for name, value in order.checkpoint.weights.items()}
                )
            },
            "other weights",
        ),
        (lambda order: {"data": [touched(folder) for folder in order.data]}, "other scene files"),
    ],
    ids=["region", "tiles", "engine", "recipe", "weights", "scene"],
)
def test_file_of_another_order_is_an_error(
    change: Callable[[Order], dict[str, Any]], message: str, order: Order, made: Path, no_cluster: None
) -> None:
    """Before anything starts: the file, in what it differs, and that it is kept."""
    before = (made / "south.tif").read_bytes()
    with pytest.raises(OutputError, match=rf"1 of 2 files exist already .*first .*south.tif: {message}"):
        predict_many(replace(order, **change(order)), made)
    assert [path.name for path in made.iterdir()] == ["south.tif"]
    assert (made / "south.tif").read_bytes() == before


@pytest.mark.parametrize(
    ("content", "message"),
    [("alone", "it does not tell what it was made from"), ("text", "it is no GeoTIFF")],
)
def test_unknown_file_is_an_error(content: str, message: str, order: Order, tmp_path: Path, no_cluster: None) -> None:
    """A prediction of `predict`, or anything else under the name."""
    if content == "alone":
        alone(order, order.data[1], tmp_path / "south.tif")
    else:
        (tmp_path / "south.tif").write_text("mine")
    with pytest.raises(OutputError, match=message):
        predict_many(order, tmp_path)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"data": []}, SettingError, "no scene is given"),
        ({"data": [Path("a/field"), Path("b/field")]}, SettingError, "scene 'field' is given twice"),
        ({"data": [Path("nowhere")]}, SceneError, "nowhere is not a folder"),
        ({"region": Region(0, 100, 0, 100)}, RegionError, "region 0:100,0:100 is not inside the scene of 90 rows"),
    ],
)
def test_bad_orders_fail_before_anything_is_done(
    change: dict[str, Any], error: type[Exception], message: str, order: Order, tmp_path: Path, no_cluster: None
) -> None:
    """One paragraph, and no folder is made."""
    with pytest.raises(error, match=message):
        predict_many(replace(order, **change), tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_order_of_bare_files_is_refused(order: Order, tmp_path: Path, no_cluster: None) -> None:
    """They would not tell what they were made from, so that the order could not go on."""
    bare = replace(order, checkpoint=order.checkpoint.with_switches({"georeference": "bare"}))
    with pytest.raises(SettingError, match=r"georeference bare leaves out the tags .*give --georeference scene"):
        predict_many(bare, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def nan_below(stored: np.ndarray) -> np.ndarray:
    """A pixel of the last rows is NaN."""
    changed = stored.copy()
    changed[-2, 50] = np.nan
    return changed


def test_bad_scene_leaves_the_others(order: Order, altered: Callable[..., Path], place: Place, tmp_path: Path) -> None:
    """A scene that cannot be read is told at the end; the other is written, and nothing is left of the bad one."""
    bad = altered("001_VH.tif", nan_below)
    out = tmp_path / "out"
    with pytest.raises(SceneError, match=rf"1 of 2 scenes failed, the others are written; first {bad}: .*NaN"):
        predict_many(replace(order, data=[bad, order.data[1]]), out, place=place)
    assert [path.name for path in out.iterdir()] == ["south.tif"]


def test_wrong_scale_is_told(order: Order, altered: Callable[..., Path], place: Place, tmp_path: Path) -> None:
    """As `predict` does, though it goes on: radar in dB where linear sigma0 is meant."""
    scene = altered("002_VH.tif", lambda stored: (10 * np.log10(stored)).astype(np.float32))
    listener = Listener()
    predict_many(replace(order, data=[scene]), tmp_path / "out", place=place, observer=listener)
    assert any(remark.startswith("altered: ") and "dB" in remark for remark in listener.remarks)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"folder": Path("/nowhere/field")}, "/nowhere/field is not a folder"),
        ({"stamp": "0" * 64}, "its files have other sizes or times there"),
    ],
    ids=["path", "files"],
)
def test_worker_that_does_not_see_a_scene_is_named(
    change: dict[str, Any], problem: str, order: Order, place: Place
) -> None:
    """Worker, path, what it sees, and what to do."""
    scene = replace(SharedScene.of(Scene.open(order.data[0])), **change)
    with connected(place) as cluster, cluster.sharing(order.checkpoint) as name:
        [(_, error)] = cluster.each([Unit(scene, Region(8, 50, 8, 50), TILE_PX, "channels-last", name)])
    assert isinstance(error, ClusterError)
    told = rf"worker tcp://127.0.0.1:\d+ does not see the scene {scene.folder} as this .*{problem}.* file system"
    assert re.match(told, str(error))


SIDES = st.integers(1, 120)


@given(rows=SIDES, cols=SIDES, tile_px=st.integers(8, 90), tiles=st.integers(1, 40))
def test_units_hold_whole_tiles_of_one_grid(rows: int, cols: int, tile_px: int, tiles: int) -> None:
    """The tiles of the units are the region's own, each once; none is larger than asked, but for one tile."""
    region = Region(8, 8 + rows, 3, 3 + cols)
    units = unit_regions(region, tile_px, tiles * tile_px**2)
    found = [tile for unit in units for tile in unit.tiles(tile_px)]
    assert len(found) == len(set(found))
    assert set(found) == set(region.tiles(tile_px))
    assert all(np.prod(unit.shape) <= tiles * tile_px**2 for unit in units)


def test_command_predicts_many_and_goes_on(
    port: Callable[..., tuple[int, str, str]], order: Order, dask: DaskProcesses, tmp_path: Path
) -> None:
    """`predict-many` on a cluster of Dask's own commands; again, there is nothing left to do."""
    save(tmp_path / "c.safetensors", order.checkpoint)
    words = ["predict-many", "--checkpoint", "c.safetensors", "--out", "maps", "--tile-px", TILE_PX]
    words += [word for folder in order.data for word in ("--data", folder)]
    code, out, err = port(*words, "--dask", dask.address, "--dask-wait", START_S)
    assert (code, out) == (0, "maps: 2 scenes predicted now, 0 before\n")
    assert re.search(r"predict +2/2 \w+; about 0 s left", err)
    check_as_alone(order, tmp_path / "maps", tmp_path)
    assert port(*words)[1] == "maps: 0 scenes predicted now, 2 before\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--dask", "tcp://127.0.0.1:9", "--dask-wait", 1), "no scheduler at 'tcp://127.0.0.1:9'"),
        (("--dask", "tcp://127.0.0.1:9", "--jobs", 2), "--jobs 2 is for this computer, but --dask is tcp://127"),
        (("--region", "1:2"), "region '1:2' is not of the form"),
    ],
)
def test_bad_words_are_one_paragraph(
    words: tuple[object, ...], message: str, port: Callable[..., tuple[int, str, str]], order: Order, tmp_path: Path
) -> None:
    """Exit code 2, no traceback, no file."""
    save(tmp_path / "c.safetensors", order.checkpoint)
    code, out, err = port(
        "predict-many", "--checkpoint", "c.safetensors", "--data", order.data[0], "--out", "o", *words
    )
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: [^\n]+\n", err)
    assert message in err
    assert not list(tmp_path.glob("o/*"))
