"""Each known mistake of many steps, made in steps written in loops, is named; what has no name is told as unknown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import naive_path as path
import numpy as np
import pytest
from path_pair import make_path_pair

from parity.trace import read_trace
from parity.training_diagnosis import TrainingExplanation, explain_training

Entries = dict[str, np.ndarray]
Rule = Callable[["Trained", str, int], None]
ORDER = [[0, 1], [2, 3], [4, 5]] * path.EPOCHS
SOUND = path.Program("float64", second=True).run()


@dataclass
class Trained:
    """Weights, velocities and gradients of one training in loops, which a rule moves."""

    weight: Entries
    velocity: Entries
    gradient: Entries = field(default_factory=dict)
    kept: Entries = field(default_factory=dict)

    def move(self, name: str, *, rate: float = path.RATE, momentum: float = path.MOMENTUM) -> None:
        """One weight by Lasagne's momentum."""
        self.velocity[name] = momentum * self.velocity[name] - rate * self.gradient[name]
        self.weight[name] = self.weight[name] + self.velocity[name]


def trained(rule: Rule, order: list[list[int]] | None = None, told: Callable[[float], float] = float) -> Entries:
    """What a program records of its steps by a rule, with other batches, or a loss told otherwise."""
    program = path.Program("float64", second=True, entries=dict(SOUND))
    weight = program.weights()
    run = Trained(weight, {name: np.zeros_like(value) for name, value in weight.items()})
    losses, validation = [], []
    for step, rows in enumerate(order or ORDER, start=1):
        _, _, _, target, images = program.batch(np.array(rows))
        layers = program.forward(images, run.weight)
        losses.append(told(np.abs(layers[2] - target).mean()))
        run.gradient = program.backward(images, layers, target, run.weight)
        for name in path.NAMES:
            rule(run, name, step)
        if step in path.RECORDED:
            program.put(f"step/{step:04d}/loss", losses[-1])
            for name in path.NAMES:
                program.put(f"step/{step:04d}/velocity/{name}", run.velocity[name])
                program.put(f"step/{step:04d}/weight/{name}", run.weight[name])
        if step % path.BATCHES == 0:
            validation.append(program.validated(run.weight))
    for name in path.NAMES:
        program.put(f"trained/{name}", run.weight[name])
    program.put("loss/curve", losses)
    program.put("loss/epochs", [np.mean(losses[e * path.BATCHES :][: path.BATCHES]) for e in range(path.EPOCHS)])
    program.put("loss/validation", validation)
    return program.entries


def explained(folder: Path, entries: Mapping[str, np.ndarray]) -> TrainingExplanation:
    """What is known of a port that recorded these entries of its training."""
    pair = make_path_pair(folder, dtype="float64")
    pair.port.arrays |= {name: entries[name] for name in pair.port.arrays if name in entries}
    legacy, port = map(read_trace, pair.write())
    return explain_training(legacy, port)


def sound(run: Trained, name: str, step: int) -> None:
    """As it should be."""
    run.move(name)


def nesterov(run: Trained, name: str, step: int) -> None:
    """Moved by the next velocity."""
    before = run.weight[name]
    run.move(name)
    run.weight[name] = before + path.MOMENTUM * run.velocity[name] - path.RATE * run.gradient[name]


def dampened(run: Trained, name: str, step: int) -> None:
    """Gradients count 0.75 after the first."""
    run.gradient[name] = run.gradient[name] * (1 if step == 1 else 0.75)
    run.move(name)


def decaying(run: Trained, name: str, step: int) -> None:
    """Weights decay by 0.01."""
    run.gradient[name] = run.gradient[name] + 0.01 * run.weight[name]
    run.move(name)


def forgetful(run: Trained, name: str, step: int) -> None:
    """Velocities begin at 0 in each step."""
    run.move(name, momentum=0.0 if step > 1 else path.MOMENTUM)


def without_biases(run: Trained, name: str, step: int) -> None:
    """Biases stay."""
    if name.endswith("W"):
        run.move(name)


def adding(run: Trained, name: str, step: int) -> None:
    """Gradients add up."""
    run.kept[name] = run.kept.get(name, 0) + run.gradient[name]
    run.gradient[name] = run.kept[name]
    run.move(name)


def half(run: Trained, name: str, step: int) -> None:
    """Velocities in float16."""
    before = run.weight[name]
    run.move(name)
    run.velocity[name] = run.velocity[name].astype(np.float16).astype(float)
    run.weight[name] = before + run.velocity[name]


RULES: dict[str, tuple[Rule, str, float | None]] = {
    "Nesterov": (nesterov, "nesterov", None),
    "weight decay": (decaying, "weight-decay", 0.01),
    "learning rate": (lambda run, name, _: run.move(name, rate=0.3 * path.RATE), "learning-rate-scaled", 0.3),
    "momentum": (lambda run, name, _: run.move(name, momentum=0.85), "momentum-other", 0.85),
    "biases": (without_biases, "biases-not-updated", None),
    "adding up": (adding, "gradients-accumulated", None),
    "float16": (half, "velocity-rounded-float16", None),
}


@pytest.mark.parametrize(("rule", "name", "dose"), RULES.values(), ids=RULES)
def test_wrong_rule_is_named(tmp_path: Path, rule: Rule, name: str, dose: float | None) -> None:
    """The steps are explained by the mistake that was made, of its dose, and by no other."""
    found = explained(tmp_path, trained(rule))
    assert [[mistake.name for mistake in one.mistakes] for one in found.candidates] == [[name]]
    assert dose is None or found.candidates[0].mistakes[0].dose == pytest.approx(dose, rel=1e-9)


AMBIGUOUS: dict[str, tuple[Rule, set[str]]] = {
    "dampening": (dampened, {"dampening", "rate-changed"}),
    "one epoch's end": (
        lambda run, name, step: run.move(name, momentum=0.0 if step == 1 + path.BATCHES else path.MOMENTUM),
        {"velocity-not-kept", "optimiser-state-lost"},
    ),
}


@pytest.mark.parametrize(("rule", "names"), AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_what_cannot_be_told_apart_is_a_choice(tmp_path: Path, rule: Rule, names: set[str]) -> None:
    """Mistakes of the same effect on these steps are all told."""
    found = explained(tmp_path, trained(rule))
    assert {one.mistakes[0].name for one in found.candidates} == names


def test_velocity_never_kept_is_named(tmp_path: Path) -> None:
    """Each step begins at rest: among what explains it is just that."""
    assert "velocity-not-kept" in {one.mistakes[0].name for one in explained(tmp_path, trained(forgetful)).candidates}


def test_batches_in_another_order_are_read_off_the_losses(tmp_path: Path) -> None:
    """The order that is told is not the one that was used; the patches of each step are found."""
    found = explained(tmp_path, trained(sound, [[3, 6], [0, 5], [1, 2], [4, 1], [6, 2], [0, 3]]))
    assert [one.mistakes[0].name for one in found.candidates] == ["reshuffled"]
    assert "3, 6; 0, 5; 1, 2" in found.candidates[0].mistakes[0].told


def test_sound_steps_need_no_explanation(tmp_path: Path) -> None:
    """Another order of summing is no mistake."""
    found = explained(tmp_path, trained(sound))
    assert (found.seen, found.candidates, found.tried) == (None, (), 0)


UNKNOWN: dict[str, Rule] = {
    "a filter that drifts": lambda run, name, step: (run.move(name), run.weight[name].flat.__setitem__(0, step))[0],
    "a rate of its own each step": lambda run, name, step: run.move(name, rate=path.RATE * (1 + np.sin(step))),
}


@pytest.mark.parametrize("rule", UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_steps_are_told_as_unknown(tmp_path: Path, rule: Rule) -> None:
    """No name is given to what no known mistake does."""
    found = explained(tmp_path, trained(rule))
    assert found.seen is not None
    assert found.candidates == ()


def test_two_mistakes_are_found_together(tmp_path: Path) -> None:
    """Nesterov's momentum with weight decay is a pair."""

    def both(run: Trained, name: str, step: int) -> None:
        run.gradient[name] = run.gradient[name] + 0.01 * run.weight[name]
        nesterov(run, name, step)

    found = explained(tmp_path, trained(both))
    assert {frozenset(mistake.name for mistake in one.mistakes) for one in found.candidates} == {
        frozenset({"nesterov", "weight-decay"})
    }
