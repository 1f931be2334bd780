"""Mistakes that show in one place only, each planted in a stage alone; records of another shape are no mistake's."""

import numpy as np
import pytest
from judged_pair import MakePair, Pair
from stage_calls import Wrong, called, names, told

from parity import layer_operations as layers
from parity import operations as ops
from parity.data_operations import crop, cut
from parity.diagnosis import diagnose, explain
from parity.mistakes import Call
from parity.trace import read_trace

RANDOM = np.random.default_rng(6)
IMAGES, KERNELS, BIASES = RANDOM.normal(size=(2, 4, 13, 12)), RANDOM.normal(size=(5, 4, 3, 3)), RANDOM.normal(size=5)
DELTA, PATCHES = RANDOM.normal(size=(2, 5, 11, 10)), RANDOM.normal(300, 400, (5, 4, 9, 9))
RASTER, IMAGE = RANDOM.normal(size=(20, 21)), RANDOM.normal(size=(1, 1, 6, 7))
CORNERS = np.array([[2, 3], [5, 9], [11, 10]])
FLAT = RANDOM.normal(size=(5, 4, 1, 3))
SCORED = RANDOM.normal(size=(2, 40))
ONE = RANDOM.normal(size=(2, 1, 1, 5, 5))
VALID = (RANDOM.random((9, 9)) > 0.3).astype(np.uint8)
POOL = {"size": [2, 2], "stride": [2, 2], "ignore_border": False}
GATE = called("rectify_gradient", IMAGES, IMAGES[::-1], at_zero=0.5)
BY_WEIGHTS = called("convolution_valid_gradient_weights", IMAGES, DELTA)
CONVOLUTION = called("convolution_valid", IMAGES, KERNELS, BIASES)
DENSE = called("dense", RANDOM.normal(size=(6, 7)), RANDOM.normal(size=(7, 5)), BIASES)
GIVEN, DIVIDE = called("given", PATCHES), called("divide", PATCHES, divisor=1000.0)
SELECT = called("select", PATCHES, axis=1, indices=[3, 0])
CUT = called("cut", RASTER, CORNERS, side=7, margin=1)
CROP = called("crop", RASTER, region=[4, 15, 3, 17])
MASKED = called("masked", RANDOM.normal(size=(1, 1, 9, 9)), VALID)
TO_IMAGE = called("to_image", IMAGE)
SOFTMAX = called("softmax", RANDOM.normal(size=(6, 7)))
gradient = ops.convolution_valid_gradient_weights


def placed(at: tuple[int, int], fill: float) -> np.ndarray:
    """The image in one that is four rows and columns larger."""
    found = np.full((10, 11), fill)
    found[at[0] : at[0] + 6, at[1] : at[1] + 7] = IMAGE[0, 0]
    return found


NAMED: dict[str, tuple[Call, Wrong, str]] = {
    "corners moved": (CUT, lambda r, c: cut(r, c + np.array([1, -2]), side=7, margin=1), "shifted"),
    "region moved": (CROP, lambda r: crop(r, region=[3, 14, 4, 18]), "shifted"),
    "other margin": (CUT, lambda r, c: cut(r, c, side=7, margin=2), "margin"),
    "all pixels": (MASKED, lambda x, _: ops_masked(x, np.ones_like(VALID)), "mask-ignored"),
    "clouded pixels": (MASKED, lambda x, v: ops_masked(x, 1 - v), "mask-inverted"),
    "by columns": (MASKED, lambda x, v: x[0, 0].T[v.T != 0], "other-order"),
    "one prediction": (called("mean_absolute_error", *ONE), lambda x, y: np.abs(x - y).sum(), "sum-for-mean"),
    "gradient of filters": (BY_WEIGHTS, lambda x, d: gradient(x, d)[[1, 0, 2, 3, 4]], "gradient-filters-permuted"),
    "gradient of maps": (
        called("convolution_valid_gradient_weights", IMAGES, DELTA[:, :1, :9, :8]),
        lambda x, d: gradient(x, d)[:, [0, 2, 1, 3]],
        "gradient-input-maps-permuted",
    ),
    "no biases": (
        called("convolution_valid", IMAGES, KERNELS, 0 * BIASES), ops.correlation_valid, "filters-not-flipped"
    ),
    "flat filters": (
        called("convolution_valid", IMAGES, FLAT, BIASES), lambda x, W, b: ops.convolution_valid(x, W, 0 * b),
        "bias-dropped",
    ),
    "padding counted": (
        called("mean_pool", IMAGES, **POOL), lambda x: layers.mean_pool(x, count="inc_pad", **POOL), "other-count"
    ),
    "logarithm": (SOFTMAX, lambda x: np.log(layers.softmax(x)), "softmax-logarithm"),
    "entropy": (
        called("categorical_cross_entropy", layers.softmax(SCORED.T[:6]), np.array([0, 1, 1, 0, 1, 0])),
        lambda p, y: -np.log(p[np.arange(6), y]).sum(), "sum-for-mean",
    ),
    "peak of bytes": (
        called("peak_signal_to_noise_ratio", *SCORED, peak=1.0),
        lambda x, y: ops.peak_signal_to_noise_ratio(x, y, peak=255.0), "other-peak",
    ),
    "at the corner": (TO_IMAGE, lambda _: placed((0, 0), 0.0), "shifted-by-border"),
    "at the end": (TO_IMAGE, lambda _: placed((4, 4), np.nan), "shifted-by-border"),
    "border written": (TO_IMAGE, lambda _: placed((2, 2), 0.0), "border-written"),
    "three channels": (SELECT, lambda x: x[:, [3, 0, 1]], "other-channel"),
}  # fmt: skip


def ops_masked(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The pixels of one image that are valid, row by row."""
    return values[0, 0][valid != 0]


@pytest.mark.parametrize(("call", "wrong", "name"), NAMED.values(), ids=NAMED)
def test_mistake_is_named(call: Call, wrong: Wrong, name: str) -> None:
    """All that explains the record is that mistake."""
    found = told(call, wrong)
    assert names(found) == {(name,)}, found.sentence


def test_channels_beyond_those_meant_are_told() -> None:
    """What was selected, and what should have been."""
    assert told(SELECT, lambda x: x[:, [3, 0, 1]]).cause == "channels 3, 0, 1 for 3, 0"


def test_no_data_written_as_0_is_among_the_causes() -> None:
    """NaN in the image is 0 in the record: it was written so, or read so."""
    image = np.where(IMAGE > 1, np.nan, IMAGE)
    assert ("nodata-as-zero",) in names(told(called("to_image", image), lambda x: np.nan_to_num(x[0, 0])))


def test_other_dtype_is_named() -> None:
    """Computed and written in float32, where float64 was asked."""
    singles = (values.astype("f4") for values in (IMAGES, KERNELS, BIASES))
    found = explain(CONVOLUTION, ops.convolution_valid(*singles))
    assert (names(found), found.cause) == ({("other-dtype",)}, "computed as float32, not float64")


OTHER_SHAPES: dict[str, tuple[Call, np.ndarray]] = {
    "gradient": (BY_WEIGHTS, np.ones((5, 4, 2, 2))),
    "gate": (GATE, np.ones((2, 4, 13, 11))),
    "patches": (GIVEN, PATCHES[:, :, 1:, 1:]),
    "dense": (DENSE, np.ones((6, 4))),
    "divided": (DIVIDE, PATCHES[:3, :2]),
    "selected, flat": (SELECT, PATCHES[:, 3]),
    "selected, smaller": (SELECT, PATCHES[:, [3, 0], 1:]),
    "image": (TO_IMAGE, IMAGE[0, 0, 2:]),
}


@pytest.mark.parametrize(("call", "recorded"), OTHER_SHAPES.values(), ids=OTHER_SHAPES)
def test_another_shape_is_no_known_mistake(call: Call, recorded: np.ndarray) -> None:
    """Nothing is fitted to it, and nothing explains it."""
    found = explain(call, recorded)
    assert (found.candidates, found.share_before) == ((), np.inf)


def test_noise_on_the_right_channels_is_no_other_channel() -> None:
    """The nearest channels are those that are meant."""
    assert told(SELECT, lambda x: x[:, [3, 0]] + RANDOM.normal(size=(5, 2, 9, 9))).candidates == ()


def explained(pair: Pair) -> tuple[str, set[tuple[str, ...]], str]:
    """The first stage to blame, what explains it, and in which words."""
    legacy, port = map(read_trace, pair.write())
    first = diagnose(legacy, port, pair.judge()).explanations[0]
    return first.stage, names(first), first.cause


BIAS = np.array([0.0, 0.25, -0.5])[:, None, None]


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        (lambda before: np.maximum(before, 0) + BIAS, ""),
        (lambda before: np.maximum(before - BIAS, 0) + BIAS, " (and not before it)"),
    ],
    ids=["twice", "moved"],
)
def test_bias_after_the_rectifier_is_named(make: MakePair, wrong: Wrong, detail: str) -> None:
    """The bias of the layer before, a second time or there only."""
    told_bias = f"bias added after the rectifier{detail}"
    assert explained(make(wrong={"conv1/out": wrong})) == ("conv1/out", {("bias-after-rectifier",)}, told_bias)


def test_gradient_of_a_rectifier_that_is_not_there_is_named(pair: Pair) -> None:
    """The last layer's gradient is held back where its result is below 0."""
    pair.spoil("grad/conv2/pre", lambda delta: delta * (pair.port.arrays["conv2/pre"] > 0))
    stage, found, _ = explained(pair)
    assert (stage, found) == ("grad/conv2/pre", {("rectifier-added",)})
