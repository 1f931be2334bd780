"""Stages that need a judgement of their own: many right values, one number by intention, no prediction around."""

from pathlib import Path

import numpy as np
import pytest

from parity import reference
from parity.findings import Finding, Verdict
from parity.graph import Graph, Node
from parity.reference import evaluate
from parity.stages import consequences, judge_stages
from parity.trace import Record
from parity.trajectories import true_trajectory

Values = dict[str, np.ndarray]
INDEX = np.array([(row, col) for row in range(0, 40, 2) for col in range(0, 40, 2)])
TRAINING, VALIDATION = INDEX[INDEX[:, 1] < 16], INDEX[INDEX[:, 1] > 20]
BLOCKS = (
    Node("patches/index", "given"),
    Node("split/training", "blocks", ("patches/index",), {"side": 5}),
    Node("split/validation", "blocks", ("patches/index",), {"side": 5}),
)
TRAINING_STEP = {"steps": 1, "batch_size": 1, "batches": 1, "learning_rate": 0.1, "momentum": 0.0}
SPLIT = {"patches/index": INDEX, "split/training": TRAINING, "split/validation": VALIDATION}


def record(nodes: tuple[Node, ...], arrays: Values, dtype: str = "float64") -> Record:
    """A trace of these stages."""
    manifest = {"dtype": dtype, "training": TRAINING_STEP, "graph": [node.as_json() for node in nodes]}
    return Record(Path("t.npz"), manifest, arrays, "")


def judged(
    nodes: tuple[Node, ...],
    legacy: Values,
    port: Values | None = None,
    *,
    dtype: str = "float64",
    requested: Values | None = None,
) -> dict[str, Finding]:
    """The findings about two sides, by id, which none shares with another."""
    sides = [record(nodes, values, dtype) for values in (legacy, legacy if port is None else port)]
    request = None if requested is None else record((), requested, dtype)
    found = [*judge_stages(*sides, request=request, truth=true_trajectory(sides[0]))]
    by_id = {each.id: each for each in found}
    assert len(by_id) == len(found)
    return by_id


def failed(findings: dict[str, Finding]) -> list[str]:
    """Ids of what fails."""
    return [id for id, found in findings.items() if found.verdict is Verdict.FAIL]


def test_split_into_blocks_is_judged_by_what_must_hold() -> None:
    """Either side for itself; free-running they must have chosen alike."""
    found = judged(BLOCKS, SPLIT)
    assert {each.verdict for each in found.values()} == {Verdict.PASS}
    assert found["split/training:reference"].message.endswith("blocks: all that must hold does")
    assert found["split/training:own input"].elements == TRAINING.size


def test_split_that_leaks_fails_on_its_side() -> None:
    """The patch that is in both parts is told, and that they differ."""
    leaking = SPLIT | {"split/validation": np.concatenate([VALIDATION[1:], TRAINING[:1]])}
    assert failed(judged(BLOCKS, SPLIT, leaking)) == [
        "split/training:own input",
        "split/validation:own input",
        "split/validation:free-running",
    ]


def test_other_sound_split_is_another_split() -> None:
    """Sound for itself, but not the legacy's."""
    other = SPLIT | {"split/validation": VALIDATION[::-1]}
    assert failed(judged(BLOCKS, SPLIT, other)) == ["split/validation:free-running"]


def test_split_with_an_empty_part_fails() -> None:
    """One that validates on nothing shares no pixel either, and is no split."""
    found = judged(BLOCKS, SPLIT | {"split/validation": VALIDATION[:0]})["split/validation:own input"]
    assert found.verdict is Verdict.FAIL
    assert "a part has no patch" in found.message


@pytest.mark.parametrize(("value", "verdict"), [(0.0, Verdict.PASS), (0.25, Verdict.PASS)])
def test_constant_that_is_meant_is_not_vacuous(value: float, verdict: Verdict) -> None:
    """Biases that start at 0 are 0 by intention."""
    node = Node("weight/conv1/b", "constant", (), {"value": value, "shape": [4]})
    found = judged((node,), {node.stage: np.full(4, value)})
    assert {each.verdict for each in found.values()} == {verdict}


def test_constant_that_is_another_fails() -> None:
    """One bias that is not 0."""
    node = Node("weight/conv1/b", "constant", (), {"value": 0.0, "shape": [4]})
    assert failed(judged((node,), {node.stage: np.zeros(4)}, {node.stage: np.array([0, 0, 0, 1e-300])})) == [
        "weight/conv1/b:own input",
        "weight/conv1/b:free-running",
    ]


@pytest.mark.parametrize("spoilt", [1e-18, np.nan], ids=str)
def test_drawn_weights_are_exact(spoilt: float) -> None:
    """Numbers of the seed, to the last bit."""
    node = Node("weight/conv1/W", "normal", (), {"seed": 3, "deviation": 0.001, "skip": 2, "shape": [2, 3]})
    W = np.random.RandomState(3).normal(0, 0.001, 8)[2:].reshape(2, 3)
    wrong = W.copy()
    wrong[1, 2] += spoilt
    assert failed(judged((node,), {node.stage: W})) == []
    assert failed(judged((node,), {node.stage: W}, {node.stage: wrong})) == [
        "weight/conv1/W:own input",
        "weight/conv1/W:free-running",
    ]


def test_drawn_number_beyond_its_limit_fails() -> None:
    """Any numbers between the limits are sound, one outside is not; another draw is another start."""
    node = Node("weight/conv1/W", "uniform", (), {"limit": 1.0, "shape": [100]})
    drawn = np.random.default_rng(5).uniform(-1, 1, 100)
    beyond = np.concatenate([drawn[:99], [1.5]])
    assert failed(judged((node,), {node.stage: drawn})) == []
    assert failed(judged((node,), {node.stage: drawn}, {node.stage: beyond})) == [
        "weight/conv1/W:own input",
        "weight/conv1/W:free-running",
    ]


IMAGE = Node("geotiff/pixels", "to_image", ("output",), {"dtype": "float32", "within": [1, 3, 0, 2], "shape": [3, 3]})
OUTPUT = Node("output", "given")


def image(around: float = np.nan, inside: float = 4.0) -> Values:
    """A prediction in the lower left of an image."""
    pixels = np.full((3, 3), around, "f4")
    pixels[1:, :2] = [[1, 2], [3, inside]]
    return {"output": np.array([[[[1.0, 2], [3, 4]]]]), "geotiff/pixels": pixels}


def test_image_is_nothing_around_its_prediction() -> None:
    """NaN there is what the graph tells; the pixels are compared."""
    found = judged((OUTPUT, IMAGE), image())
    assert {each.verdict for each in found.values()} == {Verdict.PASS}


@pytest.mark.parametrize(
    ("around", "inside"), [(0.0, 4.0), (np.inf, 4.0), (np.nan, 4.0000005), (np.nan, np.nan)], ids=str
)
def test_image_with_something_else_fails(around: float, inside: float) -> None:
    """Zeros around, a pixel that differs, and NaN where a prediction belongs."""
    both = ["geotiff/pixels:own input", "geotiff/pixels:free-running"]
    assert failed(judged((OUTPUT, IMAGE), image(), image(around, inside))) == both


@pytest.mark.parametrize("dead", [0.0, 0.25])
def test_image_of_one_number_is_vacuous(dead: float) -> None:
    """What stands around a prediction does not make more of one that is the same everywhere."""
    pixels = np.full((3, 3), np.nan, "f4")
    pixels[1:, :2] = dead
    found = judged((OUTPUT, IMAGE), {"output": np.full((1, 1, 2, 2), dead), "geotiff/pixels": pixels})
    assert {each.verdict for each in found.values()} == {Verdict.VACUOUS}


TRAINED = Graph(
    (
        Node("x", "given"),
        Node("b", "given"),
        Node("step/0001/weight/W", "trajectory", (), {"step": 1, "of": "weight/W"}),
        Node("trained/W", "trajectory", (), {"step": 1, "of": "weight/W"}),
        Node("pre", "convolution_valid", ("x", "trained/W", "b")),
        Node("out", "rectify", ("pre",)),
        Node("same", "rectify", ("x",)),
    )
)


def trained(W: float) -> Values:
    """Two pixels, 3 and -2, times a weight plus 1; what later stages hold is not looked at."""
    weight = np.full((1, 1, 1, 1), W)
    return {"x": np.array([[[[3.0, -2.0]]]]), "b": np.ones(1), "step/0001/weight/W": weight, "trained/W": weight}


def test_consequences_are_what_other_weights_make() -> None:
    """By how much each later stage moves when the weight does, and no other stage; rectified below 0 not at all."""
    moved = consequences(TRAINED, trained(2.0), trained(2.5))
    assert {stage: value.ravel().tolist() for stage, value in moved.items()} == {
        "trained/W": [0.5],
        "pre": [1.5, 1.0],
        "out": [1.5, 0.0],
    }


def test_equal_weights_have_no_consequences() -> None:
    """Nothing is allowed that is not explained."""
    assert consequences(TRAINED, trained(2.0), trained(2.0)) == {}


def test_weights_that_are_no_number_allow_nothing() -> None:
    """Neither NaN nor infinity widens a bound."""
    for value in (np.nan, np.inf):
        with np.errstate(invalid="ignore"):
            moved = consequences(TRAINED, trained(2.0), trained(value))
        assert all((moved[stage] == 0).all() for stage in ("pre", "out"))


def test_forced_stage_is_held_to_the_legacy() -> None:
    """The port's value on the legacy's inputs is judged besides the value of its own run."""
    node = Node("half", "divide", ("x",), {"divisor": 2.0})
    legacy = {"x": np.array([1.0, 3]), "half": np.array([0.5, 1.5])}
    found = judged((Node("x", "given"), node), legacy, legacy | {"forced/half": np.array([0.5, 1.6])})
    assert failed(found) == ["half:teacher-forced"]
    assert found["half:own input"].verdict is Verdict.PASS


CANCELLING = (Node("delta", "given"), Node("grad/b", "bias_gradient", ("delta",)))


@pytest.mark.parametrize(
    ("held", "bad"), [(0.0, []), (-2.8e-17, []), (1 / 3 / 25, ["grad/b:own input", "grad/b:free-running"])], ids=str
)
def test_signs_that_cancel_leave_their_rounding(held: float, bad: list[str]) -> None:
    """As many pixels above their targets as below: 2.8e-17 on one side, 0 on the other; one sign lost still fails."""
    delta = np.array([1 / 3 / 25, -1 / 3 / 25] * 12).reshape(1, 1, 4, 6)
    legacy = {"delta": delta, "grad/b": np.array([2.8e-17])}
    assert failed(judged(CANCELLING, legacy, {"delta": delta, "grad/b": np.array([held])})) == bad


def test_wrong_number_stands_on_its_side_of_the_message() -> None:
    """The legacy's own beside what float64 numpy has in the port's place, and the port's own likewise."""
    nodes = (Node("x", "given"), Node("half", "divide", ("x",), {"divisor": 2.0}))
    values = {"x": np.array([1.0, 3]), "half": np.array([0.5, 1.75])}
    found = judged(nodes, values)
    assert found["half:reference"].message.endswith("at (1,), legacy 1.75, numpy 1.5")
    assert found["half:own input"].message.endswith("at (1,), numpy 1.5, port 1.75")


@pytest.mark.parametrize(
    ("node", "before", "value"),
    [
        (Node("out", "rectify", ("x",)), np.array([-1.0, -2]), np.zeros(2)),
        (Node("out", "bias_gradient", ("x",)), np.array([[[[0.25, 0.25]], [[0.125, 0.375]]]]), np.full(2, 0.5)),
    ],
    ids=["dead units", "equal sums"],
)
def test_constant_that_is_not_meant_is_vacuous(node: Node, before: np.ndarray, value: np.ndarray) -> None:
    """One number everywhere proves nothing of a stage that is there for something else."""
    found = judged((Node("x", "given"), node), {"x": before, "out": value})
    assert {each.id: each.verdict for each in found.values()} == {
        "x:given": Verdict.PASS,
        "out:reference": Verdict.VACUOUS,
        "out:own input": Verdict.VACUOUS,
        "out:free-running": Verdict.VACUOUS,
    }


X = Node("x", "given")
HELD = np.array([2.0, 3, 4])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.array([2.0]), "(1,) float64"),
        (np.array([[2.0, 3, 4], [2, 3, 4]]), "(2, 3) float64"),
        (np.array([2, 3, 4], np.int64), "(3,) int64"),
        (np.array([2, 3, 4], np.uint8), "(3,) uint8"),
        (np.array([True, True, True]), "(3,) bool"),
    ],
    ids=["fewer", "more", "int64", "uint8", "bool"],
)
def test_request_of_another_shape_or_type_fails(given: np.ndarray, told: str) -> None:
    """Whether it has fewer numbers or more, also where they are equal."""
    found = judged((X,), {"x": HELD}, requested={"x": given})["x:given"]
    assert found.verdict is Verdict.FAIL
    assert found.message == f"x: the request gives {told}, both sides hold (3,) float64"


def test_request_of_other_whole_numbers_fails() -> None:
    """They are not rounded to what a side holds, as floating point is."""
    found = judged((X,), {"x": np.array([2, 3], np.int32)}, requested={"x": np.array([2, 3], np.int64)})["x:given"]
    assert found.verdict is Verdict.FAIL
    assert found.message == "x: the request gives (2,) int64, both sides hold (2,) int32"


def test_request_in_float64_is_held_in_float32() -> None:
    """Rounded once."""
    found = judged((X,), {"x": np.array([0.1, 3], np.float32)}, dtype="float32", requested={"x": np.array([0.1, 3])})
    assert found["x:given"].verdict is Verdict.PASS


def test_first_number_that_is_not_the_requests_is_told() -> None:
    """Of two that both sides hold wrong."""
    found = judged((X,), {"x": HELD}, requested={"x": np.array([2.0, 5, 6])})["x:given"]
    assert found.verdict is Verdict.FAIL
    assert found.message.endswith(" 2 of 3 are not the request's; first at (1,), request 5.0, both sides 3.0")


@pytest.mark.parametrize("requested", [{}, {"x": HELD + 1}], ids=["lacks it", "differs"])
def test_sides_that_differ_are_told_before_the_request(requested: Values) -> None:
    """What only one side holds is not called what both do."""
    found = judged((X,), {"x": HELD}, {"x": np.array([2.0, 3, 5])}, requested=requested)["x:given"]
    assert found.verdict is Verdict.FAIL
    assert found.message.endswith("at (2,), legacy 4.0, port 5.0")


@pytest.mark.parametrize(("operation", "verdict"), [("given", Verdict.FAIL), ("decode", Verdict.PASS)])
def test_only_what_is_given_must_stand_in_the_request(operation: str, verdict: Verdict) -> None:
    """What is decoded both sides read from a GeoTIFF."""
    assert judged((Node("x", operation),), {"x": HELD}, requested={})["x:given"].verdict is verdict


CONVOLVED = (
    Node("x", "given"),
    Node("W", "given"),
    Node("b", "given"),
    Node("target", "given"),
    Node("pre", "convolution_valid", ("x", "W", "b")),
    Node("distance", "root_mean_square_error", ("pre", "target"), {"dtype": "float64"}),
)


def convolved(dtype: str, off: tuple[float, float] = (0.0, 0.0)) -> Values:
    """A pixel of 1/1024 and one of 1 times 1, which may be off; their distance from 0 in float64."""
    pixels = np.array([2.0**-10, 1.0])
    given = {
        "x": pixels.reshape(1, 1, 1, 2),
        "W": np.ones((1, 1, 1, 1)),
        "b": np.zeros(1),
        "target": np.zeros((1, 1, 1, 2)),
        "pre": (pixels + off).reshape(1, 1, 1, 2),
    }
    values = {stage: value.astype(dtype) for stage, value in given.items()}
    length = np.linalg.norm(values["pre"].astype(np.float64))
    return values | {"distance": np.array(length / np.sqrt(2))}


@pytest.mark.parametrize(("part", "verdict"), [(0.9e-12, Verdict.PASS), (1.1e-12, Verdict.FAIL)], ids=["in", "over"])
def test_float64_stage_may_be_off_by_1e_12_of_its_maximum(part: float, verdict: Verdict) -> None:
    """Also where that is a thousand times what a small element is rounded by."""
    found = judged(CONVOLVED, convolved("float64"), convolved("float64", (part, 0.0)))
    assert found["pre:free-running"].verdict is verdict


@pytest.mark.parametrize(("off", "verdict"), [(-(2.0**-24), Verdict.PASS), (-(2.0**-22), Verdict.FAIL)], ids=str)
def test_float32_stage_may_be_off_by_its_rounding(off: float, verdict: Verdict) -> None:
    """Which 1e-12 of the maximum does not replace; nor does it for what is computed from it in float64."""
    found = judged(CONVOLVED, convolved("float32"), convolved("float32", (0.0, off)), dtype="float32")
    assert found["pre:free-running"].verdict is verdict
    assert found["distance:free-running"].verdict is verdict


def test_drawn_numbers_that_differ_have_no_consequences() -> None:
    """Only what training made different is held against no later stage."""
    drawn = Node("drawn", "uniform", (), {"limit": 1.0, "shape": [2]})
    graph = Graph((drawn, Node("out", "rectify", ("drawn",))))
    assert consequences(graph, {"drawn": np.array([0.25, 0.5])}, {"drawn": np.array([0.25, 0.75])}) == {}


STEP = (
    *(Node(name, "given") for name in ("patches/raw", "targets/raw", "weight/W", "weight/b")),
    Node("batch", "rows", ("patches/raw",), {"start": 0, "stop": 1}),
    Node("target", "rows", ("targets/raw",), {"start": 0, "stop": 1}),
    Node("output", "convolution_valid", ("batch", "weight/W", "weight/b")),
    Node("loss", "mean_absolute_error", ("output", "target")),
    Node("grad/output", "mean_absolute_error_gradient", ("output", "target")),
    Node("grad/W", "convolution_valid_gradient_weights", ("batch", "grad/output")),
    Node("grad/b", "bias_gradient", ("grad/output",)),
    Node("step/0001/velocity/W", "trajectory", (), {"step": 1, "of": "velocity/W"}),
    Node("step/0001/velocity/b", "trajectory", (), {"step": 1, "of": "velocity/b"}),
    Node("last", "rectify", ("batch",)),
)


def stepped(output: float, velocity: tuple[float, float]) -> Values:
    """A run over pixels 3, 3 and 2 times 0.1 with targets of 0.3, this output at the 3s, and W and b moved by this."""
    given = {
        "patches/raw": np.array([[[[3.0, 3.0, 2.0]]]]),
        "targets/raw": np.full((1, 1, 1, 3), 0.3),
        "weight/W": np.full((1, 1, 1, 1), 0.1),
        "weight/b": np.zeros(1),
        "output": np.array([[[[output, output, 0.2]]]]),
    }
    W, b = (np.array(value) for value in velocity)
    velocities = {"step/0001/velocity/W": W.reshape(1, 1, 1, 1), "step/0001/velocity/b": b.reshape(1)}
    return evaluate(STEP, given) | velocities


ABOVE, EQUAL = 0.30000000000000004, 0.3
"""3 * 0.1 in float64, which is above 0.3, and as a program may round it that sums in another order."""
OTHER_STEP = (0.1 * 2 / 3, 0.1 / 3)
"""The velocities without the two signs that 0.3 takes away."""
STEPPED = stepped(ABOVE, (-0.1 * 4 / 3, -0.1 / 3))


def test_signs_that_rounding_decides_are_followed_through_the_step() -> None:
    """The gradients of the other signs are allowed, and what they make; two add, not in squares."""
    found = judged(STEP, STEPPED, stepped(EQUAL, OTHER_STEP))
    assert failed(found) == []
    assert found["grad/output:free-running"].share == pytest.approx(1)  # 0 in place of 1/3


def test_step_that_no_sign_explains_fails() -> None:
    """Where both sides decided alike nothing is added."""
    assert failed(judged(STEP, STEPPED, stepped(ABOVE, OTHER_STEP))) == [
        "step/0001/velocity/W:trajectory",
        "step/0001/velocity/b:trajectory",
    ]


def test_what_follows_from_signs_and_from_training_adds() -> None:
    """At a stage after both: a gradient of other signs under a filter, and a bias that training made different."""
    bias = Node("bias", "divide", ("step/0001/velocity/b",), {"divisor": 1000.0})
    last = Node("last", "convolution_valid", ("grad/output", "weight/W", "bias"))
    sides = [STEPPED, stepped(EQUAL, OTHER_STEP)]
    for node in (bias, last):
        sides = [side | {node.stage: reference.compute(node, side)} for side in sides]
    assert failed(judged((*STEP[:-1], bias, last), *sides)) == []


def test_what_follows_from_training_alone_is_allowed_as_it_is() -> None:
    """Where both sides decided alike: what the two filters make of the batch, and no more."""
    last = Node("last", "convolution_valid", ("batch", "step/0001/velocity/W", "weight/b"))
    sides = [side | {"last": reference.compute(last, side)} for side in (STEPPED, stepped(ABOVE, OTHER_STEP))]
    assert judged((*STEP[:-1], last), *sides)["last:free-running"].share == pytest.approx(1)


def test_stages_are_judged_once_in_their_order() -> None:
    """Those after training steps together, where the first of them stands."""
    found = judged(STEP, STEPPED)
    assert list(dict.fromkeys(each.stage for each in found.values())) == [node.stage for node in STEP]
