"""A finding: what one check of one stage saw, in units of its bound."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import EllipsisType

import numpy as np

from parity.errors import ParityError

Window = tuple[slice, ...] | EllipsisType
"""A part of an array, or all of it."""


class Verdict(StrEnum):
    """What a check proves; `VACUOUS` and `NOT EXERCISED` prove nothing and do not pass."""

    PASS = "PASS"
    FAIL = "FAIL"
    VACUOUS = "VACUOUS"
    NOT_EXERCISED = "NOT EXERCISED"

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 vacuous or not exercised (3, no witness, is no verdict)."""
        return {Verdict.PASS: 0, Verdict.FAIL: 1}.get(self, 2)


class Check(StrEnum):
    """What was compared with what."""

    INTEGRITY = "integrity"  # that the two traces may be compared at all
    GIVEN = "given"  # weights and inputs as each side holds them
    REFERENCE = "reference"  # the legacy against float64 numpy on the legacy's own inputs
    FORCED = "teacher-forced"  # the port on the legacy's inputs against the legacy
    OWN_INPUT = "own input"  # the port against float64 numpy on the port's own inputs
    FREE = "free-running"  # the port on its own results against the legacy
    TRAJECTORY = "trajectory"  # after many steps
    TRUTH = "truth"  # either side after many steps against float64 numpy
    COVERAGE = "coverage"  # that the probe reached every branch
    LEDGER = "ledger"  # a run of the port with one switch of its own against the ledger's entry


_SIDES: Mapping[Check, tuple[str, str]] = {
    Check.REFERENCE: ("legacy", "numpy"),
    Check.OWN_INPUT: ("numpy", "port"),
    Check.TRUTH: ("numpy", "legacy"),
}
"""Whose the expected and the actual values are, where they are not the legacy's and the port's."""


@dataclass(frozen=True)
class Finding:
    """One check of one stage.

    Attributes:
        stage: the stage's name, or the manifest's field.
        check: what was compared.
        verdict: what it proves.
        message: what was seen, with both values where there are two.
        share: largest error in units of its bound (0 to 1 passes); None where nothing is measured.
        elements: how many numbers were compared.
    """

    stage: str
    check: Check
    verdict: Verdict
    message: str
    share: float | None = None
    elements: int = 0

    @property
    def id(self) -> str:
        """The name that this finding has in every report."""
        return f"{self.stage}:{self.check}"


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """FAIL over VACUOUS and NOT EXERCISED over PASS; FAIL when there are none."""
    return max(
        verdicts, key=[Verdict.PASS, Verdict.NOT_EXERCISED, Verdict.VACUOUS, Verdict.FAIL].index, default=Verdict.FAIL
    )


def measure(
    stage: str,
    check: Check,
    *,
    expected: np.ndarray,
    actual: np.ndarray,
    bound: np.ndarray,
    meant_constant: bool = False,
    proving: Window = ...,
) -> Finding:
    """Compare two arrays element by element; NaN and infinity on either side fail, so does another shape or dtype.

    Args:
        stage: the stage's name.
        check: what is compared.
        expected: the legacy's values, or numpy's.
        actual: the port's values; of a check of the legacy alone those of numpy, or the legacy's against numpy's.
        bound: largest allowed |actual - expected| per element, same shape.
        meant_constant: whether one number everywhere is what the stage is for, and so no sign of a dead one.
        proving: where the elements lie that can prove anything.
    """
    one, other = _SIDES.get(check, ("legacy", "port"))
    if (expected.shape, expected.dtype) != (actual.shape, actual.dtype):
        message = f"{stage}: {one} is {kind(expected)}, {other} is {kind(actual)}"
        return Finding(stage, check, Verdict.FAIL, message)
    broken = [int((~np.isfinite(array)).sum()) for array in (expected, actual)]
    if any(broken):
        counts = f"{broken[0]} elements of {_the(one)}, {broken[1]} of {_the(other)}"
        message = f"{stage} {kind(expected)}: NaN or infinite in {counts}"
        return Finding(stage, check, Verdict.FAIL, message)
    error = np.asarray(np.abs(actual.astype(np.float64) - expected.astype(np.float64)))
    share = _shares(error, bound)
    over = int((~(error <= bound)).sum())
    largest = float(share.max(initial=0.0))
    reason = "" if meant_constant else _proves_nothing(expected[proving], bound[proving])
    sound = Verdict.VACUOUS if reason else Verdict.PASS
    message = f"{stage}: no elements"
    if error.size:
        index = tuple(int(i) for i in np.unravel_index(int(share.argmax()), share.shape))
        message = (
            f"{stage} {kind(expected)}: {over} of {share.size} over bound; worst {float(share[index]):.3g} x bound at "
            f"{index}, {one} {float(expected[index])!r}, {other} {float(actual[index])!r}"
        )
        message += f"; proves nothing: {reason}" if reason and not over else ""
    return Finding(stage, check, Verdict.FAIL if over else sound, message, largest, int(error.size))


def require_shape(stage: str, *, recorded: np.ndarray, computed: np.ndarray) -> None:
    """Raise ParityError unless a recorded entry has the shape that its graph gives it."""
    if recorded.shape != computed.shape:
        raise ParityError(
            f"{stage}: recorded with shape {recorded.shape}, its graph gives {computed.shape}; record it again"
        )


def _shares(error: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Error over bound, with 0 / 0 = 0, x / 0 = infinity, and infinity where the bound is NaN, which allows nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isnan(bound), np.inf, np.where(error == 0, 0.0, error / bound))


def _proves_nothing(expected: np.ndarray, bound: np.ndarray) -> str:
    """Why a wrong program would pass too: one number everywhere, or all (if any) within what it may err; or empty."""
    if expected.size > 1 and bool((expected == expected.flat[0]).all()):
        return "it is the same everywhere"
    return "it is nowhere larger than its bound" if bool((np.abs(expected) <= bound).all()) else ""


def _the(side: str) -> str:
    return side if side == "numpy" else f"the {side}"


def kind(array: np.ndarray) -> str:
    """Shape and dtype, as they stand in every message."""
    return f"{array.shape} {array.dtype}"
