"""A training state is whole or not there, and belongs to one training."""

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from port import training_state
from port.engines import EngineName, lay_out
from port.errors import SettingError, WeightsError
from port.initialisation import initialise
from port.network import FusionCNN, make_network
from port.recipes import Recipe, recipe
from port.training import EpochLosses, make_optimiser
from port.training_state import captured, epochs_in, read, write

LOSSES = [EpochLosses(1, 0.25, 0.5), EpochLosses(2, 0.125, math.nan)]
SETTINGS = {"variant": "SAR", "seed": 3, "patch_limit": None}


def moved(chosen: Recipe) -> tuple[FusionCNN, torch.optim.Optimizer]:
    """A network and its optimiser after a step."""
    network = make_network("SAR", chosen)
    initialise(network, "pytorch", seed=0)
    optimiser = make_optimiser(chosen, network.parameters())
    network(torch.ones(1, 2, 17, 17)).sum().backward()
    optimiser.step()
    return network, optimiser


@pytest.mark.parametrize("form", ["lasagne", "torch"])
def test_states_return_unchanged(form: str, tmp_path: Path) -> None:
    """Weights and velocities to the last bit, and the losses, one of which is no number."""
    chosen = recipe(momentum_form=form)
    network, optimiser = moved(chosen)
    write(tmp_path / "s.safetensors", captured(network, optimiser, LOSSES, SETTINGS, "eager"))
    found = read(tmp_path / "s.safetensors", SETTINGS)
    assert found is not None
    assert found.engine == "eager"
    fresh = make_network("SAR", chosen)
    again = make_optimiser(chosen, fresh.parameters())
    found.restore(fresh, again)
    for one, other in zip(network.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(one, other)
        for name, value in optimiser.state[one].items():
            assert torch.equal(value, again.state[other][name])
    assert found.losses[0] == LOSSES[0]
    assert math.isnan(found.losses[1].validation)


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # torch.compile's own
def test_names_are_clean_whatever_wraps_the_network() -> None:
    """Neither `torch.compile` nor several processes change a name."""
    network, optimiser = moved(recipe())

    class Wrapped(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = torch.compile(network)

    names = set(captured(Wrapped(), optimiser, [], {}, "compiled").tensors)
    assert {name for name in names if not name.startswith("optimiser/")} == set(network.state_dict())


def test_velocities_are_kept_whatever_the_recipe() -> None:
    """A checkpoint of recipe original has none, but who goes on with its training goes on with its velocities."""
    tensors = captured(*moved(recipe("original")), LOSSES, SETTINGS, "eager").tensors
    assert len([name for name in tensors if name.startswith("optimiser/")]) == 6


@pytest.mark.parametrize("engine", ["eager", "channels-last"])
def test_velocities_lie_in_memory_as_their_weights(engine: EngineName, tmp_path: Path) -> None:
    """As those never stored: another order of the same sums could differ in the last bit."""
    network, optimiser = moved(recipe())
    write(tmp_path / "s.safetensors", captured(network, optimiser, LOSSES, SETTINGS, engine))
    found = read(tmp_path / "s.safetensors", SETTINGS)
    assert found is not None
    lay_out(network, found.engine)
    found.restore(network, optimiser)
    for parameter in network.parameters():
        (velocity,) = optimiser.state[parameter].values()
        assert velocity.stride() == parameter.stride()
    assert network.conv2.weight.is_contiguous() == (engine == "eager")


def test_epochs_are_counted(tmp_path: Path) -> None:
    """Without knowing what the state belongs to; none where there is no file."""
    assert epochs_in(tmp_path / "s.safetensors") == 0
    write(tmp_path / "s.safetensors", captured(*moved(recipe()), LOSSES, SETTINGS, "eager"))
    assert epochs_in(tmp_path / "s.safetensors") == 2


def test_no_file_is_no_state(tmp_path: Path) -> None:
    """Training then begins at its start."""
    assert read(tmp_path / "none.safetensors", SETTINGS) is None


@pytest.mark.parametrize(("name", "value"), [("variant", "SARp"), ("seed", 4), ("patch_limit", 5)])
def test_another_training_is_refused(name: str, value: object, tmp_path: Path) -> None:
    """The first setting that differs is told with both values."""
    path = tmp_path / "s.safetensors"
    write(path, captured(*moved(recipe()), LOSSES, SETTINGS, "eager"))
    with pytest.raises(SettingError, match=f"{name} {SETTINGS[name]}, this one has {value}; remove it to train"):
        read(path, SETTINGS | {name: value})


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A checkpoint, and what is no safetensors at all."""
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match=r"has format None, expected 'sar2ndvi-training-state/2'"):
        read(tmp_path / "other.safetensors", SETTINGS)
    with pytest.raises(WeightsError, match=r"broken.safetensors cannot be read"):
        read(tmp_path / "broken.safetensors", SETTINGS)


def test_a_write_that_fails_leaves_the_state_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped in the middle of a write, training goes on from the epoch before."""
    path = tmp_path / "s.safetensors"
    state = captured(*moved(recipe()), LOSSES, SETTINGS, "eager")
    write(path, state)
    before = path.read_bytes()

    def stopped(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(training_state, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        write(path, state)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["s.safetensors"]
