"""Two programs that agree from raster to raster pass; one mistake on the way is blamed where it was made."""

from collections.abc import Callable
from pathlib import Path

import naive_path as path
import numpy as np
import path_pair
import pytest
from judged_pair import Pair, finding
from path_pair import graph, make_path_pair

from parity.blame import BLAMING
from parity.compare import Comparison
from parity.errors import ParityError
from parity.findings import Check, Verdict
from parity.trace import read_trace

Change = Callable[[np.ndarray], np.ndarray]
BOTH_DTYPES = pytest.mark.parametrize("dtype", ["float64", "float32"])


def last_off(by: float) -> Change:
    """The last number is another."""

    def change(values: np.ndarray) -> np.ndarray:
        changed = values.copy()
        changed.reshape(-1)[-1:] += np.asarray(by).astype(values.dtype)
        return changed

    return change


def shifted(axis: int) -> Change:
    """All pixels one further along an axis."""
    return lambda values: np.roll(values, 1, axis)


def one_place(values: np.ndarray) -> np.ndarray:
    """The last number is the next that its type has."""
    changed = values.copy()
    changed.reshape(-1)[-1] = np.nextafter(changed.reshape(-1)[-1], changed.dtype.type(np.inf))
    return changed


MISTAKES: dict[str, tuple[str, Change]] = {
    "another raster": ("raster/001_VH", shifted(0)),
    "one pixel read wrong": ("raster/001_NDVI", last_off(1)),
    "test region forgotten": ("mask/001", lambda mask: (path.rasters()["001_MASK"] != 0).astype(mask.dtype)),
    "mask as stored": ("mask/003", lambda mask: mask * 7),
    "origin 0": ("patches/index", lambda corners: corners - 1),
    "one patch forgotten": ("patches/index", lambda corners: corners[:-1]),
    "one corner a pixel off": ("patches/index", last_off(1)),
    "columns first": ("patches/index", lambda corners: corners[np.lexsort((corners[:, 0], corners[:, 1]))]),
    "another permutation": ("split/permutation", lambda numbers: numbers[::-1].copy()),
    "not shuffled": ("split/shuffled", lambda corners: corners[np.lexsort((corners[:, 1], corners[:, 0]))]),
    "training list turned round": ("split/training", lambda corners: corners[::-1].copy()),
    "validation from the start": ("split/validation", lambda corners: corners[::-1].copy()),
    "reshuffled": ("split/order", lambda order: order[::-1].copy()),
    "border of 3": ("border", lambda border: border + 1),
    "channels exchanged": ("patches/raw", lambda patches: patches[:, [1, 0, 2]]),
    "patches a pixel off": ("patches/raw", shifted(3)),
    "target margin off by one": ("targets/raw", shifted(2)),
    "validation target off by one": ("validation/targets", shifted(3)),
    "validation patch off by one": ("validation/raw", shifted(2)),
    "region a row off": ("predict/raw", shifted(2)),
    "not normalised": ("predict/normalised", lambda values: values * 1000),
    "channels in another order": ("predict/selected", lambda values: values[:, ::-1].copy()),
    "filters not flipped": ("predict/conv2/pre", lambda values: values[:, :, ::-1].copy()),
    "prediction off": ("predict/conv1/pre", last_off(1e-2)),
    "truth of another place": ("metrics/target/raw", shifted(3)),
    "mask of another place": ("metrics/valid", shifted(0)),
    "estimate in another order": ("metrics/estimate", lambda values: values[::-1].copy()),
    "one pixel scored wrong": ("metrics/truth", one_place),
    "mae": ("metrics/mae", lambda value: value * (1 + 1e-10)),
    "rmse": ("metrics/rmse", lambda value: value * (1 + 1e-10)),
    "rmse over n - 1": ("metrics/rmse", lambda value: value * np.sqrt(69 / 68)),
    "cc": ("metrics/cc", lambda value: value + 1e-10),
    "psnr of another peak": ("metrics/psnr", lambda value: value + 20 * np.log10(2 / 1.5)),
    "psnr": ("metrics/psnr", lambda value: value + 1e-10),
    "pixels one place off": ("geotiff/pixels", one_place),
    "pixels of stored units": ("geotiff/pixels", lambda pixels: pixels * 1000),
    "image upside down": ("geotiff/pixels", lambda pixels: pixels[::-1].copy()),
    "no-data written": ("geotiff/header", lambda header: np.r_[header[:3], 1, header[4:]]),
    "georeferenced": ("geotiff/header", last_off(-11)),
}
CASES = pytest.mark.parametrize(("stage", "change"), MISTAKES.values(), ids=MISTAKES)


def failed(comparison: Comparison, *checks: Check) -> list[str]:
    """Stages that fail in these checks."""
    return [each.stage for each in comparison.findings if each.check in checks and each.verdict is Verdict.FAIL]


@pytest.fixture(scope="module", params=["float64", "float32"])
def sound(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Of two programs that sum in different orders."""
    return make_path_pair(tmp_path_factory.mktemp("sound"), dtype=request.param).judge()


def test_sound_path_passes(sound: Comparison) -> None:
    """No check of any stage fails or proves nothing; branches of loss and patch list are left to other probes."""
    bad = [each.message for each in sound.findings if each.verdict in (Verdict.FAIL, Verdict.VACUOUS)]
    missed = {each.stage for each in sound.findings if each.verdict is Verdict.NOT_EXERCISED}
    assert (bad, missed) == ([], {"patches/index", "loss", "grad/conv1/pre"})


def test_every_stage_of_the_path_is_compared(sound: Comparison) -> None:
    """Each has a finding with as many numbers as its entry, and one by the judge's own computation where it has one."""
    compared = {each.stage for each in sound.findings if each.elements}
    nodes = graph("float64")
    assert {node.stage for node in nodes} <= compared
    opinions = {each.stage for each in sound.findings if each.check is Check.REFERENCE}
    own = {node.stage for node in nodes if node.operation not in ("given", "decode", "trajectory")}
    assert opinions == own


def test_findings_of_the_path_are_in_graph_order(sound: Comparison) -> None:
    """What comes after training stands before what is predicted with it."""
    stages = [node.stage for node in graph("float64")]
    seen = [each.stage for each in sound.findings if each.check is not Check.COVERAGE and each.stage in stages]
    order = [stages.index(stage) for stage in dict.fromkeys(seen)]
    assert order == sorted(order)


def test_programs_that_sum_otherwise_do_differ(tmp_path: Path) -> None:
    """The pair proves nothing unless its sides are not the same bits."""
    pair = make_path_pair(tmp_path, dtype="float32")
    differ = {name for name, value in pair.legacy.arrays.items() if not np.array_equal(value, pair.port.arrays[name])}
    assert {"conv1/pre", "grad/conv1/W", "trained/conv1/W", "predict/output", "metrics/cc", "geotiff/pixels"} <= differ
    assert not any(name.startswith(("raster", "mask", "split", "patches", "validation")) for name in differ)


@BOTH_DTYPES
@CASES
def test_mistake_on_the_path_is_blamed(tmp_path: Path, stage: str, change: Change, dtype: str) -> None:
    """One entry that is wrong fails at its stage, before all that stands on it."""
    pair = make_path_pair(tmp_path, dtype=dtype)
    pair.spoil(stage, change)
    comparison = pair.judge()
    assert comparison.verdict is Verdict.FAIL
    assert comparison.first_bad is not None
    assert comparison.first_bad.stage == stage


FOLLOWED = {
    name: MISTAKES[name] for name in MISTAKES if MISTAKES[name][0] != "patches/index" or name == "columns first"
}


@BOTH_DTYPES
@pytest.mark.parametrize(("stage", "change"), FOLLOWED.values(), ids=FOLLOWED)
def test_mistake_that_the_program_goes_on_with_is_blamed_alone(
    tmp_path: Path, stage: str, change: Change, dtype: str
) -> None:
    """All later stages are right on their own inputs, however far they are from the legacy's."""
    comparison = make_path_pair(tmp_path, dtype=dtype, mistakes={stage: change}).judge()
    if comparison.elements:  # else another number of patches is a doubt already
        assert failed(comparison, *BLAMING) == [stage]
    assert comparison.first_bad is not None
    assert comparison.first_bad.stage == stage


FORGOTTEN = "one patch forgotten"
ALONE = {name: case for name, case in MISTAKES.items() if not case[0].startswith("raster/") and name != FORGOTTEN}


@pytest.mark.parametrize(("stage", "change"), ALONE.values(), ids=ALONE)
def test_mistake_of_both_sides_is_seen(tmp_path: Path, stage: str, change: Change) -> None:
    """The third opinion, or the request, tells what two sides wrong alike do not."""
    pair = make_path_pair(tmp_path, dtype="float64")
    pair.spoil(stage, change, both=True)
    comparison = pair.judge()
    assert comparison.first_bad is not None
    assert comparison.first_bad.stage == stage
    assert failed(comparison, Check.REFERENCE, Check.GIVEN)[0] == stage


def test_number_of_patches_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    """Two sides that forget the same patch have another shape than their graph gives."""
    pair = make_path_pair(tmp_path, dtype="float64")
    pair.spoil(*MISTAKES[FORGOTTEN], both=True)
    with pytest.raises(ParityError, match=r"^patches/index: recorded with shape \(10, 2\), its graph gives \(11, 2\)"):
        pair.judge()


def test_inverted_mask_changes_how_many_are_scored(tmp_path: Path) -> None:
    """Where the number of pixels differs both numbers are told; to blame is the mask, which stands before them."""
    pair = make_path_pair(tmp_path, dtype="float64", mistakes={"metrics/valid": lambda valid: 1 - valid})
    comparison = pair.judge()
    messages = [each.message for each in comparison.findings]
    assert "metrics/estimate: legacy is (69,) float64, port is (3,) float64" in messages
    assert [finding.stage for finding in comparison.blamed] == ["metrics/valid"]


@BOTH_DTYPES
@pytest.mark.parametrize("of", ["curve", "epochs", "validation"])
def test_wrong_losses_fail(tmp_path: Path, of: str, dtype: str) -> None:
    """A curve one entry of which is 1 % off, in either dtype."""
    pair = make_path_pair(tmp_path, dtype=dtype)
    pair.spoil(f"loss/{of}", lambda losses: losses * np.r_[np.ones(len(losses) - 1), 1.01].astype(losses.dtype))
    check = Check.TRAJECTORY if dtype == "float64" else Check.TRUTH
    assert failed(pair.judge(), check) == [f"loss/{of}"]


@BOTH_DTYPES
def test_wrong_trained_weights_fail_alone(tmp_path: Path, dtype: str) -> None:
    """Weights 1 % off are told where they are; what is rightly predicted with them is held against nothing."""
    pair = make_path_pair(tmp_path, dtype=dtype, mistakes={"trained/conv1/W": lambda W: W * W.dtype.type(1.01)})
    comparison = pair.judge()
    group = "trained/conv1/W" if dtype == "float64" else "trained"
    assert set(failed(comparison, *Check)) == {group}


def test_prediction_with_other_weights_is_seen(tmp_path: Path) -> None:
    """What the weights at the end do not explain is not allowed: a prediction by those of the first step."""
    pair = make_path_pair(tmp_path, dtype="float64")
    program = path.Program("float64", second=True)
    program.run()
    first = {name: program.entries[f"step/0001/weight/{name}"] for name in path.NAMES}
    pair.spoil("predict/conv1/pre", lambda _: program.forward(program.entries["predict/selected"], first)[0])
    assert failed(pair.judge(), Check.OWN_INPUT)[0] == "predict/conv1/pre"


@pytest.mark.parametrize(("places", "verdict"), [(1, Verdict.PASS), (2, Verdict.FAIL)])
def test_pixels_in_float32_of_a_float64_prediction(tmp_path: Path, places: int, verdict: Verdict) -> None:
    """Two predictions that differ by rounding may become neighbours in float32, and no more."""
    pair = make_path_pair(tmp_path, dtype="float64")
    pixels = pair.legacy.arrays["geotiff/pixels"]
    for _ in range(places):
        pixels = np.nextafter(pixels, np.float32(np.inf))
    pair.spoil("geotiff/pixels", lambda _: pixels)
    comparison = pair.judge()
    assert finding(comparison, "geotiff/pixels", Check.FREE).verdict is verdict
    assert finding(comparison, "geotiff/pixels", Check.OWN_INPUT).verdict is Verdict.FAIL


def test_run_of_its_own_is_judged_whatever_was_forced(tmp_path: Path) -> None:
    """Pixels that are not the prediction fail, though both are near the legacy's and all that was forced is right."""
    places = {"predict/output": np.float32(np.inf), "geotiff/pixels": np.float32(-np.inf)}
    pair = make_path_pair(tmp_path, dtype="float32")
    for stage, towards in places.items():
        pair.spoil(stage, lambda values, towards=towards: np.nextafter(values, towards))
    own = [node.stage for node in graph("float32") if node.operation not in ("given", "decode", "trajectory")]
    pair.port.arrays |= {f"forced/{stage}": pair.legacy.arrays[stage] for stage in own}
    comparison = pair.judge()
    for stage in places:
        assert finding(comparison, stage, Check.FREE).verdict is Verdict.PASS
    assert failed(comparison, Check.FORCED) == []
    assert "geotiff/pixels" in failed(comparison, Check.OWN_INPUT)
    assert comparison.verdict is Verdict.FAIL
    assert comparison.first_bad is not None
    assert comparison.first_bad.stage == "predict/output"  # which is not what its last layer made, either


def doubt(pair: Pair) -> str:
    """The one reason not to compare."""
    (found,) = pair.judge().findings
    assert found.check is Check.INTEGRITY
    return found.message


@pytest.mark.parametrize(
    ("stage", "dtype", "told"),
    [
        ("metrics/mae", "float32", "tells float64, its entry metrics/mae is float32"),
        ("geotiff/header", "float32", "tells float64, its entry geotiff/header is float32"),
        ("geotiff/pixels", "float64", "tells float32, its entry geotiff/pixels is float64"),
        ("raster/001_NDVI", "int32", "tells int16, its entry raster/001_NDVI is int32"),
        ("predict/output", "float64", "tells float32, its entry predict/output is float64"),
    ],
)
def test_entry_of_another_dtype_than_told_is_a_doubt(tmp_path: Path, stage: str, dtype: str, told: str) -> None:
    """A stage's own dtype counts before the trace's; both sides agreeing on another does not help."""
    pair = make_path_pair(tmp_path, dtype="float32")
    pair.spoil(stage, lambda values: values.astype(dtype), both=True)
    assert told in doubt(pair)


@pytest.mark.parametrize("stage", ["mask/001", "patches/index", "split/order", "border", "metrics/valid"])
def test_whole_numbers_of_another_type_fail(tmp_path: Path, stage: str) -> None:
    """Masks are bytes and corners 64-bit on both sides, or the reference tells."""
    pair = make_path_pair(tmp_path, dtype="float64")
    pair.spoil(stage, lambda values: values.astype("int32"), both=True)
    assert f"{stage}: legacy is " in finding(pair.judge(), stage, Check.REFERENCE).message


def test_validation_without_a_patch_is_vacuous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty list compares well and proves nothing: another probe must."""
    monkeypatch.setattr(path, "VALIDATION", 0)
    monkeypatch.setattr(path_pair, "_sound", path_pair._sound.__wrapped__)
    pair = make_path_pair(tmp_path, dtype="float64")
    for side in (pair.legacy, pair.port):
        side.manifest["graph"] = [node for node in side.manifest["graph"] if node["stage"] != "loss/validation"]
        del side.arrays["loss/validation"]
    comparison = pair.judge()
    for stage in ("split/validation", "validation/raw", "validation/targets"):
        assert finding(comparison, stage, Check.FREE).verdict is Verdict.VACUOUS
    assert (failed(comparison, *Check), comparison.verdict) == ([], Verdict.VACUOUS)


def test_path_pair_can_be_read_again(tmp_path: Path) -> None:
    """All of its entries are written, those without an element too."""
    legacy, _ = map(read_trace, make_path_pair(tmp_path, dtype="float64").write())
    assert list(legacy.arrays) == legacy.graph.stages
