"""A layer recording puts a network's stages onto a tape: every layer forward, the loss, every gradient backward."""

from collections.abc import Callable, Iterator, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from port.engines import EngineName, forward_by
from port.network import FusionCNN
from port.recipes import Recipe
from port.tape import Tape
from port.training import mean_absolute_error

_CONVOLUTION = {"flipped": "convolution_valid", "as-stored": "correlation_valid"}


def named_parameters(network: FusionCNN) -> Iterator[tuple[str, nn.Parameter]]:
    """conv1/W, conv1/b, ... with the network's parameters."""
    for name, parameter in network.named_parameters():
        layer, kind = name.split(".")
        yield f"{layer}/{'W' if kind == 'weight' else 'b'}", parameter


def parameter_name(stage: str) -> str:
    """The network's own name of a parameter's stage: conv1.weight of weight/conv1/W."""
    _, layer, kind = stage.split("/")
    return f"{layer}.{'weight' if kind == 'W' else 'bias'}"


class LayerRecording:
    """One pass through a network, onto a tape.

    Args:
        tape: where the stages go.
        network: what computes them.
        recipe: how it was made.
        source: the stage that the first layer reads.
        weights: what the stages of the parameters begin with.
        prefix: what the stages of the layers begin with.
        taught: computes the teacher-forced values: a network of the teacher's weights, or the network itself where they
            are judged to be the teacher's.
        engine: what computes the convolutions; None as the modules are.
    """

    def __init__(
        self,
        tape: Tape,
        network: FusionCNN,
        recipe: Recipe,
        *,
        source: str = "batch/selected",
        weights: str = "weight/",
        prefix: str = "",
        taught: FusionCNN | None = None,
        engine: EngineName | None = None,
    ) -> None:
        self.tape, self.network, self.recipe = tape, network, recipe
        self._source, self._weights, self._prefix, self._taught = source, weights, prefix, taught or network
        self._convolution = _CONVOLUTION[recipe.filters]
        self._layers = [name for name, module in network.named_children() if isinstance(module, nn.Conv2d)]
        self._by = self._engaged(network, engine)
        self._taught_by = self._by if self._taught is network else self._engaged(self._taught, engine)

    def _engaged(self, network: FusionCNN, engine: EngineName | None) -> dict[str, Callable[[Tensor], Tensor]]:
        """What computes each convolution of a network."""
        modules = {layer: network.get_submodule(layer) for layer in self._layers}
        return {layer: forward_by(module, engine) if engine else module for layer, module in modules.items()}

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        """Every stage by its name in the network; gradients flow through the tensors returned."""
        stages = self.network.stages(inputs, self._by)
        self.keep(stages)
        return stages

    def keep(self, stages: Mapping[str, Tensor]) -> None:
        """Keep every stage, by its name in the network and in its order."""
        before = ""
        for stage, value in stages.items():
            if stage.endswith("/pre"):
                self._convolved(stage.split("/")[0], value)
            elif stage == "output" and self.network.interpolates is not None:
                self._interpolated(before, value)
            else:
                module = self._rectifier(before.split("/")[0], self._taught)
                operation = "identity" if isinstance(module, nn.Identity) else "rectify"
                self.tape.add(self._prefix + stage, operation, [self._prefix + before], value, again=module)
            before = stage

    def _convolved(self, layer: str, value: Tensor) -> None:
        inputs = [self._read_by(layer), f"{self._weights}{layer}/W", f"{self._weights}{layer}/b"]
        by = self._taught_by[layer]
        self.tape.add(
            f"{self._prefix}{layer}/pre", self._convolution, inputs, value, again=lambda images, W, b: by(images)
        )

    def _interpolated(self, before: str, value: Tensor) -> None:
        """What the layers computed plus the mean of F- and F+, where the network computes the change."""
        self.tape.add(
            f"{self._prefix}output",
            "add_interpolation",
            [self._prefix + before, self._source],
            value,
            indices=list(self.network.interpolates or ()),
            border=self.network.border_px,
        )

    def _read_by(self, layer: str) -> str:
        """The stage that a convolution reads."""
        number = self._layers.index(layer)
        return self._source if number == 0 else f"{self._prefix}{self._layers[number - 1]}/out"

    def _rectifier(self, layer: str, network: FusionCNN) -> nn.Module:
        """What follows a convolution."""
        last = layer == self._layers[-1]
        return network.get_submodule("output" if last else layer.replace("conv", "rectify"))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """The loss, by the product's own formula."""
        value = mean_absolute_error(output, target)
        self.tape.add("loss", "mean_absolute_error", ["output", "target/normalised"], value, again=mean_absolute_error)
        return value

    def backward(self, inputs: Tensor, stages: Mapping[str, Tensor], loss: Tensor) -> None:
        """The gradient of the loss by every stage and parameter, from the output down to the input."""
        by_name = {self._source: inputs, **stages, **dict(named_parameters(self.network))}
        gradients = dict(
            zip(by_name, torch.autograd.grad(loss, list(by_name.values()), retain_graph=True), strict=True)
        )
        # through the layers alone, not through an interpolation beside them
        first = stages[f"{self._layers[0]}/pre"]
        gradients[self._source] = torch.autograd.grad(first, inputs, gradients[f"{self._layers[0]}/pre"])[0]
        self.tape.add(
            "grad/output",
            "mean_absolute_error_gradient",
            ["output", "target/normalised"],
            gradients["output"],
            again=lambda output, target: _gradient(mean_absolute_error, output, target),
        )
        above = "output"
        for layer in reversed(self._layers):
            self._rectifier_gradient(layer, above, gradients[f"{layer}/pre"])
            self._convolution_gradients(layer, gradients)
            above = self._read_by(layer)

    def _rectifier_gradient(self, layer: str, above: str, value: Tensor) -> None:
        """The gradient by a convolution's result, from that by what follows it."""
        pre, delta = f"{layer}/pre", f"grad/{above}"
        module = self._rectifier(layer, self.network)
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

    def _convolution_gradients(self, layer: str, gradients: Mapping[str, Tensor]) -> None:
        """The gradients by a convolution's filters, biases and input."""
        module, by, source, delta = self._module(layer), self._by[layer], self._read_by(layer), f"grad/{layer}/pre"
        below = "grad/input" if source == self._source else f"grad/{source}"

        def by_weights(images: Tensor, delta: Tensor) -> Tensor:
            return torch.autograd.grad(by(images), module.weight, delta)[0]

        def by_bias(delta: Tensor) -> Tensor:
            # the sum does not depend on the images, which the graph therefore does not name
            return torch.autograd.grad(by(_blank(module, delta)), module.bias, delta)[0]  # type: ignore[arg-type]

        def by_input(W: Tensor, delta: Tensor) -> Tensor:
            return _gradient(by, _blank(module, delta), delta=delta)

        add, name = self.tape.add, self._convolution
        add(f"grad/{layer}/W", f"{name}_gradient_weights", [source, delta], gradients[f"{layer}/W"], again=by_weights)
        add(f"grad/{layer}/b", "bias_gradient", [delta], gradients[f"{layer}/b"], again=by_bias)
        inputs = [f"{self._weights}{layer}/W", delta]
        add(below, f"{name}_gradient_input", inputs, gradients[source], again=by_input)

    def _module(self, layer: str) -> nn.Conv2d:
        return cast(nn.Conv2d, self.network.get_submodule(layer))


def _blank(convolution: nn.Conv2d, delta: Tensor) -> Tensor:
    """An input of zeros for a convolution whose result has the shape of delta."""
    grown = [length + side - 1 for length, side in zip(delta.shape[2:], convolution.kernel_size, strict=True)]
    return delta.new_zeros(len(delta), convolution.in_channels, *grown)


def _gradient(function: Callable[..., Tensor], *inputs: Tensor, delta: Tensor | None = None) -> Tensor:
    """The gradient by the first input of a function whose result has the gradient delta (1 for a scalar)."""
    first = inputs[0].detach().requires_grad_()
    return torch.autograd.grad(function(first, *inputs[1:]), first, delta)[0]
