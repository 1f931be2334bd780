"""Patches of a scene: where they may lie, in what order they are used, and what is cut there.

Corners are (row, col) of a patch's first pixel, int64. Rows and columns of an image come first and second.
"""
from __future__ import division

import numpy as np

from legacy.trace import BadInput

VALIDATION_SHARE = 0.2  # public program: of 19000 patches the first 15200 train and the next 3800 validate


def exclude(mask, region):
    """Return uint8: 1 where the stored ``mask`` is not 0 or inside ``region`` (row0, row1, col0, col1), else 0."""
    row0, row1, col0, col1 = region
    excluded = (mask != 0).astype(np.uint8)
    excluded[row0:row1, col0:col1] = 1
    return excluded


def clear_patches(masks, side, stride, origin):
    """Return the corners, of shape (n, 2) row by row, of the patches that are 0 in all ``masks`` everywhere.

    Corners lie every ``stride`` pixels from ``origin`` on; the original's origin 1 leaves the first row and column unused.
    """
    rows, cols = masks[0].shape
    corners = []
    for row in range(origin, rows - side + 1, stride):
        for col in range(origin, cols - side + 1, stride):
            if not any(mask[row:row + side, col:col + side].any() for mask in masks):
                corners.append((row, col))
    return np.array(corners, np.int64).reshape(-1, 2)


def shuffle(corners, permutation):
    """Return ``corners`` in the order of the numbers of ``permutation`` that are below their count.

    Raises BadInput where the permutation is shorter than the list.
    """
    if len(permutation) < len(corners):
        raise BadInput("split/permutation has %d numbers for %d clear patches, expected at least as many. "
                       "Write the request again." % (len(permutation), len(corners)))
    return corners[permutation[permutation < len(corners)]]


def shares(limit):
    """Return how many of a shuffled list of at most ``limit`` patches train, and how many after them validate.

    Shares of the limit, not of the patches there are: where there are fewer, all train before any validates.
    """
    validation = int(round(limit * VALIDATION_SHARE))
    return limit - validation, validation


def batch_order(count, batch_size, epochs):
    """Return the rows used at each step, int64 of shape (steps, batch_size), of a list of ``count`` patches.

    List order in every epoch, never shuffled again, an incomplete last batch dropped. Raises BadInput where that leaves none: the
    original divides by the number of batches.
    """
    batches = count // batch_size
    if batches == 0:
        raise BadInput("%d training patches are fewer than a batch of %d, with which the original ends in a division "
                       "by zero; expected at least a batch. Write the request again." % (count, batch_size))
    epoch = np.arange(batches * batch_size, dtype=np.int64).reshape(batches, batch_size)
    return np.concatenate([epoch] * epochs)


def border(sides):
    """Return the pixels that filters of ``sides`` take from each edge of an image: half of what each side has beyond 1.

    Python 2's ``/`` of whole numbers, here ``//``: 8 for 9, 5, 5.
    """
    return sum((side - 1) // 2 for side in sides)


def cut(images, corners, side, margin, dtype):
    """Return the patches at ``corners`` less ``margin`` pixels all around, of shape (patch, image, row, col)."""
    inner = side - 2 * margin
    patches = np.empty((len(corners), len(images), inner, inner), dtype)
    for patch, (row, col) in zip(patches, corners):
        for channel, image in zip(patch, images):
            channel[...] = image[row + margin:row + margin + inner, col + margin:col + margin + inner]
    return patches


def crop(images, region, dtype):
    """Return ``region`` (row0, row1, col0, col1) of all ``images``, of shape (1, image, row, col)."""
    row0, row1, col0, col1 = region
    return np.array([[image[row0:row1, col0:col1] for image in images]], dtype)
