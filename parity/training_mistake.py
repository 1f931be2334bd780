"""A training mistake is a change of many steps: the judge's own run, so changed, gives what a wrong port records.

It is tried from the weights, patches and order that the port recorded. Its dose, where it has one, is fitted to the
steps up to the first that a sound run does not explain.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from parity.steps import Run, parameters
from parity.training import Training
from parity.training_evidence import Evidence, Seen

FITS = 8
"""Most times that a dose is improved."""
DIGITS = 6
"""Significant digits to which a dose is also tried: a program holds 0.0001, not what a fit leaves of it."""


@dataclass(frozen=True)
class TrainingMistake:
    """One known mistake of many steps.

    Attributes:
        name: what it is called, words joined by hyphens.
        told: it in words, with what was found of it.
        change: what it makes of sound steps.
        dose: how much of it, where that is a number.
        fitted: how many numbers were chosen so that it fits what is recorded.
        detail: what is said besides where it shows.
    """

    name: str
    told: str
    change: Callable[[Run], Run]
    dose: float | None = None
    fitted: int = 0
    detail: str = ""


@dataclass(frozen=True)
class Dose:
    """A mistake of an unknown dose: its name, words to be formatted with the dose, the change, where to begin."""

    name: str
    told: str
    change: Callable[[Run, float], Run]
    start: float
    scale: float = 1.0

    def at(self, dose: float) -> TrainingMistake:
        """The mistake of that dose."""
        return TrainingMistake(self.name, self.told.format(dose), partial(_dosed, self.change, dose), dose, 1)


def _dosed(change: Callable[[Run, float], Run], dose: float, run: Run) -> Run:
    return change(run, dose)


@dataclass(frozen=True)
class Case:
    """What a suspect is looked for in: the evidence, the run that does not explain it, and where that shows first."""

    evidence: Evidence
    run: Run
    seen: Seen

    @property
    def training(self) -> Training:
        """The right training."""
        return self.run.training

    @cached_property
    def names(self) -> list[str]:
        """The stages of the weights."""
        return list(parameters(self.run.graph))

    @property
    def shows_in_loss(self) -> bool:
        """Whether a batch's loss is wrong before its update is; in float32 it may be, and not show."""
        stage, exact = self.run.graph[self.seen.stage], self.evidence.port.dtype == np.float64
        return stage.attributes["of"] == "loss" or not exact

    @property
    def patches(self) -> int:
        """How many there are to train on."""
        lists = [node.inputs[0] for node in self.run.network(["loss"]).batches]
        return len(self.run.recorded[lists[0]])

    def fitted(self, dose: Dose) -> Iterator[TrainingMistake]:
        """The mistake of the dose that comes nearest to the first steps; the round number beside it comes first."""
        found = self._nearest(dose)
        if found is not None:
            near = float(f"{found:.{DIGITS}g}")
            precise = float(np.finfo(self.evidence.port.dtype).eps) ** 0.5 * max(abs(found), dose.scale * 1e-3)
            yield dose.at(near if abs(near - found) < precise else found)

    def _nearest(self, dose: Dose) -> float | None:
        """By Gauss and Newton; None where the dose counts too early, or not, or leads nowhere."""
        value, step = dose.start, dose.scale * 1e-4
        counts = self.evidence.first_wrong(dose.change(self.run, value + step))
        if counts is not None and counts.step < self._until:
            return None
        left = np.inf
        for _ in range(FITS):
            here, beside = (self.evidence.wrong(dose.change(self.run, at), self._until) for at in (value, value + step))
            slope = (beside - here) / step
            square = float(slope @ slope)
            if not (np.isfinite(square) and square > 0):
                return None
            before, left = left, float(here @ here)
            if not left < before / 4:
                break
            moved = -float(slope @ here) / square
            value += moved
            if abs(moved) <= 1e-14 * max(abs(value), dose.scale):
                break
        return value if np.isfinite(value) else None

    @property
    def _until(self) -> int:
        """The step after which a sound run shows not to explain what is recorded."""
        return self.seen.step


Suspects = Callable[[Case], Iterator[TrainingMistake]]
"""Mistakes to try that exclude each other."""
