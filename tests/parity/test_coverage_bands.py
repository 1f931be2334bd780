"""A probe is told which bands it tells apart and which mistakes in kernels, maps and biases it would show."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parity import operations
from parity.coverage import branches
from parity.coverage_bands import separating
from parity.graph import Node
from parity.symmetries import symmetries
from parity.trace import Record

SELECT = Node("selected", "select", ("images",), {"axis": 1, "indices": [2, 0]})
LAYER = Node("conv/pre", "convolution_valid", ("images", "W", "b"))
RANDOM = np.random.default_rng(3)
IMAGES, KERNELS, BIASES = RANDOM.normal(size=(2, 3, 7, 8)), RANDOM.normal(size=(4, 3, 3, 3)), RANDOM.normal(size=4)


def reached(node: Node, result: np.ndarray, *inputs: np.ndarray, dtype: str = "float64") -> dict[str, int]:
    """What a stage with these inputs would show."""
    arrays = dict(zip(node.inputs, inputs, strict=True)) | {node.stage: result}
    graph = [*(Node(name, "given") for name in node.inputs), node]
    manifest = {"graph": [each.as_json() for each in graph], "dtype": dtype}
    return branches(Record(Path("t.npz"), manifest, arrays, ""))[node.stage]


def selected(images: np.ndarray) -> dict[str, int]:
    """What a selection of bands 2 and 0 tells apart."""
    return reached(SELECT, images[:, [2, 0]], images)


def convolved(
    images: np.ndarray = IMAGES, W: np.ndarray = KERNELS, b: np.ndarray = BIASES, dtype: str = "float64"
) -> dict[str, int]:
    """What a convolution would show."""
    return reached(LAYER, operations.convolution_valid(images, W, b), images, W, b, dtype=dtype)


def test_bands_that_differ_are_told_apart_in_each_pixel() -> None:
    """Noise of 2 x 7 x 8 pixels."""
    assert selected(IMAGES) == {"band 2": 112, "band 0": 112}


@pytest.mark.parametrize(
    "same", [lambda x: x, lambda x: -3 * x, lambda x: x + 100, lambda x: 0 * x], ids=["equal", "multiple", "shift", "0"]
)
def test_band_like_another_is_told_apart_in_none(same: Callable[[np.ndarray], np.ndarray]) -> None:
    """Band 2 is made of band 1, which is not selected: it might be taken for it."""
    images = IMAGES.copy()
    images[:, 2] = same(images[:, 1])
    assert selected(images)["band 2"] == 0


def test_bands_need_differ_in_one_image_only() -> None:
    """Two bands that are multiples in each image, by another factor in each, are no multiples over all."""
    images = IMAGES.copy()
    images[0, 2], images[1, 2] = 2 * images[0, 0], 3 * images[1, 0]
    assert selected(images) == {"band 2": 112, "band 0": 112}


def test_single_band_must_vary() -> None:
    """Alone it is told from its own first pixel."""
    node = Node("selected", "select", ("images",), {"axis": 1, "indices": [0]})
    one = IMAGES[:, :1]
    assert reached(node, one, one) == {"band 0": 111}
    assert reached(node, 0 * one, 0 * one) == {"band 0": 0}


def test_rasters_cut_into_patches_are_bands() -> None:
    """Each has the raster's name; the last is twice the first."""
    first, second = RANDOM.normal(size=(2, 9, 9))
    corners = np.array([[0, 0], [4, 3]])
    node = Node("patches", "cut", ("VH", "VV", "DEM", "corners"), {"side": 4, "margin": 0})
    patches = operations.select(np.stack([first, second, 2 * first]), axis=0, indices=[0, 1, 2])
    cut = np.stack([patches[:, row : row + 4, col : col + 4] for row, col in corners])
    assert reached(node, cut, first, second, 2 * first, corners) == {"band VH": 0, "band VV": 32, "band DEM": 0}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_sound_convolution_shows_every_mistake(dtype: str) -> None:
    """Seven symmetries, maps and biases exchanged, a bias left out."""
    found = convolved(dtype=dtype)
    assert len(found) == 11
    assert all(found.values())


@pytest.mark.parametrize(
    ("turned", "hidden"),
    [
        (lambda W: W + W[:, :, ::-1], {"rows flipped"}),
        (lambda W: W + W[..., ::-1], {"cols flipped"}),
        (lambda W: W + W[:, :, ::-1, ::-1], {"turned half round"}),
        (lambda W: W + W.swapaxes(2, 3), {"transposed"}),
    ],
    ids=["rows", "cols", "half", "transposed"],
)
def test_symmetric_kernels_do_not_show_their_symmetry(turned: Callable[..., np.ndarray], hidden: set[str]) -> None:
    """Laid down in that other way they are the same kernels."""
    assert {name for name, count in convolved(W=turned(KERNELS)).items() if not count} == hidden


def test_images_hide_what_is_the_same_on_them() -> None:
    """Asymmetric kernels are not enough: in constant images no symmetry is seen, nor an exchange of equal maps."""
    found = convolved(images=np.ones_like(IMAGES))
    assert {name for name, count in found.items() if count} == {
        "output maps exchanged", "biases exchanged", "bias left out",
    }  # fmt: skip


def test_equal_maps_do_not_show_their_exchange() -> None:
    """Two input maps alike; two filters alike with equal biases."""
    images, W, b = IMAGES.copy(), KERNELS.copy(), BIASES.copy()
    images[:, 1], W[2], b[2] = images[:, 0], W[3], b[3]
    hidden = {name for name, count in convolved(images, W, b).items() if not count}
    assert hidden == {"input maps exchanged", "output maps exchanged", "biases exchanged"}


def test_biases_of_zero_do_not_show_their_absence() -> None:
    """Neither that nor an exchange."""
    hidden = {name for name, count in convolved(b=0 * BIASES).items() if not count}
    assert hidden == {"biases exchanged", "bias left out"}


def test_mistake_below_the_bound_is_not_shown() -> None:
    """Biases of 1e-9 are lost in what float32 may err by, and are seen in float64."""
    assert convolved(b=1e-9 * BIASES, dtype="float32")["bias left out"] == 0
    assert convolved(b=1e-9 * BIASES, dtype="float64")["bias left out"] > 0


def test_map_of_zeros_has_nothing_to_exchange() -> None:
    """Two dead maps may change places; a living one may not."""
    images = IMAGES.copy()
    images[:, :1] = 0
    assert convolved(images=images)["input maps exchanged"] > 0
    images[:, :2] = 0
    assert convolved(images=images)["input maps exchanged"] == 0


def test_correlation_is_tried_alike() -> None:
    """Where nothing is flipped the same mistakes are seen."""
    node = Node("conv/pre", "correlation_valid", ("images", "W", "b"))
    result = operations.correlation_valid(IMAGES, KERNELS, BIASES)
    found = reached(node, result, IMAGES, KERNELS, BIASES)
    assert len(found) == 11
    assert all(found.values())


@pytest.mark.parametrize(("shape", "count"), [((3, 3), 7), ((2, 2), 7), ((2, 3), 3), ((1, 3), 1), ((1, 1), 0)], ids=str)
def test_kernel_has_as_many_other_ways_as_its_shape_allows(shape: tuple[int, int], count: int) -> None:
    """A kernel that is not square cannot be transposed; one pixel has no other way."""
    assert len(symmetries(*shape)) == count


def test_images_built_to_separate_hypotheses_are_counted() -> None:
    """One single pixel, one ramp; a constant, a slope along the rows alone and noise are neither."""
    rows, cols = np.mgrid[:4, :5]
    images = np.zeros((5, 1, 4, 5))
    images[0, 0, 2, 3] = 7
    images[1, 0], images[2, 0], images[3, 0] = 2 * rows - 3 * cols, 5, rows
    images[4, 0] = RANDOM.normal(size=(4, 5))
    assert separating(images) == {"single pixels": 1, "ramps": 1}
    assert separating(images[2:]) == {}


def test_single_map_cannot_be_exchanged() -> None:
    """Of one input map, or one filter, there is no other; what these shapes do not have is not counted."""
    one_map = convolved(IMAGES[:, :1], KERNELS[:, :1])
    one_filter = convolved(IMAGES, KERNELS[:1], BIASES[:1])
    assert {"output maps exchanged", "biases exchanged"} <= one_map.keys()
    assert "input maps exchanged" not in one_map
    assert "input maps exchanged" in one_filter
    assert not {"output maps exchanged", "biases exchanged"} & one_filter.keys()
