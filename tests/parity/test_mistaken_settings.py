"""Settings of a training that a port does not follow, and mistakes of stages that every step repeats, are named."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from judged_pair import CURVE, NODES, TRAINING, MakePair, Pair, given_entries

from parity import mistakes_batches, training_diagnosis
from parity import operations as ops
from parity.diagnosis import diagnose
from parity.errors import ParityError
from parity.graph import Graph
from parity.steps import Run
from parity.trace import read_trace
from parity.training import Training
from parity.training_diagnosis import TrainingExplanation, explain_training
from parity.training_evidence import Evidence, Seen
from parity.training_mistake import FITS, Case, Dose, TrainingMistake
from parity.updates import State, Values

Settings = Mapping[str, Any]
GRAPH = Graph(NODES)


def trained(settings: Settings, **how: Any) -> dict[str, np.ndarray]:
    """What is recorded of steps with these settings, or with another update, or other stages."""
    training = Training.from_manifest({"training": {**TRAINING, **settings}}, where="here")
    return Run(GRAPH, given_entries(), training, **how).stages()


def explained(pair: Pair) -> TrainingExplanation:
    """What is known of the port's steps."""
    return explain_training(*map(read_trace, pair.write()))


def differing(make: MakePair, told: Settings, done: dict[str, np.ndarray]) -> TrainingExplanation:
    """What is known of steps that both sides tell by these settings, and the port did otherwise."""
    pair = make()
    pair.legacy.arrays |= trained(told)
    pair.port.arrays |= done
    for side in (pair.legacy, pair.port):
        side.manifest["training"] = {**TRAINING, **told}
    return explained(pair)


def torch_nesterov(state: State, gradients: Values, training: Training, _: int) -> State:
    """Velocity v = m v + g, W = W - rate (g + m v)."""
    velocity = {name: training.momentum * state.velocity[name] + g for name, g in gradients.items()}
    ahead = {name: g + training.momentum * velocity[name] for name, g in gradients.items()}
    moved = {name: W - training.learning_rate * ahead[name] for name, W in state.weight.items()}
    return State(moved, velocity)


SETTINGS: dict[str, tuple[Settings, dict[str, np.ndarray], str]] = {
    "restart": ({"restarts": [2]}, trained({}), "optimiser-state-kept"),
    "rate kept": ({"rate_changes": [[3, 0.001]]}, trained({}), "rate-change-missed"),
    "rate late": ({"rate_changes": [[3, 0.001]]}, trained({"rate_changes": [[4, 0.001]]}), "rate-change-moved"),
    "nesterov": ({"momentum_form": "torch"}, trained({"momentum_form": "torch"}, update=torch_nesterov), "nesterov"),
}


@pytest.mark.parametrize(("told", "done", "name"), SETTINGS.values(), ids=SETTINGS)
def test_setting_that_is_not_followed_is_named(
    make: MakePair, told: Settings, done: dict[str, np.ndarray], name: str
) -> None:
    """The steps are explained by that setting, and by no other."""
    found = differing(make, told, done)
    assert {tuple(mistake.name for mistake in one.mistakes) for one in found.candidates} == {(name,)}


def unflipped(make: MakePair, settings: Settings) -> list[tuple[str, tuple[str, ...]]]:
    """What is said of a port whose first layer does not flip, in each step, trained with settings of its own."""
    wrong = {"conv1/pre": ops.correlation_valid}
    instead = {"conv1/pre": lambda node, values: ops.correlation_valid(*(values[name] for name in node.inputs))}
    pair = make(wrong=wrong)
    pair.port.arrays |= trained(settings, instead=instead)
    comparison = pair.judge()
    found = diagnose(*map(read_trace, pair.write()), comparison).explanations
    return [(one.stage, one.candidates[0].names) for one in found]


def test_mistake_of_a_stage_explains_all_steps_that_repeat_it(make: MakePair) -> None:
    """Nothing is said of the training, which only follows from it."""
    assert unflipped(make, {}) == [("conv1/pre", ("filters-not-flipped",))]


def test_mistake_of_the_steps_is_named_beside_one_of_a_stage(make: MakePair) -> None:
    """What the stage's mistake, made in every step, leaves unexplained is the training's own."""
    first, second = unflipped(make, {"momentum": 0.85})
    assert first == ("conv1/pre", ("filters-not-flipped",))
    assert second[1] == ("momentum-other",)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stage", ["loss/curve", "step/0001/weight/conv1/b"])
def test_steps_of_another_shape_are_infinitely_far_off(make: MakePair, dtype: str, stage: str) -> None:
    """A curve with a loss too few, weights with one too few: seen there, and explained by nothing."""
    pair = make(dtype=dtype)
    pair.spoil(stage, lambda values: values[:-1])
    evidence = Evidence(*map(read_trace, pair.write()))
    seen = evidence.first_wrong(evidence.sound)
    assert seen is not None
    assert seen.share == np.inf
    assert seen.stage.rpartition("/")[0] == stage.rpartition("/")[0]
    assert explained(pair).candidates == ()


def test_steps_that_cannot_be_made_are_told(pair: Pair) -> None:
    """A list that holds one patch of the two that each step takes."""
    pair.spoil("targets/raw", lambda targets: targets[:1])
    with pytest.raises(ParityError, match="these steps cannot be made of what the port recorded"):
        explained(pair)


def test_mistake_that_cannot_be_made_explains_nothing(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried, as all are, and passed over."""
    beyond = TrainingMistake("beyond", "patches beyond the list", lambda run: replace(run, choice=_beyond))
    monkeypatch.setattr(training_diagnosis, "FAMILIES", (lambda _: iter([beyond]),))
    monkeypatch.setattr(training_diagnosis, "PAIRED", ())
    pair.spoil("loss/curve", lambda losses: 2 * losses)
    found = explained(pair)
    assert (found.candidates, found.tried) == ((), 1)


def _beyond(_step: int, _weight: Values) -> np.ndarray:
    return np.array([5, 6])


def orders(make: MakePair, *, patches: int, curve: bool) -> dict[str, int]:
    """The orders that are suspected of a port whose first loss is wrong: how many numbers each was fitted by."""
    pair = make(nodes=[node for node in NODES if curve or node not in CURVE])
    for stage in ("patches/raw", "targets/raw"):
        pair.spoil(stage, lambda values: values[:patches], both=True)
    evidence = Evidence(*map(read_trace, pair.write()))
    case = Case(evidence, evidence.sound, Seen("step/0001/loss", 1, np.inf))
    return {mistake.name: mistake.fitted for mistake in mistakes_batches.orders(case)}


@pytest.mark.parametrize(("patches", "kept"), [(5, True), (4, False)])
def test_last_batch_is_kept_where_it_is_incomplete(make: MakePair, patches: int, kept: bool) -> None:
    """Five patches in pairs leave one over, which a program may train on; four leave none."""
    assert ("partial-batch-kept" in orders(make, patches=patches, curve=True)) is kept


def test_no_order_is_read_off_without_a_curve(make: MakePair) -> None:
    """Which patches a step used is told by its loss; where not every loss is recorded nothing is fitted."""
    assert set(orders(make, patches=5, curve=False).values()) == {0}


class Squared(Evidence):
    """Evidence whose one error is the square of the dose, so that each improvement halves it and none is the last."""

    def __init__(self, sound: Evidence) -> None:
        self._legacy, self.port, self._known, self.doses = sound._legacy, sound.port, {}, [0.0]
        self.training = sound.training

    def first_wrong(self, _: Run) -> Seen | None:
        """Whatever the dose, it shows at the step where it was seen."""
        return Seen("step/0001/loss", 1, 2.0)

    def wrong(self, _: Run, until: int) -> np.ndarray:
        """Of the dose that was tried last."""
        return np.array([self.doses[-1] ** 2])


def test_dose_is_improved_so_often_and_no_more(pair: Pair) -> None:
    """One that is still coming nearer after the last improvement is taken as it is."""
    evidence = Squared(Evidence(*map(read_trace, pair.write())))

    def dosed(run: Run, dose: float) -> Run:
        evidence.doses.append(dose)
        return run

    case = Case(evidence, evidence.sound, Seen("step/0001/loss", 1, 2.0))
    (found,) = case.fitted(Dose("squared", "{:.6g}", dosed, start=1.0))
    assert found.dose == pytest.approx(2.0**-FITS, rel=0.05)
