"""Mistakes between a scene's masks and its training patches: patch list, split, order, cut."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from parity_tests.mutation import Mutation, Plant, replaced, together, wrapped
from parity_tests.zoo_scenes import SCENES, mistake
from port import patches, scene_recording, scenes, splits
from port.bands import SOURCES, Band, Source
from port.dataset import SentinelPatchDataset
from port.network import BORDER_PX
from port.scenes import Scene
from port.splits import Split

Cut = tuple[np.ndarray, np.ndarray]


# --- patches/index


def _grid(**wrong: int) -> Plant:
    """The grid of patches from another origin, or by another stride."""

    def grid(original: Callable[..., np.ndarray], shape: tuple[int, int], **places: int) -> np.ndarray:
        return original(shape, **places | wrong)

    return wrapped(patches, "patch_grid", grid)


def _without_last(axis: int) -> Plant:
    """As many corners as whole strides fit into what a patch leaves, and not the one more at its end."""

    def grid(original: Callable[..., np.ndarray], shape: tuple[int, int], **places: int) -> np.ndarray:
        corners = original(shape, **places)
        return corners[corners[:, axis] < corners[:, axis].max()]

    return wrapped(patches, "patch_grid", grid)


def _by_columns(grid: Callable[..., np.ndarray], *arguments: Any, **places: int) -> np.ndarray:
    corners = grid(*arguments, **places)
    return corners[np.lexsort(corners.T)]


def _middle_clear(clear: Callable[..., np.ndarray], at: np.ndarray, invalid: np.ndarray, *, side_px: int) -> np.ndarray:
    return clear(at + BORDER_PX, invalid, side_px=side_px - 2 * BORDER_PX)


_PATCHES = (
    mistake(
        "patches-from-0", "patches/index", "Patches begin at row and column 0.", _grid(origin_px=0),
        rows=("Z30",), known="origin",
    ),
    mistake(
        "patches-every-7", "patches/index", "Patches lie 7 pixels apart.", _grid(stride_px=7),
        rows=("Z30",), known="stride",
    ),
    mistake(
        "patches-every-9", "patches/index", "Patches lie 9 pixels apart.", _grid(stride_px=9),
        rows=("Z30",), known="stride",
    ),
    mistake(
        "last-row-of-patches-lost", "patches/index", "The last row of patches is left out.", _without_last(0),
        rows=("Z30",), known="last-row-or-column-lost",
    ),
    mistake(
        "last-column-of-patches-lost", "patches/index", "The last column of patches is left out.", _without_last(1),
        rows=("Z30",), known="last-row-or-column-lost",
    ),
    mistake(
        "only-the-target-s-mask-used", "patches/index", "Patches need be clear at t alone.",
        wrapped(Scene, "invalid", lambda _original, scene: scene.masks(scene.region)[1]),
        rows=("Z31",), known="only-one-mask",
    ),
    mistake(
        "masks-not-asked", "patches/index", "Clouded patches are kept.",
        wrapped(patches, "is_clear", lambda _original, at, *_, **__: np.ones(len(at), bool)), known="mask-ignored",
    ),
    mistake(
        "patches-clear-in-the-middle", "patches/index", "Patches need be clear only where their target lies.",
        wrapped(patches, "is_clear", _middle_clear),
    ),
    mistake(
        "patches-listed-by-columns", "patches/index", "Patches are listed column by column.",
        wrapped(patches, "patch_grid", _by_columns), known="other-order",
    ),
)  # fmt: skip


# --- split/*


def _split(wrong: Callable[[Split], Split]) -> Plant:
    """The two lists, changed after they were made."""
    return wrapped(splits, "random_split", lambda original, *a, **k: wrong(original(*a, **k)))


def _shuffled(wrong: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """The list in another order than the permutation's."""

    def shuffled(_original: Callable[..., np.ndarray], at: np.ndarray, permutation: np.ndarray) -> np.ndarray:
        return at[wrong(permutation[permutation < len(at)])]

    return together(wrapped(splits, "shuffled", shuffled), wrapped(scene_recording, "shuffled", shuffled))


def _validation_first(split: Split) -> Split:
    listed, held = np.concatenate([split.training, split.validation]), len(split.validation)
    return Split(listed[held:], listed[:held])


def _rounded_down(_shares: Callable[..., Any], count: int, *, limit: int | None, fraction: float) -> tuple[int, int]:
    total = count if limit is None else limit
    return total - int(total * fraction), total


def _kept(batches: Callable[..., Iterator[np.ndarray]], dataset: SentinelPatchDataset, epoch: int) -> Iterator[Any]:
    yield from batches(dataset, epoch)
    rest = len(dataset) % dataset.recipe.batch_size
    if rest:
        yield dataset.order[-rest:]


def _reshuffled(set_epoch: Callable[..., None], dataset: SentinelPatchDataset, epoch: int) -> None:
    set_epoch(dataset, epoch)
    dataset.order = np.random.default_rng((dataset.seed, epoch)).permutation(len(dataset))


def _round_and_round(
    batches: Callable[..., Iterator[np.ndarray]], dataset: SentinelPatchDataset, epoch: int
) -> Iterator[Any]:
    listed = list(batches(dataset, epoch))
    read = epoch * sum(map(len, listed))
    yield from ((indices + read) % len(dataset) for indices in listed)


_SPLIT = (
    mistake(
        "validation-from-training", "split/validation", "Validation patches are taken from those that train.",
        _split(lambda split: Split(split.training, split.training[: len(split.validation)])), known="other-split",
    ),
    mistake(
        "validation-first", "split/training", "The first patches of the list validate, the others train.",
        _split(_validation_first), known="other-split",
    ),
    mistake(
        "validation-rounded-down", "split/training", "The share that validates is rounded down.",
        wrapped(splits, "shares", _rounded_down), known="other-split",
    ),
    mistake("not-shuffled", "split/shuffled", "The list of patches is left in order.", _shuffled(np.sort)),
    mistake("shuffled-back", "split/shuffled", "The permutation is applied the other way.", _shuffled(np.argsort)),
    mistake(
        "last-partial-batch-kept", "split/order", "The incomplete last batch trains too.",
        wrapped(SentinelPatchDataset, "batch_indices", _kept), rows=("Z29",), known="partial-batch-kept",
    ),
    mistake(
        "reshuffled-each-epoch", "split/order", "Each epoch has an order of its own.",
        wrapped(SentinelPatchDataset, "set_epoch", _reshuffled), rows=("Z29",), known="reshuffled",
    ),
    mistake(
        "list-read-round-and-round", "split/order", "An epoch begins where the one before it ended in the list.",
        wrapped(SentinelPatchDataset, "batch_indices", _round_and_round),
    ),
)  # fmt: skip


# --- patches/raw, targets/raw


def _stored(wrong: Callable[[Cut], Cut]) -> Plant:
    """Patches and targets in stored units, changed after they were cut."""
    return wrapped(SentinelPatchDataset, "stored", lambda original, *arguments: wrong(original(*arguments)))


def _inputs_from(rows_px: int, cols_px: int) -> Plant:
    """Inputs are cut so many pixels further, targets are not."""

    def stored(original: Callable[..., Cut], dataset: SentinelPatchDataset, indices: Any) -> Cut:
        moved = copy.copy(dataset)
        moved.patches = dataset.patches + np.array([rows_px, cols_px])
        return original(moved, indices)[0], original(dataset, indices)[1]

    return wrapped(SentinelPatchDataset, "stored", stored)


def _targets_from(rows_px: int, cols_px: int) -> Plant:
    """Targets are cut so many pixels further in their patches, inputs are not."""

    def stored(original: Callable[..., Cut], dataset: SentinelPatchDataset, indices: Any) -> Cut:
        whole = copy.copy(dataset)
        whole.border_px = 0
        inputs, targets = original(whole, indices)
        moved = np.roll(targets, (-rows_px, -cols_px), axis=(2, 3))
        return inputs, moved[..., BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX]

    return wrapped(SentinelPatchDataset, "stored", stored)


def _from_list(wrong: Callable[[np.ndarray], np.ndarray]) -> Plant:
    """Patches are cut at another list of corners."""

    def stored(original: Callable[..., Cut], dataset: SentinelPatchDataset, indices: Any) -> Cut:
        moved = copy.copy(dataset)
        moved.patches = wrong(dataset.patches)
        return original(moved, indices)

    return wrapped(SentinelPatchDataset, "stored", stored)


def _bands(**instead: str) -> Plant:
    """Bands read from the files of others."""
    read = {band: SOURCES[Band[instead.get(band.name, band.name)]] for band in Band}
    return replaced(scenes, "SOURCES", lambda _original: read)


_CUT = (
    mistake(
        "patches-one-row-up", "patches/raw", "Inputs are cut one row too far up, targets are not.",
        _inputs_from(-1, 0), rows=("Z08",), known="shifted",
    ),
    mistake(
        "patches-one-column-left", "patches/raw", "Inputs are cut one column too far left, targets are not.",
        _inputs_from(0, -1), rows=("Z08",), known="shifted",
    ),
    mistake(
        "patches-transposed", "patches/raw", "Rows and columns of each input patch are exchanged.",
        _stored(lambda cut: (np.swapaxes(cut[0], 2, 3), cut[1])), rows=("Z09",), known="transposed",
    ),
    mistake(
        "files-of-t-1-in-place-of-t", "patches/raw", "Radar at t is read from the files of t-1.",
        _bands(VH_AT="VH_BEFORE", VV_AT="VV_BEFORE"),
    ),
    mistake(
        "files-vh-before-vv-at-t-1", "patches/raw", "VH and VV at t+1 are read in the order of the other dates.",
        _bands(VV_AFTER="VH_AFTER", VH_AFTER="VV_AFTER"), rows=("Z10",), known="channels-exchanged",
    ),
    mistake(
        "files-of-ndvi-exchanged", "patches/raw", "NDVI at t-1 is read from the file of t+1, and the other way.",
        _bands(NDVI_BEFORE="NDVI_AFTER", NDVI_AFTER="NDVI_BEFORE"), rows=("Z12",), known="channels-exchanged",
    ),
    mistake(
        "target-of-border-7", "targets/raw", "Targets are cut 7 pixels from their patch's corner.",
        _targets_from(-1, -1), rows=("Z32",), known="shifted",
    ),
    mistake(
        "target-of-border-9", "targets/raw", "Targets are cut 9 pixels from their patch's corner.",
        _targets_from(1, 1), rows=("Z32",), known="shifted",
    ),
    mistake(
        "target-one-column-off", "targets/raw", "Targets are cut one column too far left.",
        _targets_from(0, -1), rows=("Z32",), known="shifted",
    ),
    mistake(
        "target-at-t-1", "targets/raw", "The truth is NDVI at t-1.",
        replaced(scenes, "TARGET_SOURCE", lambda _original: Source("NDVI", 0)),
    ),
    mistake(
        "patch-dropped", "patches/raw", "The fourth patch is dropped, the others move up, the last stands twice.",
        _from_list(lambda at: np.delete(np.concatenate([at, at[-1:]]), 3, axis=0)),
        rows=("Z40",), known="patch-dropped",
    ),
    mistake(
        "patches-read-in-raster-order", "patches/raw", "Patches are cut in the order in which they lie in the file.",
        _from_list(lambda at: at[np.lexsort(at.T[::-1])]), rows=("Z40",), known="patches-reordered",
    ),
)  # fmt: skip

DATA_PATH: tuple[Mutation, ...] = (*SCENES, *_PATCHES, *_SPLIT, *_CUT)
"""From a scene's files to its training patches."""
