"""Doses: how little of a graded mistake the judge still catches, found by bisection over halved doses."""

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from parity.findings import Verdict
from parity_tests.mutation import Plant
from parity_tests.zoo_network import Convolve, convolving, losing, one_weight, rectifying, rounded
from parity_tests.zoo_training import gradient_of, made_with, stepping
from parity_tests.zoo_trial import Bench, planted

CASES = {"float64": "network", "float32": "float32"}
LARGEST, SMALLEST = 2, 56
"""As powers of 1/2: a quarter, and what changes no float64 number."""


@dataclass(frozen=True, kw_only=True)
class Dose:
    """A mistake that there can be more or less of.

    Attributes:
        id: "layer-scaled".
        title: what the wrong port does; {dose} stands for how much.
        unit: what the dose is a part of.
        plant: plants so much of it.
    """

    id: str
    title: str
    unit: str
    plant: Callable[[float], Plant]


def smallest_caught(bench: Bench, dose: Dose, dtype: str) -> dict[str, Any]:
    """The smallest dose, a power of 1/2, that is caught, where, and the largest that is missed; None for none."""

    @cache
    def stage(power: int) -> str:
        """Where so much is seen; "" where it is not."""
        comparison, _ = planted(bench, CASES[dtype], f"{dose.id}-{dtype}-{power}", dose.plant(0.5**power))
        blamed = comparison.first_bad
        return blamed.stage if comparison.verdict is Verdict.FAIL and blamed else ""

    powers = range(LARGEST, SMALLEST + 1)
    caught = bisect_left(powers, True, key=lambda power: not stage(power))  # so many, from the largest dose on
    return {
        "id": dose.id,
        "title": dose.title,
        "unit": dose.unit,
        "dtype": dtype,
        "smallest_caught": 0.5 ** powers[caught - 1] if caught else None,
        "largest_missed": 0.5 ** powers[caught] if caught < len(powers) else None,
        "stage": stage(powers[caught - 1]) if caught else "",
    }


def _rounded_in_part(dtype: torch.dtype, part: float) -> Plant:
    """The first of conv1's weights, so large a part of all, are rounded; below one weight none is."""

    def convolve(correlate: Convolve, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
        chosen = torch.arange(W.numel()).reshape(W.shape) < int(part * W.numel())
        return correlate(x, torch.where(chosen, rounded(W, dtype), W), b)

    return convolving(convolve, "conv1")


DOSES = (
    Dose(
        id="layer-scaled", title="all that conv2 computes is scaled by 1 + dose", unit="of it",
        plant=lambda dose: convolving(lambda correlate, x, W, b: (1 + dose) * correlate(x, W, b), "conv2"),
    ),
    Dose(
        id="one-weight-of-conv1", title="one weight of conv1 is off by a factor 1 + dose", unit="of the weight",
        plant=lambda dose: convolving(one_weight(dose), "conv1"),
    ),
    Dose(
        id="one-weight-of-conv2", title="one weight of conv2 is off by a factor 1 + dose", unit="of the weight",
        plant=lambda dose: convolving(one_weight(dose), "conv2"),
    ),
    Dose(
        id="weights-in-float16", title="a part of conv1's weights is rounded to float16", unit="of the weights",
        plant=lambda dose: _rounded_in_part(torch.float16, dose),
    ),
    Dose(
        id="weights-in-bfloat16", title="a part of conv1's weights is rounded to bfloat16", unit="of the weights",
        plant=lambda dose: _rounded_in_part(torch.bfloat16, dose),
    ),
    Dose(
        id="bias-off", title="the biases of conv2 are off by a factor 1 + dose", unit="of the biases",
        plant=lambda dose: convolving(lambda correlate, x, W, b: correlate(x, W, (1 + dose) * b), "conv2"),
    ),
    Dose(
        id="rectifier-leaky", title="rectifiers let so much of what is negative through", unit="of it",
        plant=lambda dose: rectifying(lambda _, x: functional.leaky_relu(x, dose)),
    ),
    Dose(
        id="loss-scaled", title="the loss is scaled by 1 + dose", unit="of it",
        plant=lambda dose: losing(lambda estimate, target: (1 + dose) * (estimate - target).abs().mean()),
    ),
    Dose(
        id="gradient-scaled", title="every gradient is scaled by 1 + dose before the step", unit="of it",
        plant=lambda dose: stepping(lambda p, state, group: gradient_of(p).mul_(1 + dose)),
    ),
    Dose(
        id="learning-rate-off", title="the learning rate is off by a factor 1 + dose", unit="of the rate",
        plant=lambda dose: made_with(learning_rate=1 + dose),
    ),
    Dose(
        id="momentum-off", title="momentum is off by a factor 1 - dose", unit="of the momentum",
        plant=lambda dose: made_with(momentum=1 - dose),
    ),
    Dose(
        id="weight-decay", title="weights decay, through the gradient, by so much", unit="of the weight, a gradient",
        plant=lambda dose: stepping(lambda p, state, group: gradient_of(p).add_(dose * p)),
    ),
)  # fmt: skip
