"""Stages that need a judgement of their own: many right values, one number by intention, no prediction around."""

from pathlib import Path

import numpy as np
import pytest

from parity.findings import Finding, Verdict
from parity.graph import Graph, Node
from parity.stages import consequences, judge_stages
from parity.trace import Record

Values = dict[str, np.ndarray]
INDEX = np.array([(row, col) for row in range(0, 40, 2) for col in range(0, 40, 2)])
TRAINING, VALIDATION = INDEX[INDEX[:, 1] < 16], INDEX[INDEX[:, 1] > 20]
BLOCKS = (
    Node("patches/index", "given"),
    Node("split/training", "blocks", ("patches/index",), {"side": 5}),
    Node("split/validation", "blocks", ("patches/index",), {"side": 5}),
)
SPLIT = {"patches/index": INDEX, "split/training": TRAINING, "split/validation": VALIDATION}


def record(nodes: tuple[Node, ...], arrays: Values, dtype: str = "float64") -> Record:
    """A trace of these stages."""
    manifest = {"dtype": dtype, "graph": [node.as_json() for node in nodes]}
    return Record(Path("t.npz"), manifest, arrays, "")


def judged(nodes: tuple[Node, ...], legacy: Values, port: Values | None = None) -> dict[str, Finding]:
    """The findings about two sides, by id."""
    sides = [record(nodes, values) for values in (legacy, legacy if port is None else port)]
    return {found.id: found for found in judge_stages(*sides, request=None, truth={})}


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
