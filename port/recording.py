"""A recording runs one request through the product: its normalisation, network, loss and optimiser, onto a tape."""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from parity.errors import TraceError
from parity.trace import Record
from port.bands import Band, variant_bands
from port.lasagne_weights import to_state
from port.network import FusionCNN
from port.normalisation import normalise, normalise_target
from port.recipes import Recipe, Scaling, recipe
from port.tape import Tape
from port.training import make_optimiser, mean_absolute_error, trained

_SCALINGS: Mapping[float, Scaling] = {1000.0: "all-by-1000", 1.0: "none"}


def batches(request: Record) -> int:
    """The whole batches in the patch list; an incomplete last one is dropped."""
    size: int = request.manifest["training"]["batch_size"]
    return len(request["patches/raw"]) // size


def requested_recipe(request: Record) -> Recipe:
    """Recipe `original` with the request's settings.

    Raises:
        TraceError: a divisor the original never used.
    """
    settings = request.manifest
    if settings["divisor"] not in _SCALINGS:
        raise TraceError(f"{request.path}: divisor is {settings['divisor']}, expected one of {list(_SCALINGS)}")
    training = settings["training"]
    return recipe(
        "original",
        scaling=_SCALINGS[settings["divisor"]],
        output=settings["output"],
        precision=settings["dtype"],
        learning_rate=training["learning_rate"],
        momentum=training["momentum"],
        batch_size=training["batch_size"],
    )


class Recording:
    """One request run through the product, onto a tape."""

    def __init__(self, request: Record, tape: Tape) -> None:
        self.request, self.tape = request, tape
        self.recipe = requested_recipe(request)
        self.dtype = np.dtype(request.manifest["dtype"])
        self.channels = [int(band) for band in variant_bands(request.manifest["variant"])]
        self.training: dict[str, Any] = request.manifest["training"]
        self.network = self._make_network()
        self.convolutions = {
            name: module for name, module in self.network.named_children() if isinstance(module, nn.Conv2d)
        }

    def run(self) -> None:
        """Record everything, in the trace's order."""
        self._given()
        selected, target = self._inputs()
        stages = self._forward(selected, target)
        self._backward(stages)
        self._steps()

    def _make_network(self) -> FusionCNN:
        network = FusionCNN(
            len(self.channels),
            output=self.recipe.output,
            rectify_gradient_at_zero=self.recipe.rectify_gradient_at_zero,
        ).to(getattr(torch, self.recipe.precision))
        parameters = [self._cast(name) for name in self.request.arrays if name.startswith("weight/")]
        network.load_state_dict(to_state(parameters), strict=True)
        return network

    def _cast(self, name: str) -> np.ndarray:
        return self.request[name].astype(self.dtype)

    def _tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self._cast(name))

    def _given(self) -> None:
        """The parameters as the network holds them, and the patch list."""
        for name, parameter in self._parameters(self.network):
            self.tape.add(f"weight/{name}", "given", [], parameter)
        for name in ("patches/raw", "targets/raw"):
            self.tape.add(name, "given", [], self._tensor(name))

    @staticmethod
    def _parameters(network: FusionCNN) -> Iterator[tuple[str, nn.Parameter]]:
        """conv1/W, conv1/b, ... with the network's parameters."""
        for name, parameter in network.named_parameters():
            layer, kind = name.split(".")
            yield f"{layer}/{'W' if kind == 'weight' else 'b'}", parameter

    def _normalised(self, raw: Tensor) -> Tensor:
        return torch.from_numpy(normalise(raw.numpy(), tuple(Band), self.recipe.scaling))

    def _normalised_target(self, raw: Tensor) -> Tensor:
        return torch.from_numpy(normalise_target(raw.numpy(), self.recipe.scaling))

    def _select(self, normalised: Tensor) -> Tensor:
        return normalised[:, self.channels]

    def _inputs(self) -> tuple[Tensor, Tensor]:
        """The first batch, from stored units to what the network sees."""
        window = {"start": 0, "stop": self.recipe.batch_size}
        divisor = self.request.manifest["divisor"]

        def first(values: Tensor) -> Tensor:
            return values[: self.recipe.batch_size]

        raw, target = first(self._tensor("patches/raw")), first(self._tensor("targets/raw"))
        normalised, normalised_target = self._normalised(raw), self._normalised_target(target)
        selected = self._select(normalised)
        add = self.tape.add
        add("batch/raw", "rows", ["patches/raw"], raw, again=first, **window)
        add("target/raw", "rows", ["targets/raw"], target, again=first, **window)
        add("batch/normalised", "divide", ["batch/raw"], normalised, again=self._normalised, divisor=divisor)
        add(
            "target/normalised",
            "divide",
            ["target/raw"],
            normalised_target,
            again=self._normalised_target,
            divisor=divisor,
        )
        add(
            "batch/selected",
            "select",
            ["batch/normalised"],
            selected,
            again=self._select,
            axis=1,
            indices=self.channels,
        )
        return selected.requires_grad_(), normalised_target

    def _source(self, layer: str) -> str:
        """The stage that a convolution reads."""
        number = int(layer.removeprefix("conv"))
        return "batch/selected" if number == 1 else f"conv{number - 1}/out"

    def _forward(self, selected: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Every stage up to the loss; the gradients flow through the tensors returned."""
        stages = self.network.stages(selected)
        for stage, value in stages.items():
            layer = stage.split("/")[0]
            if stage.endswith("/pre"):
                convolution = self.convolutions[layer]
                inputs = [self._source(layer), f"weight/{layer}/W", f"weight/{layer}/b"]
                # the network's own weights: that they are the teacher's is judged at weight/*
                self.tape.add(stage, "convolution_valid", inputs, value, again=lambda h, W, b, f=convolution: f(h))
            else:
                before = f"{layer}/pre" if "/" in stage else f"{list(self.convolutions)[-1]}/pre"
                module = self.network.get_submodule(stage.replace("conv", "rectify").removesuffix("/out"))
                operation = "identity" if isinstance(module, nn.Identity) else "rectify"
                self.tape.add(stage, operation, [before], value, again=module)
        loss = mean_absolute_error(stages["output"], target)
        self.tape.add("loss", "mean_absolute_error", ["output", "target/normalised"], loss, again=mean_absolute_error)
        return {"batch/selected": selected, **stages, "target/normalised": target, "loss": loss}

    def _backward(self, stages: dict[str, Tensor]) -> None:
        """The gradient of the loss by every stage and parameter, from the output down to the input."""
        parameters = dict(self._parameters(self.network))
        by_name = {**stages, **parameters}
        wanted = [name for name in by_name if name not in ("target/normalised", "loss")]
        values = torch.autograd.grad(stages["loss"], [by_name[name] for name in wanted], retain_graph=True)
        gradients = dict(zip(wanted, values, strict=True))
        self.tape.add(
            "grad/output",
            "mean_absolute_error_gradient",
            ["output", "target/normalised"],
            gradients["output"],
            again=lambda output, target: _gradient(mean_absolute_error, output, target),
        )
        above = "output"
        for layer in reversed(self.convolutions):
            self._rectifier_gradient(layer, above, gradients[f"{layer}/pre"])
            self._convolution_gradients(layer, gradients)
            above = self._source(layer)

    def _rectifier_gradient(self, layer: str, above: str, value: Tensor) -> None:
        """The gradient by a convolution's result, from that by what follows it."""
        pre, delta = f"{layer}/pre", f"grad/{above}"
        module = self.network.get_submodule("output" if above == "output" else layer.replace("conv", "rectify"))
        if isinstance(module, nn.Identity):
            self.tape.add(f"grad/{pre}", "identity", [delta], value, again=module)
        else:
            self.tape.add(
                f"grad/{pre}",
                "rectify_gradient",
                [pre, delta],
                value,
                again=lambda before, delta: _gradient(module, before, delta=delta),
                at_zero=self.recipe.rectify_gradient_at_zero,
            )

    def _convolution_gradients(self, layer: str, gradients: dict[str, Tensor]) -> None:
        """The gradients by a convolution's filters, biases and input."""
        convolution, source, delta = self.convolutions[layer], self._source(layer), f"grad/{layer}/pre"
        below = "grad/input" if source == "batch/selected" else f"grad/{source}"

        def by_weights(images: Tensor, delta: Tensor) -> Tensor:
            return torch.autograd.grad(convolution(images), convolution.weight, delta)[0]

        def by_bias(delta: Tensor) -> Tensor:
            # the sum does not depend on the images, which the graph therefore does not name
            return torch.autograd.grad(convolution(self._blank(convolution, delta)), convolution.bias, delta)[0]  # type: ignore[arg-type]

        def by_input(W: Tensor, delta: Tensor) -> Tensor:
            return _gradient(convolution, self._blank(convolution, delta), delta=delta)

        add = self.tape.add
        add(
            f"grad/{layer}/W",
            "convolution_valid_gradient_weights",
            [source, delta],
            gradients[f"{layer}/W"],
            again=by_weights,
        )
        add(f"grad/{layer}/b", "bias_gradient", [delta], gradients[f"{layer}/b"], again=by_bias)
        add(
            below,
            "convolution_valid_gradient_input",
            [f"weight/{layer}/W", delta],
            gradients[source],
            again=by_input,
        )

    @staticmethod
    def _blank(convolution: nn.Conv2d, delta: Tensor) -> Tensor:
        """An input of zeros for a convolution whose result has the shape of delta."""
        grown = [length + side - 1 for length, side in zip(delta.shape[2:], convolution.kernel_size, strict=True)]
        return delta.new_zeros(len(delta), convolution.in_channels, *grown)

    def _steps(self) -> None:
        """The training steps, through the product's own loop and optimiser."""
        optimiser = make_optimiser(self.recipe, self.network.parameters())
        losses = []
        updates = islice(trained(self.network, optimiser, self._batches()), self.training["steps"])
        for step, (loss, _) in enumerate(updates, start=1):
            losses.append(loss)
            if step in self.training["recorded"]:
                self._step(step, loss, optimiser)
        curve = torch.tensor(losses, dtype=getattr(torch, self.recipe.precision))
        self.tape.add("loss/curve", "trajectory", [], curve, of="loss")

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The list's whole batches in order, again and again."""
        patches = self._select(self._normalised(self._tensor("patches/raw")))
        targets = self._normalised_target(self._tensor("targets/raw"))
        size = self.recipe.batch_size
        while True:
            for start in range(0, batches(self.request) * size, size):
                yield patches[start : start + size], targets[start : start + size]

    def _step(self, step: int, loss: float, optimiser: torch.optim.Optimizer) -> None:
        """The loss of a step's batch, and velocity and weight after its update."""
        prefix = f"step/{step:04d}/"
        value = torch.tensor(loss, dtype=getattr(torch, self.recipe.precision))
        self.tape.add(f"{prefix}loss", "trajectory", [], value, step=step, of="loss")
        for kind in ("velocity", "weight"):
            for name, parameter in self._parameters(self.network):
                state = optimiser.state[parameter]["velocity"] if kind == "velocity" else parameter
                self.tape.add(f"{prefix}{kind}/{name}", "trajectory", [], state, step=step, of=f"{kind}/{name}")


def _gradient(function: Callable[..., Tensor], *inputs: Tensor, delta: Tensor | None = None) -> Tensor:
    """The gradient by the first input of a function whose result has the gradient delta (1 for a scalar)."""
    first = inputs[0].detach().requires_grad_()
    return torch.autograd.grad(function(first, *inputs[1:]), first, delta)[0]
