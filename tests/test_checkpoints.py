"""A checkpoint gives back what was saved, under clean names, and refuses what does not belong together."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from port import checkpoints
from port.checkpoints import Checkpoint, capture, read, restore_optimiser, save
from port.errors import OutputError, SettingError, WeightsError
from port.initialisation import initialise
from port.network import make_network
from port.recipes import Recipe, recipe
from port.training import make_optimiser, train

# importing PyTorch's own compiler warns of PyTorch's own deprecated calls
DYNAMO = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")
NAMES = [f"conv{number}.{kind}" for number in (1, 2, 3) for kind in ("bias", "weight")]


class Noise:
    """Four patches of noise in one batch, the same each epoch."""

    def __len__(self) -> int:
        return 4

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The one batch."""
        drawn = torch.randn(4, 3, 19, 19, generator=torch.Generator().manual_seed(2))
        yield drawn[:, :2], drawn[:, 2:, 8:-8, 8:-8]


def trained(chosen: Recipe, *, compiled: bool = False, start: Checkpoint | None = None) -> Checkpoint:
    """The state after all epochs of the recipe, from its own start or going on from a checkpoint."""
    network = make_network("SAR", chosen) if start is None else start.network()
    optimiser = make_optimiser(chosen, network.parameters())
    if start is None:
        initialise(network, "pytorch", seed=0)
    else:
        restore_optimiser(start, network, optimiser)
    first = 0 if start is None else start.epoch
    list(train(network, Noise(), Noise(), chosen, optimiser=optimiser, first_epoch=first))
    wrapped = torch.compile(network) if compiled else network  # shares the parameters; nothing is compiled until called
    return capture(wrapped, optimiser, variant="SAR", recipe=chosen, epoch=chosen.epochs)


def constant(epochs: int, form: str) -> Recipe:
    """A recipe whose learning rate does not depend on the number of epochs."""
    return recipe(epochs=epochs, momentum_form=form, schedule="constant")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A checkpoint after two epochs."""
    path = tmp_path / "checkpoint.safetensors"
    save(path, trained(recipe(epochs=2)))
    return path


@pytest.mark.parametrize("form", ["lasagne", "torch"])
def test_checkpoints_return_unchanged(form: str, tmp_path: Path) -> None:
    """Weights, optimiser state, recipe, variant and epoch are read as they were saved."""
    checkpoint = trained(recipe("tuned", predicts="ndvi", epochs=2, momentum_form=form))
    save(tmp_path / "c.safetensors", checkpoint)
    found = read(tmp_path / "c.safetensors")
    assert (found.variant, found.recipe, found.epoch) == (checkpoint.variant, checkpoint.recipe, checkpoint.epoch)
    for mine, theirs in ((found.weights, checkpoint.weights), (found.optimiser, checkpoint.optimiser)):
        assert sorted(mine) == sorted(theirs)
        assert mine
        assert all(torch.equal(mine[name], value) for name, value in theirs.items())


@DYNAMO
@pytest.mark.parametrize("compiled", [False, True])
def test_names_are_clean(compiled: bool, tmp_path: Path) -> None:
    """With torch.compile on or off, the file holds the same names, none with `_orig_mod.`."""
    save(tmp_path / "c.safetensors", trained(recipe(epochs=1), compiled=compiled))
    state = [f"optimiser/{name}/momentum_buffer" for name in NAMES]
    assert sorted(load_file(tmp_path / "c.safetensors")) == sorted(NAMES + state)


@DYNAMO
def test_a_compiled_network_s_names_do_carry_the_prefix() -> None:
    """The name that must be cleaned is the one torch.compile makes."""
    wrapped = torch.compile(make_network("SAR", recipe()))
    names = [name for name, _ in wrapped.named_parameters()]
    assert all(name.startswith("_orig_mod.") for name in names)
    assert sorted(map(checkpoints.clean_name, names)) == NAMES


@pytest.mark.parametrize("form", ["lasagne", "torch"])
def test_going_on_is_as_never_stopped(form: str, tmp_path: Path) -> None:
    """Two epochs, saved, read, and three more end where five epochs end, to the last bit."""
    whole = trained(constant(5, form))
    save(tmp_path / "c.safetensors", trained(constant(2, form)))
    resumed = trained(constant(5, form), start=read(tmp_path / "c.safetensors"))
    for name, value in whole.weights.items():
        assert torch.equal(resumed.weights[name], value)


def test_a_lost_optimiser_state_would_show() -> None:
    """Going on without the velocities ends elsewhere: the test above can fail."""
    whole, half = trained(constant(5, "torch")), trained(constant(2, "torch"))
    bare = Checkpoint(variant="SAR", recipe=half.recipe, epoch=2, weights=half.weights)
    forgetful = trained(constant(5, "torch"), start=bare)
    assert not torch.equal(forgetful.weights["conv1.weight"], whole.weights["conv1.weight"])


def test_lost_state_is_not_saved(tmp_path: Path) -> None:
    """With optimiser_state "lost" a checkpoint holds the weights alone, as the original's (deviation 16)."""
    save(tmp_path / "c.safetensors", trained(recipe(epochs=1, optimiser_state="lost")))
    assert sorted(load_file(tmp_path / "c.safetensors")) == sorted(NAMES)
    assert not read(tmp_path / "c.safetensors").optimiser


def test_missing_file_is_named(tmp_path: Path) -> None:
    """The path and the reason are in the message."""
    with pytest.raises(WeightsError, match=r"cannot read checkpoint .*absent.safetensors: No such file"):
        read(tmp_path / "absent.safetensors")


def test_missing_description_is_named(saved: Path) -> None:
    """Weights without their JSON are refused."""
    saved.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match=r"cannot read .*checkpoint.json: No such file.*copy both"):
        read(saved)


def test_changed_weights_are_refused(saved: Path) -> None:
    """One other byte, and the sum recorded no longer fits."""
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(bytes(content))
    with pytest.raises(WeightsError, match=r"has sha256 .* but checkpoint.json describes a file of"):
        read(saved)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "other/1"}, "has format 'other/1', expected 'sar2ndvi-checkpoint/1'"),
        ({"recipe": {"name": "corrected"}}, "cannot be used (its recipe lacks augmentation, batch_size"),
        ({"recipe": "corrected"}, "cannot be used ("),
    ],
    ids=["format", "recipe lacks", "recipe is text"],
)
def test_other_descriptions_are_refused(changed: dict[str, object], message: str, saved: Path) -> None:
    """A description that this program did not write is an error that says what it lacks."""
    path = saved.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | changed), encoding="utf-8")
    with pytest.raises(WeightsError, match=re.escape(message)):
        read(saved)


def test_text_that_is_no_json_is_refused(saved: Path) -> None:
    """A cut description gets the product's error."""
    saved.with_suffix(".json").write_text('{"format": ', encoding="utf-8")
    with pytest.raises(WeightsError, match="is not JSON"):
        read(saved)


def test_weights_of_another_variant_are_refused(saved: Path) -> None:
    """Shapes are checked strictly before anything is loaded."""
    found = read(saved)
    other = Checkpoint(variant="SARp", recipe=found.recipe, epoch=1, weights=found.weights)
    message = "weight conv1.weight has shape (48, 2, 9, 9), expected (48, 3, 9, 9); give the variant"
    with pytest.raises(WeightsError, match=re.escape(message)):
        other.network()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("conv2.bias"), "weight conv2.bias has shape none: it is missing, expected (32,)"),
        (
            lambda weights: weights.update({"conv4.bias": torch.zeros(1)}),
            "weight conv4.bias has shape (1,), expected none: the network has no such weight",
        ),
    ],
    ids=["missing", "left over"],
)
def test_missing_and_extra_weights_are_refused(change: object, message: str, saved: Path) -> None:
    """No weight is left at its start, none is ignored."""
    found = read(saved)
    weights = dict(found.weights)
    change(weights)
    with pytest.raises(WeightsError, match=re.escape(message)):
        Checkpoint(variant="SAR", recipe=found.recipe, epoch=1, weights=weights).network()


def test_switches_are_checked(saved: Path) -> None:
    """A replaced switch must take the value."""
    found = read(saved)
    assert found.with_switches({"border": "crop", "test_bands": None}).recipe.border == "crop"
    with pytest.raises(SettingError, match="border is 'none'; choose one of crop, halo"):
        found.with_switches({"border": "none"})


def test_nothing_is_left_where_saving_fails(saved: Path, tmp_path: Path) -> None:
    """A folder that does not exist is an error, and no part of a file stays."""
    with pytest.raises(OutputError, match=r"cannot write .*No such file"):
        save(tmp_path / "none" / "c.safetensors", read(saved))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.json", "checkpoint.safetensors"]
