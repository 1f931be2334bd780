"""Where the port's patches lie, how many there are on the paper's scene, and how they are shared out."""

from bisect import bisect_left

import numpy as np
import rasterio
from jaxtyping import Int
from rasterio.windows import Window

from parity_tests import paper
from parity_tests.measured.small_scene import small_scene
from port.bands import Source
from port.network import BORDER_PX
from port.patches import excluding, patch_grid, valid_patches
from port.prediction import predictable
from port.recipes import recipe
from port.regions import Region
from port.scenes import Scene
from port.splits import Split, split_patches

ORIGINAL = "original"


def first_patch() -> list[int]:
    """The corner of the first patch."""
    return [int(pixel) for pixel in _grid()[0]]


def last_patch() -> list[int]:
    """The corner of the last patch."""
    return [int(pixel) for pixel in _grid()[-1]]


def stride() -> list[int]:
    """The distances between neighbours, over rows and over columns; of each direction one, or all that there are."""
    return [int(step) for axis in _grid().T for step in np.unique(np.diff(np.unique(axis)))]


def grid_patches() -> int:
    """The patches of the paper's scene if nothing were masked."""
    return len(_grid())


def patches_beside_test_region() -> int:
    """Those that share no pixel with the paper's test region."""
    scene = paper.scene()
    invalid = excluding(np.zeros(scene.shape_px, dtype=bool), scene.test_region)
    return len(valid_patches(_grid(), invalid, side_px=recipe(ORIGINAL).patch_side_px))


def split() -> list[int]:
    """How many of the paper's scene's patches train and how many validate."""
    found = _shared_out(len(_grid()))
    return [len(found.training), len(found.validation)]


def fewest_with_validation() -> int:
    """The smallest number of patches that leaves a whole batch to validation."""
    size, limit = recipe(ORIGINAL).batch_size, recipe(ORIGINAL).patch_limit or len(_grid())
    return size + bisect_left(range(size, limit + 1), size, key=lambda count: len(_shared_out(count).validation))


def valid_mask_values() -> list[int]:
    """Which of the values 0, 1, 2, 255 in a MASK file leave a pixel valid."""
    with small_scene() as scene:
        values = [0, 1, 2, 255]
        valid = ~_masked_with(scene, values).masks(Region(0, 1, 0, len(values)))[0, 0]
        return [value for value, is_valid in zip(values, valid, strict=True) if is_valid]


def predicted(recipe_name: str) -> list[int]:
    """First and last-plus-one row, then column, of what is estimated of the test region."""
    found = _predicted(recipe_name)
    return [found.row_start, found.row_stop, found.col_start, found.col_stop]


def predicted_shape(recipe_name: str) -> list[int]:
    """Its (rows, columns)."""
    return list(_predicted(recipe_name).shape)


def _shared_out(count: int) -> Split:
    """The original's split of so many patches."""
    return split_patches(_grid()[:count], recipe(ORIGINAL), seed=0)


def _grid() -> Int[np.ndarray, "patch 2"]:
    """The corners of the paper's scene's patches, no mask."""
    original = recipe(ORIGINAL)
    return patch_grid(
        paper.scene().shape_px,
        side_px=original.patch_side_px,
        stride_px=original.stride_px,
        origin_px=original.patch_origin_px,
    )


def _predicted(recipe_name: str) -> Region:
    """What a recipe can estimate of the paper's test region."""
    scene = paper.scene()
    return predictable(scene.test_region, scene.shape_px, recipe(recipe_name), BORDER_PX)


def _masked_with(scene: Scene, values: list[int]) -> Scene:
    """The scene with these values in the first row of the first date's MASK."""
    path = scene.rasters[Source("MASK", 0)].path
    with rasterio.open(path, "r+") as file:
        file.write(np.array([values], dtype=file.dtypes[0]), 1, window=Window(0, 0, len(values), 1))
    return Scene.open(scene.directory)
