"""Wrong updates: what a step makes of weights and velocities where momentum is written otherwise than the original's.

Each function takes a sound update, and what the mistake needs besides, and gives the update with just that mistake.
"""

from collections.abc import Callable, Collection

import numpy as np

from parity.training import Training
from parity.updates import State, Update, Values

Change = Callable[[np.ndarray], np.ndarray]


def _mapped(values: Values, change: Callable[[str, np.ndarray], np.ndarray]) -> dict[str, np.ndarray]:
    return {name: change(name, value) for name, value in values.items()}


def on_gradients(sound: Update, change: Callable[[str, np.ndarray, State], np.ndarray]) -> Update:
    """Every gradient changed before the step, by its weight's stage, its value and the state."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        return sound(state, _mapped(gradients, lambda name, value: change(name, value, state)), training, step)

    return update


def on_velocities(sound: Update, change: Callable[[str, np.ndarray, Training, int], np.ndarray]) -> Update:
    """Every velocity changed before the step, by its weight's stage and its value."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        velocity = _mapped(state.velocity, lambda name, value: change(name, value, training, step))
        return sound(State(state.weight, velocity, state.kept), gradients, training, step)

    return update


def nesterov(sound: Update) -> Update:
    """The velocity as it is, the weight moved by what it would be one step on, with the same gradient."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        after = sound(state, gradients, training, step)
        rate, kept, lasagne = training.rate(step), training.momentum, training.momentum_form == "lasagne"

        def ahead(name: str, weight: np.ndarray) -> np.ndarray:
            velocity, gradient = after.velocity[name], gradients[name]
            if lasagne:
                return weight + kept * velocity - rate * gradient
            return weight - rate * (gradient + kept * velocity)

        return State(_mapped(state.weight, ahead), after.velocity, after.kept)

    return update


def _begins(training: Training, step: int) -> bool:
    """Whether velocities are 0 before a step."""
    return step == 1 or step - 1 in training.restarts


def dampening(sound: Update, dose: float) -> Update:
    """Every gradient but the first, and the first after a restart, counts less by that part."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        damped = gradients if _begins(training, step) else _mapped(gradients, lambda _, value: (1 - dose) * value)
        return sound(state, damped, training, step)

    return update


def weight_decay(sound: Update, dose: float, names: Collection[str]) -> Update:
    """That part of each of these weights is added to its gradient."""
    return on_gradients(sound, lambda name, value, state: value + dose * state.weight[name] if name in names else value)


def decoupled_decay(sound: Update, dose: float) -> Update:
    """Each weight first loses the rate times that part of itself, beside its velocity."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        left = 1 - training.rate(step) * dose
        weight = _mapped(state.weight, lambda _, value: left * value)
        return sound(State(weight, state.velocity, state.kept), gradients, training, step)

    return update


def clipped_norm(sound: Update, dose: float) -> Update:
    """All gradients together no longer than that, as `clip_grad_norm_` has it."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        length = float(np.sqrt(sum(np.sum(value**2) for value in gradients.values())))
        factor = min(1.0, dose / (length + 1e-6))
        return sound(state, _mapped(gradients, lambda _, value: factor * value), training, step)

    return update


def clipped_values(sound: Update, dose: float) -> Update:
    """Every number of a gradient within plus and minus that."""
    return on_gradients(sound, lambda _, value, __: np.clip(value, -dose, dose))


def rate_of(sound: Update, dose: float, names: Collection[str]) -> Update:
    """The gradients of these weights count so many times."""
    return on_gradients(sound, lambda name, value, _: dose * value if name in names else value)


def without_momentum(sound: Update, names: Collection[str]) -> Update:
    """The velocities of these weights begin at 0 in each step."""
    return on_velocities(sound, lambda name, value, *_: np.zeros_like(value) if name in names else value)


def frozen(sound: Update, names: Collection[str], velocity: bool) -> Update:
    """These weights stay as they are; their velocities too, or not."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        after = sound(state, gradients, training, step)
        still = {name: state.weight[name] for name in names}
        rest = {name: state.velocity[name] for name in names} if velocity else {}
        return State({**after.weight, **still}, {**after.velocity, **rest}, after.kept)

    return update


def rounded_velocities(sound: Update, change: Change) -> Update:
    """After each step the velocities have fewer bits, and the weights are moved by those."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        after = sound(state, gradients, training, step)
        fewer = _mapped(after.velocity, lambda _, value: change(value))
        rate = 1.0 if training.momentum_form == "lasagne" else -training.rate(step)
        return State(_mapped(state.weight, lambda name, value: value + rate * fewer[name]), fewer, after.kept)

    return update


def rounded_weights(sound: Update, change: Change) -> Update:
    """After each step the weights have fewer bits."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        after = sound(state, gradients, training, step)
        return State(_mapped(after.weight, lambda _, value: change(value)), after.velocity, after.kept)

    return update


def rounded_gradients(sound: Update, change: Change) -> Update:
    """The gradients have fewer bits."""
    return on_gradients(sound, lambda _, value, __: change(value))


def accumulated(sound: Update) -> Update:
    """Gradients are added to those of all steps before: they are never set to zero."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        total = {name: value + state.kept.get(name, 0) for name, value in gradients.items()}
        after = sound(state, total, training, step)
        return State(after.weight, after.velocity, total)

    return update


def rate_outside(sound: Update) -> Update:
    """The rate stands outside the velocity: a new rate scales what the velocity already holds."""

    def scaled(_: str, velocity: np.ndarray, training: Training, step: int) -> np.ndarray:
        return training.rate(step) / training.rate(max(step - 1, 1)) * velocity

    return on_velocities(sound, scaled)


def begun_as_gradient(sound: Update) -> Update:
    """The first velocity, and the first after a restart, is the gradient, to which the step is then added."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        velocity = gradients if _begins(training, step) else state.velocity
        return sound(State(state.weight, velocity, state.kept), gradients, training, step)

    return update


def moved_before(sound: Update) -> Update:
    """Weights are moved by the velocity before the step."""

    def update(state: State, gradients: Values, training: Training, step: int) -> State:
        after = sound(state, gradients, training, step)
        rate = 1.0 if training.momentum_form == "lasagne" else -training.rate(step)
        moved = _mapped(state.weight, lambda name, value: value + rate * state.velocity[name])
        return State(moved, after.velocity, after.kept)

    return update
