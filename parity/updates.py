"""An update takes weights and velocities from one step to the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from parity.training import Training

Values = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class State:
    """What one step hands to the next, by the weight's stage.

    Attributes:
        weight: the weights.
        velocity: the velocities, in the training's form of momentum.
        kept: what else an update remembers.
    """

    weight: Values
    velocity: Values
    kept: Values = field(default_factory=dict)

    @classmethod
    def start(cls, weight: Values) -> "State":
        """These weights, at rest."""
        return cls(weight, {name: np.zeros_like(value) for name, value in weight.items()})

    def told(self, of: str) -> np.ndarray:
        """The tensor that a stage after the step holds: of velocity/NAME or weight/NAME."""
        kind, _, name = of.partition("/")
        return (self.velocity if kind == "velocity" else self.weight)[f"weight/{name}"]


Update = Callable[[State, Values, Training, int], State]
"""The state after a step, from that before it, each weight's gradient, the training, and the step's number from 1."""


def momentum(state: State, gradients: Values, training: Training, step: int) -> State:
    """Momentum in the training's form and at its rate of the step."""
    rate, kept = training.rate(step), training.momentum
    weight, velocity = dict(state.weight), dict(state.velocity)
    for name, gradient in gradients.items():
        if training.momentum_form == "lasagne":
            velocity[name] = kept * velocity[name] - rate * gradient
            weight[name] = weight[name] + velocity[name]
        else:
            velocity[name] = kept * velocity[name] + gradient
            weight[name] = weight[name] - rate * velocity[name]
    return State(weight, velocity, state.kept)
