"""Mistakes that stand for a switch no user has: `python -m parity_tests.planted NAME REQUEST TRACE` records one.

The ledger's entries name them where the port has nothing to choose: what it does differently is shown by undoing it.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from port.network import LAYERS
from port.record import record
from port.tape import Tape


def _border_divided() -> None:
    """The border is what `/` gives under Python 3; only the record of it, as no slice takes a float."""
    put = Tape.put

    def mutated(self: Tape, stage: str, operation: str, inputs: list[str], value: np.ndarray, **rest: Any) -> None:
        divided = np.array(sum((layer.side_px - 1) / 2 for layer in LAYERS))
        put(self, stage, operation, inputs, divided if stage == "border" else value, **rest)

    Tape.put = mutated


PLANTED: Mapping[str, Callable[[], None]] = {"border-divided": _border_divided}


if __name__ == "__main__":
    name, request, trace = sys.argv[1:]
    PLANTED[name]()
    record(Path(request), Path(trace))
