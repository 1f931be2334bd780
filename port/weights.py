"""Weights come from a checkpoint of ours or from the original's `.npz`; either becomes a `Checkpoint`."""

from pathlib import Path
from typing import Any

from port import checkpoints, lasagne_weights
from port.bands import variant_bands
from port.checkpoints import Checkpoint
from port.errors import SettingError, WeightsError
from port.recipes import recipe


def read_weights(
    path: Path, *, variant: str | None = None, recipe_name: str | None = None, switches: dict[str, Any] | None = None
) -> Checkpoint:
    """The weights in a file, with single switches of their recipe replaced.

    A checkpoint of ours (.safetensors) knows its variant and recipe; the original's .npz must be told both.

    Raises:
        WeightsError: no weights, or those of another variant or recipe than named.
        SettingError: an .npz without variant or recipe, or an unknown name.
    """
    given = switches or {}
    if path.suffix == ".npz":
        if variant is None or recipe_name is None:
            raise SettingError(
                f"{path} says neither its variant nor its recipe; give --variant (as in its name, model_IDSOPTIIp.npz "
                f"is SOPTIIp) and --recipe (published for the public program's own weights)"
            )
        chosen = recipe(recipe_name, **given)
        weights = lasagne_weights.read_npz(path, variant, chosen.filters)
        return Checkpoint(variant=variant, recipe=chosen, epoch=0, weights=weights)
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path} ends in {path.suffix!r}, expected .safetensors (ours) or .npz (the original's)")
    found = checkpoints.read(path)
    _check_named("variant", variant, found.variant, path)
    _check_named("recipe", recipe_name, found.recipe.name, path)
    return found.with_switches(given)


def convert(
    source: Path,
    target: Path,
    *,
    variant: str | None = None,
    recipe_name: str | None = None,
    switches: dict[str, Any] | None = None,
) -> str:
    """Write the original's .npz as a checkpoint of ours, or a checkpoint as such an .npz; gives the variant.

    Raises:
        WeightsError: both files are of one kind, or the source cannot be used.
        OutputError: the target cannot be written.
    """
    if {source.suffix, target.suffix} != {".npz", ".safetensors"}:
        raise WeightsError(
            f"cannot convert {source.name} to {target.name}: one must end in .npz (the original's), the other in "
            f".safetensors (ours)"
        )
    found = read_weights(source, variant=variant, recipe_name=recipe_name, switches=switches)
    found.network()
    write_weights(target, found)
    return found.variant


def write_weights(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint of ours, or with a name in .npz its weights alone, as the original saves them.

    Raises:
        OutputError: the file cannot be written.
    """
    if path.suffix == ".npz":
        lasagne_weights.write_npz(path, checkpoint.weights, checkpoint.recipe.filters)
    else:
        checkpoints.save(path, checkpoint)


def _check_named(what: str, given: str | None, found: str, path: Path) -> None:
    """Raise WeightsError where another name was given than the file records."""
    if what == "variant" and given is not None:
        variant_bands(given)
    if given is not None and given != found:
        raise WeightsError(f"{path} was trained with {what} {found}, not {given}; leave out --{what} or give {found}")
