"""The engine of a training is chosen by measurement: a few updates by each on a copy of the network."""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import torch
from torch import nn

from port.engines import EngineName, forward_by
from port.recipes import Recipe
from port.training import Batch, batch_loss, make_optimiser, trained

AUTO = "auto"
"""In place of an engine's name: the fastest of all, measured."""
MEASURED_S = 0.5  # of updates by each engine
FEWEST_UPDATES = 3
WORTH_COMPILING_S = 300.0
"""To compile takes tens of seconds and gains little where nearly all time goes into convolutions: shorter trainings do
without, and do not try."""


@dataclass(frozen=True)
class Choice:
    """The engine, the seconds that an update takes by each that was tried, and how it was chosen, in words."""

    engine: EngineName
    seconds: Mapping[EngineName, float]
    said: str


def choose_engine(network: nn.Module, recipe: Recipe, batch: Batch, updates: int) -> Choice:
    """The engine by which so many updates would be done first; network and data stay as they are.

    Args:
        network: at its start.
        recipe: how it is trained; bfloat16 is tried in precision float32 only.
        batch: one of the training's own, whole.
        updates: how many are to come.
    """
    first: list[EngineName] = ["eager", "channels-last", "bfloat16"]
    tried = first if recipe.precision == "float32" else first[:2]
    seconds = {engine: median(_timed(network, recipe, batch, engine)) for engine in tried}
    cost = {engine: updates * each for engine, each in seconds.items()}
    left = min(cost.values())
    compiled = "not compiled: too short to gain by it"
    if left > WORTH_COMPILING_S:
        began = perf_counter()
        seconds["compiled"] = median(_timed(network, recipe, batch, "compiled"))
        compiling = perf_counter() - began
        cost["compiled"] = compiling + updates * seconds["compiled"]
        compiled = f"compiling took {compiling:.0f} s"
    best = min(cost, key=lambda engine: cost[engine])
    listed = ", ".join(f"{engine} {1e3 * each:.1f} ms" for engine, each in seconds.items())
    rounding = f"; bfloat16 moves the gradient by {_error(network, batch):.1%}" if best == "bfloat16" else ""
    return Choice(best, seconds, f"engine {best}, for an update takes by {listed} ({compiled}){rounding}")


def _timed(network: nn.Module, recipe: Recipe, batch: Batch, engine: EngineName) -> Iterator[float]:
    """The seconds of each update of a copy, after two that prepare it."""
    copy = deepcopy(network)
    optimiser, forward = make_optimiser(recipe, copy.parameters()), forward_by(copy, engine)
    list(trained(copy, optimiser, [batch, batch], forward=forward))
    done, began = 0, perf_counter()
    while done < FEWEST_UPDATES or perf_counter() - began < MEASURED_S:
        before = perf_counter()
        list(trained(copy, optimiser, [batch], forward=forward))
        done += 1
        yield perf_counter() - before


def _error(network: nn.Module, batch: Batch) -> float:
    """How far bfloat16 moves the gradient of all weights, as a part of its length."""
    exact, rounded = (_gradient(network, batch, engine) for engine in ("channels-last", "bfloat16"))
    return float(torch.linalg.vector_norm(rounded - exact) / torch.linalg.vector_norm(exact))


def _gradient(network: nn.Module, batch: Batch, engine: EngineName) -> torch.Tensor:
    copy = deepcopy(network)
    loss, _ = batch_loss(forward_by(copy, engine), batch)
    return torch.cat([part.ravel() for part in torch.autograd.grad(loss, list(copy.parameters()))])
