"""The third opinion: every operation of a graph in float64 numpy, forward and backward, free of any framework.

Shapes: images (batch, channel, row, col); filters (out, in, row, col) in Lasagne's orientation, that is flipped by the
convolution as mathematics writes it; `delta` is the gradient of the loss with respect to a convolution's result.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import DTypeLike

from parity.errors import ParityError
from parity.graph import Graph, Node

Images = Float[np.ndarray, "batch in row col"]
Delta = Float[np.ndarray, "batch out valid_row valid_col"]
Filters = Float[np.ndarray, "out in height width"]
Values = Mapping[str, np.ndarray]
Operation = Callable[..., np.ndarray]
"""Arrays in, attributes by keyword, one array out, in the inputs' dtype."""


def _windows(images: Images, height: int, width: int) -> np.ndarray:
    """All windows of an image: (batch, channel, row, col, height, width), a view."""
    return np.lib.stride_tricks.sliding_window_view(images, (height, width), axis=(2, 3))


def convolution_valid(images: Images, W: Filters, b: Float[np.ndarray, "out"]) -> Delta:
    """out[n, f, y, x] = b[f] + sum over c, i, j of W[f, c, i, j] images[n, c, y + h - 1 - i, x + w - 1 - j]."""
    windows = _windows(images, *W.shape[2:])
    out = np.tensordot(windows, W[:, :, ::-1, ::-1], axes=([1, 4, 5], [1, 2, 3])) + b
    return np.moveaxis(out, 3, 1)


def convolution_valid_gradient_weights(images: Images, delta: Delta) -> Filters:
    """dW[f, c, i, j] = sum over n, y, x of delta[n, f, y, x] images[n, c, y + h - 1 - i, x + w - 1 - j]."""
    height, width = (images.shape[axis] - delta.shape[axis] + 1 for axis in (2, 3))
    correlated = np.tensordot(delta, _windows(images, height, width), axes=([0, 2, 3], [0, 2, 3]))
    return correlated[:, :, ::-1, ::-1]


def convolution_valid_gradient_input(W: Filters, delta: Delta) -> Images:
    """dimages[n, c, z, s] = sum over f, i, j of W[f, c, i, j] delta[n, f, z - h + 1 + i, s - w + 1 + j], 0 outside."""
    height, width = W.shape[2:]
    padded = np.pad(delta, [(0, 0), (0, 0), (height - 1, height - 1), (width - 1, width - 1)])
    out = np.tensordot(_windows(padded, height, width), W, axes=([1, 4, 5], [0, 2, 3]))
    return np.moveaxis(out, 3, 1)


def bias_gradient(delta: Delta) -> Float[np.ndarray, "out"]:
    """The sum over batch, row and col."""
    return np.asarray(delta.sum(axis=(0, 2, 3)))


def rectify(before: np.ndarray) -> np.ndarray:
    """max(x, 0)."""
    return np.asarray(np.maximum(before, 0))


def rectify_gradient(before: np.ndarray, delta: np.ndarray, *, at_zero: float) -> np.ndarray:
    """Delta where before > 0, at_zero * delta where before is exactly 0, else 0."""
    gate = np.where(before > 0, 1.0, np.where(before == 0, at_zero, 0.0)).astype(delta.dtype)
    return np.asarray(delta * gate)


def mean_absolute_error(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The mean of |prediction - target| over all elements."""
    return np.asarray(np.abs(prediction - target).mean())


def mean_absolute_error_gradient(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    """sign(prediction - target) / number of elements, 0 at a tie."""
    return np.asarray(np.sign(prediction - target) / prediction.size)


def identity(value: np.ndarray) -> np.ndarray:
    """The value itself."""
    return value


def rows(values: np.ndarray, *, start: int, stop: int) -> np.ndarray:
    """The patches start to stop - 1 of the list."""
    return values[start:stop]


def divide(values: np.ndarray, *, divisor: float) -> np.ndarray:
    """Every value divided by a constant."""
    return np.asarray(values / values.dtype.type(divisor))


def select(values: np.ndarray, *, axis: int, indices: list[int]) -> np.ndarray:
    """The entries at the indices along an axis, in the order of the indices."""
    return np.take(values, indices, axis=axis)


OPERATIONS: Mapping[str, Operation] = {
    operation.__name__: operation
    for operation in (
        convolution_valid,
        convolution_valid_gradient_weights,
        convolution_valid_gradient_input,
        bias_gradient,
        rectify,
        rectify_gradient,
        mean_absolute_error,
        mean_absolute_error_gradient,
        identity,
        rows,
        divide,
        select,
    )
}
EXACT = frozenset({"rows", "divide", "select", "identity", "rectify", "rectify_gradient"})
"""Operations whose result is the same bits in every sound program, given the same inputs and dtype."""
NOT_COMPUTED = ("given", "trajectory")
"""Operations without a formula of their own: read from the request; many steps (`trajectory`)."""


def compute(node: Node, values: Values) -> np.ndarray:
    """One stage from the values of its inputs: sums in float64, exact operations in the inputs' own dtype.

    Raises:
        ParityError: the judge knows no such operation, or it cannot be computed from these inputs.
    """
    inputs = [values[name] for name in node.inputs]
    if node.operation not in EXACT:
        inputs = [array.astype(np.float64, copy=False) for array in inputs]
    return _apply(node, inputs).astype(np.float64, copy=False)


def _apply(node: Node, inputs: Sequence[np.ndarray]) -> np.ndarray:
    if node.operation not in OPERATIONS:
        known = ", ".join([*OPERATIONS, *NOT_COMPUTED])
        raise ParityError(f"{node.stage}: unknown operation {node.operation!r}; the judge knows {known}")
    try:
        return np.asarray(OPERATIONS[node.operation](*inputs, **node.attributes))
    except (TypeError, ValueError, IndexError) as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(node.inputs, inputs, strict=True))
        raise ParityError(
            f"{node.stage}: {node.operation} cannot be computed from {shapes or 'nothing'} with "
            f"{dict(node.attributes)}; record it again"
        ) from error


def evaluate(nodes: Graph | list[Node], given: Values, dtype: DTypeLike = np.float64) -> dict[str, np.ndarray]:
    """All stages from the given ones, computed in dtype."""
    values: dict[str, np.ndarray] = {}
    for node in nodes:
        if node.operation == "given":
            values[node.stage] = given[node.stage].astype(dtype)
        elif node.operation != "trajectory":
            inputs = [values[name] for name in node.inputs]
            values[node.stage] = _apply(node, inputs).astype(dtype, copy=False)
    return values


def trajectory(
    graph: Graph,
    given: Values,
    training: Mapping[str, Any],
    dtype: DTypeLike = np.float64,
    disturbance: Values | None = None,
) -> dict[str, np.ndarray]:
    """Many momentum steps, computed in dtype: all `trajectory` stages of the graph; in float64, the truth.

    A disturbance, by the gradient's stage, is added to the gradients of every step.

    Step k uses batch (k - 1) mod batches of the patch list, in list order; the incomplete last batch is dropped.
    v = momentum v - learning_rate gradient; W = W + v.
    """
    parameters = [node.stage for node in graph if node.operation == "given" and node.stage.startswith("weight/")]
    gradients = {name: name.replace("weight/", "grad/", 1) for name in parameters}
    needed = graph.ancestors([*gradients.values(), "loss"])
    state = {name: value.astype(dtype) for name, value in given.items()}
    velocity = {name: np.zeros_like(state[name]) for name in parameters}
    wanted = [node for node in graph if node.operation == "trajectory"]
    truth: dict[str, np.ndarray] = {}
    added = disturbance or dict.fromkeys(gradients.values(), np.zeros((), dtype))
    losses = []
    for step in range(1, training["steps"] + 1):
        values = evaluate(_batch_nodes(needed, step, training), state, dtype)
        losses.append(float(values["loss"]))
        for name in parameters:
            gradient = values[gradients[name]] + added[gradients[name]]
            velocity[name] = training["momentum"] * velocity[name] - training["learning_rate"] * gradient
            state[name] = state[name] + velocity[name]
        for node in wanted:
            if node.attributes.get("step") == step:
                truth[node.stage] = _step_value(node, losses[-1], velocity, state)
    return truth | {node.stage: np.array(losses, dtype) for node in wanted if "step" not in node.attributes}


def _batch_nodes(nodes: list[Node], step: int, training: Mapping[str, Any]) -> list[Node]:
    """The nodes with the batch of this step in place of the first."""
    size = training["batch_size"]
    start = (step - 1) % training["batches"] * size
    window = {"start": start, "stop": start + size}
    return [Node(n.stage, n.operation, n.inputs, window) if n.operation == "rows" else n for n in nodes]


def _step_value(
    node: Node, loss: float, velocity: Mapping[str, np.ndarray], weight: Mapping[str, np.ndarray]
) -> np.ndarray:
    kind, _, name = node.attributes["of"].partition("/")
    if kind == "loss":
        return np.array(loss)
    return (velocity if kind == "velocity" else weight)[f"weight/{name}"]
