"""A Lasagne filter is a PyTorch filter flipped in rows and columns: this file alone knows how one becomes the other.

Lasagne's `Conv2DLayer` convolves (it flips the filter as it slides), PyTorch's `Conv2d` correlates. Biases are equal.
The original's filters are all "flipped"; "as-stored" are those of a layer told not to flip (`flip_filters=False`).
The original saves `numpy.savez(path, W1, b1, W2, b2, W3, b3)`, which names the arrays arr_0 to arr_5.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from port.bands import VARIANTS, variant_bands
from port.errors import WeightsError
from port.files import replacing
from port.network import LAYERS
from port.npz import read_arrays
from port.recipes import Filters

Shape = tuple[int, ...]


def to_torch(W: Float[np.ndarray, "out in row col"]) -> Float[Tensor, "out in row col"]:
    """A Lasagne filter bank as `Conv2d.weight`, same dtype, in memory of its own."""
    return torch.from_numpy(np.ascontiguousarray(W[:, :, ::-1, ::-1]).copy())


def from_torch(weight: Float[Tensor, "out in row col"]) -> Float[np.ndarray, "out in row col"]:
    """A `Conv2d.weight`, its gradient or its velocity as Lasagne stores it, same dtype, in memory of its own."""
    return np.ascontiguousarray(weight.detach().cpu().numpy()[:, :, ::-1, ::-1])


def as_weight(W: Float[np.ndarray, "out in row col"], filters: Filters) -> Float[Tensor, "out in row col"]:
    """A filter bank as `Conv2d.weight`, flipped or as stored, in memory of its own."""
    return to_torch(W) if filters == "flipped" else torch.from_numpy(W.copy())


def as_filters(weight: Float[Tensor, "out in row col"], filters: Filters) -> Float[np.ndarray, "out in row col"]:
    """A `Conv2d.weight`, its gradient or its velocity as a filter bank, flipped or as stored, in memory of its own."""
    return from_torch(weight) if filters == "flipped" else weight.detach().cpu().numpy().copy()


def to_state(parameters: Sequence[Float[np.ndarray, "..."]], filters: Filters = "flipped") -> dict[str, Tensor]:
    """Lasagne's list W1, b1, W2, b2, ... as a `FusionCNN` state: conv1.weight, conv1.bias, ..."""
    state: dict[str, Tensor] = {}
    for number, (W, b) in enumerate(zip(parameters[::2], parameters[1::2], strict=True), start=1):
        state[f"conv{number}.weight"] = as_weight(W, filters)
        state[f"conv{number}.bias"] = torch.from_numpy(b.copy())
    return state


def from_state(state: Mapping[str, Tensor], filters: Filters = "flipped") -> list[Float[np.ndarray, "..."]]:
    """A `FusionCNN` state as Lasagne's list W1, b1, W2, b2, ..."""
    parameters: list[np.ndarray] = []
    for number in range(1, len(state) // 2 + 1):
        parameters.append(as_filters(state[f"conv{number}.weight"], filters))
        parameters.append(state[f"conv{number}.bias"].detach().cpu().numpy().copy())
    return parameters


def expected_shapes(variant: str) -> tuple[Shape, ...]:
    """The shapes of W1, b1, W2, b2, W3, b3 for a variant."""
    shapes: list[Shape] = []
    inputs = len(variant_bands(variant))
    for filters, side_px in LAYERS:
        shapes += [(filters, inputs, side_px, side_px), (filters,)]
        inputs = filters
    return tuple(shapes)


def write_npz(path: Path, state: Mapping[str, Tensor], filters: Filters = "flipped") -> None:
    """Write the weights as the original saves them, arr_0 to arr_5.

    Raises:
        OutputError: the file cannot be written; nothing is left of it.
    """
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, *from_state(state, filters))


def read_npz(path: Path, variant: str, filters: Filters = "flipped") -> dict[str, Tensor]:
    """The `FusionCNN` state in a file the original saved for this variant, dtype as stored.

    Raises:
        WeightsError: not such a file, or arrays of another number, kind, shape or order.
        SettingError: an unknown variant.
    """
    arrays = _arrays(path)
    shapes = expected_shapes(variant)
    names = tuple(f"arr_{index}" for index in range(len(shapes)))
    if set(arrays) != set(names):
        raise WeightsError(
            f"{path} holds {', '.join(sorted(arrays))[:400] or 'no arrays'}; a file saved by the original holds "
            f"{names[0]} to {names[-1]} (W1, b1, W2, b2, W3, b3). Give a file written by its "
            f"numpy.savez(path, *parameters)"
        )
    parameters = [arrays[name] for name in names]
    _check_shapes(path, variant, parameters, shapes)
    for name, array in zip(names, parameters, strict=True):
        _check_values(path, name, array)
    return to_state(parameters, filters)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz, none of them pickled."""
    try:
        return read_arrays(path)
    except FileNotFoundError:
        raise WeightsError(
            f"there is no weight file {path}; give a checkpoint .safetensors or the original's .npz"
        ) from None
    except (OSError, ValueError) as problem:
        reason = " ".join(str(problem).split())[:400]
        raise WeightsError(
            f"{path} is no .npz of plain arrays ({reason}); give a file saved by numpy.savez"
        ) from problem


def _check_values(path: Path, name: str, array: np.ndarray) -> None:
    """Raise WeightsError unless the array holds finite float32 or float64 numbers."""
    if array.dtype not in (np.float32, np.float64):
        raise WeightsError(f"{path}: {name} is {array.dtype}, expected float32 or float64; save the weights as floats")
    bad = int((~np.isfinite(array)).sum())
    if bad:
        raise WeightsError(
            f"{path}: {bad} of {array.size} values of {name} are NaN or infinite, expected none; that training run "
            f"diverged, use another checkpoint"
        )


def _check_shapes(path: Path, variant: str, parameters: Sequence[np.ndarray], expected: tuple[Shape, ...]) -> None:
    """Raise WeightsError naming the first array of another shape, and what is likely the matter."""
    actual = tuple(array.shape for array in parameters)
    for index, (found, wanted) in enumerate(zip(actual, expected, strict=True)):
        if found != wanted:
            letter = "Wb"[index % 2] + str(index // 2 + 1)
            raise WeightsError(
                f"{path}: arr_{index} ({letter}) has shape {found}, expected {wanted} for variant {variant}; "
                f"{_likely_cause(actual, expected)}"
            )


def _likely_cause(actual: tuple[Shape, ...], expected: tuple[Shape, ...]) -> str:
    """What would explain these shapes, and what to do."""
    others = [name for name in VARIANTS if expected_shapes(name) == actual]
    if others:
        return f"the shapes are those of variant {' or '.join(others)}: give it as the variant"
    if sorted(actual) == sorted(expected):
        return "the arrays are in another order: save them as W1, b1, W2, b2, W3, b3"
    if all(sorted(found) == sorted(wanted) for found, wanted in zip(actual, expected, strict=True)):
        return "the axes are transposed: store filters as (out, in, row, col)"
    return "the file was saved by another network: only 48 @ 9x9, 32 @ 5x5, 1 @ 5x5 can be read"
