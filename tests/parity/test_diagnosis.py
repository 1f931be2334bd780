"""Each known mistake, planted beside the reference, is named; what is not known is never named for certain."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judged_pair import NODES, TOLD, MakePair, Pair, given_entries
from stage_calls import Wrong, called, told

from parity import layer_operations as layers
from parity import operations as ops
from parity.catalogue import CATALOGUE
from parity.data_operations import exclude
from parity.diagnosis import Diagnosis, diagnose, explain
from parity.graph import Graph
from parity.mistakes import Call
from parity.precision import bfloat16, float16, tf32
from parity.steps import Run
from parity.trace import read_request, read_trace
from parity.training import Training
from parity.updates import State, Values, momentum

RANDOM = np.random.default_rng(3)
IMAGES, SQUARE = RANDOM.normal(size=(2, 4, 13, 12)), RANDOM.normal(size=(5, 4, 3, 3))
BIASES = RANDOM.normal(size=5)
DELTA = RANDOM.normal(size=(2, 5, 11, 10))
SIGNED = RANDOM.normal(size=(3, 2, 6, 7)) * (RANDOM.random((3, 2, 6, 7)) > 0.2)
PATCHES = RANDOM.normal(300, 400, (5, 4, 9, 9))
RASTER = RANDOM.integers(-1500, 1500, (20, 21)).astype(np.int16)
PAIRED = RANDOM.normal(size=(2, 3, 1, 5, 5))
HALVES = (Ellipsis, slice(None, None, -1))
conv, corr = ops.convolution_valid, ops.correlation_valid


def off(W: np.ndarray) -> np.ndarray:
    """One weight 0.1 % off."""
    changed = W.copy()
    changed[2, 1, 0, 2] *= 1.001
    return changed


CONVOLUTION = called("convolution_valid", IMAGES, SQUARE, BIASES)
RECTIFY, IDENTITY = called("rectify", SIGNED), called("identity", SIGNED)
LOSS = called("mean_absolute_error", *PAIRED)
LOSS_GRADIENT = called("mean_absolute_error_gradient", *PAIRED)
GATE = called("rectify_gradient", SIGNED, SIGNED[::-1] + 1, at_zero=0.5)
BY_WEIGHTS = called("convolution_valid_gradient_weights", IMAGES, DELTA)
BY_INPUT = called("convolution_valid_gradient_input", SQUARE, DELTA)
ROWS = called("rows", PATCHES, start=0, stop=3)
GIVEN = called("given", PATCHES)
DECODED = called("decode", RASTER)
DIVIDE = called("divide", PATCHES, divisor=1000.0)
CHANNELS = called("divide_channels", PATCHES, axis=1, divisors=[1.0, 1.0, 1000.0, 1.0])
SELECT = called("select", PATCHES, axis=1, indices=[3, 0])
FEATURES, DENSE = (
    RANDOM.normal(size=(6, 7)),
    called("dense", RANDOM.normal(size=(6, 7)), RANDOM.normal(size=(7, 5)), BIASES),
)
POOL = called("max_pool", IMAGES, size=[2, 2], stride=[2, 2], ignore_border=True)
TIED = np.round(IMAGES)
POOL_BACK = called("max_pool_gradient", TIED, RANDOM.normal(size=(2, 4, 6, 6)), size=[2, 2], stride=[2, 2], ties="all")
POOLED = {"size": [2, 2], "stride": [2, 2]}
KNOWN: dict[str, tuple[Call, Wrong, str]] = {
    "not-flipped": (CONVOLUTION, corr, "filters-not-flipped"),
    "transposed": (CONVOLUTION, lambda x, W, b: corr(x, W.swapaxes(2, 3), b), "filters-transposed"),
    "turned": (CONVOLUTION, lambda x, W, b: conv(x, W.swapaxes(2, 3), b), "filters-transposed-and-flipped"),
    "rows": (CONVOLUTION, lambda x, W, b: corr(x, W[:, :, ::-1], b), "filters-flipped-in-rows-only"),
    "cols": (CONVOLUTION, lambda x, W, b: corr(x, W[HALVES], b), "filters-flipped-in-cols-only"),
    "rotated": (CONVOLUTION, lambda x, W, b: conv(x, np.rot90(W, 1, (2, 3)), b), "filters-rotated"),
    "flipped": (called("correlation_valid", IMAGES, SQUARE, BIASES), conv, "filters-flipped"),
    "maps": (CONVOLUTION, lambda x, W, b: conv(x[:, [2, 0, 1, 3]], W, b), "input-maps-permuted"),
    "filters": (CONVOLUTION, lambda x, W, b: conv(x, W[::-1], b[::-1]), "filters-permuted"),
    "filters-alone": (CONVOLUTION, lambda x, W, b: conv(x, W[::-1], b), "filters-permuted"),
    "no-bias": (CONVOLUTION, lambda x, W, b: conv(x, W, 0 * b), "bias-dropped"),
    "two-biases": (CONVOLUTION, lambda x, W, b: conv(x, W, 2 * b), "bias-twice"),
    "same": (CONVOLUTION, lambda x, W, b: conv(np.pad(x, [(0, 0)] * 2 + [(1, 1)] * 2), W, b), "padding-same"),
    "float16": (CONVOLUTION, lambda x, W, b: conv(x, float16(W), b), "weights-float16"),
    "bfloat16": (CONVOLUTION, lambda x, W, b: conv(x, bfloat16(W), bfloat16(b)), "weights-bfloat16"),
    "tf32": (CONVOLUTION, lambda x, W, b: conv(tf32(x), tf32(W), b), "tf32"),
    "one-off": (CONVOLUTION, lambda x, W, b: conv(x, off(W), b), "one-weight-off"),
    "layer": (CONVOLUTION, lambda x, W, b: conv(x, 1.001 * W, b), "layer-scaled"),
    "whole-layer": (CONVOLUTION, lambda x, W, b: 1.001 * conv(x, W, b), "layer-scaled"),
    "half-results": (CONVOLUTION, lambda x, W, b: bfloat16(conv(x, W, b)), "rounded-bfloat16"),
    "single": (CONVOLUTION, lambda x, W, b: conv(*(v.astype("f4") for v in (x, W, b))), "computed-in-float32"),
    "linear": (RECTIFY, lambda x: x, "rectifier-missing"),
    "leaky": (RECTIFY, lambda x: np.where(x > 0, x, 0.01 * x), "rectifier-leaky"),
    "rectified": (IDENTITY, ops.rectify, "rectifier-added"),
    "squares": (LOSS, lambda x, y: ((x - y) ** 2).mean(), "squared-error"),
    "sum": (LOSS, lambda x, y: np.abs(x - y).sum(), "sum-for-mean"),
    "batch": (LOSS, lambda x, y: np.abs(x - y).sum() / 3, "mean-over-batch-only"),
    "squares-back": (LOSS_GRADIENT, lambda x, y: 2 * (x - y) / x.size, "squared-error"),
    "sum-back": (LOSS_GRADIENT, lambda x, y: np.sign(x - y), "sum-for-mean"),
    "at-0": (GATE, lambda x, d: ops.rectify_gradient(x, d, at_zero=0), "rectifier-gradient-at-zero"),
    "at-0-other": (GATE, lambda x, d: ops.rectify_gradient(x, d, at_zero=0.3), "rectifier-gradient-at-zero"),
    "passed": (GATE, lambda x, d: d, "rectifier-missing"),
    "back-as-forth": (BY_WEIGHTS, ops.correlation_valid_gradient_weights, "gradient-filters-not-flipped"),
    "through-as-forth": (BY_INPUT, ops.correlation_valid_gradient_input, "gradient-filters-not-flipped"),
    "scaled-back": (BY_WEIGHTS, lambda x, d: 0.5 * ops.convolution_valid_gradient_weights(x, d), "gradient-scaled"),
    "mean-bias": (called("bias_gradient", DELTA), lambda d: d.mean(axis=(0, 2, 3)), "bias-gradient-mean"),
    "shifted": (ROWS, lambda x: np.roll(x[:3], 1, axis=3), "shifted"),
    "shifted-in-zeros": (ROWS, lambda x: np.pad(x[:3], [(0, 0)] * 2 + [(1, 0), (0, 0)])[:, :, :-1], "shifted"),
    "transposed-patch": (ROWS, lambda x: x[:3].swapaxes(2, 3), "transposed"),
    "mirrored": (ROWS, lambda x: x[:3, :, ::-1], "mirrored"),
    "exchanged": (ROWS, lambda x: x[:3, [0, 2, 1, 3]], "channels-exchanged"),
    "permuted": (GIVEN, lambda x: x[:, [1, 2, 0, 3]], "channels-permuted"),
    "reordered": (GIVEN, lambda x: x[::-1], "patches-reordered"),
    "dropped": (ROWS, lambda x: x[[0, 2, 3]], "patch-dropped"),
    "scaled": (GIVEN, lambda x: 0.5 * x, "scaled"),
    "dem": (GIVEN, lambda x: x * np.array([1, 1, 1, 749.0])[:, None, None], "scaled"),
    "nan": (called("given", np.where(PATCHES > 900, np.nan, PATCHES)), np.nan_to_num, "nan-as-zero"),
    "unsigned": (DECODED, lambda x: x, "unsigned-as-signed"),
    "overflow": (DECODED, lambda x: x * np.int16(100) // np.int16(100), "int16-overflow"),
    "stored": (DIVIDE, lambda x: x, "not-divided"),
    "twice": (DIVIDE, lambda x: x / 1000 / 1000, "divided-twice"),
    "other": (DIVIDE, lambda x: x / 100, "other-divisor"),
    "some": (DIVIDE, lambda x: x / np.array([1, 1, 1000, 1000.0])[:, None, None], "other-divisor"),
    "all": (CHANNELS, lambda x: x / 1000, "all-by-one-divisor"),
    "reciprocal": (called("divide", PATCHES, divisor=3.0), lambda x: x * (1 / 3.0), "multiplied-by-reciprocal"),
    "dense-turned": (DENSE, lambda x, W, b: layers.dense(x, W.reshape(5, 7).T, b), "dense-transposed"),
    "dense-no-bias": (DENSE, lambda x, W, b: layers.dense(x, W, 0 * b), "bias-dropped"),
    "mean-pool": (POOL, lambda x: layers.mean_pool(x, **POOLED), "mean-for-maximum"),
    "border-kept": (POOL, lambda x: layers.max_pool(x, **POOLED, ignore_border=False), "border-kept"),
    "first-of-ties": (POOL_BACK, lambda x, d: layers.max_pool_gradient(x, d, **POOLED, ties="first"), "ties-to-first"),
    "sigmoid": (called("tanh", IMAGES), layers.sigmoid, "sigmoid-for-tanh"),
    "softmax-of-batch": (called("softmax", FEATURES), lambda x: layers.softmax(x.T).T, "softmax-over-batch"),
    "channels-last": (
        called("flatten", IMAGES),
        lambda x: np.moveaxis(x, 1, -1).reshape(2, -1),
        "flattened-channels-last",
    ),
    "other-date": (SELECT, lambda x: x[:, [3, 1]], "other-channel"),
    "other-order": (SELECT, lambda x: x[:, [0, 3]], "other-channel"),
    "last-for-dropped": (GIVEN, lambda x: x[[0, 1, 3, 4, 4]], "patch-dropped"),
    "selected-beside": (SELECT, lambda x: np.roll(x[:, [3, 0]], 1, axis=2), "shifted"),
}
"""A sound call, what a wrong program computes in its place, and the mistake's name."""


@pytest.mark.parametrize("case", KNOWN)
def test_known_mistake_is_named(case: str) -> None:
    """It alone explains what was recorded, all of it."""
    call, wrong, name = KNOWN[case]
    found = told(call, wrong) if case != "unsigned" else explain(call, call.values["stage"].astype(np.uint16))
    assert [candidate.names for candidate in found.candidates] == [(name,)], found.sentence
    assert found.certain
    assert found.share_before > 1
    assert found.candidates[0].share <= 1


def test_factor_that_helps_a_little_is_no_cause() -> None:
    """Weights cut to 17 bits are all a little too small in float32: with a factor within the bound, but not scaled."""
    images, W, b = (np.abs(values).astype("f4") for values in (IMAGES, SQUARE, BIASES))
    fraction, exponent = np.frexp(W.astype(np.float64))
    cut = np.ldexp(np.trunc(fraction * 2**17) / 2**17, exponent)
    found = told(
        called("convolution_valid", images, W, b, dtype="float32"), lambda x, _, b: conv(x.astype("f8"), cut, b)
    )
    assert 1 < found.share_before < 10
    assert found.candidates == ()


@pytest.mark.parametrize("call", [CONVOLUTION, RECTIFY, LOSS, BY_WEIGHTS, ROWS, GIVEN, DIVIDE, SELECT])
def test_sound_stage_has_no_explanation(call: Call) -> None:
    """Nothing is tried where the sound computation explains what is recorded."""
    found = explain(call, call.outcome()[0].astype(call.entry))
    assert (found.candidates, found.tried, found.certain) == ((), 0, False)


UNKNOWN: dict[str, tuple[Call, Wrong]] = {
    "noise": (CONVOLUTION, lambda x, W, b: conv(x, W, b) * (1 + 1e-6 * np.arange(11)[:, None])),
    "tanh": (RECTIFY, np.tanh),
    "soft": (RECTIFY, lambda x: np.log1p(np.exp(x))),
    "huber": (LOSS, lambda x, y: np.minimum(np.abs(x - y), (x - y) ** 2).mean()),
    "dropout": (GIVEN, lambda x: x * (np.random.default_rng(2).random(x.shape) > 0.1)),
    "by-a-random-factor": (DIVIDE, lambda x: x / (1000 + np.arange(9))),
    "gate": (GATE, lambda x, d: d * (x > 0.5)),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_unknown_mistake_is_told_as_unknown(case: str) -> None:
    """No name is given, and how many were tried is told."""
    found = told(*UNKNOWN[case])
    assert (found.candidates, found.certain) == ((), False)
    assert found.sentence == f"stage: none of {found.tried} known mistakes and pairs explains it"


def test_dose_is_not_read_off_one_number() -> None:
    """A loss that is any number would be a scaled one: one number fits one dose, and so proves none."""
    assert told(LOSS, lambda x, y: 0.77).candidates == ()


def test_symmetric_filters_leave_it_open() -> None:
    """Filters that are their own transposes lie alike in two wrong ways: neither is given as certain."""
    W = SQUARE + SQUARE.swapaxes(2, 3)
    found = told(called("convolution_valid", IMAGES, W, BIASES), corr)
    assert {candidate.names for candidate in found.candidates} == {("filters-not-flipped",), ("filters-transposed",)}
    assert not found.certain
    assert "cannot be told apart on these inputs" in found.sentence


EQUAL = PATCHES[:, [0, 1, 1, 3]]
OPEN: dict[str, tuple[Call, Wrong, set[str]]] = {
    "channels": (called("given", EQUAL), lambda x: x[:, [2, 0, 1, 3]], {"channels-exchanged", "other-channel"}),
    "selected": (called("select", EQUAL, axis=1, indices=[3, 0]), lambda x: x[:, [3, 2]], {"other-channel"}),
}


@pytest.mark.parametrize("case", OPEN)
def test_equal_channels_leave_it_open(case: str) -> None:
    """Nothing tells which of two equal channels a program took: none of them is given as certain."""
    call, wrong, names = OPEN[case]
    found = told(call, wrong)
    assert {name for candidate in found.candidates for name in candidate.names} == names
    assert (len(found.candidates), found.certain) == (2, False)


NO_MASK, CLEAR = np.zeros((30, 30), np.uint8), np.ones((9, 9), np.uint8)
SILENT: dict[str, tuple[Call, np.ndarray]] = {
    "no-corner": (called("clear_patches", NO_MASK, side=5, stride=4, origin=1, dtype="int64"), np.zeros((0, 2))),
    "no-pixel": (called("masked", np.ones((1, 1, 9, 9)), CLEAR), np.zeros(0)),
    "dead-layer": (CONVOLUTION, np.zeros((2, 5, 11, 10))),
    "dead-gradient": (BY_WEIGHTS, np.zeros((5, 4, 3, 3))),
}


@pytest.mark.parametrize("case", SILENT)
def test_silence_tells_no_cause(case: str) -> None:
    """Many mistakes leave nothing, or nothing but zeros: none of them is named, nor a factor of 0."""
    call, recorded = SILENT[case]
    found = explain(call, recorded.astype(call.entry))
    assert (found.candidates, found.share_before) == ((), np.inf if recorded.size == 0 else found.share_before)


def test_detail_is_not_told_where_it_is_open() -> None:
    """Over edges of zeros a shift moves zeros in, or what left at the other edge: it is a shift all the same."""
    framed = np.pad(PATCHES, [(0, 0), (0, 0), (1, 1), (0, 0)])
    found = told(called("given", framed), lambda x: np.roll(x, 1, axis=2))
    assert (found.cause, found.certain) == ("shifted by 1 rows and 0 columns", True)


PARTS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]] = {
    "filters-not-flipped": lambda x, W, b: (x, W[:, :, ::-1, ::-1], b),
    "filters-transposed": lambda x, W, b: (x, W.swapaxes(2, 3)[:, :, ::-1, ::-1], b),
    "bias-dropped": lambda x, W, b: (x, W, 0 * b),
    "bias-twice": lambda x, W, b: (x, W, 2 * b),
    "input-maps-permuted": lambda x, W, b: (x[:, [1, 0, 2, 3]], W, b),
    "filters-permuted": lambda x, W, b: (x, W[[0, 3, 2, 1, 4]], b[[0, 3, 2, 1, 4]]),
    "weights-float16": lambda x, W, b: (x, float16(W), b),
    "one-weight-off": lambda x, W, b: (x, off(W), b),
}
FAMILIES = [{"filters-not-flipped", "filters-transposed"}, {"bias-dropped", "bias-twice"}]


def random_pairs(count: int) -> list[tuple[str, str]]:
    """Pairs of mistakes that can be made together, drawn by a fixed seed."""
    names = sorted(PARTS)
    every = [(one, other) for one in names for other in names if one < other and {one, other} not in FAMILIES]
    chosen = np.random.default_rng(11).choice(len(every), count, replace=False)
    return [every[number] for number in chosen]


@pytest.mark.parametrize("pair", random_pairs(10), ids=" and ".join)
def test_two_mistakes_at_one_stage_are_a_pair(pair: tuple[str, str]) -> None:
    """Both are named, and neither alone."""

    def wrong(x: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
        return conv(*PARTS[pair[1]](*PARTS[pair[0]](x, W, b)))

    found = told(CONVOLUTION, wrong)
    assert pair in {candidate.names for candidate in found.candidates}, found.sentence
    assert all(candidate.names == pair for candidate in found.candidates) or not found.certain


def diagnosed(pair: Any) -> Diagnosis:
    """The diagnosis of a pair of traces, as they are read from their files."""
    comparison = pair.judge()
    legacy, port = map(read_trace, pair.write())
    return diagnose(legacy, port, comparison, request=read_request(pair.request))


def test_sound_pair_has_no_explanation(make: MakePair) -> None:
    """Nothing is to blame."""
    assert diagnosed(make(forced=True)).as_json() == {"explanations": [], "tried": 0}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_two_mistakes_at_two_stages_are_two_explanations(make: MakePair, dtype: str) -> None:
    """Each stage is taken on the inputs that the port recorded for it, so that the first hides nothing."""
    wrong = {
        "conv1/pre": corr,
        "conv2/pre": lambda x, W, b: conv(x, W, 0 * b),
        "loss": lambda x, y: np.abs(x - y).sum(),
    }
    found = diagnosed(make(dtype=dtype, forced=True, wrong=wrong))
    assert {one.stage: one.candidates[0].names for one in found.explanations} == {
        "conv1/pre": ("filters-not-flipped",),
        "conv2/pre": ("bias-dropped",),
        "loss": ("sum-for-mean",),
    }
    assert all(one.certain for one in found.explanations)


def test_mistake_of_a_shared_helper_is_one_sentence(make: MakePair) -> None:
    """Stages of one cause stand together."""
    sentences = diagnosed(make(wrong={"conv1/pre": corr, "conv2/pre": corr})).sentences
    assert len(sentences) == 1
    assert sentences[0].startswith("conv1/pre, conv2/pre: filters not flipped (")


def test_entry_that_is_not_the_requests_is_explained(make: MakePair) -> None:
    """What the port holds of the request is held against the request's own bytes."""
    pair = make()
    pair.spoil("patches/raw", lambda values: values[:, [0, 2, 1]])
    found = diagnosed(pair).explanations
    assert (found[0].stage, found[0].cause) == ("patches/raw", "channels 1 and 2 exchanged")


@pytest.mark.parametrize("forced", [True, False])
def test_original_that_is_off_is_told_so(make: MakePair, forced: bool) -> None:
    """A port that computes rightly what the original's record does not is not said to follow from anything."""
    pair = make(forced=forced)
    pair.legacy.arrays["conv1/pre"] *= 1.01
    (found,) = diagnosed(pair).explanations
    assert (found.stage, found.original_off) == ("conv1/pre", True)
    assert "the original's record does not follow from its own inputs" in found.sentence


def test_dose_that_helps_a_little_is_no_cause(make: MakePair, monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32 weights that shrink by a constant are a little off; with some decay less so."""

    def shrunk(state: State, gradients: Values, training: Training, step: int) -> State:
        pulled = {name: value + 2.5e-6 * np.sign(state.weight[name]) for name, value in gradients.items()}
        return momentum(state, pulled, training, step)

    monkeypatch.setattr("parity.training_diagnosis.PAIRED", ())  # which no single one needs, and which take long
    pair = make(dtype="float32")
    for stage, value in Run(Graph(NODES), given_entries(), TOLD, update=shrunk).stages().items():
        pair.spoil(stage, lambda _, value=value: value.astype("f4"))
    (found,) = diagnosed(pair).explanations
    assert (found.candidates, found.certain) == ((), False)
    assert 1 < found.share_before < 2


def test_catalogue_serves_every_operation_it_names() -> None:
    """Each family is listed once for an operation, and gives mistakes whose words are not empty."""
    for families in CATALOGUE.values():
        assert len(families) == len(set(families))
    for call, wrong, _ in KNOWN.values():
        for family in CATALOGUE[call.node.operation]:
            inputs = call.inputs or [call.values["stage"]]
            recorded = np.asarray(wrong(*inputs)).astype(call.entry)
            assert all(mistake.name and mistake.told for mistake in family(call, recorded))


@pytest.mark.parametrize("clouds", [1, 12])
def test_a_mask_needs_evidence(clouds: int) -> None:
    """A mask that lost one cloud was not read, or smoothed, or moved: a name is certain where more say so."""
    mask = np.zeros((20, 21), np.uint8)
    mask[3, 2 : 2 + clouds] = 1
    other = np.zeros_like(mask)
    call = called("exclude", mask, dtype="uint8", region=[10, 15, 4, 9])
    explained = explain(call, exclude(other, region=[10, 15, 4, 9]))
    assert "mask-ignored" in {name for candidate in explained.candidates for name in candidate.names}
    assert explained.certain is (clouds > 1 and len(explained.candidates) == 1)
    if clouds == 1:
        assert "only 1 of 420 elements say so" in explained.cause


def test_all_alike_is_no_certain_cause() -> None:
    """A mask without a pixel set follows from many mistakes, however many elements say so."""
    found = told(called("exclude", np.ones((20, 21), np.uint8), dtype="uint8", region=[10, 15, 4, 9]), np.zeros_like)
    assert (found.thin, found.certain) == ("all elements are alike", False)
    assert found.cause.startswith("not certain, as all elements are alike: ")


def test_sound_stage_follows_from_what_was_recorded_before() -> None:
    """A stage to blame that is right on its own inputs is not said to be explained by a mistake."""
    found = told(CONVOLUTION, conv)
    assert found.sentence == "stage: follows from what the port recorded before it"


def test_stage_that_is_not_recorded_has_no_explanation(pair: Pair) -> None:
    """It is missing: nothing is there to be explained."""
    del pair.port.arrays["conv1/out"]
    assert pair.judge().blamed[0].stage == "conv1/out"
    assert diagnosed(pair).explanations == ()


def test_steps_that_nobody_tells_have_no_explanation(pair: Pair) -> None:
    """Weights after training are to blame, but without the training's settings no steps can be tried."""
    pair.spoil("step/0004/weight/conv1/W", lambda W: 2 * W)
    comparison = pair.judge()
    legacy, port = map(read_trace, pair.write())
    assert diagnose(legacy, port, comparison).explanations != ()
    untold = {name: value for name, value in legacy.manifest.items() if name != "training"}
    assert diagnose(replace(legacy, manifest=untold), port, comparison).explanations == ()
