"""A tape keeps what the port computes stage by stage: the value, how it came about, and its teacher-forced value."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from parity.graph import Node
from parity.trace import FORCED, Record
from port.lasagne_weights import as_filters
from port.recipes import Filters

Compute = Callable[..., Tensor]
ComputeArray = Callable[..., np.ndarray]


class Tape:
    """Stages in the order computed.

    Args:
        teacher: the legacy's trace, on whose recorded inputs each stage is computed once more; None for none.
        filters: whether the network's filters are kept flipped, as a true convolution has them.
    """

    def __init__(self, teacher: Record | None, filters: Filters = "flipped") -> None:
        self.teacher, self._filters = teacher, filters
        self.nodes: list[Node] = []
        self._values: dict[str, np.ndarray] = {}
        self._forced: dict[str, np.ndarray] = {}

    def add(
        self,
        stage: str,
        operation: str,
        inputs: list[str],
        value: Tensor,
        /,
        *,
        again: Compute | None = None,
        **attributes: Any,
    ) -> None:
        """Keep a stage of the network.

        Args:
            stage: its name.
            operation: what it does, as the judge calls it.
            inputs: the stages it was computed from.
            value: what came out, in PyTorch's layout.
            again: computes the stage from the values of its inputs, for the teacher's; None for given stages and
                those after many steps.
            attributes: the operation's.
        """
        forced = None if again is None else partial(self._forced_through, again, stage)
        self.put(stage, operation, inputs, self._as_recorded(stage, value), again=forced, **attributes)

    def put(
        self,
        stage: str,
        operation: str,
        inputs: list[str],
        value: Shaped[np.ndarray, "..."],
        /,
        *,
        again: ComputeArray | None = None,
        **attributes: Any,
    ) -> None:
        """Keep a stage of the data path: as `add`, with arrays in place of tensors."""
        self.nodes.append(Node(stage, operation, tuple(inputs), attributes))
        self._values[stage] = np.array(value, order="C")
        if again is not None and self.teacher is not None:
            taught = [self.teacher[name].copy() for name in inputs]
            self._forced[FORCED + stage] = np.array(again(*taught), order="C")

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All entries of the trace: the stages in order, then the teacher-forced values."""
        return self._values | self._forced

    def _forced_through(self, again: Compute, stage: str, *taught: np.ndarray) -> np.ndarray:
        """What PyTorch makes of arrays."""
        return self._as_recorded(stage, again(*map(torch.from_numpy, taught)))

    def _as_recorded(self, stage: str, value: Tensor) -> np.ndarray:
        """The array of a stage; filters, their gradients and velocities in Lasagne's orientation."""
        if stage.endswith("/W"):
            return as_filters(value, self._filters)
        return value.detach().cpu().numpy().copy()
