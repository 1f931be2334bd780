"""A candidate is a known mistake, or a pair, from which all that a port recorded at a stage follows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from parity.errors import ParityError
from parity.fitting import corner
from parity.mistakes import Call, Known, Mistake, Suspects

EVIDENCE = 10
"""How many numbers must stand behind each that was fitted: one dose cannot be read off one sum."""
FALL = 10.0
"""How many times nearer fitted numbers must bring what is recorded: in float32 many bring it a little nearer."""
NOISE = 0.1
"""A share of the bound that rounding alone may well take, so that nothing smaller stands behind a fitted number."""
PART_SIDE = 4
"""Rows and columns of a convolution's result on which a mistake is tried first, as all of it takes long."""


@dataclass(frozen=True)
class Candidate:
    """Mistakes that together explain a stage.

    Attributes:
        mistakes: one, or two where no single one does.
        share: the largest error that is left, in units of the bound of what was computed with the mistakes.
    """

    mistakes: tuple[Known, ...]
    share: float

    @property
    def names(self) -> tuple[str, ...]:
        """The mistakes' names, sorted: a pair has no order."""
        return tuple(sorted(mistake.name for mistake in self.mistakes))

    @property
    def told(self) -> str:
        """The mistakes in words."""
        return " and ".join(f"{one.told} ({one.detail})" if one.detail else one.told for one in self.mistakes)

    @property
    def fitted(self) -> int:
        """How many numbers were fitted."""
        return sum(mistake.fitted for mistake in self.mistakes)


def share(call: Call, recorded: np.ndarray) -> float:
    """The largest error of what was recorded, in units of the call's bound; infinite where kinds or NaN differ."""
    try:
        result, bound = call.outcome()
    except ParityError:
        return np.inf
    if (result.shape, call.entry) != (recorded.shape, recorded.dtype):
        return np.inf
    shares = errors(call, recorded, result, bound)
    return float(shares.max(initial=0.0))


def errors(call: Call, recorded: np.ndarray, result: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Per element the error over the bound: 0 where equal or NaN on both sides, infinite where NaN on one."""
    with np.errstate(all="ignore"):
        as_entry = result.astype(call.entry)
        expected = np.where(bound == 0, as_entry.astype(np.float64), result)
        actual = recorded.astype(np.float64)
        error = np.abs(actual - expected)
        same = (actual == expected) | (np.isnan(actual) & np.isnan(expected))
        found = np.where(same, 0.0, error / bound)
    return np.asarray(np.where(np.isnan(found), np.inf, found))


def candidates(
    call: Call, recorded: np.ndarray, suspects: Sequence[Suspects], *, pairs: bool = True
) -> tuple[list[Candidate], int]:
    """All candidates of the fewest mistakes, the nearest first, and how many mistakes and pairs were tried.

    Where nothing is recorded, nothing tells the mistakes apart that leave nothing: none is tried.

    Args:
        call: the sound one, which does not explain what is recorded.
        recorded: what the port holds of the stage.
        suspects: the families of mistakes of its operation.
        pairs: whether two are tried where no single one does.
    """
    if not recorded.size:
        return [], 0
    search = _Search(call, recorded)
    singles = chain.from_iterable(_suspected(family, call, recorded) for family in suspects)
    found = search.explaining((mistake,) for mistake in singles)
    if not found and pairs:
        found = search.explaining(_pairs(call, recorded, suspects))
    return _distinct(found), search.tried


def _pairs(call: Call, recorded: np.ndarray, suspects: Sequence[Suspects]) -> Iterator[tuple[Mistake, Mistake]]:
    """Two mistakes of different families, the second of them fitted to what the first makes of the call."""
    for number, family in enumerate(suspects):
        for first in _suspected(family, call, recorded):
            wrong = first.change(call)
            for other, second_family in enumerate(suspects):
                if other != number:
                    yield from ((first, second) for second in _suspected(second_family, wrong, recorded))


def _suspected(family: Suspects, call: Call, recorded: np.ndarray) -> list[Mistake]:
    """The suspects of a family; none where the call cannot be computed, so that nothing can be held against it."""
    try:
        return list(family(call, recorded))
    except ParityError:
        return []


class _Search:
    """What is tried against one record."""

    def __init__(self, call: Call, recorded: np.ndarray) -> None:
        self._call, self._recorded = call, recorded
        self._part = corner(call, recorded, PART_SIDE)
        self._errors = sound_errors(call, recorded)
        self.tried = 0

    def explaining(self, tried: Iterable[tuple[Mistake, ...]]) -> list[Candidate]:
        """Those that explain every element, with fitted numbers far fewer than wrong ones and of much effect."""
        found: list[Candidate] = []
        seen: set[frozenset[str]] = set()
        for mistakes in tried:
            told = frozenset(mistake.told + mistake.detail for mistake in mistakes)
            if told in seen:
                continue
            seen.add(told)
            self.tried += 1
            fitted = sum(mistake.fitted for mistake in mistakes)
            if fitted and EVIDENCE * fitted > self._behind(0.0):
                continue
            if self._part is not None and share(changed(self._part[0], mistakes), self._part[1]) > 1:
                continue
            left = share(changed(self._call, mistakes), self._recorded)
            if left <= 1 and (not fitted or self._proves(mistakes, left, fitted)):
                found.append(Candidate(mistakes, left))
        return found

    def _proves(self, mistakes: tuple[Mistake, ...], left: float, fitted: int) -> bool:
        """Whether fitted numbers explain far more than as many numbers, and bring what is recorded much nearer."""
        return EVIDENCE * fitted <= self._behind(left) and FALL * left <= self._unfitted(mistakes)

    def _behind(self, left: float) -> int:
        """How many elements are far wrong beside what is left."""
        if self._errors is None:
            return int(self._recorded.size)
        return int((self._errors > np.clip(FALL * left, NOISE, 1.0)).sum())

    def _unfitted(self, mistakes: tuple[Mistake, ...]) -> float:
        """What is left without the fitted mistakes; infinite where none is."""
        plain = [mistake for mistake in mistakes if not mistake.fitted]
        return np.inf if len(plain) == len(mistakes) else share(changed(self._call, plain), self._recorded)


def changed(call: Call, mistakes: Iterable[Mistake]) -> Call:
    """The call with all these mistakes, one after the other."""
    for mistake in mistakes:
        call = mistake.change(call)
    return call


def sound_errors(call: Call, recorded: np.ndarray) -> np.ndarray | None:
    """Per element the error over the bound of a sound call; None where it gives nothing, or another shape."""
    try:
        result, bound = call.outcome()
    except ParityError:
        return None
    return errors(call, recorded, result, bound) if result.shape == recorded.shape else None


def count_wrong(call: Call, recorded: np.ndarray) -> int:
    """How many elements a sound call does not explain: all where it gives nothing, or another shape."""
    found = sound_errors(call, recorded)
    return int(recorded.size if found is None else (found > 1).sum())


def _distinct(found: Sequence[Candidate]) -> list[Candidate]:
    """Without those that a fitted number makes say what one with nothing to choose says too; each told once."""
    plain = [candidate for candidate in found if not candidate.fitted]
    alike: dict[frozenset[str], list[Candidate]] = {}
    for candidate in sorted(plain or found, key=lambda candidate: (candidate.fitted, candidate.share)):
        alike.setdefault(frozenset(mistake.told for mistake in candidate.mistakes), []).append(candidate)
    return [_told_once(group) for group in alike.values()]


def _told_once(alike: Sequence[Candidate]) -> Candidate:
    """The first of several in the same words; without their details where these differ, as either may be."""
    details = {frozenset((mistake.told, mistake.detail) for mistake in candidate.mistakes) for candidate in alike}
    first = alike[0]
    if len(details) == 1:
        return first
    return replace(first, mistakes=tuple(_without_detail(mistake) for mistake in first.mistakes))


def _without_detail(mistake: Known) -> Known:
    return replace(mistake, detail="") if isinstance(mistake, Mistake) else mistake
