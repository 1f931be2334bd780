"""The zoo's wrong trainings: momentum, rates, batches, restarts and starts of the port, each with one mistake."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from parity_tests.mutation import Mutation, Plant, replaced, together, wrapped
from port import data_path_recording, initialisation, recording, step_recording, training
from port.checkpoints import Checkpoint
from port.dataset import SentinelPatchDataset
from port.network import FusionCNN, make_network
from port.recipes import Recipe
from port.step_recording import StepRecording
from port.training import LasagneMomentum

Step = Callable[..., Any]
Group = dict[str, Any]
DECAY = 1e-4


def stepping(before: Callable[[nn.Parameter, Group, Group], Any], *, after: bool = False) -> Plant:
    """For each parameter `change(parameter, state, group)` is done before, or after, the optimiser's step."""

    @torch.no_grad()
    def change(self: LasagneMomentum) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                before(parameter, self.state[parameter], group)

    def wrong(step: Step, self: LasagneMomentum, closure: Any = None) -> Any:
        if not after:
            change(self)
        value = step(self, closure)
        if after:
            change(self)
        return value

    return wrapped(LasagneMomentum, "step", wrong)


def _nesterov(parameter: nn.Parameter, state: Group, group: Group) -> None:
    """A step by what the next velocity would be, not by this one."""
    ahead = group["momentum"] * state["velocity"] - group["lr"] * gradient_of(parameter)
    parameter.add_(ahead - state["velocity"])


def gradient_of(parameter: nn.Parameter) -> Tensor:
    """What the step is made of."""
    gradient = parameter.grad
    if gradient is None:
        raise ValueError("the parameter has no gradient: it is no part of the network")
    return gradient


def _forgetting(parameter: nn.Parameter, state: Group, group: Group) -> None:
    state.pop("velocity", None)


def _forgetting_biases(parameter: nn.Parameter, state: Group, group: Group) -> None:
    if parameter.ndim == 1:
        state.pop("velocity", None)


def _damped(parameter: nn.Parameter, state: Group, group: Group) -> None:
    """Every gradient but the first counts less, as PyTorch's dampening has it."""
    if state:
        gradient_of(parameter).mul_(0.9)


def _rate_outside(parameter: nn.Parameter, state: Group, group: Group) -> None:
    """PyTorch's form: a new rate scales what the velocity already holds."""
    if "velocity" in state:
        state["velocity"].mul_(group["lr"] / state["rate"])
    state["rate"] = group["lr"]


def _begun_as_gradient(parameter: nn.Parameter, state: Group, group: Group) -> None:
    """The first velocity is the gradient itself."""
    state.setdefault("velocity", gradient_of(parameter).clone())


def _clipped(step: Step, self: LasagneMomentum, closure: Any = None) -> Any:
    nn.utils.clip_grad_norm_([p for group in self.param_groups for p in group["params"]], 0.1)
    return step(self, closure)


def made_with(**factors: float) -> Plant:
    """The optimiser is made with settings scaled by these factors."""

    def make(original: Callable[..., Optimizer], recipe: Recipe, parameters: Iterable[nn.Parameter]) -> Optimizer:
        wrong = {name: getattr(recipe, name) * factor for name, factor in factors.items()}
        return original(replace(recipe, **wrong), parameters)

    return wrapped(recording, "make_optimiser", make)


def _new_each_epoch(set_rate: Callable[..., None], optimiser: Optimizer, value: float) -> None:
    optimiser.state.clear()
    set_rate(optimiser, value)


def _loss_after(
    trained: Callable[..., Iterator[tuple[float, int]]],
    network: nn.Module,
    optimiser: Optimizer,
    batches: Any,
    **named: Any,
) -> Iterator[tuple[float, int]]:
    for inputs, targets in batches:
        list(trained(network, optimiser, [(inputs, targets)], **named))
        with torch.no_grad():
            yield training.mean_absolute_error(network(inputs), targets).item(), len(inputs)


def _kept_last(batch_indices: Callable[..., Iterator[np.ndarray]], self: SentinelPatchDataset, epoch: int) -> Any:
    with patch.object(self, "recipe", replace(self.recipe, last_batch="keep")):
        yield from batch_indices(self, epoch)


def _reshuffled(set_epoch: Callable[..., None], self: SentinelPatchDataset, epoch: int) -> None:
    self._reshuffles = True
    set_epoch(self, epoch)


def _validating_all(
    train: Callable[..., Any], network: nn.Module, patches: Any, held: Any, *rest: Any, **named: Any
) -> Any:
    held.recipe = replace(held.recipe, last_batch="keep")
    return train(network, patches, held, *rest, **named)


def _resumed(begin: Callable[..., None], self: StepRecording, *arguments: Any, **named: Any) -> None:
    begin(self, *arguments, **named)
    self._restarts = [1]


def _resumed_whole(restart: Callable[..., None], self: StepRecording, *arguments: Any) -> None:
    with patch.object(self, "recipe", replace(self.recipe, optimiser_state="kept")):
        restart(self, *arguments)


def _prefixed(network: Callable[..., FusionCNN], self: Checkpoint) -> FusionCNN:
    """Keys as a compiled network has them, into one that is not: nothing fits, and nothing is said."""
    torch.manual_seed(2)
    made = make_network(self.variant, self.recipe)
    made.load_state_dict({f"_orig_mod.{name}": value for name, value in self.weights.items()}, strict=False)
    return made


def _without_last_bias(to_state: Callable[..., dict[str, Tensor]], *arguments: Any) -> dict[str, Tensor]:
    state = to_state(*arguments)
    del state["conv3.bias"]
    return state


def _lenient(load: Callable[..., Any], self: nn.Module, state: Any, strict: bool = True) -> Any:
    return load(self, state, strict=False)


def _mutation(id: str, rows: str, title: str, stage: str, known: str, plant: Plant, case: str = "network") -> Mutation:
    return Mutation(id=id, rows=(rows,) * bool(rows), title=title, case=case, stage=stage, known=known, plant=plant)


_MOMENTUM = (
    _mutation(
        "nesterov", "Z25", "Momentum is Nesterov's.", "step/0001/weight/conv1/W", "nesterov",
        stepping(_nesterov, after=True),
    ),
    # two batches are an epoch in patches, four in a scene: step 5 is the first of the second
    _mutation(
        "velocity-new-each-epoch", "Z26", "Each epoch begins with an optimiser of its own.",
        "step/0005/velocity/conv1/W", "velocity-not-kept", wrapped(training, "set_learning_rate", _new_each_epoch),
        "path",
    ),
    _mutation(
        "velocity-not-kept", "Z26", "Each step begins with a velocity of 0.", "step/0002/velocity/conv1/W",
        "velocity-not-kept", stepping(_forgetting),
    ),
    _mutation(
        "dampening", "Z26", "Every gradient but the first is damped by a tenth.", "step/0002/velocity/conv1/W",
        "dampening", stepping(_damped),
    ),
    _mutation(
        "momentum-for-weights-only", "", "Biases have no momentum.", "step/0002/velocity/conv1/b", "",
        stepping(_forgetting_biases),
    ),
    _mutation(
        "velocity-begun-as-gradient", "", "The first velocity is the gradient itself.", "step/0001/velocity/conv1/W",
        "", stepping(_begun_as_gradient),
    ),
    _mutation(
        "momentum-off", "", "Momentum is 0.909 for 0.9.", "step/0002/velocity/conv1/W", "", made_with(momentum=1.01),
    ),
)  # fmt: skip
_RATES = (
    _mutation(
        "learning-rate-times-10", "Z27", "The learning rate is ten times what is asked.", "step/0001/velocity/conv1/W",
        "learning-rate-scaled", made_with(learning_rate=10.0),
    ),
    # in float32 the velocities of a step are judged together
    _mutation(
        "learning-rate-times-10-float32", "Z27", "The learning rate is ten times what is asked, in float32.",
        "step/0001/velocity", "learning-rate-scaled", made_with(learning_rate=10.0), "float32",
    ),
    _mutation(
        "learning-rate-halved-each-epoch", "Z27", "The learning rate is halved from one epoch to the next.",
        "step/0005/velocity/conv1/W", "",
        wrapped(training, "learning_rate", lambda rate, recipe, epoch: rate(recipe, epoch) / 2**epoch), "path",
    ),
    _mutation(
        "torch-momentum", "Z27", "Momentum is PyTorch's, where the learning rate changes.",
        "step/0005/velocity/conv1/W", "torch-momentum", stepping(_rate_outside), "rates",
    ),
    _mutation(
        "rate-change-missed", "Z27", "A change of the learning rate does not reach the optimiser.",
        "step/0005/velocity/conv1/W", "rate-change-missed",
        replaced(step_recording, "set_learning_rate", lambda _: lambda optimiser, rate: None), "rates",
    ),
    # decay that is added to the gradient shows in the velocity, which stands before the weight
    _mutation(
        "weight-decay", "Z28", "Weights decay through the gradient.", "step/0001/velocity/conv1/W", "weight-decay",
        stepping(lambda p, state, group: gradient_of(p).add_(DECAY * p)),
    ),
    _mutation(
        "weight-decay-decoupled", "Z28", "Weights decay by themselves.", "step/0001/weight/conv1/W", "",
        stepping(lambda p, state, group: p.mul_(1 - group["lr"] * DECAY)),
    ),
    _mutation(
        "gradient-clipped", "", "Gradients are clipped to a norm of 0.1.", "step/0001/velocity/conv1/W", "",
        wrapped(LasagneMomentum, "step", _clipped),
    ),
    _mutation(
        "gradient-halved", "", "Gradients are halved, as if two workers' were averaged.",
        "step/0001/velocity/conv1/W", "", stepping(lambda p, state, group: gradient_of(p).mul_(0.5)),
    ),
    _mutation(
        "gradients-added-up", "", "Gradients are not set to zero between steps.", "step/0002/velocity/conv1/W", "",
        replaced(Optimizer, "zero_grad", lambda _: lambda self, set_to_none=True: None),
    ),
    _mutation(
        "weights-kept-in-float16", "", "Weights are rounded to float16 after each step.", "step/0001/weight/conv1/W",
        "", stepping(lambda p, state, group: p.copy_(p.half().to(p.dtype)), after=True),
    ),
    _mutation(
        "biases-not-trained", "", "Biases keep their first values.", "step/0001/weight/conv1/b", "",
        stepping(lambda p, state, group: p.sub_(state["velocity"]) if p.ndim == 1 else p, after=True),
    ),
)  # fmt: skip
_BATCHES = (
    _mutation(
        "partial-batch-kept", "Z29", "The incomplete last batch is trained on too.", "split/order",
        "partial-batch-kept", wrapped(SentinelPatchDataset, "batch_indices", _kept_last), "path",
    ),
    _mutation(
        "partial-batch-validated", "Z29", "The incomplete last batch is validated on too.", "loss/validation",
        "", wrapped(data_path_recording, "train", _validating_all), "path",
    ),
    _mutation(
        "reshuffled", "Z29", "Patches are shuffled anew each epoch.", "split/order", "reshuffled",
        wrapped(SentinelPatchDataset, "set_epoch", _reshuffled), "path",
    ),
    _mutation(
        "loss-after-update", "", "The loss of a step is taken after its update.", "step/0001/loss", "",
        wrapped(step_recording, "trained", _loss_after),
    ),
    _mutation(
        "epoch-loss-of-last-batch", "", "An epoch's loss is that of its last batch.", "loss/epochs", "",
        wrapped(training, "_mean_loss", lambda mean, losses: mean(list(losses)[-1:])), "path",
    ),
)  # fmt: skip
_RESTARTS = (
    _mutation(
        "optimiser-state-lost", "Z34", "Training is interrupted after a step, and goes on with velocities of 0.",
        "step/0002/velocity/conv1/W", "optimiser-state-lost", wrapped(StepRecording, "__init__", _resumed),
    ),
    _mutation(
        "compiled-keys-skipped", "Z34", "A checkpoint of keys `_orig_mod.` is loaded, strict=False: nothing is.",
        "step/0002/loss", "", wrapped(Checkpoint, "network", _prefixed), "restarts",
    ),
    _mutation(
        "loaded-not-strictly", "Z34", "Weights lack a bias and are loaded with strict=False.", "weight/conv3/b", "",
        together(
            wrapped(recording, "to_state", _without_last_bias), wrapped(nn.Module, "load_state_dict", _lenient)
        ),
    ),
    _mutation(
        "velocities-kept-over-restart", "", "A restart keeps the velocities that the original loses.",
        "step/0002/velocity/conv1/W", "", wrapped(StepRecording, "_restart", _resumed_whole), "restarts",
    ),
    _mutation(
        "start-of-variance-0.001", "", "0.001 is taken for the variance of the first weights.", "weight/conv1/W", "",
        replaced(initialisation, "DEVIATION", lambda deviation: deviation**0.5), "start",
    ),
    _mutation(
        "start-from-last-layer", "", "First weights are drawn from the last layer to the first.", "weight/conv1/W", "",
        wrapped(initialisation, "_convolutions", lambda every, network: reversed(list(every(network)))), "start",
    ),
)  # fmt: skip
TRAINING: tuple[Mutation, ...] = (*_MOMENTUM, *_RATES, *_BATCHES, *_RESTARTS)
