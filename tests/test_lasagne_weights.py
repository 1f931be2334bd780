"""Lasagne's weights go to PyTorch and back unchanged, and then compute a true convolution."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from port.bands import VARIANTS
from port.errors import OutputError, WeightsError
from port.lasagne_weights import expected_shapes, from_state, from_torch, read_npz, to_state, to_torch, write_npz
from port.network import make_network
from port.recipes import recipe
from port.weights import convert, read_weights

Spoil = Callable[[list[np.ndarray]], list[np.ndarray]]


def parameters(variant: str, dtype: str = "float32") -> list[np.ndarray]:
    """Numbered weights of a variant: no two alike."""
    start = 0
    made = []
    for shape in expected_shapes(variant):
        size = int(np.prod(shape))
        made.append((np.arange(start, start + size) / 2**20).astype(dtype).reshape(shape))
        start += size
    return made


@given(W=arrays(np.float64, st.tuples(*[st.integers(1, 5)] * 4), elements=st.floats(-1, 1)))
def test_filters_return_unchanged(W: np.ndarray) -> None:
    """To PyTorch and back is the identity, for every shape."""
    assert np.array_equal(from_torch(to_torch(W)), W)


@given(rows=st.integers(1, 6), cols=st.integers(1, 6), row=st.integers(0, 5), col=st.integers(0, 5))
def test_a_delta_is_moved_by_true_convolution(rows: int, cols: int, row: int, col: int) -> None:
    """A filter that is 1 at (row, col) moves an image down by row and right by col: y[i] = sum_k W[k] x[i - k]."""
    row, col = row % rows, col % cols
    W = np.zeros((1, 1, rows, cols))
    W[0, 0, row, col] = 1
    x = torch.arange(1.0, 13 * 14 + 1, dtype=torch.float64).reshape(1, 1, 13, 14)
    y = torch.nn.functional.conv2d(x, to_torch(W))
    top, left = rows - 1 - row, cols - 1 - col
    assert torch.equal(y[0, 0], x[0, 0, top : top + y.shape[2], left : left + y.shape[3]])


def test_convolution_formula() -> None:
    """The converted filter gives sum W[o, c, k, l] x[c, i - k, j - l], written out in numpy."""
    generator = np.random.default_rng(0)
    W, x = generator.normal(size=(2, 3, 3, 5)), generator.normal(size=(3, 8, 9))
    formula = np.zeros((2, 6, 5))
    for channel, row, col in np.ndindex(3, 3, 5):
        part = x[channel, 2 - row : 8 - row, 4 - col : 9 - col]
        formula += W[:, channel, row, col, None, None] * part
    actual = torch.nn.functional.conv2d(torch.from_numpy(x)[None], to_torch(W))[0].numpy()
    assert np.abs(actual - formula).max() <= 1e-12 * np.abs(formula).max()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_files_return_unchanged(variant: str, dtype: str, tmp_path: Path) -> None:
    """What the original saved, read and written again, holds the same arrays under the same names."""
    path, copy = tmp_path / f"model_ID{variant}.npz", tmp_path / "copy.npz"
    saved = parameters(variant, dtype)
    np.savez(path, *saved)
    state = read_npz(path, variant)
    write_npz(copy, state)
    with np.load(copy, allow_pickle=False) as archive:
        assert archive.files == [f"arr_{index}" for index in range(6)]
        for name, array in zip(archive.files, saved, strict=True):
            assert np.array_equal(archive[name], array)
            assert archive[name].dtype == array.dtype
    make_network(variant, recipe(precision=dtype)).load_state_dict(state)


@pytest.mark.parametrize("filters", ["flipped", "as-stored"])
def test_filters_are_read_and_written_one_way(filters: str, tmp_path: Path) -> None:
    """Flipped or as stored, a file returns unchanged; as stored a layer's weight is the very array."""
    saved = parameters("SAR")
    np.savez(tmp_path / "model.npz", *saved)
    state = read_npz(tmp_path / "model.npz", "SAR", filters)
    expected = saved[0] if filters == "as-stored" else saved[0][:, :, ::-1, ::-1]
    assert np.array_equal(state["conv1.weight"].numpy(), expected)
    write_npz(tmp_path / "again.npz", state, filters)
    with np.load(tmp_path / "again.npz", allow_pickle=False) as again:
        assert all(np.array_equal(again[f"arr_{index}"], array) for index, array in enumerate(saved))


@pytest.mark.parametrize("filters", ["flipped", "as-stored"])
def test_weight_files_follow_the_recipe_s_switch(filters: str, tmp_path: Path) -> None:
    """The .npz that a user gives is read, and converted back, with the filters of its recipe."""
    np.savez(tmp_path / "model.npz", *parameters("SAR"))
    given = {"variant": "SAR", "recipe_name": "published", "switches": {"filters": filters}}
    found = read_weights(tmp_path / "model.npz", **given)
    assert np.array_equal(from_state(found.weights, filters)[0], parameters("SAR")[0])
    convert(tmp_path / "model.npz", tmp_path / "ours.safetensors", **given)
    convert(tmp_path / "ours.safetensors", tmp_path / "theirs.npz")
    with np.load(tmp_path / "theirs.npz", allow_pickle=False) as theirs:
        assert np.array_equal(theirs["arr_2"], parameters("SAR")[2])


def test_state_and_list_are_inverse() -> None:
    """The list made of a state makes that state."""
    state = to_state(parameters("SAR"))
    again = to_state(from_state(state))
    assert list(again) == list(state)
    assert all(torch.equal(again[name], value) for name, value in state.items())


def other_variant(saved: list[np.ndarray]) -> list[np.ndarray]:
    """Weights of SOPTII."""
    return parameters("SOPTII")


def pairs_exchanged(saved: list[np.ndarray]) -> list[np.ndarray]:
    """The second layer before the first."""
    return [*saved[2:4], *saved[:2], *saved[4:]]


def filters_last(saved: list[np.ndarray]) -> list[np.ndarray]:
    """Filters stored (row, col, in, out), as TensorFlow does."""
    return [array.transpose(2, 3, 1, 0) if array.ndim == 4 else array for array in saved]


def larger(saved: list[np.ndarray]) -> list[np.ndarray]:
    """A network of 64 filters."""
    return [np.zeros((64, 9, 9, 9), np.float32), *saved[1:]]


def five(saved: list[np.ndarray]) -> list[np.ndarray]:
    """The last bias is missing."""
    return saved[:5]


def with_nan(saved: list[np.ndarray]) -> list[np.ndarray]:
    """One weight is NaN."""
    saved[2][0, 0, 0, 0] = np.nan
    return saved


def integers(saved: list[np.ndarray]) -> list[np.ndarray]:
    """Biases as whole numbers."""
    return [array.astype(int) if index == 1 else array for index, array in enumerate(saved)]


SHAPE = "arr_0 (W1) has shape {}, expected (48, 9, 9, 9) for variant SOPTIIp; "


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [
        (other_variant, SHAPE.format((48, 8, 9, 9)) + "the shapes are those of variant SOPTII: give it as the variant"),
        (pairs_exchanged, SHAPE.format((32, 48, 5, 5)) + "the arrays are in another order: save them as W1, b1"),
        (filters_last, SHAPE.format((9, 9, 9, 48)) + "the axes are transposed: store filters as (out, in, row, col)"),
        (larger, SHAPE.format((64, 9, 9, 9)) + "the file was saved by another network"),
        (five, "holds arr_0, arr_1, arr_2, arr_3, arr_4; a file saved by the original holds arr_0 to arr_5"),
        (with_nan, "1 of 38400 values of arr_2 are NaN or infinite, expected none"),
        (integers, "arr_1 is int64, expected float32 or float64"),
    ],
    ids=["other variant", "other order", "transposed", "other network", "too few", "nan", "integers"],
)
def test_other_files_are_refused(spoilt: Spoil, message: str, tmp_path: Path) -> None:
    """The error names the array, its shape, the expected one and the likely cause."""
    path = tmp_path / "model.npz"
    np.savez(path, *spoilt(parameters("SOPTIIp")))
    with pytest.raises(WeightsError, match=re.escape(message)):
        read_npz(path, "SOPTIIp")


def test_pickles_are_refused(tmp_path: Path) -> None:
    """An object array is never unpickled."""
    path = tmp_path / "model.npz"
    np.savez(path, np.array([{}], dtype=object))
    with pytest.raises(WeightsError, match=r"no .npz of plain arrays"):
        read_npz(path, "SAR")


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut short"], ids=["empty", "text", "cut"])
def test_damaged_files_are_refused(content: bytes, tmp_path: Path) -> None:
    """A file that is no .npz gets the product's error."""
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"no .npz of plain arrays"):
        read_npz(path, "SAR")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(WeightsError, match=r"there is no weight file .*absent.npz"):
        read_npz(tmp_path / "absent.npz", "SAR")


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    """A folder that does not exist is an error, and is not made."""
    with pytest.raises(OutputError, match=r"cannot write .*No such file"):
        write_npz(tmp_path / "none" / "model.npz", to_state(parameters("SAR")))
    assert not list(tmp_path.iterdir())
