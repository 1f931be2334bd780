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
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from port.checkpoints import clean_name, optimiser_state
from port.engines import EngineName
from port.errors import SettingError, WeightsError
from port.files import replacing
from port.training import EpochLosses

FORMAT = "sar2ndvi-training-state/2"
_OPTIMISER = "optimiser/"
_REMEDY = "remove it to train from the start, or begin a new run"


@dataclass(frozen=True)
class TrainingState:
    """Tensors by name (weights, and velocities under "optimiser/"), the epochs' losses, the training's settings.

    `engine` is what computed the epochs.
    """

    tensors: Mapping[str, Tensor]
    losses: Sequence[EpochLosses]
    settings: Mapping[str, Any]
    engine: EngineName

    def restore(self, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
        """Give network and optimiser the weights and velocities that they had.

        A velocity lies in memory as its weight does, as one that was never stored: the last bit of a sum may depend on
        that. So lay the network out (`port.engines.lay_out`) before.
        """
        weights = {name: value for name, value in self.tensors.items() if not name.startswith(_OPTIMISER)}
        network.load_state_dict(weights)
        parameters = dict(network.named_parameters())
        for key, value in self.tensors.items():
            if key.startswith(_OPTIMISER):
                name, quantity = key.removeprefix(_OPTIMISER).rsplit("/", 1)
                parameter = parameters[name]
                optimiser.state[parameter][quantity] = torch.empty_like(parameter.detach()).copy_(value)


def captured(
    network: nn.Module,
    optimiser: torch.optim.Optimizer,
    losses: Sequence[EpochLosses],
    settings: Mapping[str, Any],
    engine: EngineName,
) -> TrainingState:
    """The state after the last of these epochs.

    The optimiser's velocities are in it whatever the recipe's `optimiser_state`, which tells what a checkpoint keeps: a
    training that was killed and goes on is one training.
    """
    tensors = {clean_name(name): value.detach().cpu() for name, value in network.named_parameters()}
    tensors |= {_OPTIMISER + key: value.cpu() for key, value in optimiser_state(network, optimiser).items()}
    return TrainingState(tensors, list(losses), settings, engine)


def write(path: Path, state: TrainingState) -> None:
    """Write the file, or replace the one that is there.

    Raises:
        OutputError: the folder cannot be written to.
    """
    told = {
        "settings": state.settings,
        "engine": state.engine,
        "losses": [[row.epoch, row.training, _number(row.validation)] for row in state.losses],
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
    told, tensors = _content(path)
    _check_same(path, found=told["settings"], asked=json.loads(json.dumps(settings)))
    losses = [EpochLosses(epoch, loss, math.nan if held is None else held) for epoch, loss, held in told["losses"]]
    return TrainingState(tensors, losses, settings, told["engine"])


def epochs_in(path: Path) -> int:
    """How many epochs a file holds, 0 where there is none.

    Raises:
        WeightsError: the file is no training state.
    """
    return len(_content(path)[0]["losses"]) if path.exists() else 0


def _content(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What a file tells, and its tensors."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)
    except (SafetensorError, OSError) as problem:
        raise WeightsError(f"{path} cannot be read ({problem}); {_REMEDY}") from problem
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} has format {metadata.get('format')!r}, expected {FORMAT!r}; {_REMEDY}")
    told: dict[str, Any] = json.loads(metadata["state"])
    return told, tensors


def _check_same(path: Path, *, found: Mapping[str, Any], asked: Mapping[str, Any]) -> None:
    """Raise SettingError at the first setting that differs."""
    for name in (*asked, *found):
        if found.get(name) != asked.get(name):
            raise SettingError(
                f"{path} belongs to a training with {name} {found.get(name)}, this one has {asked.get(name)}; {_REMEDY}"
            )


def _number(value: float) -> float | None:
    """NaN as None: JSON has none."""
    return None if math.isnan(value) else value
