"""One step is its formula, an epoch is its batches, and a seed gives one result to the last bit."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from port.errors import PatchError, SettingError
from port.initialisation import initialise
from port.network import FusionCNN, Layer
from port.recipes import recipe
from port.training import EpochLosses, LasagneMomentum, learning_rate, make_optimiser, mean_absolute_error, train

SMALL = (Layer(3, 5), Layer(2, 3), Layer(1, 3))


class Batches:
    """Made-up batches, the same each epoch."""

    def __init__(self, *sizes: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> None:
        generator = torch.Generator().manual_seed(seed)
        drawn = (torch.randn(size, 3, 11, 11, generator=generator).to(dtype) for size in sizes)
        self.made = [(draw[:, :2], draw[:, 2:, 4:7, 4:7]) for draw in drawn]

    def __len__(self) -> int:
        return sum(len(inputs) for inputs, _ in self.made)

    def batches(self, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches, whatever the epoch."""
        return iter(self.made)


def small_network(dtype: torch.dtype = torch.float32) -> FusionCNN:
    """A network small enough to train in an instant."""
    network = FusionCNN(2, layers=SMALL).to(dtype)
    initialise(network, "pytorch", seed=1)
    return network


def losses_of(network: FusionCNN, training: Batches, validation: Batches, **switches: object) -> list[EpochLosses]:
    """All epochs of a training run."""
    chosen = recipe(**switches)
    optimiser = make_optimiser(chosen, network.parameters())
    return list(train(network, training, validation, chosen, optimiser=optimiser))


def test_loss_is_the_mean_over_batch_and_pixels() -> None:
    """Mean |estimate - target|, as numpy has it."""
    generator = np.random.default_rng(0)
    estimate, target = generator.normal(size=(2, 3, 1, 4, 5))
    loss = mean_absolute_error(torch.from_numpy(estimate), torch.from_numpy(target))
    assert abs(loss.item() - np.abs(estimate - target).mean()) <= 1e-15


@pytest.mark.parametrize("form", ["lasagne", "torch"])
@given(
    rates=st.lists(st.floats(1e-4, 0.1), min_size=1, max_size=6),
    momentum=st.floats(0.01, 0.99),
    seed=st.integers(0, 99),
)
def test_steps_are_their_formula(form: str, rates: list[float], momentum: float, seed: int) -> None:
    """Lasagne: v = m v - lr g, w += v. PyTorch: v = m v + g, w -= lr v. At any learning rates, in float64."""
    generator = np.random.default_rng(seed)
    gradients = generator.normal(size=(len(rates), 4))
    w = generator.normal(size=4)
    parameter = nn.Parameter(torch.from_numpy(w.copy()))
    optimiser = make_optimiser(recipe(momentum_form=form, momentum=momentum), [parameter])
    v = np.zeros(4)
    for rate, g in zip(rates, gradients, strict=True):
        optimiser.param_groups[0]["lr"] = rate
        parameter.grad = torch.from_numpy(g.copy())
        optimiser.step()
        v = momentum * v - rate * g if form == "lasagne" else momentum * v + g
        w = w + v if form == "lasagne" else w - rate * v
    assert np.abs(parameter.detach().numpy() - w).max() <= 1e-13 * np.abs(w).max()
    name = "velocity" if form == "lasagne" else "momentum_buffer"
    assert np.abs(optimiser.state[parameter][name].numpy() - v).max() <= 1e-13 * np.abs(v).max()


@pytest.mark.parametrize(("schedule", "equal"), [("constant", True), ("cosine", False)])
def test_both_forms_of_momentum_part_when_the_rate_changes(schedule: str, equal: bool) -> None:
    """The same path while the learning rate is constant, another once it falls (deviation 7)."""
    weights = []
    for form in ("lasagne", "torch"):
        network = small_network(torch.float64)
        patches = Batches(4, 4, dtype=torch.float64)
        losses_of(network, patches, Batches(), epochs=5, momentum_form=form, schedule=schedule, precision="float64")
        weights.append(torch.cat([value.detach().ravel() for value in network.parameters()]))
    distance = (weights[0] - weights[1]).abs().max() / weights[0].abs().max()
    assert (distance.item() <= 1e-12) is equal
    assert equal or distance > 1e-4


def test_a_parameter_without_gradient_stays() -> None:
    """Lasagne's momentum moves only what has a gradient."""
    moved, still = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    moved.grad = torch.ones(2)
    LasagneMomentum([moved, still], lr=0.5, momentum=0.9).step()
    assert moved.tolist() == [0.5, 0.5]
    assert still.tolist() == [1, 1]


def test_losses_are_means_over_patches() -> None:
    """An incomplete batch counts by its patches; validation follows the update, training precedes it."""
    training, validation = Batches(4, 4, 1), Batches(3, 2, seed=5)
    network = small_network()
    start = {name: value.clone() for name, value in network.state_dict().items()}
    first = losses_of(network, training, validation, epochs=1, learning_rate=1e-12)[0]
    network.load_state_dict(start)
    for patches, found in ((training, first.training), (validation, first.validation)):
        errors = torch.cat([(network(x) - y).abs().mean(dim=(1, 2, 3)) for x, y in patches.batches(0)])
        assert abs(found - errors.mean().item()) < 1e-6


def test_training_learns() -> None:
    """The loss on a handful of patches falls by half within 60 epochs."""
    losses = losses_of(small_network(), Batches(4, 4), Batches(), epochs=60, learning_rate=0.02)
    assert losses[-1].training < 0.9 * losses[0].training
    assert [row.epoch for row in losses] == list(range(1, 61))


def test_empty_validation_gives_no_number() -> None:
    """The validation loss of no batch is NaN, not 0."""
    assert math.isnan(losses_of(small_network(), Batches(4), Batches(), epochs=1)[0].validation)


def test_training_is_repeatable_to_the_last_bit() -> None:
    """Two runs with one start and one order end in the same weights."""
    networks = [small_network(), small_network()]
    for network in networks:
        losses_of(network, Batches(4, 4, 3), Batches(2, seed=1), epochs=5)
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("epoch", "share"), [(0, 1.0), (50, 0.5), (99, 0.5 * (1 + math.cos(0.99 * math.pi)))])
def test_cosine_schedule(epoch: int, share: float) -> None:
    """Half a cosine wave from the first rate to nearly 0."""
    chosen = recipe(schedule="cosine", epochs=100, learning_rate=0.01)
    assert abs(learning_rate(chosen, epoch) - 0.01 * share) < 1e-15


def test_no_batch_is_an_error() -> None:
    """A training set smaller than a batch that is dropped trains nothing, and says so (deviation 10)."""
    with pytest.raises(PatchError, match=r"0 training patches make no batch of 128 .*lower batch_size or stride_px"):
        losses_of(small_network(), Batches(), Batches(), batch_size=128, last_batch="drop")


def test_divergence_is_an_error() -> None:
    """A loss that is no number ends training, naming the epoch and the learning rate."""
    network = small_network()
    nn.init.constant_(network.conv1.weight, math.inf)
    with pytest.raises(
        SettingError, match=r"the training loss is nan in epoch 1, expected a finite number; lower learn"
    ):
        losses_of(network, Batches(4), Batches())
