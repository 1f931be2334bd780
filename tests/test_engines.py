"""Every engine computes the same network: its weights keep their names, its numbers differ by rounding alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from port.checkpoints import capture
from port.engine_choice import WORTH_COMPILING_S, choose_engine
from port.engines import ENGINES, check_engine, forward_by, uncompiled
from port.errors import SettingError
from port.initialisation import initialise
from port.network import FusionCNN, make_network
from port.recipes import recipe
from port.training import make_optimiser, trained

IN_PROCESS = [name for name in ENGINES if name != "compiled"]
"""torch.compile cannot see through the checks of shapes that tests put into the port: it has a process of its own."""
COMPILED = """
import torch
from port.checkpoints import capture
from port.engines import forward_by
from port.initialisation import initialise
from port.network import make_network
from port.recipes import recipe
from port.rounding import rounding_bound
from port.training import make_optimiser, trained

torch.manual_seed(4)
chosen = recipe()
made, plain = (make_network("SOPTIIp", chosen) for _ in range(2))
for network in (made, plain):
    initialise(network, "pytorch", seed=2)
patches, targets = torch.rand(4, 9, 21, 19), torch.rand(4, 1, 5, 3)
forward = forward_by(made, "compiled")
share = ((forward(patches) - plain(patches)).abs() / rounding_bound(plain, patches)).max()
optimiser = make_optimiser(chosen, made.parameters())
list(trained(made, optimiser, [(patches, targets)], forward=forward))
kept = capture(made, optimiser, variant="SOPTIIp", recipe=chosen, epoch=1)
print(share.item(), *sorted(kept.weights), *sorted(kept.optimiser))
"""
ROOT = Path(__file__).parents[1]
PATCHES = torch.randn(4, 9, 21, 19, generator=torch.Generator().manual_seed(5))
TARGETS = torch.randn(4, 1, 5, 3, generator=torch.Generator().manual_seed(6))


def network(chosen: str = "corrected") -> FusionCNN:
    """A network of all nine bands at PyTorch's own start."""
    made = make_network("SOPTIIp", recipe(chosen))
    initialise(made, "pytorch", seed=2)
    return made


@pytest.mark.parametrize("engine", IN_PROCESS)
@pytest.mark.parametrize("chosen", ["corrected", "original", "tuned"])
def test_engines_agree(engine: str, chosen: str) -> None:
    """Float engines to 1e-6 of the largest number; bfloat16, of 8 bits, to 2 %, and is not the same."""
    expected = network(chosen)(PATCHES)
    actual = forward_by(network(chosen), engine)(PATCHES)
    assert actual.dtype == torch.float32
    apart = ((actual - expected).abs().max() / expected.abs().max()).item()
    assert apart <= (0.02 if engine == "bfloat16" else 1e-6)
    assert engine != "bfloat16" or apart > 1e-5


@pytest.mark.parametrize("engine", IN_PROCESS)
def test_checkpoints_have_the_same_keys_whatever_the_engine(engine: str) -> None:
    """A step by any engine leaves weights and velocities under the names they always have."""
    chosen, made = recipe(), network()
    optimiser = make_optimiser(chosen, made.parameters())
    list(trained(made, optimiser, [(PATCHES, TARGETS)], forward=forward_by(made, engine)))
    kept = capture(made, optimiser, variant="SOPTIIp", recipe=chosen, epoch=1)
    names = [f"conv{layer}.{kind}" for layer in (1, 2, 3) for kind in ("weight", "bias")]
    assert sorted(kept.weights) == sorted(names)
    assert sorted(kept.optimiser) == sorted(f"{name}/momentum_buffer" for name in names)
    assert {value.dtype for value in kept.weights.values()} == {torch.float32}


def test_compiling_changes_neither_numbers_nor_keys(tmp_path: Path) -> None:
    """The compiled network's output within rounding, and after a step the same names of weights and velocities.

    Likewise where another kind of processor has left its programs in the same temporary folder.
    """
    weights = sorted(f"conv{layer}.{kind}" for layer in (1, 2, 3) for kind in ("weight", "bias"))
    environment = {name: value for name, value in os.environ.items() if name != "TORCHINDUCTOR_CACHE_DIR"}
    for kind in ({}, {"ATEN_CPU_CAPABILITY": "default"}):
        done = subprocess.run(
            [sys.executable, "-c", COMPILED],
            env=environment | {"TMPDIR": str(tmp_path)} | kind,
            capture_output=True, encoding="utf-8", check=True, timeout=600, cwd=ROOT,
        )  # fmt: skip
        share, *names = done.stdout.split()
        assert 0 < float(share) <= 1
        assert names == weights + [f"{name}/momentum_buffer" for name in weights]


@pytest.mark.parametrize(
    ("name", "precision", "message"),
    [
        ("fast", "float32", "unknown engine 'fast'; choose one of eager, channels-last, compiled, bfloat16"),
        ("bfloat16", "float64", "8 bits of mantissa, but precision is float64; choose another engine"),
    ],
)
def test_unfit_engines_are_refused(name: str, precision: str, message: str) -> None:
    """The error says which there are, or what does not go together."""
    with pytest.raises(SettingError, match=message):
        check_engine(name, precision)


def test_validation_is_in_the_networks_own_precision() -> None:
    """Losses of two engines can be compared."""
    assert {name: uncompiled(name) for name in ENGINES} == {
        "eager": "eager",
        "channels-last": "channels-last",
        "compiled": "channels-last",
        "bfloat16": "channels-last",
    }


@pytest.mark.parametrize(
    ("seconds", "updates", "engine"),
    [
        ({"eager": 0.2, "channels-last": 0.1, "bfloat16": 0.3}, 100, "channels-last"),
        ({"eager": 0.2, "channels-last": 0.1, "bfloat16": 0.05}, 100, "bfloat16"),
        ({"eager": 0.1, "channels-last": 0.2, "bfloat16": 0.3}, 100, "eager"),
        ({"eager": 0.2, "channels-last": 0.1, "bfloat16": 0.3, "compiled": 0.01}, 10**6, "compiled"),
        ({"eager": 0.2, "channels-last": 0.1, "bfloat16": 0.3, "compiled": 0.15}, 10**6, "channels-last"),
    ],
)
def test_the_fastest_engine_is_chosen_and_told(
    seconds: dict[str, float], updates: int, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what all updates would take; compiling is tried where the rest is long enough to gain by it."""
    tried = []

    def timed(_network: object, _recipe: object, _batch: object, name: str) -> list[float]:
        tried.append(name)
        return [seconds[name]]

    monkeypatch.setattr("port.engine_choice._timed", timed)
    choice = choose_engine(network(), recipe(), (PATCHES, TARGETS), updates)
    assert choice.engine == engine
    assert f"engine {engine}, for an update takes by eager" in choice.said
    assert ("compiled" in tried) == (updates * 0.05 > WORTH_COMPILING_S)
    assert ("bfloat16 moves the gradient by" in choice.said) == (engine == "bfloat16")


def test_choosing_leaves_the_network_as_it_is() -> None:
    """Updates are tried on copies; in float64 bfloat16 is none of the engines."""
    made = make_network("SOPTIIp", recipe(precision="float64"))
    initialise(made, "pytorch", seed=2)
    before = [value.clone() for value in made.parameters()]
    batch = PATCHES.double(), TARGETS.double()
    choice = choose_engine(made, recipe(precision="float64"), batch, updates=1)
    assert set(choice.seconds) == {"eager", "channels-last"}
    assert all(torch.equal(one, other) for one, other in zip(before, made.parameters(), strict=True))
