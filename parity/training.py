"""The training that a manifest tells: how many steps, of which batches, at which rates, in which form of momentum."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parity.errors import TraceError

FORMS = ("lasagne", "torch")


@dataclass(frozen=True)
class Training:
    """Momentum steps over a list of patches.

    Attributes:
        steps: how many.
        batch_size: patches a step; the last of an epoch may have fewer where the graph's order says so.
        batches: steps an epoch.
        learning_rate: the first.
        momentum: how much of a velocity is kept, from 0 on and below 1.
        rate_changes: (step, rate): the rate from that step on, by rising step.
        restarts: after these steps the weights are kept and the velocities start again from 0.
        momentum_form: "lasagne": v = m v - rate g, W = W + v; "torch": v = m v + g, W = W - rate v.
        symmetries: for each step the symmetry of each of its patches, where patches are turned.
    """

    steps: int
    batch_size: int
    batches: int
    learning_rate: float
    momentum: float
    rate_changes: tuple[tuple[int, float], ...] = ()
    restarts: frozenset[int] = frozenset()
    momentum_form: str = "lasagne"
    symmetries: tuple[tuple[int, ...], ...] = ()

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 1."""
        return ([self.learning_rate] + [rate for first, rate in self.rate_changes if first <= step])[-1]

    @property
    def largest_rate(self) -> float:
        """The largest of all rates."""
        return max(self.learning_rate, *(rate for _, rate in self.rate_changes), 0.0)

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any], *, where: str) -> "Training":
        """The training a manifest tells.

        Raises:
            TraceError: it tells none, lacks a field, or a field is not what it should be.
        """
        told = manifest.get("training")
        try:
            if not isinstance(told, Mapping):
                raise TypeError(f"it is {told!r}, expected an object")
            found = cls(
                steps=_count(told, "steps"),
                batch_size=_count(told, "batch_size"),
                batches=_count(told, "batches"),
                learning_rate=float(told["learning_rate"]),
                momentum=float(told["momentum"]),
                rate_changes=tuple((int(step), float(rate)) for step, rate in told.get("rate_changes", ())),
                restarts=frozenset(int(step) for step in told.get("restarts", ())),
                momentum_form=str(told.get("momentum_form", "lasagne")),
                symmetries=tuple(tuple(int(number) for number in step) for step in told.get("symmetries", ())),
            )
            if not 0 <= found.momentum < 1:
                raise ValueError(f"momentum is {found.momentum!r}, expected a number from 0 on and below 1")
            if found.momentum_form not in FORMS:
                raise ValueError(f"momentum_form is {found.momentum_form!r}, expected one of {', '.join(FORMS)}")
        except KeyError as error:
            raise TraceError(f"{where}: the manifest's training lacks {error}; record it again") from error
        except (TypeError, ValueError) as error:
            raise TraceError(f"{where}: the manifest's training is malformed: {error}; record it again") from error
        return found


def _count(told: Mapping[str, Any], name: str) -> int:
    """A number of things, at least one."""
    value = told[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} is {value!r}, expected a whole number from 1 on")
    return value
