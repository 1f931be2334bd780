"""Weights are certified where exactly the right way to lay them down explains a port's answers, and else not."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from judged_pair import MakePair, Pair
from path_pair import make_path_pair

from parity import reference
from parity.certificate import Certificate, Ruling, _mapping, certify
from parity.errors import ParityError
from parity.graph import Node
from parity.judgement import Files
from parity.orientation import MOST_FEATURES, NO_BIAS, RIGHT, images_needed, lit, read_off
from parity.probe import WRITTEN, write_probe
from parity.trace import FORCED, Record, read_request, read_trace, write_trace

Lay = Callable[[str, np.ndarray], np.ndarray]
Spoil = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]
LAYERS = ("conv1", "conv2")


def answered(
    legacy: Record, folder: Path, *, lay: Lay = lambda _, W: W, hold: Lay = lambda _, W: W, names: dict | None = None
) -> Files:
    """A probe and a numpy port's answer: it lays weights down, and tells those it holds, by these functions."""
    probe = Files.within(folder / "probe", folder / "probe" / "request.npz")
    write_probe(legacy, probe)
    request, teacher = read_request(probe.request), read_trace(probe.legacy)
    dtype = teacher.manifest["dtype"]
    arrays = {node.stage: teacher[node.stage] for node in teacher.graph}
    for name, value in request.arrays.items():
        arrays[name] = hold(name, value.astype(dtype))
    for node in teacher.graph:
        if node.operation == "convolution_valid":
            own = {name: lay(name, request[name].astype(dtype)) for name in node.inputs[1:]}
            arrays[FORCED + node.stage] = reference.compute(node, arrays | own).astype(dtype)
    manifest = {"side": "port", "dtype": dtype, "request_sha256": request.sha256, "teacher_sha256": teacher.sha256}
    manifest |= {"graph": [node.as_json() for node in teacher.graph], "parameters": names or {}}
    write_trace(probe.port, manifest, arrays)
    return probe


def legacy_of(pair: Pair, **weights: np.ndarray) -> Record:
    """The original's trace, with other weights."""
    for layer in LAYERS:
        for kind in "Wb":
            if (value := weights.get(f"{layer}{kind}")) is not None:
                pair.legacy.arrays[f"weight/{layer}/{kind}"][:] = value
    pair.legacy.manifest["request"] = {"kind": "network", "training": dict(pair.legacy.manifest["training"])}
    return read_trace(pair.write()[0])


def certified(legacy: Record, folder: Path, **port: Lay) -> Certificate:
    """What is ruled on a port's answers."""
    return certify(legacy, answered(legacy, folder, **port))


def ruled(certificate: Certificate) -> dict[str, str]:
    """Why each parameter that is not certified is not."""
    return {p.original: p.reason for p in certificate.parameters if p.ruling is not Ruling.CERTIFIED}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sound_port_is_certified(make: MakePair, tmp_path: Path, dtype: str) -> None:
    """Four parameters, their names on both sides, and the next orientation far away."""
    legacy = legacy_of(make(dtype=dtype))
    certificate = certify(legacy, answered(legacy, tmp_path, names={"weight/conv1/W": "first.weight"}))
    assert (certificate.ruling, ruled(certificate)) == (Ruling.CERTIFIED, {})
    first = certificate.parameters[0]
    assert (first.original, first.port, first.layer) == ("weight/conv1/W", "first.weight", "conv1/pre")
    assert first.orientation is not None
    assert first.orientation.fits == (RIGHT,)
    assert first.orientation.next_share > 1e4
    assert certificate.lines[-1].startswith("CERTIFIED: 4 parameters are mapped once")
    assert json.loads(certificate.text())["parameters"][0]["shape"] == [3, 2, 3, 2]


@pytest.mark.parametrize(
    ("turn", "name"),
    [
        (lambda W: W[:, :, ::-1, ::-1], "turned half round"),
        (lambda W: W[:, :, ::-1], "rows flipped"),
        (lambda W: W[..., ::-1], "cols flipped"),
    ],
    ids=["half", "rows", "cols"],
)
def test_other_orientation_is_named(
    pair: Pair, tmp_path: Path, turn: Callable[[np.ndarray], np.ndarray], name: str
) -> None:
    """Only the layer that is laid down wrongly fails; its biases do not."""
    found = certified(legacy_of(pair), tmp_path, lay=lambda n, W: turn(W) if n == "weight/conv1/W" else W)
    assert found.ruling is Ruling.FAILED
    assert ruled(found) == {"weight/conv1/W": f"laid down otherwise: {name}"}


def test_bias_left_out_is_named(pair: Pair, tmp_path: Path) -> None:
    """The biases of conv1 are held, and not used."""
    found = certified(legacy_of(pair), tmp_path, lay=lambda n, W: 0 * W if n == "weight/conv1/b" else W)
    assert ruled(found)["weight/conv1/b"] == f"laid down otherwise: {NO_BIAS}"


def test_answer_that_nothing_explains_fails(pair: Pair, tmp_path: Path) -> None:
    """A thousandth more on every weight is no orientation."""
    found = certified(legacy_of(pair), tmp_path, lay=lambda n, W: 1.001 * W if n == "weight/conv2/W" else W)
    assert found.ruling is Ruling.FAILED
    assert ruled(found)["weight/conv2/W"].startswith("no orientation explains what the port makes of lit inputs")


def test_value_that_differs_in_one_bit_fails(pair: Pair, tmp_path: Path) -> None:
    """It is held by the port, and told."""

    def nudged(name: str, values: np.ndarray) -> np.ndarray:
        if name == "weight/conv2/W":
            values[0, 1, 0, 2] = np.nextafter(values[0, 1, 0, 2], 1)
        return values

    found = certified(legacy_of(pair), tmp_path, hold=nudged)
    assert ruled(found) == {"weight/conv2/W": "1 of 18 values are not the original's"}


def test_two_parameters_under_one_name_fail(pair: Pair, tmp_path: Path) -> None:
    """The mapping of names is no bijection."""
    legacy = legacy_of(pair)
    twins = {"weight/conv1/b": "bias", "weight/conv2/b": "bias"}
    found = certify(legacy, answered(legacy, tmp_path, names=twins))
    assert set(ruled(found)) == set(twins)
    assert ruled(found)["weight/conv2/b"] == "the port holds weight/conv1/b under the same name, bias"


@pytest.mark.parametrize(
    ("change", "refused", "reason"),
    [
        (lambda W: {"conv1W": W + W[:, :, ::-1]}, "weight/conv1/W", "rows flipped"),
        (lambda W: {"conv1W": W + W[..., ::-1]}, "weight/conv1/W", "cols flipped"),
        (lambda W: {"conv1W": W + W[:, :, ::-1, ::-1]}, "weight/conv1/W", "turned half round"),
        (lambda W: {"conv1W": 0 * W}, "weight/conv1/W", "turned half round or cols flipped or rows flipped"),
        (lambda W: {"conv1W": 0 * W + 0.5}, "weight/conv1/W", "turned half round or cols flipped or rows flipped"),
        (lambda W: {"conv1b": 0.0}, "weight/conv1/b", "leaving them out cannot be told"),
    ],
    ids=["rows", "cols", "half", "zero", "constant", "no bias"],
)
def test_weights_that_cannot_tell_are_refused(
    pair: Pair, tmp_path: Path, change: Callable[[np.ndarray], dict], refused: str, reason: str
) -> None:
    """A sound port is not certified with them: a wrong one would give the same answers."""
    found = certified(legacy_of(pair, **change(pair.legacy.arrays["weight/conv1/W"])), tmp_path)
    assert found.ruling is Ruling.REFUSED
    assert list(ruled(found)) == [refused]
    assert reason in ruled(found)[refused]


def test_trace_without_given_lists_cannot_be_certified(pair: Pair, tmp_path: Path) -> None:
    """A graph without layers of given weights."""
    legacy = legacy_of(pair)
    graph = [node.as_json() for node in legacy.graph if node.operation == "given"]
    other = Record(legacy.path, {**legacy.manifest, "graph": graph}, legacy.arrays, legacy.sha256)
    with pytest.raises(ParityError, match="no layer has given weights"):
        write_probe(other, Files.within(tmp_path, tmp_path / "request.npz"))


def test_trace_of_another_probe_is_refused(make: MakePair, pair: Pair, tmp_path: Path) -> None:
    """The port's answer must be to this request and teacher."""
    legacy = legacy_of(pair)
    probe, other = answered(legacy, tmp_path / "one"), answered(legacy_of(pair, conv1b=2.0), tmp_path / "two")
    with pytest.raises(ParityError, match="record the probe"):
        certify(legacy, Files(probe.request, probe.legacy, other.port))


def test_port_that_was_not_taught_is_told_what_to_do(pair: Pair, tmp_path: Path) -> None:
    """It names no teacher where it computed no stage again."""
    legacy = legacy_of(pair)
    probe = answered(legacy, tmp_path)
    port = read_trace(probe.port)
    own = {name: value for name, value in port.arrays.items() if not name.startswith(FORCED)}
    told = {name: value for name, value in port.manifest.items() if name not in WRITTEN}
    write_trace(probe.port, told | {"teacher_sha256": None}, own)
    with pytest.raises(ParityError, match=r"port.npz: no stage was computed again from .* give each layer's again= to"):
        certify(legacy, probe)


SQUARE = Node("dense/pre", "dense", ("features", "W", "b"))


def test_dense_layer_exchanged_is_told() -> None:
    """A square W is told from its transpose by unit vectors; some of the inputs are lit."""
    random = np.random.default_rng(5)
    W, b = random.normal(size=(7, 7)), random.normal(size=7)
    features = lit(SQUARE, (4, 7), W)
    assert features.sum(axis=1).tolist() == [1, 1, 1, 1]
    sound, exchanged = (read_off(SQUARE, (4, 7), W, b, features @ V + b) for V in (W, W.T))
    assert (sound.fits, sound.lit, sound.inputs) == ((RIGHT,), 4, 7)
    assert exchanged.fits == ("in and out exchanged",)


@pytest.mark.parametrize("shape", [(1, 5, 30, 31), (2, 5, 14, 18), (5, 5, 9, 9)], ids=str)
def test_lit_pixels_never_meet(shape: tuple[int, ...]) -> None:
    """Each channel is lit once, and no window of 5 x 5 pixels sees two."""
    node = Node("conv/pre", "convolution_valid", ("images", "W", "b"))
    W = np.ones((1, 5, 5, 5))
    assert images_needed(node, shape, W) <= shape[0]
    values = lit(node, shape, W)
    assert values.sum(axis=(0, 2, 3)).tolist() == [1] * 5
    seen = np.lib.stride_tricks.sliding_window_view(values.sum(axis=1), (5, 5), axis=(1, 2)).sum(axis=(3, 4))
    assert seen.max() == 1


def test_dense_layer_needs_an_image_for_each_feature() -> None:
    """One feature is lit in each row, until there are too many features."""
    assert images_needed(SQUARE, (4, 7), np.ones((7, 5))) == 7
    assert images_needed(SQUARE, (4, 9000), np.ones((9000, 5))) == MOST_FEATURES


FIRST = FORCED + "conv1/pre"


def without(name: str) -> Spoil:
    """No such entry."""
    return lambda arrays: {other: value for other, value in arrays.items() if other != name}


def instead(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    """An entry made of what it is."""
    return lambda arrays: arrays | {name: change(arrays[name].copy())}


def hollow(values: np.ndarray) -> np.ndarray:
    """One element that is no number."""
    values.flat[3] = np.nan
    return values


SPOILT: dict[str, tuple[Spoil, set[str], str]] = {
    "no answer": (without(FIRST), {"W", "b"}, "the port's trace has no teacher-forced conv1/pre"),
    "another shape": (instead(FIRST, lambda v: v[:, :2]), {"W", "b"}, r"conv1/pre is \(.*\) float64, expected \(.*"),
    "NaN": (instead(FIRST, hollow), {"W", "b"}, "conv1/pre: NaN or infinite in 1 elements"),
    "no entry": (without("weight/conv1/b"), {"b"}, "the port's trace has no such entry"),
    "another dtype": (
        instead("weight/conv1/W", lambda v: v.astype("f4")),
        {"W"},
        r"the original's is \(3, 2, 3, 2\) float64, the port's \(3, 2, 3, 2\) float32",
    ),
}


@pytest.mark.parametrize(("spoil", "parameters", "reason"), SPOILT.values(), ids=SPOILT)
def test_answer_that_shows_nothing_fails(
    pair: Pair, tmp_path: Path, spoil: Spoil, parameters: set[str], reason: str
) -> None:
    """The parameters of that layer fail, with why, in the last line too; those of the other do not."""
    legacy = legacy_of(pair)
    probe = answered(legacy, tmp_path)
    port = read_trace(probe.port)
    told = {name: value for name, value in port.manifest.items() if name not in WRITTEN}
    write_trace(probe.port, told, spoil(dict(port.arrays)))
    found = certify(legacy, probe)
    assert set(ruled(found)) == {f"weight/conv1/{name}" for name in parameters}
    assert all(re.fullmatch(reason, told) for told in ruled(found).values())
    assert re.match(f"FAILED: weight/conv1/[Wb]: {reason}", found.lines[-1])


def test_equal_parameters_are_refused() -> None:
    """Each could be taken for the other, so that bits alone prove no mapping."""
    arrays = {"weight/a/b": np.ones(3), "weight/b/b": np.ones(3)}
    both = Record(Path("t.npz"), {}, arrays, "")
    refused = _mapping("weight/a/b", {name: name for name in arrays}, both, both)
    assert refused == (Ruling.REFUSED, "it equals weight/b/b, for which it could be taken; certify other weights")


def test_exit_code_follows_the_ruling() -> None:
    """0 certified, 1 failed, 2 refused."""
    assert [ruling.exit_code for ruling in (Ruling.CERTIFIED, Ruling.FAILED, Ruling.REFUSED)] == [0, 1, 2]


def test_images_that_are_made_cannot_be_certified(tmp_path: Path) -> None:
    """The probe lights single inputs of given lists: patches cut from rasters are none."""
    legacy = read_trace(make_path_pair(tmp_path, dtype="float64").write()[0])
    with pytest.raises(ParityError, match="its images are not rows of given lists; certify a trace of given weights"):
        write_probe(legacy, Files.within(tmp_path, tmp_path / "probe.npz"))
