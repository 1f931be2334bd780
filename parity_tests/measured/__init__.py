"""A measure asks the port's own code for a number of the paper; each public function of these files is one."""

from collections.abc import Callable, Mapping
from inspect import isfunction
from types import MappingProxyType, ModuleType
from typing import Any

from parity_tests.measured import channels, files, network, paper_scene, patches, training


def _public(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The functions a module defines for others."""
    return {
        name: value
        for name, value in vars(module).items()
        if isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }


CHECKS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    _public(channels) | _public(network) | _public(patches) | _public(training) | _public(files) | _public(paper_scene)
)
"""Every measure by its name, which is what `check` names in paper.toml."""
