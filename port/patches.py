"""A patch is a square of pixels named by its upper left corner; it is kept where every pixel of it is valid."""

import numpy as np
from jaxtyping import Bool, Int

from port.errors import PatchError
from port.recipes import Recipe
from port.regions import Region


def patch_grid(shape: tuple[int, int], *, side_px: int, stride_px: int, origin_px: int) -> Int[np.ndarray, "patch 2"]:
    """Corners (row, col) of all patches of a raster, row by row: the method's `range(origin, H - side + 1, stride)`.

    Raises:
        PatchError: not one patch fits.
    """
    rows, cols = (np.arange(origin_px, length - side_px + 1, stride_px) for length in shape)
    if not (len(rows) and len(cols)):
        need = side_px + origin_px
        raise PatchError(
            f"a scene of {shape[0]} rows x {shape[1]} columns is too small for one patch of {side_px} x {side_px} px "
            f"from pixel {origin_px}; it needs at least {need} x {need}: choose a larger scene"
        )
    return np.stack(np.meshgrid(rows, cols, indexing="ij"), axis=-1).reshape(-1, 2)


def is_clear(
    patches: Int[np.ndarray, "patch 2"], invalid: Bool[np.ndarray, "row col"], *, side_px: int
) -> Bool[np.ndarray, "patch"]:
    """Which patches hold no invalid pixel: per row of patches, their rows are joined and the columns summed up."""
    clear = np.empty(len(patches), dtype=bool)
    for row in np.unique(patches[:, 0]):
        of_row = patches[:, 0] == row
        cols = patches[of_row, 1]
        blocked = np.concatenate([[0], np.cumsum(invalid[row : row + side_px].any(axis=0))])
        clear[of_row] = blocked[cols + side_px] == blocked[cols]
    return clear


def excluding(invalid: Bool[np.ndarray, "*date row col"], region: Region) -> Bool[np.ndarray, "*date row col"]:
    """A copy with a region, such as the test region, set invalid at every date."""
    excluded = invalid.copy()
    excluded[(..., *region.slices)] = True
    return excluded


def valid_patches(
    patches: Int[np.ndarray, "patch 2"], invalid: Bool[np.ndarray, "*date row col"], *, side_px: int
) -> Int[np.ndarray, "valid 2"]:
    """The patches, in their order, whose pixels are all valid at every date.

    Raises:
        PatchError: there is none.
    """
    any_date = np.asarray(invalid.reshape(-1, *invalid.shape[-2:]).any(axis=0))
    valid: np.ndarray = patches[is_clear(patches, any_date, side_px=side_px)]
    if not len(valid):
        raise PatchError(
            f"none of {len(patches)} patches of {side_px} x {side_px} px is free of masked and test pixels "
            f"({any_date.sum()} of {any_date.size} px are masked or kept for testing); choose a smaller test region, a "
            "scene with fewer clouds, or a smaller --stride-px"
        )
    return valid


def clear_patches(invalid: Bool[np.ndarray, "*date row col"], recipe: Recipe) -> Int[np.ndarray, "valid 2"]:
    """The patches of a recipe's grid whose pixels are all valid at every date, row by row.

    Raises:
        PatchError: there is none.
    """
    grid = patch_grid(
        (invalid.shape[-2], invalid.shape[-1]),
        side_px=recipe.patch_side_px,
        stride_px=recipe.stride_px,
        origin_px=recipe.patch_origin_px,
    )
    return valid_patches(grid, invalid, side_px=recipe.patch_side_px)
