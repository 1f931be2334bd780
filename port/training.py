"""Training is mini-batch descent of the mean absolute error by momentum, in the order and form the recipe names."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from port.engines import DEFAULT, EngineName, Forward, forward_by, uncompiled
from port.errors import DivergenceError, PatchError
from port.processes import Processes
from port.recipes import Recipe


class WeightedBatch(NamedTuple):
    """Normalised images, their targets, the part that each pixel's error has in the loss, and the number of patches.

    The weights of all images of a batch, in whatever process, add up to the number of processes.
    """

    inputs: Float[Tensor, "image channel row col"]
    targets: Float[Tensor, "image 1 inner_row inner_col"]
    weights: Float[Tensor, "image 1 inner_row inner_col"]
    patches: int


Batch = tuple[Float[Tensor, "batch channel row col"], Float[Tensor, "batch 1 inner_row inner_col"]] | WeightedBatch
"""Patches and their targets, whose errors all count alike; or what says how much each counts."""
Updates = Callable[[nn.Module, torch.optim.Optimizer, Iterable[Batch]], Iterator[tuple[float, int]]]
"""Updates the network once a batch; gives each batch's loss before its update, and its size."""


@runtime_checkable
class Patches(Protocol):
    """What can be trained on: normalised inputs, and the targets of their inner pixels, in each epoch's own order."""

    def __len__(self) -> int:
        """The number of patches."""
        ...

    def batches(self, epoch: int) -> Iterator[Batch]:
        """The batches of an epoch, counted from 0."""
        ...


@dataclass(frozen=True)
class EpochLosses:
    """Mean absolute errors of an epoch, in scaled NDVI; `validation` is NaN where no batch could be made."""

    epoch: int
    training: float  # mean over the epoch's patches, each before its batch's update
    validation: float  # after the epoch's last update


class LasagneMomentum(torch.optim.Optimizer):
    """Momentum as Lasagne writes it: v = momentum v - lr g; w = w + v (`lasagne.updates.momentum`).

    PyTorch's SGD keeps v = momentum v + g and steps by lr v: the same path until the learning rate changes. The state
    of a parameter is its "velocity", the v above.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of every parameter that has a gradient."""
        loss = None if closure is None else torch.enable_grad()(closure)()
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    state = self.state[parameter]
                    velocity = state.setdefault("velocity", torch.zeros_like(parameter))
                    velocity.mul_(group["momentum"]).sub_(group["lr"] * parameter.grad)
                    parameter.add_(velocity)
        return loss


def make_optimiser(recipe: Recipe, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
    """Plain momentum in the form the recipe names; no Nesterov, no dampening, no weight decay."""
    if recipe.momentum_form == "lasagne":
        return LasagneMomentum(parameters, lr=recipe.learning_rate, momentum=recipe.momentum)
    return torch.optim.SGD(parameters, lr=recipe.learning_rate, momentum=recipe.momentum)


def mean_absolute_error(
    estimate: Float[Tensor, "batch 1 row col"], target: Float[Tensor, "batch 1 row col"]
) -> Float[Tensor, ""]:
    """The mean of |estimate - target| over batch and pixels."""
    return (estimate - target).abs().mean()


def learning_rate(recipe: Recipe, epoch: int) -> float:
    """The rate of an epoch, counted from 0: constant, or half a cosine wave from the first value to nearly 0."""
    if recipe.schedule == "constant":
        return recipe.learning_rate
    return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / recipe.epochs))


def train(
    network: nn.Module,
    training: Patches,
    validation: Patches,
    recipe: Recipe,
    *,
    optimiser: torch.optim.Optimizer,
    first_epoch: int = 0,
    updates: Updates | None = None,
    engine: EngineName = DEFAULT,
    processes: Processes | None = None,
) -> Iterator[EpochLosses]:
    """Train the network in place, giving each epoch's losses as it ends.

    `updates` observes the training: `trained`, or what calls it batch by batch. Of several processes each is given its
    own share of every batch (`port.shares`); their networks stay the same. Validation is in the network's own dtype,
    whatever the engine.

    Nothing is drawn here: with the same network, patches and number of threads the result is the same to the last bit.

    Raises:
        PatchError: the training set makes no batch.
        DivergenceError: the loss is no longer a finite number.
    """
    together = processes or Processes()
    evaluate = forward_by(network, uncompiled(engine))
    update = updates or partial(trained, forward=forward_by(network, engine, together.joined))
    for epoch in range(first_epoch, recipe.epochs):
        set_learning_rate(optimiser, learning_rate(recipe, epoch))
        done = list(update(network, optimiser, training.batches(epoch)))
        if not done:
            raise PatchError(
                f"{len(training)} training patches make no batch of {recipe.batch_size} where an incomplete last batch "
                f"is dropped; lower batch_size or stride_px, or set last_batch to 'keep'"
            )
        validated = _mean_loss(_evaluated(network, evaluate, validation.batches(epoch)))
        losses = EpochLosses(epoch + 1, together.mean(_mean_loss(done)), together.mean(validated))
        if not math.isfinite(losses.training):
            raise DivergenceError(
                f"the training loss is {losses.training} in epoch {losses.epoch}, expected a finite number; lower "
                f"learning_rate ({recipe.learning_rate:g}) or check that scaling {recipe.scaling!r} suits the data"
            )
        yield losses


def set_learning_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Set the learning rate of every parameter."""
    for group in optimiser.param_groups:
        group["lr"] = value


def trained(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    batches: Iterable[Batch],
    *,
    forward: Forward | None = None,
) -> Iterator[tuple[float, int]]:
    """Update once a batch; give its loss before the update, and its size in patches."""
    network.train()
    run = forward or forward_by(network)
    for batch in batches:
        loss, size = batch_loss(run, batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield loss.item(), size


def batch_loss(forward: Forward, batch: Batch) -> tuple[Float[Tensor, ""], int]:
    """The loss of a batch and its size in patches."""
    if isinstance(batch, WeightedBatch):
        errors = (forward(batch.inputs) - batch.targets).abs()
        return (errors * batch.weights).sum(), batch.patches
    inputs, targets = batch
    return mean_absolute_error(forward(inputs), targets), len(inputs)


def _evaluated(network: nn.Module, forward: Forward, batches: Iterable[Batch]) -> Iterator[tuple[float, int]]:
    """The loss and size of each batch."""
    network.eval()
    with torch.no_grad():
        for batch in batches:
            loss, size = batch_loss(forward, batch)
            yield loss.item(), size


def _mean_loss(losses: Iterable[tuple[float, int]]) -> float:
    """The mean over patches, NaN for no batch at all."""
    listed = list(losses)
    count = sum(size for _, size in listed)
    return sum(loss * size for loss, size in listed) / count if count else math.nan
