"""The catalogue of known mistakes: by operation the families of suspects, from every module that knows some."""

from parity import (
    mistakes_data_path,
    mistakes_gradients,
    mistakes_inputs,
    mistakes_layers,
    mistakes_pools,
    mistakes_rectifiers,
    mistakes_results,
    mistakes_scales,
)
from parity.mistakes import Suspected, Suspects

MODULES = (
    mistakes_layers,
    mistakes_rectifiers,
    mistakes_gradients,
    mistakes_inputs,
    mistakes_scales,
    mistakes_data_path,
    mistakes_results,
    mistakes_pools,
)


def _joined(*suspected: Suspected) -> Suspected:
    """The families of an operation from all, each once."""
    found: dict[str, tuple[Suspects, ...]] = {}
    for one in suspected:
        for operation, families in one.items():
            found[operation] = tuple(dict.fromkeys((*found.get(operation, ()), *families)))
    return found


CATALOGUE: Suspected = _joined(*(module.SUSPECTS for module in MODULES))
"""By operation the families of suspects."""
