"""The first stage of a run: from a scene and its split to a trained network, alone or as one of several processes."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from port import training_state
from port.bands import variant_bands
from port.blocks import in_batches
from port.dataset import SentinelPatchDataset
from port.engine_choice import AUTO, choose_engine
from port.engines import DEFAULT, EngineName, check_engine, lay_out
from port.initialisation import initialise
from port.network import FusionCNN, make_network
from port.observer import Observer
from port.processes import Processes
from port.recipes import Recipe
from port.scenes import Scene
from port.shares import Shares
from port.splits import Split
from port.stacks import BandStack
from port.training import EpochLosses, Patches, make_optimiser, train


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a variant is trained on a scene: by which recipe, from which seed, computed by which engine.

    Attributes:
        engine: an engine's name, or "auto".
        state: the file from which training goes on if it is there, replaced after each epoch; None for none.
        belonging: what else the state belongs to: the test region, ...
    """

    variant: str
    recipe: Recipe
    seed: int
    engine: str = DEFAULT
    state: Path | None = None
    belonging: Mapping[str, str]


@dataclass(frozen=True)
class Trained:
    """The network after its last epoch, its optimiser, all epochs' losses, and the engine that was used."""

    network: FusionCNN
    optimiser: torch.optim.Optimizer
    losses: list[EpochLosses]
    engine: EngineName


def check_training(training: Training) -> None:
    """Raise SettingError for a variant, recipe or engine that cannot be trained."""
    make_network(training.variant, training.recipe)
    if training.engine != AUTO:
        check_engine(training.engine, training.recipe.precision, besides=(AUTO,))


def train_network(
    scene: Scene, split: Split, training: Training, observer: Observer, processes: Processes | None = None
) -> Trained:
    """Train from the start, or from the state that was kept; of several processes the first keeps and tells.

    Raises:
        SettingError: the state belongs to another training, or the loss is no longer a finite number.
        WeightsError, PatchError, SceneError, OutputError: see `port.training_state`, `port.training`, `port.stacks`.
    """
    together, recipe = processes or Processes(), training.recipe
    network = make_network(training.variant, recipe)
    initialise(network, recipe.initialisation, seed=training.seed, filters=recipe.filters)
    network.to(together.device)
    optimiser = make_optimiser(recipe, network.parameters())
    settings = _settings(training, split)
    path = training.state
    begun = together.told(None if path is None or together.rank else training_state.read(path, settings))
    losses = list(begun.losses) if begun else []
    with BandStack(scene) as stack:
        training_set, validation_set = (
            _shared(stack, patches, training, network, together, trains=trains)
            for patches, trains in ((split.training, True), (split.validation, False))
        )
        if begun and training.engine == AUTO:
            engine = begun.engine
        else:
            engine = _engine(network, training, training_set, recipe.epochs - len(losses), observer, together)
        lay_out(network, engine)
        if begun:
            begun.restore(network, optimiser)
            observer.remark(f"training goes on after epoch {len(losses)} of {recipe.epochs}")
        observer.step("train", len(losses), recipe.epochs, "")
        epochs = train(
            network,
            training_set,
            validation_set,
            recipe,
            optimiser=optimiser,
            first_epoch=len(losses),
            engine=engine,
            processes=together,
        )
        for row in epochs:
            losses.append(row)
            if path is not None and together.rank == 0:
                training_state.write(path, training_state.captured(network, optimiser, losses, settings, engine))
            observer.step("train", row.epoch, recipe.epochs, f"loss {row.training:.4f}")
    return Trained(network.cpu(), optimiser, losses, engine)


def _settings(training: Training, split: Split) -> dict[str, Any]:
    """What a state belongs to: all that its numbers depend on but the engine, the processes and the scene's pixels."""
    patches = {name: hashlib.sha256(getattr(split, name).tobytes()).hexdigest() for name in ("training", "validation")}
    return {
        "variant": training.variant,
        "seed": training.seed,
        **training.belonging,
        **asdict(training.recipe),
        **{f"{name} patches": digest[:16] for name, digest in patches.items()},
    }


def _shared(
    stack: BandStack, patches: np.ndarray, training: Training, network: FusionCNN, together: Processes, *, trains: bool
) -> Patches:
    """The dataset of some patches in the recipe's batches, or this process's share of it."""
    dataset = in_batches(
        SentinelPatchDataset(
            stack,
            patches,
            bands=variant_bands(training.variant),
            recipe=training.recipe,
            border_px=network.border_px,
            seed=training.seed,
            trains=trains,
        )
    )
    return dataset if together.count == 1 else Shares(dataset, together)


def _engine(
    network: FusionCNN, training: Training, dataset: Patches, epochs: int, observer: Observer, together: Processes
) -> EngineName:
    """The engine that is asked for, or the fastest, which is told."""
    if training.engine != AUTO:
        return check_engine(training.engine, training.recipe.precision)
    chosen: EngineName = DEFAULT
    batch = next(dataset.batches(0), None)
    if together.rank == 0 and batch is not None and epochs:
        updates = epochs * math.ceil(len(dataset) / training.recipe.batch_size)
        choice = choose_engine(network, training.recipe, batch, updates)
        observer.remark(choice.said)
        chosen = choice.engine
    return together.told(chosen)
