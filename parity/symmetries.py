"""The symmetries of a kernel: the eight ways to lay it down, of which a port must take the right one."""

from collections.abc import Mapping

import numpy as np

from parity.data_operations import transformed

NAMES: Mapping[int, str] = {
    1: "turned a quarter",
    2: "turned half round",
    3: "turned three quarters",
    4: "cols flipped",
    5: "transposed and turned half round",
    6: "rows flipped",
    7: "transposed",
}
"""Those that change a kernel, by the number that `data_operations.transformed` gives them; 0 leaves it as it is."""


def symmetries(height: int, width: int) -> list[int]:
    """The numbers of those that keep the shape of a kernel and move some of its weights."""
    places = np.arange(height * width).reshape(height, width)
    found: list[int] = []
    laid = [places]
    for number in NAMES:
        moved = transformed(places, number)
        if moved.shape == places.shape and not any(np.array_equal(moved, other) for other in laid):
            found.append(number)
            laid.append(moved)
    return found
