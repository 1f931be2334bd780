"""The catalogue of known mistakes: by operation the families of suspects, from every module that knows some."""

from collections.abc import Mapping

from parity import mistakes_gradients, mistakes_inputs, mistakes_layers, mistakes_rectifiers
from parity.mistakes import Suspected, Suspects


def _joined(*modules: Suspected) -> Suspected:
    found: dict[str, tuple[Suspects, ...]] = {}
    for suspected in modules:
        for operation, suspects in suspected.items():
            found[operation] = (*found.get(operation, ()), *suspects)
    return found


CATALOGUE: Mapping[str, tuple[Suspects, ...]] = _joined(
    mistakes_layers.SUSPECTS, mistakes_rectifiers.SUSPECTS, mistakes_gradients.SUSPECTS, mistakes_inputs.SUSPECTS
)
"""By operation the families of suspects."""
