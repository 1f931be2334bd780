"""A checkpoint is two files: `NAME.safetensors` (weights and optimiser state) and `NAME.json` (what they belong to).

Tensors are named conv1.weight, conv1.bias, ... and optimiser/conv1.weight/velocity, ..., the same whether or not the
network was wrapped by `torch.compile`, which prefixes `_orig_mod.`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import save as serialised
from torch import Tensor, nn

from port import tensor_file
from port.bands import variant_bands
from port.errors import Sar2NdviError, WeightsError
from port.files import replacing
from port.json_text import parse
from port.network import FusionCNN, make_network
from port.recipes import Recipe, recipe
from port.versions import versions
from port.whole_file import read_bytes

FORMAT = "sar2ndvi-checkpoint/1"
DESCRIPTION_LIMIT_BYTES = 1 << 20
_OPTIMISER = "optimiser/"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Weights by clean name, and optimiser state by "parameter/quantity", of a variant trained by a recipe."""

    variant: str
    recipe: Recipe
    epoch: int
    weights: Mapping[str, Float[Tensor, "..."]]
    optimiser: Mapping[str, Float[Tensor, "..."]] = field(default_factory=dict)

    def network(self) -> FusionCNN:
        """The network with these weights.

        Raises:
            WeightsError: a tensor is missing, left over, or of another shape.
        """
        network = make_network(self.variant, self.recipe)
        _check_tensors(self.weights, network)
        network.load_state_dict(dict(self.weights))
        return network

    def with_switches(self, switches: Mapping[str, Any]) -> "Checkpoint":
        """The same weights under a recipe with single switches replaced; one given as None stays.

        Raises:
            SettingError: an unknown switch or value.
        """
        given = {switch: value for switch, value in switches.items() if value is not None}
        recipe(self.recipe.name, **given)
        return replace(self, recipe=replace(self.recipe, **given))


def clean_name(name: str) -> str:
    """A parameter's name without what `torch.compile`, or several processes, put before it."""
    return name.replace("_orig_mod.", "").removeprefix("module.")


def capture(
    network: nn.Module, optimiser: torch.optim.Optimizer, *, variant: str, recipe: Recipe, epoch: int
) -> Checkpoint:
    """The state of a run after an epoch (counted from 1), copied; the optimiser's only where the recipe keeps it."""
    return Checkpoint(
        variant=variant,
        recipe=recipe,
        epoch=epoch,
        weights={clean_name(name): value.detach().clone() for name, value in network.named_parameters()},
        optimiser=optimiser_state(network, optimiser) if recipe.optimiser_state == "kept" else {},
    )


def optimiser_state(network: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Copies of what the optimiser keeps of each parameter, by "parameter/quantity"."""
    return {
        f"{clean_name(name)}/{quantity}": value.clone()
        for name, parameter in network.named_parameters()
        for quantity, value in optimiser.state[parameter].items()
        if isinstance(value, Tensor)
    }


def restore_optimiser(checkpoint: Checkpoint, network: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Give the optimiser the state it had, so that training goes on as if never interrupted."""
    parameters = {clean_name(name): parameter for name, parameter in network.named_parameters()}
    for key, value in checkpoint.optimiser.items():
        name, quantity = key.rsplit("/", 1)
        optimiser.state[parameters[name]][quantity] = value.clone()


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write `path` (.safetensors) and the .json beside it; both appear when both are whole, the .json last.

    Raises:
        OutputError: the folder cannot be written to.
    """
    tensors = {name: value.contiguous() for name, value in checkpoint.weights.items()}
    tensors |= {_OPTIMISER + key: value.contiguous() for key, value in checkpoint.optimiser.items()}
    content = serialised(tensors)
    description = {
        "format": FORMAT,
        "variant": checkpoint.variant,
        "epoch": checkpoint.epoch,
        "recipe": asdict(checkpoint.recipe),
        "versions": versions(),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    with replacing(path.with_suffix(".json")) as described:
        described.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        with replacing(path) as beside:
            beside.write_bytes(content)


def read(path: Path) -> Checkpoint:
    """The checkpoint in `path` (.safetensors), as described by the .json beside it.

    Raises:
        WeightsError: a file is missing, damaged, of another format, or the two do not belong together.
    """
    content = _bytes(path)
    described = _description(path.with_suffix(".json"))
    digest, recorded = hashlib.sha256(content).hexdigest(), described.get("sha256")
    if described.get("format") != FORMAT:
        raise WeightsError(
            f"{path.with_suffix('.json')} has format {described.get('format')!r:.80}, expected {FORMAT!r}; give a "
            f"checkpoint written by this program"
        )
    if recorded != digest:
        raise WeightsError(
            f"{path} has sha256 {digest[:16]}..., but {path.with_suffix('.json').name} describes a file of "
            f"{recorded!s:.16}...; one was changed or copied without the other, copy both again"
        )
    try:
        tensors, _ = tensor_file.loaded(content)
        variant_bands(described["variant"])
        _check_epoch(described["epoch"])
        checkpoint = Checkpoint(
            variant=described["variant"],
            recipe=recorded_recipe(described["recipe"]),
            epoch=described["epoch"],
            weights={name: value for name, value in tensors.items() if not name.startswith(_OPTIMISER)},
            optimiser={
                name.removeprefix(_OPTIMISER): value for name, value in tensors.items() if name.startswith(_OPTIMISER)
            },
        )
    except (KeyError, TypeError, ValueError, Sar2NdviError) as problem:
        raise WeightsError(f"{path} cannot be used ({problem}); give a checkpoint written by this program") from problem
    return checkpoint


def _bytes(path: Path) -> bytes:
    """A checkpoint file's content."""
    try:
        return tensor_file.read(path)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or problem
        raise WeightsError(f"cannot read checkpoint {path}: {reason}; give a .safetensors file of a run") from problem


def _description(path: Path) -> dict[str, Any]:
    """The JSON beside the tensors."""
    try:
        described = parse(read_bytes(path, DESCRIPTION_LIMIT_BYTES))
    except OSError as problem:
        raise WeightsError(
            f"cannot read {path}: {problem.strerror}; a checkpoint is a .safetensors file and the .json of the same "
            f"name beside it, copy both"
        ) from problem
    except ValueError as problem:
        raise WeightsError(f"{path} is not JSON ({problem}); copy it again from its run") from problem
    if not isinstance(described, dict):
        raise WeightsError(f"{path} holds a {type(described).__name__}, expected an object; copy it again from its run")
    return described


def _check_epoch(epoch: Any) -> None:
    """Raise WeightsError unless it is a whole number from 0 up."""
    if type(epoch) is not int or epoch < 0:
        raise WeightsError(f"its epoch is {epoch!r:.40}, expected a whole number from 0 up")


def recorded_recipe(fields: Mapping[str, Any]) -> Recipe:
    """The recipe as recorded, whatever its name's values are today."""
    fields = {"batching": "patches", **fields}  # all there was before the switch
    absent = sorted(set(Recipe.__dataclass_fields__) - set(fields))
    if absent:
        raise WeightsError(f"its recipe lacks {', '.join(absent)}")
    if not isinstance(fields["name"], str):
        raise WeightsError(f"its recipe's name is {fields['name']!r:.40}, expected a text")
    recipe(**{switch: value for switch, value in fields.items() if switch != "name"})
    return Recipe(**fields)


def _check_tensors(weights: Mapping[str, Tensor], network: nn.Module) -> None:
    """Raise WeightsError unless names and shapes are the network's own."""
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    actual = {name: tuple(value.shape) for name, value in weights.items()}
    for name in sorted(expected.keys() | actual.keys()):
        if expected.get(name) != actual.get(name):
            raise WeightsError(
                f"weight {name} has shape {actual.get(name, 'none: it is missing')}, expected "
                f"{expected.get(name, 'none: the network has no such weight')}; give the variant the weights were "
                f"trained for"
            )
