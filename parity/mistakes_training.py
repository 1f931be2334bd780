"""Known mistakes of many steps: momentum's form, velocities lost or kept, rates, decay, weights left out, few bits."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from parity import mistaken_updates as wrong
from parity.precision import ROUNDINGS, Rounding, float32
from parity.steps import Run
from parity.training_mistake import Case, Dose, Suspects, TrainingMistake
from parity.updates import Update


def _updating(wrong_update: Callable[..., Update], *rest: object) -> Callable[[Run], Run]:
    return lambda run: replace(run, update=wrong_update(run.update, *rest))


def _training(run: Run, **settings: object) -> Run:
    return replace(run, training=replace(run.training, **settings))  # type: ignore[arg-type]


def forms(case: Case) -> Iterator[TrainingMistake]:
    """Momentum written otherwise."""
    for name, told, update in (
        ("nesterov", "momentum is Nesterov's", wrong.nesterov),
        ("torch-momentum", "the rate stands outside the velocity, as in PyTorch", wrong.rate_outside),
        ("gradients-accumulated", "gradients are not set to zero between steps", wrong.accumulated),
        ("velocity-begun-as-gradient", "the first velocity is the gradient itself", wrong.begun_as_gradient),
        ("moved-before-velocity", "weights are moved by the velocity of the step before", wrong.moved_before),
    ):
        yield TrainingMistake(name, told, _updating(update))
    other = {"lasagne": "torch", "torch": "lasagne"}[case.training.momentum_form]
    told = f"velocity and rate are those of {other.capitalize().replace('Torch', 'PyTorch')}'s momentum"
    yield TrainingMistake(f"{other}-momentum", told, partial(_training, momentum_form=other))


def velocities(case: Case) -> Iterator[TrainingMistake]:
    """Velocities let go, or kept, where they should not be."""
    steps, batches, told = case.training.steps, case.training.batches, case.training.restarts
    every, epochs = frozenset(range(1, steps + 1)), frozenset(range(batches, steps, batches))
    name, lost = "velocity-not-kept", "velocities start again from 0"
    yield TrainingMistake(name, f"{lost} in each step", partial(_training, restarts=every))
    if epochs - told:
        yield TrainingMistake(name, f"{lost} in each epoch", partial(_training, restarts=told | epochs))
    before = case.seen.step - 1
    for step in sorted({before, before - 1} - {0, -1}):
        change = partial(_training, restarts=told | {step})
        yield TrainingMistake("optimiser-state-lost", f"the optimiser's state is lost after step {step}", change)
    if told:
        told_kept = "the optimiser's state is kept over restarts, which should lose it"
        yield TrainingMistake("optimiser-state-kept", told_kept, partial(_training, restarts=frozenset()))


def parts(case: Case) -> Iterator[TrainingMistake]:
    """Some weights trained otherwise than the rest, or not at all."""
    for name, told, chosen in _parts(case.names):
        frozen = "biases-not-updated" if name == "biases" else "layer-frozen"
        for velocity in (True, False):
            still = "" if velocity else ", though their velocities do"
            words = f"{told} do not change{still}"
            yield TrainingMistake(frozen, words, _updating(wrong.frozen, chosen, velocity))
        unmoved = f"{told} have no momentum"
        yield TrainingMistake("momentum-for-some", unmoved, _updating(wrong.without_momentum, chosen))


def _parts(names: list[str]) -> Iterator[tuple[str, str, list[str]]]:
    """Biases, filters, and each layer."""
    yield "biases", "biases", [name for name in names if name.endswith("/b")]
    yield "filters", "filters", [name for name in names if name.endswith("/W")]
    for layer in dict.fromkeys(name.split("/")[1] for name in names):
        yield layer, f"the weights of {layer}", [name for name in names if name.split("/")[1] == layer]


def precisions(case: Case) -> Iterator[TrainingMistake]:
    """Velocities, weights or gradients held in fewer bits."""
    roundings: dict[str, Rounding] = dict(ROUNDINGS)
    if case.evidence.port.dtype == np.float64:
        roundings["float32"] = float32
    for name, change in roundings.items():
        for thing, update in (
            ("velocity", wrong.rounded_velocities),
            ("weight", wrong.rounded_weights),
            ("gradient", wrong.rounded_gradients),
        ):
            told = f"{thing.replace('velocity', 'velocitie')}s are held in {name}"
            yield TrainingMistake(f"{thing}-rounded-{name}", told, _updating(update, change))


def rates(case: Case) -> Iterator[TrainingMistake]:
    """A change of the rate missed, or made at another step; the rate changed on the way where none is told."""
    changes = case.training.rate_changes
    for number, (step, rate) in enumerate(changes):
        rest = changes[:number] + changes[number + 1 :]
        told = f"the rate does not change to {rate:g} at step {step}"
        yield TrainingMistake("rate-change-missed", told, partial(_training, rate_changes=rest))
        for other in sorted({step - 1, step + 1, step - case.training.batches, step + case.training.batches}):
            if 0 < other <= case.training.steps:
                moved = tuple(sorted((*rest, (other, rate))))
                told = f"the rate changes to {rate:g} at step {other} for {step}"
                yield TrainingMistake("rate-change-moved", told, partial(_training, rate_changes=moved))
    for step in {max(case.seen.step - 1, 2), max(case.seen.step, 2)}:
        dose = Dose("rate-changed", f"from step {step} on the rate is {{:.6g}} times what is told", _from(step), 0.9)
        yield from case.fitted(dose)


def _from(step: int) -> Callable[[Run, float], Run]:
    def change(run: Run, dose: float) -> Run:
        of = run.training
        later = [(first, of.rate(first)) for first in (step, *(at for at, _ in of.rate_changes if at > step))]
        earlier = [(at, rate) for at, rate in of.rate_changes if at < step]
        return _training(run, rate_changes=(*earlier, *((at, dose * rate) for at, rate in later)))

    return change


def doses(case: Case) -> Iterator[TrainingMistake]:
    """Settings that are other numbers."""
    of = case.training
    filters = [name for name in case.names if name.endswith("/W")]
    biases = [name for name in case.names if name.endswith("/b")]
    decay = wrong.weight_decay
    for dose in (
        Dose("learning-rate-scaled", "the learning rate, or every gradient, times {:.6g}", _scaled, 1.0),
        Dose("momentum-other", f"momentum is {{:.6g}} for {of.momentum:g}", _momentum, of.momentum),
        Dose("dampening", "gradients are damped by {:.6g} after the first", _by(wrong.dampening), 0.0),
        Dose("weight-decay", "weights decay by {:.6g}", _by(decay, case.names), 0.0, 1e-3),
        Dose("weight-decay", "filters decay by {:.6g}", _by(decay, filters), 0.0, 1e-3),
        Dose("weight-decay-decoupled", "weights decay by {:.6g} themselves", _by(wrong.decoupled_decay), 0.0, 1e-3),
        Dose("learning-rate-of-biases", "the rate of biases times {:.6g}", _by(wrong.rate_of, biases), 1.0),
    ):  # fmt: skip
        yield from case.fitted(dose)


def clips(case: Case) -> Iterator[TrainingMistake]:
    """Gradients cut off at a limit, which the first step that shows it tells."""
    step = next(step for step in case.run.steps() if step.number == case.seen.step)
    length = float(np.sqrt(sum(np.sum(value**2) for value in step.gradients.values())))
    largest = max(float(np.abs(value).max()) for value in step.gradients.values())
    for told, update, most in (
        ("gradients are clipped to a norm of {:.6g}", wrong.clipped_norm, length),
        ("gradients are clipped to {:.6g}", wrong.clipped_values, largest),
    ):
        yield from case.fitted(Dose("gradient-clipped", told, _by(update), (1 - 1e-6) * most, 1e-3 * most))


def _scaled(run: Run, dose: float) -> Run:
    of = run.training
    changes = tuple((step, dose * rate) for step, rate in of.rate_changes)
    return _training(run, learning_rate=dose * of.learning_rate, rate_changes=changes)


def _momentum(run: Run, dose: float) -> Run:
    return _training(run, momentum=dose)


def _by(update: Callable[..., Update], *rest: object) -> Callable[[Run, float], Run]:
    return lambda run, dose: replace(run, update=update(run.update, dose, *rest))


SUSPECTS: tuple[Suspects, ...] = (forms, velocities, parts, precisions, rates, doses, clips)
"""The families of suspects; two mistakes of one training are of two families."""
