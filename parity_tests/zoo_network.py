"""The zoo's wrong networks: filters, biases, rectifiers, loss and gradients of the port, each with one mistake."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from parity_tests.mutation import Mutation, Plant, replaced, together, wrapped
from parity_tests.zoo_functions import FlippedGradient, MeanBias, PassedOn, TiesAbove, as_tf32
from port import lasagne_weights, layer_recording, training
from port import record as recording_of
from port.network import Rectify, SingleFilter

LAYERS = {"conv1": 48, "conv2": 32, "conv3": 1}
"""By its filters a layer is known."""
CONVOLUTIONS = (nn.Conv2d, SingleFilter)
"""The classes that compute them."""
Turn = Callable[[np.ndarray], np.ndarray]
Convolve = Callable[[Tensor, Tensor, Tensor], Tensor]


def laid_down(turn: Turn, back: Turn | None = None, *layers: str) -> Plant:
    """Filters of these layers (none given: of all) become PyTorch's by `turn`, and the original's again by `back`."""
    widths = [LAYERS[layer] for layer in layers or LAYERS]

    def to_torch(original: Callable[..., Tensor], W: np.ndarray) -> Tensor:
        return torch.from_numpy(turn(W).copy()) if len(W) in widths else original(W)

    def from_torch(original: Callable[..., np.ndarray], weight: Tensor) -> np.ndarray:
        wrong = len(weight) in widths
        return np.ascontiguousarray((back or turn)(weight.detach().numpy())) if wrong else original(weight)

    return together(wrapped(lasagne_weights, "to_torch", to_torch), wrapped(lasagne_weights, "from_torch", from_torch))


def convolving(wrong: Callable[[Convolve, Tensor, Tensor, Tensor], Tensor], *layers: str) -> Plant:
    """These layers (none given: all) compute `wrong(correlate, images, weight, bias)`."""
    widths = [LAYERS[layer] for layer in layers or LAYERS]

    def forward(original: Callable[..., Tensor], self: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        correlate = partial(original, self)
        return wrong(correlate, x, weight, bias) if self.out_channels in widths else correlate(x, weight, bias)

    return together(*(wrapped(kind, "_conv_forward", forward) for kind in CONVOLUTIONS))


def rectifying(wrong: Callable[[Callable[[Tensor], Tensor], Tensor], Tensor], *layers: str) -> Plant:
    """What follows these layers (none given: all) computes `wrong(rectify, before)`."""
    widths = [LAYERS[layer] for layer in layers or LAYERS]

    def forward(original: Callable[..., Tensor], self: Rectify, x: Tensor) -> Tensor:
        return wrong(partial(original, self), x) if x.shape[1] in widths else original(self, x)

    return wrapped(Rectify, "forward", forward)


def losing(wrong: Callable[[Tensor, Tensor], Tensor]) -> Plant:
    """The network is trained on another loss."""
    return together(
        replaced(layer_recording, "mean_absolute_error", lambda _: wrong),
        replaced(training, "mean_absolute_error", lambda _: wrong),
    )


def rounded(x: Tensor, dtype: torch.dtype) -> Tensor:
    """The values that another dtype can hold."""
    return x.to(dtype).to(x.dtype)


def _as_stored(W: np.ndarray) -> np.ndarray:
    return W


def _flipped(W: np.ndarray) -> np.ndarray:
    return W[:, :, ::-1, ::-1]


def _same_padding(_: Convolve, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    """Padded with zeros all round, and the valid size cut from the upper left corner (from the middle it is right)."""
    rows, cols = (length - side + 1 for length, side in zip(x.shape[2:], W.shape[2:], strict=True))
    return functional.conv2d(x, W, b, padding="same")[..., :rows, :cols]


def _bias_after() -> Plant:
    """Each bias is added to what the rectifier gives."""
    biases: dict[int, Tensor] = {}

    def convolve(correlate: Convolve, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
        biases[len(b)] = b
        return correlate(x, W, 0 * b)

    return together(
        convolving(convolve, "conv1"),
        rectifying(lambda rectify, x: rectify(x) + biases[x.shape[1]][:, None, None], "conv1"),
    )


def _clobbering(rectify: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Rectified in place, so that what was there before is lost."""
    value = rectify(x)
    x.data.clamp_(min=0)
    return value


def _dropping(rectify: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    torch.manual_seed(1)
    return functional.dropout(rectify(x), 0.1, training=True)


def one_weight(dose: float) -> Callable[[Convolve, Tensor, Tensor, Tensor], Tensor]:
    """One weight, which the bright pixel of the probe meets, is scaled by 1 + dose."""

    def convolve(correlate: Convolve, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
        error = torch.zeros_like(W)
        error[0, 1, -1, 3] = dose * W[0, 1, -1, 3].detach()
        return correlate(x, W + error, b)

    return convolve


def _in_float32(correlate: Convolve, x: Tensor, W: Tensor, b: Tensor) -> Tensor:
    return correlate(x.float(), W.float(), b.float()).double()


def in_precision(precision: str) -> Plant:
    """The port computes in a precision of its own, whatever the request asks."""

    def requested(original: Callable[..., Any], *arguments: Any) -> Any:
        return replace(original(*arguments), precision=precision)

    return wrapped(recording_of, "requested_recipe", requested)


def _mutation(
    id: str, rows: Sequence[str] | str, title: str, stage: str, known: str, plant: Plant, case: str = "network"
) -> Mutation:
    listed = (rows,) if isinstance(rows, str) else tuple(rows)
    return Mutation(id=id, rows=listed, title=title, case=case, stage=stage, known=known, plant=plant)


_FILTERS = (
    *(
        _mutation(
            f"{layer}-filters-not-flipped", row, f"The filters of {layer} are copied as they are.", f"{layer}/pre",
            "filters-not-flipped", laid_down(_as_stored, None, layer),
        )
        for row, layer in zip(("Z01", "Z02", "Z03"), LAYERS, strict=True)
    ),
    _mutation(
        "filters-not-flipped", ("Z01", "Z02", "Z03"), "No filter is flipped.", "conv1/pre", "filters-not-flipped",
        laid_down(_as_stored),
    ),
    _mutation(
        "filters-not-flipped-float32", ("Z01", "Z02", "Z03"), "No filter is flipped, in float32.", "conv1/pre",
        "filters-not-flipped", laid_down(_as_stored), "float32",
    ),
    _mutation(
        "filters-transposed", "Z04", "Rows and columns of all filters are exchanged instead of flipped.", "conv1/pre",
        "filters-transposed", laid_down(lambda W: W.swapaxes(2, 3)),
    ),
    _mutation(
        "filters-flipped-in-rows-only", "Z05", "Filters are flipped in rows only.", "conv1/pre",
        "filters-flipped-in-rows-only", laid_down(lambda W: W[:, :, ::-1]),
    ),
    _mutation(
        "filters-flipped-in-cols-only", "Z05", "Filters are flipped in columns only.", "conv1/pre",
        "filters-flipped-in-cols-only", laid_down(lambda W: W[..., ::-1]),
    ),
    _mutation(
        "filters-transposed-and-flipped", (), "Filters are flipped, and transposed besides.", "conv1/pre",
        "filters-transposed-and-flipped", laid_down(lambda W: _flipped(W).swapaxes(2, 3)),
    ),
    _mutation(
        "filters-rotated", (), "Filters are turned by a quarter instead of a half.", "conv1/pre", "filters-rotated",
        laid_down(lambda W: np.rot90(W, 1, (2, 3)), lambda W: np.rot90(W, -1, (2, 3))),
    ),
    _mutation(
        "conv1-maps-permuted", "Z06", "The feature maps of conv1 come in another order.", "conv1/pre",
        "filters-permuted", laid_down(lambda W: _flipped(W)[::-1], None, "conv1"),
    ),
    # the maps are right, but read in another order: conv2, not conv1, computes something else
    _mutation(
        "conv2-reads-maps-permuted", "Z06", "conv2 reads the feature maps of conv1 in another order.", "conv2/pre",
        "input-maps-permuted",
        laid_down(lambda W: np.roll(_flipped(W), 1, axis=1), lambda W: np.roll(_flipped(W), -1, axis=1), "conv2"),
    ),
    _mutation(
        "padding-same", "Z07", "Every convolution pads with zeros, and cuts the valid size out at the wrong place.",
        "conv1/pre", "padding-same", convolving(_same_padding),
    ),
    _mutation(
        "channels-last-misread", (), "Memory in channels-last order is read as if channels came first.", "conv1/pre",
        "", convolving(lambda correlate, x, W, b: correlate(x.permute(0, 2, 3, 1).reshape(x.shape), W, b), "conv1"),
    ),
)  # fmt: skip
_SUMS = (
    *(
        _mutation(
            f"{layer}-bias-dropped", "Z20", f"{layer} adds no bias.", f"{layer}/pre", "bias-dropped",
            convolving(lambda correlate, x, W, b: correlate(x, W, 0 * b), layer),
        )
        for layer in LAYERS
    ),
    _mutation(
        "bias-after-rectifier", "Z20", "The bias of conv1 is added after its rectifier.", "conv1/pre", "bias-dropped",
        _bias_after(),
    ),
    _mutation(
        "bias-twice", (), "The bias of conv2 is added twice.", "conv2/pre", "bias-twice",
        convolving(lambda correlate, x, W, b: correlate(x, W, 2 * b), "conv2"),
    ),
    *(
        _mutation(
            f"weights-{name}{suffix}", "Z21", f"Filters are rounded to {name}{where}.", "conv1/pre", f"weights-{name}",
            convolving(lambda correlate, x, W, b, dtype=dtype: correlate(x, rounded(W, dtype), b)), case,
        )
        for name, dtype in (("float16", torch.float16), ("bfloat16", torch.bfloat16))
        for suffix, where, case in (("", "", "network"), ("-float32", ", in float32", "float32"))
    ),
    _mutation(
        "tf32", "Z21", "Images and filters are rounded to TF32 before each product.", "conv1/pre", "tf32",
        convolving(lambda correlate, x, W, b: correlate(as_tf32(x), as_tf32(W), b)), "float32",
    ),
    _mutation(
        "one-weight-off", "Z22", "One weight of conv2 is 0.1 % off.", "conv2/pre", "one-weight-off",
        convolving(one_weight(0.001), "conv2"),
    ),
    # conv1 sees a single bright pixel; deeper, 0.1 % of one weight among 1200 is below what a sum rounds to in float32
    _mutation(
        "one-weight-off-float32", "Z22", "One weight of conv1 is 0.1 % off, in float32.", "conv1/pre", "one-weight-off",
        convolving(one_weight(0.001), "conv1"), "float32",
    ),
    _mutation(
        "layer-scaled", "Z22", "All that conv2 computes is scaled by 1.001.", "conv2/pre", "layer-scaled",
        convolving(lambda correlate, x, W, b: 1.001 * correlate(x, W, b), "conv2"),
    ),
    _mutation(
        "filters-scaled", "Z22", "The filters of conv1 are scaled by 1.001.", "conv1/pre", "",
        convolving(lambda correlate, x, W, b: correlate(x, 1.001 * W, b), "conv1"),
    ),
    _mutation(
        "sums-in-float32", (), "Sums go in float32 where float64 is asked.", "conv1/pre", "",
        convolving(_in_float32),
    ),
    _mutation(
        "float64-in-float32-run", "Z39", "The port computes in float64 where float32 is asked.", "dtype", "",
        in_precision("float64"), "float32",
    ),
    _mutation(
        "float32-in-float64-run", "Z39", "The port computes in float32 where float64 is asked.", "dtype", "",
        in_precision("float32"),
    ),
)  # fmt: skip
_RECTIFIERS = (
    *(
        _mutation(
            f"{layer}-rectifier-missing", "Z18", f"No rectifier follows {layer}.", f"{layer}/out", "rectifier-missing",
            rectifying(lambda _, x: x, layer),
        )
        for layer in ("conv1", "conv2")
    ),
    _mutation(
        "output-rectified", "Z19", "The output is rectified where the original's is linear.", "output",
        "rectifier-added", wrapped(nn.Identity, "forward", lambda _, self, x: torch.relu(x)),
    ),
    _mutation(
        "output-not-rectified", "Z19", "The output is linear where the original's is rectified.", "output",
        "rectifier-missing", rectifying(lambda _, x: x, "conv3"), "rectified",
    ),
    _mutation(
        "rectifier-leaky", (), "Rectifiers let 1 % of what is negative through.", "conv1/out", "rectifier-leaky",
        rectifying(lambda _, x: functional.leaky_relu(x, 0.01)),
    ),
    _mutation(
        "rectifier-in-place", (), "Rectifiers work in place, and clobber what they are given.", "conv1/pre", "",
        rectifying(_clobbering),
    ),
    _mutation(
        "dropout-left-in", (), "A tenth of conv1's maps is dropped, as if in training.", "conv1/out", "",
        rectifying(_dropping, "conv1"),
    ),
)  # fmt: skip
_LOSSES = (
    _mutation(
        "squared-error", "Z23", "The loss is the squared error.", "loss", "squared-error",
        losing(lambda estimate, target: (estimate - target).square().mean()),
    ),
    _mutation(
        "sum-for-mean", "Z23", "The loss is the sum over all pixels.", "loss", "sum-for-mean",
        losing(lambda estimate, target: (estimate - target).abs().sum()),
    ),
    _mutation(
        "mean-over-batch-only", "Z23", "The loss is the mean over patches of the sum over pixels.", "loss",
        "mean-over-batch-only", losing(lambda estimate, target: (estimate - target).abs().sum(dim=(1, 2, 3)).mean()),
    ),
)  # fmt: skip
_GRADIENTS = (
    _mutation(
        "rectifier-gradient-0-at-0", "Z24", "The gradient of a rectifier at exactly 0 is 0.", "grad/conv2/pre",
        "rectifier-gradient-at-zero", rectifying(lambda _, x: torch.relu(x)), "ties",
    ),
    _mutation(
        "rectifier-gradient-1-at-0", "Z24", "The gradient of a rectifier at exactly 0 is 1.", "grad/conv2/pre",
        "rectifier-gradient-at-zero", rectifying(lambda _, x: torch.clamp(x, min=0)), "ties",
    ),
    _mutation(
        "rectifier-gradient-passed-on", (), "The backward pass leaves the rectifiers out.", "grad/conv2/pre", "",
        rectifying(lambda _, x: PassedOn.apply(x)),
    ),
    _mutation(
        "loss-gradient-at-ties", (), "Where estimate and target are equal, the loss still pulls.", "grad/output", "",
        losing(lambda estimate, target: TiesAbove.apply(estimate - target).mean()), "ties",
    ),
    _mutation(
        "bias-gradient-mean", (), "The gradient of a bias is the mean over batch and pixels, not the sum.",
        "grad/conv3/b", "bias-gradient-mean",
        convolving(lambda correlate, x, W, b: correlate(x, W, 0 * b) + MeanBias.apply(b, x, W)),
    ),
    _mutation(
        "gradient-filters-not-flipped", (), "The backward pass correlates with filters as the forward pass does.",
        "grad/conv2/out", "gradient-filters-not-flipped",
        convolving(lambda _, x, W, b: FlippedGradient.apply(x, W, b)),
    ),
)  # fmt: skip
NETWORK: tuple[Mutation, ...] = (*_FILTERS, *_SUMS, *_RECTIFIERS, *_LOSSES, *_GRADIENTS)
