"""A split shares the valid patches out between training and validation, at random as published or by blocks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Num

from port.errors import PatchError
from port.patches import is_clear
from port.recipes import Recipe

_BLOCK_SIDES = (4, 8, 16)  # block sizes tried, in patch sides
_LOSS_ALLOWED = 0.1  # share of the patches a finer block layout may cost before a coarser one is tried


@dataclass(frozen=True)
class Split:
    """Corners of the training and the validation patches, (n, 2) and (m, 2); `note` says why validation is empty."""

    training: Int[np.ndarray, "n 2"]
    validation: Int[np.ndarray, "m 2"]
    note: str = ""


def split_patches(
    patches: Int[np.ndarray, "patch 2"],
    recipe: Recipe,
    *,
    seed: int,
    permutation: Int[np.ndarray, "numbers"] | None = None,
) -> Split:
    """The recipe's split, shuffled by a permutation drawn from the seed or by one given (deviation 15).

    Of a permutation of more numbers than there are patches those below their count are used.

    Raises:
        PatchError: fewer training patches than one batch, or a permutation that is none of all patches.
    """
    order = drawn_permutation(len(patches), seed) if permutation is None else permutation
    limit, fraction = recipe.patch_limit, recipe.validation_fraction
    if recipe.split == "random":
        split = random_split(patches, permutation=order, limit=limit, fraction=fraction)
    else:
        drawn = patches[np.sort(_permutation_of(len(patches), order)[:limit])]
        split = block_split(drawn, side_px=recipe.patch_side_px, fraction=fraction, seed=seed)
    if len(split.training) < recipe.batch_size:
        raise PatchError(
            f"{len(split.training)} training patches are fewer than one batch of {recipe.batch_size}; "
            "choose a smaller --batch-size or --stride-px, a smaller test region or a larger scene"
        )
    return split


def drawn_permutation(count: int, seed: int) -> Int[np.ndarray, "patch"]:
    """The shuffle of a seed."""
    return np.random.default_rng(seed).permutation(count)


def _permutation_of(count: int, permutation: Int[np.ndarray, "numbers"]) -> Int[np.ndarray, "patch"]:
    """The numbers below count, in the permutation's order.

    Raises:
        PatchError: one is missing or stands twice.
    """
    kept: np.ndarray = permutation[permutation < count]
    if not np.array_equal(np.sort(kept), np.arange(count)):
        raise PatchError(
            f"a permutation of {len(permutation)} numbers holds {len(kept)} below {count}, the number of patches, "
            f"expected each of 0 to {count - 1} once; give a longer one"
        )
    return kept


def shuffled(
    patches: Int[np.ndarray, "patch 2"], permutation: Int[np.ndarray, "numbers"]
) -> Int[np.ndarray, "patch 2"]:
    """The patches in the permutation's order.

    Raises:
        PatchError: the permutation is none of all patches.
    """
    found: np.ndarray = patches[_permutation_of(len(patches), permutation)]
    return found


def random_split(
    patches: Int[np.ndarray, "patch 2"],
    *,
    permutation: Int[np.ndarray, "numbers"],
    limit: int | None,
    fraction: float,
) -> Split:
    """The published split: shuffled once, the first (1 - fraction) of `limit` train, the rest up to `limit` validates.

    The counts are those of the limit (15200 and 3800 of 19000) however many patches there are: fewer all train.
    """
    train, total = shares(len(patches), limit=limit, fraction=fraction)
    listed = shuffled(patches, permutation)
    note = "" if len(patches) > train else f"validation is empty: {len(patches)} patches, the first {train} train"
    return Split(listed[:train], listed[train:total], note)


def shares(count: int, *, limit: int | None, fraction: float) -> tuple[int, int]:
    """How many of a list of patches train, and where those that validate after them end."""
    total = count if limit is None else limit
    return total - round(total * fraction), total


def block_split(patches: Int[np.ndarray, "patch 2"], *, side_px: int, fraction: float, seed: int) -> Split:
    """Spatial blocks of about `fraction` of the patches validate; those that share a pixel with them are left out.

    Small blocks spread over the scene come first; where the gap around them would cost more than a tenth of the
    patches, larger ones, then one strip along an edge; where less than half would be left to train, all train.
    """
    nobody = np.zeros(len(patches), dtype=bool)
    if fraction == 0:
        return Split(patches, patches[nobody], "validation is empty: its fraction is 0")
    best = nobody, nobody
    for order in _orders(patches, side_px, np.random.default_rng(seed)):
        validates = order <= np.sort(order)[max(0, round(fraction * len(patches)) - 1)]
        trains = is_clear(patches, _painted(patches, validates, side_px), side_px=side_px)
        if trains.sum() > best[0].sum():
            best = trains, validates
        if trains.sum() >= (1 - fraction - _LOSS_ALLOWED) * len(patches):
            break
    trains, validates = best
    if 2 * trains.sum() < len(patches):
        note = (
            f"validation is empty: beside {validates.sum()} validation patches only {trains.sum()} of {len(patches)} "
            "would be left to train, less than half, so all train"
        )
        return Split(patches, patches[nobody], note)
    return Split(patches[trains], patches[validates])


def _orders(
    patches: Int[np.ndarray, "patch 2"], side_px: int, generator: np.random.Generator
) -> Iterator[Num[np.ndarray, "patch"]]:
    """Orders in which patches may be taken for validation: shuffled blocks, finest first, then from each edge."""
    for sides in _BLOCK_SIDES:
        blocks = patches // (sides * side_px)
        names, block = np.unique(blocks, axis=0, return_inverse=True)
        yield generator.permutation(len(names))[block.reshape(-1)]
    rows, cols = patches.T
    yield from (cols, -cols, rows, -rows)


def _painted(patches: Int[np.ndarray, "patch 2"], chosen: np.ndarray, side_px: int) -> np.ndarray:
    """Bool (row, col): the pixels of the chosen patches."""
    pixels = np.zeros(tuple(patches.max(axis=0) + side_px), dtype=bool)
    for row, col in patches[chosen]:
        pixels[row : row + side_px, col : col + side_px] = True
    return pixels
