"""A step recording observes the updates of a training run: losses, states, changes of the rate, and restarts."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from port.checkpoints import capture, restore_optimiser
from port.engines import EngineName, forward_by
from port.layer_recording import named_parameters
from port.network import FusionCNN
from port.recipes import Recipe
from port.tape import Tape
from port.training import Batch, make_optimiser, set_learning_rate, trained
from port.weights import read_weights, write_weights

_VELOCITY = {"lasagne": "velocity", "torch": "momentum_buffer"}
_SUFFIX = {"lost": ".npz", "kept": ".safetensors"}  # what a checkpoint is: the original's, or ours


class StepRecording:
    """The product's updates one by one, onto a tape; stands in the place of `training.trained`.

    Args:
        tape: where recorded steps go.
        recipe: the optimiser and what its checkpoints keep.
        variant: for checkpoints.
        training: the request's: `recorded`, and if there `rate_changes` and `restarts`.
        engine: what computes the network; None as `training.trained` does by itself.
    """

    def __init__(
        self,
        tape: Tape,
        recipe: Recipe,
        variant: str,
        training: Mapping[str, Any],
        *,
        engine: EngineName | None = None,
    ) -> None:
        self.tape, self.recipe, self.variant = tape, recipe, variant
        self._engine = engine
        self.losses: list[float] = []
        self.rates: list[float] = []
        self._recorded: list[int] = training["recorded"]
        self._rate_changes: list[tuple[int, float]] = training.get("rate_changes", [])
        self._restarts: list[int] = training.get("restarts", [])

    def __call__(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, batches: Iterable[Batch]
    ) -> Iterator[tuple[float, int]]:
        """Update once a batch; give its loss before the update, and its size."""
        recorded = cast(FusionCNN, network)
        forward = forward_by(network, self._engine) if self._engine else None
        for batch in batches:
            step = len(self.losses) + 1
            for rate in [rate for first, rate in self._rate_changes if first <= step][-1:]:
                set_learning_rate(optimiser, rate)
            self.rates.append(optimiser.param_groups[0]["lr"])
            for loss, size in trained(network, optimiser, [batch], forward=forward):
                self.losses.append(loss)
                if step in self._recorded:
                    self._record(step, recorded, optimiser)
                if step in self._restarts:
                    self._restart(recorded, optimiser)
                yield loss, size

    def curve(self, stage: str, of: str, values: list[float]) -> None:
        """Keep a list of losses."""
        self.tape.add(stage, "trajectory", [], torch.tensor(values, dtype=self._dtype), of=of)

    @property
    def told_rates(self) -> list[list[int | float]]:
        """[step, rate] wherever the rate was another than at the step before (at first: than the recipe's)."""
        before = [self.recipe.learning_rate, *self.rates]
        return [[step, rate] for step, rate in enumerate(self.rates, start=1) if rate != before[step - 1]]

    @property
    def told_restarts(self) -> list[int]:
        """The steps after which velocities started again from 0."""
        return self._restarts if self.recipe.optimiser_state == "lost" else []

    @property
    def _dtype(self) -> torch.dtype:
        return getattr(torch, self.recipe.precision)  # type: ignore[no-any-return]

    def _record(self, step: int, network: FusionCNN, optimiser: torch.optim.Optimizer) -> None:
        """The loss of a step's batch, and velocity and weight after its update."""
        prefix = f"step/{step:04d}/"
        loss = torch.tensor(self.losses[-1], dtype=self._dtype)
        self.tape.add(f"{prefix}loss", "trajectory", [], loss, step=step, of="loss")
        velocity = _VELOCITY[self.recipe.momentum_form]
        for kind in ("velocity", "weight"):
            for name, parameter in named_parameters(network):
                state = optimiser.state[parameter][velocity] if kind == "velocity" else parameter
                self.tape.add(f"{prefix}{kind}/{name}", "trajectory", [], state, step=step, of=f"{kind}/{name}")

    def _restart(self, network: FusionCNN, optimiser: torch.optim.Optimizer) -> None:
        """Go on from a file: a checkpoint is saved, and a new network and optimiser begin with what it holds."""
        recipe, rate = self.recipe, optimiser.param_groups[0]["lr"]
        with tempfile.TemporaryDirectory(prefix="sar2ndvi-") as folder:
            path = Path(folder) / f"checkpoint{_SUFFIX[recipe.optimiser_state]}"
            write_weights(path, capture(network, optimiser, variant=self.variant, recipe=recipe, epoch=0))
            switches = {name: value for name, value in asdict(recipe).items() if name != "name"}
            found = read_weights(path, variant=self.variant, recipe_name=recipe.name, switches=switches)
        fresh = found.network()
        begun = make_optimiser(recipe, fresh.parameters())
        restore_optimiser(found, fresh, begun)
        network.load_state_dict(fresh.state_dict())
        optimiser.load_state_dict(begun.state_dict())
        set_learning_rate(optimiser, rate)
