"""A known mistake is a change of how a stage is computed: the reference, so changed, gives what a wrong port records.

A `Call` is a stage's computation before it is done; a `Mistake` turns one call into another, so that two mistakes at
one stage are one after the other. What the port recorded is held against the outcome, with the bound of just that one.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, runtime_checkable

import numpy as np

from parity import bounds, reference
from parity.errors import ParityError
from parity.graph import Graph, Node

Outcome = tuple[np.ndarray, np.ndarray]
"""A result, and what a sound program that meant it may err by, per element."""
Computation = Callable[["Call"], Outcome]
Afterwards = Callable[[np.ndarray, np.ndarray], Outcome]
"""What is done to a result and to its bound."""

NOWHERE = Graph(())


@dataclass(frozen=True)
class Call:
    """A stage's computation, not yet done.

    Attributes:
        node: its operation, inputs and attributes.
        values: the inputs by stage, as the port recorded them; of a stage that both sides are given, the legacy's
            value under the stage's own name.
        dtype: the trace's.
        entry: the dtype of what a sound port records here; a mistake that changes it says so.
        graph: the stages around it, for what a wrong program may have used in place of an input.
        instead: what is computed in place of the node's operation.
        afterwards: what is done to the result, in order.
    """

    node: Node
    values: Mapping[str, np.ndarray]
    dtype: np.dtype[Any]
    entry: np.dtype[Any]
    graph: Graph = NOWHERE
    instead: Computation | None = None
    afterwards: tuple[Afterwards, ...] = ()

    @property
    def inputs(self) -> list[np.ndarray]:
        """The inputs in the order of the node."""
        return [self.values[name] for name in self.node.inputs]

    def outcome(self) -> Outcome:
        """The result in the dtype of the stage's entry (sums in float64), and its bound.

        Raises:
            ParityError: it cannot be computed from these inputs.
        """
        return self._outcome

    @cached_property
    def _outcome(self) -> Outcome:
        try:
            with np.errstate(all="ignore"):  # a wrong program may overflow, and is only compared
                result, bound = self._computed() if self.instead is None else self.instead(self)
                for step in self.afterwards:
                    result, bound = step(np.asarray(result), np.asarray(bound))
        except ValueError as error:
            raise ParityError(f"{self.node.stage}: this mistake cannot be made of these shapes ({error})") from error
        return np.asarray(result), np.asarray(bound)

    def _computed(self) -> Outcome:
        if self.node.operation in reference.SHARED:
            held = self.values[self.node.stage]
            return held, np.zeros(held.shape)
        result = reference.compute(self.node, self.values, self.dtype)
        return result, bounds.rounding(self.node, {**self.values, self.node.stage: result}, self.dtype)

    def operating(self, operation: str, **attributes: Any) -> "Call":
        """The same call with another operation of the reference, and these attributes besides."""
        node = replace(self.node, operation=operation, attributes={**self.node.attributes, **attributes})
        return replace(self, node=node)

    def telling(self, **attributes: Any) -> "Call":
        """The same call with these attributes in place of the node's."""
        return self.operating(self.node.operation, **attributes)

    def recorded_as(self, entry: np.dtype[Any]) -> "Call":
        """The same call whose result is written in another dtype."""
        return replace(self, entry=entry)

    def fed(self, position: int, value: np.ndarray) -> "Call":
        """The same call with another value of one input."""
        return replace(self, values={**self.values, self.node.inputs[position]: value})

    def then(self, step: Afterwards) -> "Call":
        """The same call with something done to its result at the end."""
        return replace(self, afterwards=(*self.afterwards, step))


@dataclass(frozen=True)
class Mistake:
    """One known mistake at one stage.

    Attributes:
        name: what it is called, words joined by hyphens, whatever the stage.
        told: it in words, with what was found of it: "channels 4 and 5 exchanged".
        change: what it makes of a sound call.
        dose: how much of it, where that is a number.
        fitted: how many numbers were chosen so that it fits what is recorded: a dose is one, two channels exchanged are
            two; 0 for a mistake that has nothing to choose.
        detail: what is said besides where it shows; mistakes that differ in it alone are one.
    """

    name: str
    told: str
    change: Callable[[Call], Call]
    dose: float | None = None
    fitted: int = 0
    detail: str = ""


@runtime_checkable
class Known(Protocol):
    """What is said of a mistake, of one stage or of many steps; attributes as of `Mistake`."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def told(self) -> str: ...  # noqa: D102
    @property
    def detail(self) -> str: ...  # noqa: D102
    @property
    def dose(self) -> float | None: ...  # noqa: D102
    @property
    def fitted(self) -> int: ...  # noqa: D102


Suspects = Callable[[Call, np.ndarray], Iterable[Mistake]]
"""Given a call and what was recorded in its place, mistakes to try that exclude each other; doses may be fitted."""
Suspected = Mapping[str, tuple[Suspects, ...]]
"""By operation the families of suspects; two mistakes at one stage are of two families, or of one that can be twice."""
