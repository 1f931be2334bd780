"""An exported file holds the whole product: ONNX Runtime alone predicts from it what the port predicts."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import rasterio
import torch
from onnx import numpy_helper

from port import onnx_export
from port.bands import VARIANTS, variant_bands
from port.checkpoints import Checkpoint
from port.errors import OutputError, SettingError
from port.initialisation import initialise
from port.network import Rectify, make_network
from port.normalisation import divisors, normalise
from port.onnx_agreement import Runtime, agreement
from port.onnx_export import export
from port.prediction import write_prediction
from port.recipes import Recipe, recipe
from port.rounding import rounding_bound
from port.scenes import Scene
from port.weights_digest import weights_digest

PREDICT = Path(__file__).parents[1] / "examples" / "onnx" / "predict.py"


def checkpoint(variant: str = "SOPTIIp", chosen: Recipe | None = None) -> Checkpoint:
    """A started network, all of whose branches are used."""
    network = make_network(variant, chosen or recipe())
    initialise(network, "pytorch", seed=5)
    return Checkpoint(variant=variant, recipe=chosen or recipe(), epoch=1, weights=network.state_dict())


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The change against interpolation from all nine channels; not to be changed."""
    path = tmp_path_factory.mktemp("onnx") / "tuned.onnx"
    export(path, checkpoint(chosen=recipe("tuned")))
    return path


def told(path: Path) -> dict[str, str]:
    """A file's metadata."""
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


def run(path: Path, stored: np.ndarray) -> np.ndarray:
    """What ONNX Runtime makes of stored channels."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(["ndvi"], {"stored": stored})[0]


@pytest.mark.parametrize(
    ("variant", "name"), [("SOPTIIp", "corrected"), ("SAR", "published"), ("OPTI", "original"), ("OPTII", "tuned")]
)
@pytest.mark.parametrize("shape", [(1, 17, 17), (5, 40, 31)], ids=["one-pixel", "odd"])
def test_any_batch_and_size_gives_the_port_s_numbers(
    variant: str, name: str, shape: tuple[int, int, int], tmp_path: Path
) -> None:
    """Stored units in, NDVI out, within the rounding of float32; batch, rows and columns are free."""
    given = checkpoint(variant, recipe(name))
    export(tmp_path / "m.onnx", given)
    bands = variant_bands(variant)
    random = np.random.default_rng(3).normal(size=(shape[0], len(bands), *shape[1:]))
    stored = (random * divisors(given.recipe.scaling, bands)[:, None, None]).astype(np.float32)
    images = torch.from_numpy(normalise(stored, bands, given.recipe.scaling))
    with torch.no_grad():
        expected = given.network()(images).numpy()
    actual = run(tmp_path / "m.onnx", stored)
    assert (actual.shape, actual.dtype) == (expected.shape, np.float32)
    assert (np.abs(actual.astype(np.float64) - expected) <= rounding_bound(given.network(), images).numpy()).all()


def test_metadata_tells_what_to_feed(tuned: Path) -> None:
    """Bands, the files they are in, what divides them, border and units: all that the example needs."""
    found = told(tuned)
    assert json.loads(found["bands"]) == [band.name for band in VARIANTS["SOPTIIp"]]
    assert json.loads(found["files"])[4:] == [["VV", 2], ["VH", 2], ["NDVI", 0], ["NDVI", 2], ["DEM", None]]
    assert json.loads(found["divisors"]) == [1, 1, 1, 1, 1, 1, 1000, 1000, 1]
    assert json.loads(found["recipe"])["predicts"] == "change"
    assert (found["format"], found["variant"], found["border_px"]) == ("sar2ndvi-onnx/1", "SOPTIIp", "8")
    assert found["units"] == "NDVI in [-1, 1]"
    assert json.loads(found["versions"])["torch"] == torch.__version__


def test_published_test_bands_are_what_the_file_asks_for() -> None:
    """The public test script's channels at t+1, for its recipe only (deviation 4)."""
    bands = json.loads(onnx_export.metadata(checkpoint(chosen=recipe("published")))["bands"])
    assert bands[4:6] == ["VH_AFTER", "VV_AFTER"]


def test_weights_are_told_by_their_digest(tuned: Path) -> None:
    """The digest in the metadata, which predictions are tagged with too, is that of the parameters in the file."""
    held = {entry.name: numpy_helper.to_array(entry) for entry in onnx.load(tuned).graph.initializer}
    network = checkpoint(chosen=recipe("tuned")).network()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(torch.from_numpy(held[f"network.{name}"].copy()))
    assert told(tuned)["checkpoint"] == weights_digest(network)


def test_file_tells_nothing_of_the_machine(tuned: Path) -> None:
    """No path of the code that was traced is left in it."""
    assert str(Path(__file__).parents[1]).encode() not in tuned.read_bytes()
    assert b"site-packages" not in tuned.read_bytes()


def test_rectifiers_of_either_gradient_give_the_same_bits() -> None:
    """0.5 (x + |x|) and max(x, 0), at zeros, denormals and large numbers too, so that either may be exported."""
    special = torch.tensor([0.0, -0.0, 1e-45, -1e-45, 1e38, -1e38, 0.1, -0.1])
    x = torch.cat([special, torch.randn(10_000, generator=torch.Generator().manual_seed(0))])
    assert torch.equal(Rectify(0.5)(x), Rectify(0.0)(x))


def test_gradient_at_zero_does_not_show_in_the_graph(tmp_path: Path) -> None:
    """The original's rectifiers are one Relu each."""
    export(tmp_path / "m.onnx", checkpoint("OPTI", recipe("original")))
    kinds = [node.op_type for node in onnx.load(tmp_path / "m.onnx").graph.node]
    assert kinds == ["Div", "Conv", "Relu", "Conv", "Relu", "Conv"]


def test_float64_is_refused(tmp_path: Path) -> None:
    """ONNX Runtime has no convolution in float64; the message says what to give, and no file appears."""
    with pytest.raises(SettingError, match=r"precision is float64, but ONNX Runtime has no .*; give precision float32"):
        export(tmp_path / "m.onnx", checkpoint(chosen=recipe(precision="float64")))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "onnxscript"])
def test_missing_library_is_named(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra one clear error says what to install."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        SettingError, match=rf"needs {library}, which is not installed .* pip install onnx onnxruntime onnxscript"
    ):
        export(tmp_path / "m.onnx", checkpoint())
    assert not list(tmp_path.iterdir())


def test_file_that_is_not_the_network_does_not_appear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the exporter translates wrongly is refused after it was written, and nothing is left of it."""
    right = onnx_export._translated

    def wrong(given: Checkpoint) -> onnx.ModelProto:
        doubled = {name: 2 * value if name == "conv3.bias" else value for name, value in given.weights.items()}
        return right(replace(given, weights=doubled))

    monkeypatch.setattr(onnx_export, "_translated", wrong)
    with pytest.raises(
        OutputError, match=r"conv3/pre: ONNX Runtime gives .* where the port gives .* no file is written"
    ):
        export(tmp_path / "m.onnx", checkpoint())
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    """A NaN agrees with nothing."""
    given = checkpoint("OPTI")
    broken = {**given.weights, "conv3.bias": torch.tensor([torch.nan])}
    with pytest.raises(OutputError, match="check that the weights are finite"):
        export(tmp_path / "m.onnx", replace(given, weights=broken))


def test_rectified_output_hides_nothing(tmp_path: Path) -> None:
    """Where every output is 0 the last convolution is compared all the same."""
    given = checkpoint("OPTI", recipe("published"))
    dead = replace(given, weights={**given.weights, "conv3.bias": torch.tensor([-9.0])})
    other = replace(given, weights={**given.weights, "conv3.bias": torch.tensor([-8.0])})
    export(tmp_path / "m.onnx", dead)
    runtime = Runtime(onnx, onnxruntime, tmp_path / "m.onnx")
    assert not run(tmp_path / "m.onnx", np.ones((1, 1, 20, 20), np.float32)).any()
    with pytest.raises(OutputError, match=r"conv3/pre: ONNX Runtime gives -8\.9\d* where the port gives -7\.9"):
        agreement(runtime, other.network(), variant_bands("OPTI"), "none")


def test_rounding_bound_is_of_rounding() -> None:
    """Float32 is within it of float64, and it is below a thousandth of the estimate's maximum."""
    network = checkpoint().network()
    images = torch.rand(2, 9, 30, 27, generator=torch.Generator().manual_seed(1))
    bound = rounding_bound(network, images)
    with torch.no_grad():
        single, double = network(images), checkpoint().network().double()(images.double())
    assert (torch.abs(single.double() - double) <= bound).all()
    assert bound.max() < 1e-3 * double.abs().max()


def test_exporter_says_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Its remarks on torchvision and on torch's own deprecations concern no user; any other would fail or be seen."""
    with caplog.at_level(logging.WARNING):
        export(tmp_path / "m.onnx", checkpoint("OPTI"))
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


def test_command_ends_in_what_and_where(port: object, original: Path, tmp_path: Path) -> None:
    """`export --onnx` from the original's own file, as `predict` takes it; one line says what and how well."""
    weights = ("--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "published")
    code, out, _ = port("export", *weights, "--onnx", "m.onnx")
    assert code == 0
    assert re.fullmatch(
        r"m.onnx: variant SOPTIIp, ONNX opset 18; ONNX Runtime and the port differ by at most \S+ on a probe, \S+ of "
        r"what rounding explains\n",
        out,
    )
    assert told(tmp_path / "m.onnx")["units"] == "NDVI as the scene stores it"


def test_command_writes_over_nothing(port: object, original: Path) -> None:
    """Not even over the checkpoint that it reads."""
    before = original.read_bytes()
    weights = ("--checkpoint", original, "--variant", "SOPTIIp", "--recipe", "published")
    code, out, err = port("export", *weights, "--onnx", original)
    assert (code, out) == (2, "")
    assert f"{original} exists already" in err
    assert original.read_bytes() == before


@pytest.mark.parametrize(("variant", "name"), [("SOPTIIp", "tuned"), ("SAR", "corrected")])
def test_example_predicts_what_the_port_does(
    variant: str, name: str, synthetic_folder: Path, synthetic_scene: Scene, tmp_path: Path
) -> None:
    """The small program writes the port's map of a whole scene, on its grid, within the rounding of float32."""
    given = checkpoint(variant, recipe(name))
    export(tmp_path / "m.onnx", given)
    _example(tmp_path / "m.onnx", synthetic_folder, tmp_path / "actual.tif")
    write_prediction(
        tmp_path / "expected.tif", given.network(), synthetic_scene, variant=variant, recipe=given.recipe,
        region=synthetic_scene.region,
    )  # fmt: skip
    with rasterio.open(tmp_path / "actual.tif") as mine, rasterio.open(tmp_path / "expected.tif") as port:
        actual, expected = mine.read(1), port.read(1)
        assert (mine.crs, mine.transform, mine.shape) == (port.crs, port.transform, port.shape)
    bands = variant_bands(variant)
    stored = synthetic_scene.channels(synthetic_scene.region, bands)[None]
    bound = rounding_bound(given.network(), torch.from_numpy(normalise(stored, bands, given.recipe.scaling)))
    assert np.array_equal(np.isnan(actual), np.isnan(expected))
    assert (np.abs(actual.astype(np.float64) - expected)[8:-8, 8:-8] <= bound.numpy()[0, 0]).all()


def test_example_reads_declared_nodata_as_the_port_does(
    tuned: Path, altered: Callable[..., Path], tmp_path: Path
) -> None:
    """A value declared as no-data is 0 for the network."""
    folder = altered(
        "001_NDVI.tif", lambda pixels: np.where(np.arange(len(pixels))[:, None] < 40, -3000, pixels), nodata=-3000
    )
    given = checkpoint(chosen=recipe("tuned"))
    scene = Scene.open(folder)
    _example(tuned, folder, tmp_path / "actual.tif")
    write_prediction(
        tmp_path / "expected.tif", given.network(), scene, variant="SOPTIIp", recipe=given.recipe, region=scene.region
    )
    with rasterio.open(tmp_path / "actual.tif") as mine, rasterio.open(tmp_path / "expected.tif") as port:
        assert np.nanmax(np.abs(mine.read(1) - port.read(1))) < 1e-5


def test_example_loads_no_torch(tuned: Path, synthetic_folder: Path, tmp_path: Path) -> None:
    """In an interpreter of its own, after a whole prediction, neither torch nor anything of ours is loaded."""
    assert {"torch", "port", "onnx"} & _example(tuned, synthetic_folder, tmp_path / "p.tif") == set()


def test_loaded_torch_would_be_seen(tuned: Path, synthetic_folder: Path, tmp_path: Path) -> None:
    """The same program that imports torch is told apart."""
    assert "torch" in _example(tuned, synthetic_folder, tmp_path / "p.tif", before="import torch")


def _example(model: Path, folder: Path, out: Path, before: str = "") -> set[str]:
    """Run the example in an interpreter of its own; gives the top-level packages that it loaded."""
    run = "import runpy, sys; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__'); print(*sys.modules)"
    words = [sys.executable, "-c", f"{before}\n{run}", PREDICT, model, folder, out]
    done = subprocess.run(words, capture_output=True, encoding="utf-8", check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return {name.split(".")[0] for name in done.stdout.split()}


def test_example_writes_over_nothing(tuned: Path, synthetic_folder: Path, tmp_path: Path) -> None:
    """What is there stays."""
    out = tmp_path / "p.tif"
    out.write_text("precious")
    ended = _ended(tuned, synthetic_folder, out)
    assert (ended.returncode, ended.stderr) == (
        1,
        f"error: {out} exists already; give another name or remove it first\n",
    )
    assert out.read_text() == "precious"


def test_example_that_fails_leaves_nothing(tuned: Path, altered: Callable[..., Path], tmp_path: Path) -> None:
    """Halfway through a scene, or before a folder that does not exist: one line, no file."""
    folder = altered("002_VV.tif", lambda stored: np.where(np.indices(stored.shape)[0] == 100, np.nan, stored))
    for out in (tmp_path / "p.tif", tmp_path / "nowhere" / "p.tif"):
        ended = _ended(tuned, folder, out)
        assert ended.returncode == 1
        assert ended.stderr.startswith("error: ")
        assert ended.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def _ended(*words: object) -> "subprocess.CompletedProcess[str]":
    """What the example says with these words."""
    command = [sys.executable, PREDICT, *words]
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=300)


@pytest.mark.parametrize(
    ("remove", "message"), [("DEM.tif", "holds 0 files DEM\\*.tif, expected one"), ("002_VH.tif", "0 files 002_VH")]
)
def test_example_says_what_is_missing(
    remove: str, message: str, tuned: Path, altered: Callable[..., Path], tmp_path: Path
) -> None:
    """One line names the file that the model needs."""
    folder = altered("DEM.tif")
    (folder / remove).unlink()
    done = _ended(tuned, folder, tmp_path / "p.tif")
    assert done.returncode == 1
    assert re.search(message, done.stderr)
    assert not (tmp_path / "p.tif").exists()
