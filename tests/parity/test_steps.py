"""Many steps against loops written out: momentum's forms, rates, restarts, orders of batches, epochs and validation.

The network is a 1 x 1 convolution of one channel: w a slope, b an offset. All numbers have few bits, so most is exact.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from parity import steps
from parity.errors import ParityError, TraceError
from parity.graph import Graph, Node
from parity.training import Training

SEVEN, FIVE = 7, 5
STEPS, BATCH, BATCHES = 6, 3, 2
TRAINING = Training(steps=STEPS, batch_size=BATCH, batches=BATCHES, learning_rate=1 / 16, momentum=0.5)
KINDS = ("loss", "velocity/conv1/W", "velocity/conv1/b", "weight/conv1/W", "weight/conv1/b")
LISTS = ("patches/raw", "targets/raw", "validation/raw", "validation/targets")
Values = dict[str, np.ndarray]


def graph(*order: Node, operation: str = "rows") -> Graph:
    """One layer's steps; what the weights and patches come from stands before them, and is not looked at."""
    window = {"start": 0, "stop": BATCH} | ({"symmetries": [0] * BATCH} if operation == "rows_transformed" else {})
    told = [{"step": step, "of": of} for step in (1, 3, 6) for of in KINDS]
    return Graph(
        (
            Node("raster", "decode", (), {"file": "x.tif", "dtype": "int16"}),
            Node("split/training", "given"),
            Node("split/validation", "given"),
            *order,
            Node("weight/conv1/W", "normal", (), {"seed": 1, "deviation": 1, "skip": 0, "shape": [1, 1, 1, 1]}),
            Node("weight/conv1/b", "constant", (), {"value": 0, "shape": [1]}),
            *(Node(name, "cut", ("raster", "split/training"), {"side": 2, "margin": 0}) for name in LISTS[:2]),
            *(Node(name, "cut", ("raster", "split/validation"), {"side": 2, "margin": 0}) for name in LISTS[2:]),
            Node("batch/raw", operation, ("patches/raw",), window),
            Node("target/raw", operation, ("targets/raw",), window),
            Node("output", "convolution_valid", ("batch/raw", "weight/conv1/W", "weight/conv1/b")),
            Node("loss", "mean_absolute_error", ("output", "target/raw")),
            Node("grad/output", "mean_absolute_error_gradient", ("output", "target/raw")),
            Node("grad/conv1/W", "convolution_valid_gradient_weights", ("batch/raw", "grad/output")),
            Node("grad/conv1/b", "bias_gradient", ("grad/output",)),
            *(Node(f"step/{each['step']:04d}/{each['of']}", "trajectory", (), each) for each in told),
            *(Node(f"trained/conv1/{p}", "trajectory", (), {"step": STEPS, "of": f"weight/conv1/{p}"}) for p in "Wb"),
            Node("loss/curve", "trajectory", (), {"of": "loss"}),
            Node("loss/epochs", "trajectory", (), {"of": "epochs"}),
            Node("loss/validation", "trajectory", (), {"of": "validation"}),
        )
    )


def recorded() -> Values:
    """Patches of 2 x 2 pixels in 64ths, a weight and a bias."""
    random = np.random.default_rng(6)
    counts = {"patches/raw": SEVEN, "targets/raw": SEVEN, "validation/raw": FIVE, "validation/targets": FIVE}
    lists = {name: random.integers(-64, 65, (count, 1, 2, 2)) / 64 for name, count in counts.items()}
    return lists | {"weight/conv1/W": np.full((1, 1, 1, 1), 0.75), "weight/conv1/b": np.array([0.25])}


IN_TURN = [[0, 1, 2], [3, 4, 5]] * 3


def written_out(
    training: Training, order: list[list[int]] = IN_TURN, *, whole: bool = True, turned: list | None = None
) -> Mapping[str, object]:
    """The same by hand: losses, velocities, weights."""
    values = recorded()
    w, b, v, u = 0.75, 0.25, 0.0, 0.0
    found: dict[str, object] = {}
    losses, validated = [], []
    for step, rows in enumerate(order, start=1):
        x, target = values["patches/raw"][rows], values["targets/raw"][rows]
        if turned:
            pairs = [list(zip(patches, turned[step - 1], strict=True)) for patches in (x, target)]
            x, target = (np.stack([np.rot90(patch, n, (1, 2)) for patch, n in listed]) for listed in pairs)
        error = w * x + b - target
        losses.append(np.abs(error).mean())
        slopes = (np.sign(error) * x).mean(), np.sign(error).mean()
        rate = training.learning_rate
        for first, later in training.rate_changes:
            rate = later if step >= first else rate
        if training.momentum_form == "torch":
            v, u = 0.5 * v + slopes[0], 0.5 * u + slopes[1]
            w, b = w - rate * v, b - rate * u
        else:
            v, u = 0.5 * v - rate * slopes[0], 0.5 * u - rate * slopes[1]
            w, b = w + v, b + u
        found |= {f"step/{step:04d}/{kind}": value for kind, value in zip(KINDS, (losses[-1], v, u, w, b), strict=True)}
        v, u = (0.0, 0.0) if step in training.restarts else (v, u)
        if step % training.batches == 0:
            count = FIVE - FIVE % BATCH if whole else FIVE
            apart = w * values["validation/raw"][:count] + b - values["validation/targets"][:count]
            validated.append(np.abs(apart).mean())
    starts = range(0, len(order), training.batches)
    sizes = [len(rows) for rows in order]
    means = [np.average(losses[s:][: training.batches], weights=sizes[s:][: training.batches]) for s in starts]
    trained = {"trained/conv1/W": w, "trained/conv1/b": b}
    return found | trained | {"loss/curve": losses, "loss/epochs": means, "loss/validation": validated}


def assert_same(actual: Values, expected: Mapping[str, object]) -> None:
    """All stages, in the graph's order, to a few roundings of numbers about 1."""
    assert list(actual) == [node.stage for node in graph() if node.operation == "trajectory"]
    apart = {name: float(np.abs(np.ravel(actual[name]) - np.ravel(expected[name])).max()) for name in actual}
    assert {name: value for name, value in apart.items() if value > 1e-15} == {}


@pytest.mark.parametrize("form", ["lasagne", "torch"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"rate_changes": ((2, 1 / 8), (5, 1 / 64))}, {"restarts": frozenset({2, 4})}],
    ids=["plain", "rates", "restarts"],
)
def test_steps_are_those_written_out(form: str, settings: dict) -> None:
    """Both forms, with rates that change and velocities that start again."""
    training = replace(TRAINING, momentum_form=form, **settings)
    assert_same(steps.trajectory(graph(), recorded(), training), written_out(training))


def apart(first: Training, second: Training) -> set[str]:
    """Stages that two trainings make different."""
    one, other = (steps.trajectory(graph(), recorded(), training) for training in (first, second))
    return {name for name in one if np.abs(one[name] - other[name]).max() > 1e-9}


def test_forms_of_momentum_part_only_where_the_rate_changes() -> None:
    """While it is constant only the velocities differ, which have other units; after a change the weights do too."""
    torch = replace(TRAINING, momentum_form="torch")
    assert {name for name in apart(TRAINING, torch) if "velocity" not in name} == set()
    changed = ((4, 1 / 64),)
    differ = apart(replace(TRAINING, rate_changes=changed), replace(torch, rate_changes=changed))
    assert {"trained/conv1/W", "loss/curve", "loss/validation"} <= differ
    assert "step/0003/weight/conv1/W" not in differ


def test_restart_changes_what_comes_after_it() -> None:
    """The velocity of the step itself is still told."""
    differ = apart(TRAINING, replace(TRAINING, restarts=frozenset({3})))
    assert "step/0003/velocity/conv1/W" not in differ
    assert "trained/conv1/W" in differ


def test_order_tells_the_rows_of_each_step() -> None:
    """Rows in any order; -1 stands for none, and a smaller batch weighs less in the mean of its epoch."""
    told = np.array([[6, 0, 2], [1, 5, 3], [4, -1, -1]] * 2)
    node = Node("split/order", "batch_order", ("split/training",), {"batch_size": 3, "epochs": 2, "keep": True})
    training = replace(TRAINING, batches=3)
    actual = steps.trajectory(graph(node), recorded() | {"split/order": told}, training)
    rows = [[row for row in step if row >= 0] for step in told.tolist()]
    assert_same(actual, written_out(training, rows, whole=False))


def test_epochs_in_their_own_order() -> None:
    """A reshuffled order is read the same way; validation drops its last patches unless they are kept."""
    told = np.array([[6, 0, 2], [1, 5, 3], [0, 4, 6], [3, 2, 1], [5, 6, 4], [0, 1, 2]])
    node = Node("split/order", "reshuffled", ("split/training",), {"batch_size": 3, "epochs": 3, "seed": 0})
    actual = steps.trajectory(graph(node), recorded() | {"split/order": told}, TRAINING)
    assert_same(actual, written_out(TRAINING, told.tolist()))


def test_order_of_other_steps_is_refused() -> None:
    """Both shapes are told."""
    node = Node("split/order", "batch_order", ("split/training",), {"batch_size": 3, "epochs": 2})
    with pytest.raises(ParityError, match=r"the order of batches has shape \(4, 3\), the manifest's .* \(6, 3\)"):
        steps.trajectory(graph(node), recorded() | {"split/order": np.zeros((4, 3), int)}, TRAINING)


def test_order_beyond_the_list_is_refused() -> None:
    """An order and a list that are not of one run; how many rows it needs and there are is told."""
    node = Node("split/order", "batch_order", ("split/training",), {"batch_size": 3, "epochs": 3})
    told = np.array([[0, 1, 2], [3, 4, SEVEN]] * 3)
    message = "batch/raw: the batches of the recorded order need 8 rows of patches/raw, which has 7; record it again"
    with pytest.raises(ParityError, match=message):
        steps.trajectory(graph(node), recorded() | {"split/order": told}, TRAINING)


@pytest.mark.parametrize("batch_size", [4, 1000, 2**62])
def test_batches_beyond_the_list_are_refused(batch_size: int) -> None:
    """Before any memory is taken for them."""
    message = f"batch/raw: 2 batches of batch_size {batch_size} need {2 * batch_size} rows of patches/raw, which has 7"
    with pytest.raises(ParityError, match=message):
        steps.trajectory(graph(), recorded(), replace(TRAINING, batch_size=batch_size))


@pytest.mark.parametrize(("name", "stage"), [("patches/raw", "batch/raw"), ("targets/raw", "target/raw")])
@pytest.mark.parametrize("values", [np.zeros((0, 1, 2, 2)), np.array(1.0)], ids=["empty", "a number"])
def test_batches_of_an_empty_list_are_refused(name: str, stage: str, values: np.ndarray) -> None:
    """Of whichever list."""
    with pytest.raises(ParityError, match=f"{stage}: 2 batches of batch_size 3 need 6 rows of {name}, which has 0"):
        steps.trajectory(graph(), recorded() | {name: values}, TRAINING)


def test_batches_of_no_list_are_refused() -> None:
    """Rows are taken of something."""
    nodes = (replace(node, inputs=()) if node.stage == "batch/raw" else node for node in graph())
    with pytest.raises(ParityError, match="batch/raw: 2 batches of batch_size 3 need 6 rows of no list, which has 0"):
        steps.trajectory(Graph(tuple(nodes)), recorded(), TRAINING)


def test_stage_after_a_step_that_is_not_made_is_refused() -> None:
    """The stage, its step and the number of steps are told."""
    late = Graph((*graph(), Node("step/0099/loss", "trajectory", (), {"step": 99, "of": "loss"})))
    with pytest.raises(ParityError, match=r"step/0099/loss: is told after step 99, the manifest's .* 6 steps; record"):
        steps.trajectory(late, recorded(), TRAINING)


def test_lists_of_validation_of_two_lengths_are_refused() -> None:
    """Both lengths are told."""
    few = {"validation/targets": recorded()["validation/targets"][:4]}
    with pytest.raises(
        ParityError, match=r"differ in length: validation/raw 5, validation/targets 4; record them again"
    ):
        steps.trajectory(graph(), recorded() | few, TRAINING)


def test_patches_are_turned_in_every_step() -> None:
    """By the manifest's symmetries; validation is not turned."""
    turned = [[0, 1, 2], [3, 0, 1], [2, 2, 2], [1, 0, 3], [0, 3, 1], [1, 1, 2]]
    training = replace(TRAINING, symmetries=tuple(map(tuple, turned)))
    actual = steps.trajectory(graph(operation="rows_transformed"), recorded(), training)
    assert_same(actual, written_out(training, turned=turned))


def test_turned_patches_without_symmetries_are_refused() -> None:
    """The first batch's alone do not tell the later ones'."""
    with pytest.raises(ParityError, match="turned in 6 steps, the manifest's training tells the symmetries of 0"):
        steps.trajectory(graph(operation="rows_transformed"), recorded(), TRAINING)


def test_validation_without_a_whole_batch_has_no_loss() -> None:
    """Two patches make no batch of three: the curve could not be, and is refused."""
    few = {name: recorded()[name][:2] for name in LISTS[2:]}
    with pytest.raises(ParityError, match="no batch"):
        steps.trajectory(graph(), recorded() | few, TRAINING)


@pytest.mark.parametrize(("step", "rate"), [(1, 0.5), (2, 0.5), (3, 0.25), (4, 0.25), (5, 0.125), (9, 0.125)])
def test_rate_is_the_last_that_has_begun(step: int, rate: float) -> None:
    """Each holds from its step on."""
    training = replace(TRAINING, learning_rate=0.5, rate_changes=((3, 0.25), (5, 0.125)))
    assert training.rate(step) == rate
    assert training.largest_rate == 0.5


def test_training_is_read_from_a_manifest() -> None:
    """What a manifest leaves out is the original's."""
    told = {"steps": 6, "batch_size": 3, "batches": 2, "learning_rate": 0.0625, "momentum": 0.5}
    assert Training.from_manifest({"training": told | {"epochs": 3, "recorded": []}}, where="t.npz") == TRAINING
    more = {"rate_changes": [[4, 1]], "restarts": [2], "momentum_form": "torch", "symmetries": [[1, 2]]}
    assert Training.from_manifest({"training": told | more}, where="t.npz") == replace(
        TRAINING, rate_changes=((4, 1.0),), restarts=frozenset({2}), momentum_form="torch", symmetries=((1, 2),)
    )


def test_training_that_is_not_told_is_refused() -> None:
    """The file is named."""
    with pytest.raises(TraceError, match=r"^t.npz: the manifest's training is malformed: it is None"):
        Training.from_manifest({}, where="t.npz")


@pytest.mark.parametrize("stage", ["loss", "grad/conv1/b"])
def test_steps_need_the_loss_and_each_weights_gradient(stage: str) -> None:
    """A graph that leaves one out is told as such: no step can be made of it."""
    left = Graph(tuple(node for node in graph() if node.stage != stage))
    with pytest.raises(ParityError, match=f"{stage}: the graph has no such stage, of which each training step is made"):
        steps.trajectory(left, recorded(), TRAINING)


@pytest.mark.parametrize("name", ["validation/raw", "validation/targets"])
def test_validation_needs_its_lists(name: str) -> None:
    """A loss of validation is told, but a list that it is the loss of is not."""
    left = {other: value for other, value in recorded().items() if other != name}
    with pytest.raises(ParityError, match=f"a loss of validation is told, but no {name}; record it too"):
        steps.trajectory(graph(), left, TRAINING)
