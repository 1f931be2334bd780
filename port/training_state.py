"""A training state is one file from which training goes on: weights, velocities, losses, and what they belong to.

A safetensors file whose header tells the rest, so that it is there whole or not at all; weights and velocities are
named as in a checkpoint (`port.checkpoints`).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors.torch import save
from torch import Tensor, nn

from port import tensor_file
from port.checkpoints import clean_name, optimiser_state
from port.engines import EngineName
from port.errors import SettingError, WeightsError
from port.files import replacing
from port.json_text import parse
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
    told, tensors = _content(path)
    _check_same(path, found=told.settings, asked=json.loads(json.dumps(settings)))
    return TrainingState(tensors, told.losses, settings, told.engine)


def epochs_in(path: Path) -> int:
    """How many epochs a file holds, 0 where there is none.

    Raises:
        WeightsError: the file is no training state.
    """
    return len(_content(path)[0].losses) if path.exists() else 0


@dataclass(frozen=True)
class _Told:
    """What a file's header tells."""

    settings: Mapping[str, Any]
    losses: list[EpochLosses]
    engine: EngineName


def _content(path: Path) -> tuple[_Told, dict[str, Tensor]]:
    """What a file tells, and its tensors."""
    try:
        tensors, metadata = tensor_file.loaded(tensor_file.read(path))
    except (OSError, ValueError) as problem:
        raise WeightsError(f"{path} cannot be read ({problem}); {_REMEDY}") from problem
    if metadata.get("format") != FORMAT:
        raise WeightsError(f"{path} has format {metadata.get('format')!r:.80}, expected {FORMAT!r}; {_REMEDY}")
    try:
        told = parse(metadata["state"])
        if told["engine"] not in get_args(EngineName):
            raise ValueError(f"engine is {told['engine']!r:.40}")
        return _Told(dict(told["settings"]), [_losses(*row) for row in told["losses"]], told["engine"]), tensors
    except (KeyError, TypeError, ValueError) as problem:
        raise WeightsError(
            f"{path} tells no settings, losses and engine of a training ({problem!r:.200}); {_REMEDY}"
        ) from problem


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
                f"{path} belongs to a training with {name} {found.get(name)}, this one has {asked.get(name)}; {_REMEDY}"
            )


def _number(value: float) -> float | None:
    """What is no number as None: JSON has neither NaN nor infinity."""
    return value if math.isfinite(value) else None
