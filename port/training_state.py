"""A training state is one file from which training goes on: weights, velocities, losses, and what they belong to.

A safetensors file whose header tells the rest, so that it is there whole or not at all; weights and velocities are
named as in a checkpoint (`port.checkpoints`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from port import tensor_file
from port.checkpoints import clean_name, optimiser_state
from port.errors import SettingError, WeightsError
from port.files import replacing
from port.json_text import parse
from port.training import EpochLosses

FORMAT = "sar2ndvi-training-state/1"
_OPTIMISER = "optimiser/"


@dataclass(frozen=True)
class TrainingState:
    """Tensors by name (weights, and velocities under "optimiser/"), the epochs' losses, the training's settings."""

    tensors: Mapping[str, Tensor]
    losses: Sequence[EpochLosses]
    settings: Mapping[str, Any]

    def restore(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Give network and optimiser the weights and velocities that they had."""
        weights = {name: value for name, value in self.tensors.items() if not name.startswith(_OPTIMISER)}
        network.load_state_dict(weights)
        parameters = dict(network.named_parameters())
        for key, value in self.tensors.items():
            if key.startswith(_OPTIMISER):
                name, quantity = key.removeprefix(_OPTIMISER).rsplit("/", 1)
                optimiser.state[parameters[name]][quantity] = value.to(parameters[name].device)


def captured(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    losses: Sequence[EpochLosses],
    settings: Mapping[str, Any],
    *,
    velocities: bool,
) -> TrainingState:
    """The state after the last of these epochs; with the optimiser's velocities where the recipe keeps them."""
    tensors = {clean_name(name): value.detach().cpu() for name, value in network.named_parameters()}
    if velocities:
        tensors |= {_OPTIMISER + key: value.cpu() for key, value in optimiser_state(network, optimiser).items()}
    return TrainingState(tensors, list(losses), settings)


def write(path: Path, state: TrainingState) -> None:
    """Write the file, or replace the one that is there.

    Raises:
        OutputError: the folder cannot be written to.
    """
    told = {
        "settings": state.settings,
        "losses": [[row.epoch, _number(row.training), _number(row.validation)] for row in state.losses],
    }
    tensors = {name: value.contiguous() for name, value in state.tensors.items()}
    with replacing(path) as beside:
        beside.write_bytes(save(tensors, {"format": FORMAT, "state": json.dumps(told)}))


def read(path: Path, settings: Mapping[str, Any]) -> TrainingState | None:
    """The state in a file, None where there is no file.

    Raises:
        WeightsError: the file is no training state.
        SettingError: it belongs to a training with other settings.
    """
    if not path.exists():
        return None
    try:
        tensors, metadata = tensor_file.loaded(tensor_file.read(path))
    except (OSError, ValueError) as problem:
        raise WeightsError(f"{path} cannot be read ({problem}); name another file for --state") from problem
    if metadata.get("format") != FORMAT:
        raise WeightsError(
            f"{path} has format {metadata.get('format')!r}, expected {FORMAT!r}; name another file for --state"
        )
    told_settings, losses = _told(path, metadata)
    _check_same(path, found=told_settings, asked=json.loads(json.dumps(settings)))
    return TrainingState(tensors, losses, settings)


def _told(path: Path, metadata: Mapping[str, str]) -> tuple[dict[str, Any], list[EpochLosses]]:
    """The settings and the epochs' losses that a file's header tells."""
    try:
        told = parse(metadata["state"])
        settings, losses = dict(told["settings"]), [_losses(*row) for row in told["losses"]]
    except (KeyError, TypeError, ValueError) as problem:
        raise WeightsError(
            f"{path} tells no settings and losses of a training ({problem!r:.200}); name another file for --state"
        ) from problem
    return settings, losses


def _losses(epoch: int, training: float | None, validation: float | None) -> EpochLosses:
    """An epoch's losses as written: numbers, or None where one is none."""
    losses = [math.nan if loss is None else loss for loss in (training, validation)]
    if type(epoch) is not int or not all(isinstance(loss, int | float) for loss in losses):
        raise ValueError(f"epoch {epoch!r:.40} has losses {training!r:.40} and {validation!r:.40}")
    return EpochLosses(epoch, *losses)


def _check_same(path: Path, *, found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise SettingError at the first setting that differs."""
    for name in (*asked, *found):
        if found.get(name) != asked.get(name):
            raise SettingError(
                f"{path} belongs to a training with {name} {found.get(name)}, this one has {asked.get(name)}; name "
                "another file for --state, or give the settings it was begun with"
            )


def _number(value: float) -> float | None:
    """What is no number as None: JSON has neither NaN nor infinity."""
    return value if math.isfinite(value) else None
