"""A recording runs one request of patches through the product: its normalisation, network, loss and optimiser."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from parity.trace import Record
from port.bands import Band, variant_bands
from port.engines import EngineName
from port.lasagne_weights import to_state
from port.layer_recording import LayerRecording, named_parameters
from port.network import FusionCNN, make_network
from port.normalisation import normalise, normalise_target, target_divisor
from port.recipes import Recipe
from port.requested import division
from port.step_recording import StepRecording
from port.tape import Tape
from port.training import make_optimiser


class Recording:
    """One request of kind `network` run through the product, onto a tape; by an engine, or as the modules are."""

    def __init__(self, request: Record, recipe: Recipe, tape: Tape, *, engine: EngineName | None = None) -> None:
        self.request, self.recipe, self.tape, self._engine = request, recipe, tape, engine
        self.channels = [int(band) for band in variant_bands(request.manifest["variant"])]
        self.network = given_network(request, recipe)
        settings = request.manifest
        self._steps = StepRecording(tape, recipe, settings["variant"], settings["training"], engine=engine)

    def run(self) -> dict[str, Any]:
        """Record everything, in the trace's order; gives what the manifest tells of the training."""
        self._given()
        selected, target = self._inputs()
        layers = LayerRecording(self.tape, self.network, self.recipe, engine=self._engine)
        stages = layers.forward(selected)
        layers.backward(selected, stages, layers.loss(stages["output"], target))
        self._train()
        return dict(self.request.manifest["training"]) | {"batches": self._batches}

    @property
    def _batches(self) -> int:
        """The whole batches in the patch list; an incomplete last one is dropped."""
        return len(self.request["patches/raw"]) // self.recipe.batch_size

    def _tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.request[name].astype(self.recipe.precision))

    def _given(self) -> None:
        """The parameters as the network holds them, and the patch list."""
        for name, parameter in named_parameters(self.network):
            self.tape.add(f"weight/{name}", "given", [], parameter)
        for name in ("patches/raw", "targets/raw"):
            self.tape.add(name, "given", [], self._tensor(name))

    def _normalised(self, raw: Tensor) -> Tensor:
        return torch.from_numpy(normalise(raw.numpy(), tuple(Band), self.recipe.scaling))

    def _normalised_target(self, raw: Tensor) -> Tensor:
        return torch.from_numpy(normalise_target(raw.numpy(), self.recipe.scaling))

    def _select(self, normalised: Tensor) -> Tensor:
        return normalised[:, self.channels]

    def _inputs(self) -> tuple[Tensor, Tensor]:
        """The first batch, from stored units to what the network sees."""
        window = {"start": 0, "stop": self.recipe.batch_size}

        def first(values: Tensor) -> Tensor:
            return values[: self.recipe.batch_size]

        raw, target = first(self._tensor("patches/raw")), first(self._tensor("targets/raw"))
        self.tape.add("batch/raw", "rows", ["patches/raw"], raw, again=first, **window)
        self.tape.add("target/raw", "rows", ["targets/raw"], target, again=first, **window)
        normalised, normalised_target = self._normalised(raw), self._normalised_target(target)
        record_normalised(self.tape, self.recipe, normalised, normalised_target)
        selected = self._select(normalised)
        record_selected(self.tape, "batch/", self.channels, selected)
        return selected.requires_grad_(), normalised_target

    def _train(self) -> None:
        """The training steps, through the product's own loop and optimiser."""
        optimiser = make_optimiser(self.recipe, self.network.parameters())
        updates = self._steps(self.network, optimiser, self._endless())
        for _ in islice(updates, self.request.manifest["training"]["steps"]):
            pass
        self._steps.curve("loss/curve", "loss", self._steps.losses)

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The list's whole batches in order, again and again."""
        patches = self._select(self._normalised(self._tensor("patches/raw")))
        targets = self._normalised_target(self._tensor("targets/raw"))
        size = self.recipe.batch_size
        while True:
            for start in range(0, self._batches * size, size):
                yield patches[start : start + size], targets[start : start + size]


def given_network(request: Record, recipe: Recipe) -> FusionCNN:
    """The network with a request's weights."""
    names = [name for name in request.arrays if name.startswith("weight/")]
    network = make_network(request.manifest["variant"], recipe)
    parameters = [request[name].astype(recipe.precision) for name in names]
    network.load_state_dict(to_state(parameters, recipe.filters), strict=True)
    return network


def record_normalised(tape: Tape, recipe: Recipe, batch: Tensor, target: Tensor) -> None:
    """The first batch as the product normalises it; again by the product's own functions."""

    def again(raw: np.ndarray) -> np.ndarray:
        return normalise(raw, tuple(Band), recipe.scaling)

    def again_target(raw: np.ndarray) -> np.ndarray:
        return normalise_target(raw, recipe.scaling)

    operation, attributes = division(recipe.scaling)
    divisor = target_divisor(recipe.scaling)
    tape.put("batch/normalised", operation, ["batch/raw"], batch.numpy(), again=again, **attributes)
    tape.put("target/normalised", "divide", ["target/raw"], target.numpy(), again=again_target, divisor=divisor)


def record_selected(tape: Tape, prefix: str, channels: list[int], selected: Tensor) -> None:
    """The channels that the network is fed."""

    def again(normalised: Tensor) -> Tensor:
        return normalised[:, channels]

    inputs = [f"{prefix}normalised"]
    tape.add(f"{prefix}selected", "select", inputs, selected, again=again, axis=1, indices=channels)
