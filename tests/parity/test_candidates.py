"""A candidate explains all that was recorded; what cannot be computed is explained by none."""

import numpy as np
import pytest
from stage_calls import called, names, told

from parity.candidates import count_wrong, share
from parity.diagnosis import explain
from parity.errors import ParityError

RANDOM = np.random.default_rng(8)
PATCHES = RANDOM.normal(300, 400, (5, 4, 9, 9))
MISFIT = called("convolution_valid", RANDOM.normal(size=(2, 4, 6, 6)), RANDOM.normal(size=(5, 3, 3, 3)), np.ones(5))
"""Filters of three maps on images of four."""


def test_what_cannot_be_computed_is_infinitely_far_off() -> None:
    """No number of a stage follows from inputs that do not fit together: all of them are wrong."""
    recorded = np.ones((2, 5, 4, 4))
    assert share(MISFIT, recorded) == np.inf
    assert count_wrong(MISFIT, recorded) == recorded.size


def test_what_cannot_be_computed_is_held_against_no_mistake() -> None:
    """Mistakes are tried, those that need the sound result are passed over, and none explains it."""
    found = explain(MISFIT, np.ones((2, 5, 4, 4)))
    assert (found.candidates, found.share_before) == ((), np.inf)
    assert found.tried > 0


def test_list_of_another_length_is_evidence_as_a_whole() -> None:
    """Where the sound list has another shape, no element is like it: each stands behind what was fitted."""
    found = told(called("given", PATCHES), lambda patches: patches[[0, 2, 3, 4]])
    assert names(found) == {("patch-dropped",)}
    assert found.cause == "patch 1 left out"


def test_mistake_that_does_not_fit_the_shapes_cannot_be_made() -> None:
    """It is an error of the judge's own family, which tells the stage, and so no candidate."""
    call = called("given", PATCHES).then(lambda result, bound: (result + np.ones(7), bound))
    with pytest.raises(
        ParityError, match=r"stage: this mistake cannot be made of these shapes \(operands could not be"
    ):
        call.outcome()
    assert share(call, PATCHES) == np.inf
