"""The third opinion: every operation of a graph in float64 numpy, free of any framework."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from parity import data_operations, layer_operations, operations
from parity.errors import ParityError
from parity.graph import Node
from parity.properties import PROPERTIES

Values = Mapping[str, np.ndarray]
Operation = Callable[..., np.ndarray]
"""Arrays in, attributes by keyword, one array out, in the inputs' dtype."""


def _by_name(*listed: Operation) -> dict[str, Operation]:
    return {operation.__name__: operation for operation in listed}


_EXACT = _by_name(
    operations.rectify,
    operations.rectify_gradient,
    operations.identity,
    operations.rows,
    operations.divide,
    operations.divide_channels,
    operations.select,
    layer_operations.flatten,
    layer_operations.flatten_gradient,
    layer_operations.max_pool,
    data_operations.exclude,
    data_operations.clear_patches,
    data_operations.permutation,
    data_operations.shuffle,
    data_operations.batch_order,
    data_operations.reshuffled,
    data_operations.cut,
    data_operations.rows_transformed,
    data_operations.crop,
    data_operations.valid,
    data_operations.masked,
    data_operations.to_image,
    data_operations.header,
    data_operations.border,
    data_operations.normal,
    data_operations.constant,
)
_ROUNDED = _by_name(
    operations.convolution_valid,
    operations.convolution_valid_gradient_weights,
    operations.convolution_valid_gradient_input,
    operations.correlation_valid,
    operations.correlation_valid_gradient_weights,
    operations.correlation_valid_gradient_input,
    operations.bias_gradient,
    operations.add_interpolation,
    operations.mean_absolute_error,
    operations.mean_absolute_error_gradient,
    operations.root_mean_square_error,
    operations.peak_signal_to_noise_ratio,
    operations.correlation,
    layer_operations.dense,
    layer_operations.dense_gradient_weights,
    layer_operations.dense_gradient_input,
    layer_operations.max_pool_gradient,
    layer_operations.mean_pool,
    layer_operations.mean_pool_gradient,
    layer_operations.tanh,
    layer_operations.tanh_gradient,
    layer_operations.sigmoid,
    layer_operations.sigmoid_gradient,
    layer_operations.softmax,
    layer_operations.categorical_cross_entropy,
    layer_operations.softmax_cross_entropy_gradient,
)
OPERATIONS: Mapping[str, Operation] = _ROUNDED | _EXACT
EXACT = frozenset(_EXACT)
"""Operations whose result is the same bits in every sound program, given the same inputs and dtype."""
SHARED = ("given", "decode")
"""Operations whose result both sides must hold alike: read from the request; read from its GeoTIFFs."""
NOT_COMPUTED = (*SHARED, "trajectory", *PROPERTIES)
"""Operations without a formula: shared; many steps (`parity.steps`); of many right values (`parity.properties`)."""
_OWN_DTYPES = {"header": "float64"}


def entry_dtype(node: Node) -> str | None:
    """The dtype that a stage's entry has whatever the trace's is; None where it has none of its own."""
    told = node.attributes.get("dtype", _OWN_DTYPES.get(node.operation))
    return None if told is None else str(told)


def attributes(node: Node) -> dict[str, Any]:
    """The attributes that the operation takes: all but the entry's dtype."""
    return {name: value for name, value in node.attributes.items() if name != "dtype"}


def compute(node: Node, values: Values, dtype: DTypeLike | None = None) -> np.ndarray:
    """One stage from the values of its inputs: sums in float64, exact operations in their entry's own dtype.

    Args:
        node: the stage.
        values: its inputs, by stage.
        dtype: the trace's; what an exact operation gives in floating point has it, unless the node tells its own.

    Raises:
        ParityError: the judge knows no such operation, or it cannot be computed from these inputs.
    """
    inputs = [values[name] for name in node.inputs]
    if node.operation not in EXACT:
        return _apply(node, [array.astype(np.float64, copy=False) for array in inputs]).astype(np.float64, copy=False)
    return _in_dtype(node, _apply(node, inputs), dtype)


def _in_dtype(node: Node, result: np.ndarray, dtype: DTypeLike | None) -> np.ndarray:
    own = entry_dtype(node)
    if own is not None:
        return result.astype(own, copy=False)
    return result.astype(dtype, copy=False) if dtype is not None and result.dtype.kind == "f" else result


def _apply(node: Node, inputs: Sequence[np.ndarray]) -> np.ndarray:
    if node.operation not in OPERATIONS:
        known = ", ".join([*OPERATIONS, *NOT_COMPUTED])
        raise ParityError(f"{node.stage}: unknown operation {node.operation!r}; the judge knows {known}")
    try:
        return np.asarray(OPERATIONS[node.operation](*inputs, **attributes(node)))
    except (TypeError, ValueError, IndexError) as error:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in zip(node.inputs, inputs, strict=True))
        raise ParityError(
            f"{node.stage}: {node.operation} cannot be computed from {shapes or 'nothing'} with "
            f"{dict(node.attributes)} ({error}); record it again"
        ) from error


def evaluate(nodes: Iterable[Node], given: Values, dtype: DTypeLike = np.float64) -> dict[str, np.ndarray]:
    """All stages from the given ones, computed in dtype; those after training are left out."""
    values: dict[str, np.ndarray] = {}
    for node in nodes:
        if node.stage in given:
            values[node.stage] = given[node.stage].astype(dtype, copy=False)
        elif node.operation != "trajectory":
            inputs = [values[name] if name in values else given[name].astype(dtype, copy=False) for name in node.inputs]
            values[node.stage] = _in_dtype(node, _apply(node, inputs), dtype).astype(dtype, copy=False)
    return values
