"""Which known mistake, or pair, of many steps explains all that a port recorded of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from parity import mistakes_batches, mistakes_training
from parity.candidates import FALL
from parity.errors import ParityError
from parity.graph import Node
from parity.mistakes import Call, Mistake
from parity.reference import Values
from parity.steps import Computation, Run
from parity.trace import Record
from parity.training_evidence import Evidence, Seen
from parity.training_mistake import Case, Suspects, TrainingMistake

FAMILIES: tuple[Suspects, ...] = (*mistakes_training.SUSPECTS, *mistakes_batches.SUSPECTS)
"""All families of suspects."""
PAIRED: tuple[Suspects, ...] = (
    mistakes_training.forms,
    mistakes_training.velocities,
    mistakes_training.doses,
    mistakes_training.clips,
    mistakes_batches.losses,
    mistakes_batches.means,
)
"""Those of which two are tried together."""


@dataclass(frozen=True)
class TrainingCandidate:
    """Mistakes that together explain all steps; the largest error left, in units of its bound."""

    mistakes: tuple[TrainingMistake, ...]
    share: float


@dataclass(frozen=True)
class TrainingExplanation:
    """What is known of the steps that a port recorded.

    Attributes:
        seen: the first stage that sound steps do not explain; None where they explain all.
        candidates: all known mistakes, or pairs where no single one does, from which what was recorded follows.
        tried: how many mistakes and pairs were tried.
    """

    seen: Seen | None
    candidates: tuple[TrainingCandidate, ...]
    tried: int


def explain_training(legacy: Record, port: Record, found: Mapping[str, Mistake] | None = None) -> TrainingExplanation:
    """What is known of the steps that a port recorded, from the weights, patches and order that it recorded.

    Args:
        legacy: the witness's trace.
        port: the port's.
        found: mistakes of single stages that are known already; each is made in every step, where that can be. Beside
            them one mistake of the steps is sought, no pair.

    Raises:
        ParityError: the legacy tells no training, or the port's entries allow no steps.
    """
    evidence = Evidence(legacy, port)
    sound = evidence.sound
    seen = evidence.first_wrong(sound)
    if seen is not None and found:
        mistaken = replace(sound, instead=_instead(legacy, found))
        seen, sound = evidence.first_wrong(mistaken), mistaken
    if seen is None:
        return TrainingExplanation(None, (), 0)
    return _search(Case(evidence, sound, seen), pairs=not found)


def _instead(legacy: Record, found: Mapping[str, Mistake]) -> dict[str, Computation]:
    """The mistakes as computations of their stages on other batches."""

    def mistaken(mistake: Mistake) -> Computation:
        def computed(node: Node, values: Values) -> np.ndarray:
            call = Call(node, values, np.dtype(np.float64), np.dtype(np.float64), legacy.graph)
            return mistake.change(call).outcome()[0]

        return computed

    return {stage: mistaken(mistake) for stage, mistake in found.items()}


def _search(case: Case, *, pairs: bool) -> TrainingExplanation:
    """All that explain it of the fewest mistakes, those without a fitted dose before all others."""
    singles = [(mistake,) for family in FAMILIES for mistake in family(case)]
    found, tried = _explaining(case, singles)
    if not found and pairs:
        found, more = _explaining(case, _pairs(case))
        tried += more
    plain = [candidate for candidate in found if not any(mistake.fitted for mistake in candidate.mistakes)]
    return TrainingExplanation(case.seen, tuple(sorted(plain or found, key=lambda one: one.share)), tried)


def _explaining(case: Case, tried: Iterable[tuple[TrainingMistake, ...]]) -> tuple[list[TrainingCandidate], int]:
    found, count = [], 0
    for mistakes in tried:
        count += 1
        share = _share(case.evidence, _changed(case.run, mistakes))
        if share <= 1 and FALL * share <= _unfitted(case, mistakes):
            found.append(TrainingCandidate(mistakes, share))
    return found, count


def _unfitted(case: Case, mistakes: tuple[TrainingMistake, ...]) -> float:
    """The largest error of all without the mistakes of a fitted dose; infinite where none is."""
    plain = [mistake for mistake in mistakes if not mistake.fitted]
    if len(plain) == len(mistakes):
        return float("inf")
    with np.errstate(all="ignore"):
        return max(seen.share for seen in case.evidence.against(_changed(case.run, plain)))


def _pairs(case: Case) -> Iterator[tuple[TrainingMistake, TrainingMistake]]:
    """A mistake without a dose and another of another family, whose dose is fitted to what the first makes of it."""
    for number, family in enumerate(PAIRED):
        for first in family(case):
            if first.fitted:
                continue
            run = first.change(case.run)
            seen = case.evidence.first_wrong(run) or case.seen  # one that leaves nothing needs no second
            for other in (other for place, other in enumerate(PAIRED) if place != number):
                yield from ((first, second) for second in other(Case(case.evidence, run, seen)))


def _changed(run: Run, mistakes: Iterable[TrainingMistake]) -> Run:
    for mistake in mistakes:
        run = mistake.change(run)
    return run


def _share(evidence: Evidence, run: Run) -> float:
    try:
        with np.errstate(all="ignore"):  # wrong steps may overflow, and are only compared
            return evidence.share(run)
    except ParityError:
        return float("inf")
