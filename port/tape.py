"""A tape keeps what the port computes stage by stage: the value, how it came about, and its teacher-forced value."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from parity.graph import Node
from parity.trace import FORCED, Record
from port.lasagne_weights import from_torch

Compute = Callable[..., Tensor]


class Tape:
    """Stages in the order computed.

    Args:
        teacher: the legacy's trace, on whose recorded inputs each stage is computed once more; None for none.
    """

    def __init__(self, teacher: Record | None) -> None:
        self.teacher = teacher
        self.nodes: list[Node] = []
        self._values: dict[str, np.ndarray] = {}
        self._forced: dict[str, np.ndarray] = {}

    def add(
        self,
        stage: str,
        operation: str,
        inputs: list[str],
        value: Tensor,
        *,
        again: Compute | None = None,
        **attributes: Any,
    ) -> None:
        """Keep a stage.

        Args:
            stage: its name.
            operation: what it does, as the judge calls it.
            inputs: the stages it was computed from.
            value: what came out, in PyTorch's layout.
            again: computes the stage from the values of its inputs, for the teacher's; None for given stages and
                those after many steps.
            attributes: the operation's.
        """
        self.nodes.append(Node(stage, operation, tuple(inputs), attributes))
        self._values[stage] = _as_recorded(stage, value)
        if again is not None and self.teacher is not None:
            taught = [torch.from_numpy(self.teacher[name].copy()) for name in inputs]
            self._forced[FORCED + stage] = _as_recorded(stage, again(*taught))

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All entries of the trace: the stages in order, then the teacher-forced values."""
        return self._values | self._forced


def _as_recorded(stage: str, value: Tensor) -> np.ndarray:
    """The array of a stage; filters, their gradients and velocities in Lasagne's orientation."""
    return from_torch(value) if stage.endswith("/W") else value.detach().cpu().numpy().copy()
