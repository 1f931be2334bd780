"""A data path recording runs one request of a whole scene through the product, from the rasters to the GeoTIFF."""

import math
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from parity.errors import TraceError
from parity.trace import Record
from port.bands import Band, variant_bands
from port.blocks import in_batches
from port.dataset import SentinelPatchDataset
from port.initialisation import DEVIATION, initialise
from port.lasagne_weights import to_state
from port.layer_recording import LayerRecording, named_parameters
from port.network import FusionCNN, Layer, border_px, make_network
from port.prediction_recording import PredictionRecording, Trained
from port.recipes import Recipe
from port.recording import given_network, record_normalised, record_selected
from port.regions import Region
from port.scene_recording import LIST, VALIDATION, SceneRecording, taught_scene, unpacked
from port.scenes import Scene
from port.stacks import BandStack
from port.step_recording import StepRecording
from port.tape import Tape
from port.training import make_optimiser, train


class DataPathRecording:
    """One request of kind `pipeline` run through the product, onto a tape.

    Args:
        request: the scene's files, the shuffle and the settings.
        recipe: what the product does with them.
        tape: where the stages go.
        seeded: whether the shuffle is the product's own, drawn from the request's seed, in place of the one given.

    Raises:
        TraceError: the request's first weights are not the original's.
    """

    def __init__(self, request: Record, recipe: Recipe, tape: Tape, *, seeded: bool = False) -> None:
        self.request, self.recipe, self.tape, self.seeded = request, recipe, tape, seeded
        self.variant: str = request.manifest["variant"]
        self.seed: int = request.manifest["seed"]
        self.region = Region(*request.manifest["test_region"])
        self.start = request.manifest["initialisation"]
        if self.start is not None and self.start["deviation"] != DEVIATION:
            raise TraceError(
                f"{request.path}: deviation is {self.start['deviation']}, expected {DEVIATION}; write it again"
            )
        self._steps = StepRecording(tape, recipe, self.variant, request.manifest["training"])

    def run(self) -> dict[str, Any]:
        """Record everything, in the trace's order; gives what the manifest tells of the training."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sar2ndvi-")))
            scene = unpacked(self.request, _made(folder / "scene"), self.recipe.nodata)
            teacher = self.tape.teacher
            taught = scene if teacher is None else taught_scene(scene, teacher, _made(folder / "taught"))
            pixels = stack.enter_context(BandStack(scene))
            taught_pixels = pixels if taught is scene else stack.enter_context(BandStack(taught))
            return self._run(scene, taught, pixels, taught_pixels, folder)

    def _run(
        self, scene: Scene, taught: Scene, pixels: BandStack, taught_pixels: BandStack, folder: Path
    ) -> dict[str, Any]:
        of_scene = SceneRecording(self.tape, self.recipe, scene, taught, test_region=self.region, seed=self.seed)
        of_scene.rasters()
        split = of_scene.split(of_scene.patches(), None if self.seeded else self.request["split/permutation"])
        every = of_scene.dataset(pixels, split.training, tuple(Band), trains=True)
        of_scene.order(in_batches(every), taught_pixels)
        network = self._network()
        of_scene.cut(LIST, "split/training", split.training, pixels, taught_pixels)
        of_scene.cut(VALIDATION, "split/validation", split.validation, pixels, taught_pixels)
        bands = variant_bands(self.variant)
        training = of_scene.dataset(pixels, split.training, bands, trains=True)
        validation = of_scene.dataset(pixels, split.validation, bands)
        self._first_batch(network, every, training)
        self._train(network, training, validation)
        trained = Trained(self.variant, network, self._taught_network(network))
        PredictionRecording(self.tape, self.recipe, trained, scene, taught, self.region, folder).run()
        return self._told(training)

    def _network(self) -> FusionCNN:
        """The network at its start, and the border it loses."""
        if self.start is None and self.recipe.initialisation == "normal-0.001":
            network = given_network(self.request, self.recipe)
        else:
            network = make_network(self.variant, self.recipe)
            initialise(network, self.recipe.initialisation, seed=self._start_seed, filters=self.recipe.filters)
        drawn = 0
        for name, parameter in named_parameters(network):
            operation, attributes = self._drawn(network, name, parameter, drawn)
            self.tape.add(f"weight/{name}", operation, [], parameter, **attributes)
            drawn += parameter.numel() if name.endswith("W") else 0
        filters = [f"weight/{name}" for name, _ in named_parameters(network) if name.endswith("W")]
        border = np.array(network.border_px)
        self.tape.put("border", "border", filters, border, again=_border)
        return network

    @property
    def _start_seed(self) -> int:
        return self.seed if self.start is None else int(self.start["seed"])

    def _drawn(self, network: FusionCNN, name: str, parameter: nn.Parameter, drawn: int) -> tuple[str, dict[str, Any]]:
        """How a parameter's first values came about, after so many numbers drawn before."""
        shape = {"shape": list(parameter.shape)}
        if self.recipe.initialisation == "pytorch":
            weight = network.get_parameter(f"{name.split('/')[0]}.weight")
            return "uniform", {"limit": weight[0].numel() ** -0.5, **shape}
        if self.start is None:
            return "given", {}
        if name.endswith("b"):
            return "constant", {"value": 0.0, **shape}
        return "normal", {"seed": self._start_seed, "deviation": DEVIATION, "skip": drawn, **shape}

    def _first_batch(self, network: FusionCNN, every: SentinelPatchDataset, fed: SentinelPatchDataset) -> None:
        """The first patches of the list through the network, forward and backward; no weight changes.

        `every` has all nine bands, `fed` those that the network is trained on.
        """
        rows = np.arange(min(self.recipe.batch_size, len(every)))
        every.set_epoch(0)
        fed.set_epoch(0)
        window: dict[str, Any] = {"start": 0, "stop": self.recipe.batch_size}
        turned = self.recipe.augmentation == "dihedral"
        operation = "rows_transformed" if turned else "rows"
        symmetries = {"symmetries": every.symmetry[rows].tolist()} if turned else {}
        for stage, source, value in zip(("batch/raw", "target/raw"), LIST, every.stored(rows), strict=True):
            self.tape.put(stage, operation, [source], value, again=lambda listed: listed[rows], **window, **symmetries)
        record_normalised(self.tape, self.recipe, *every.batch(rows))
        selected, target = fed.batch(rows)
        record_selected(self.tape, "batch/", [int(band) for band in fed.bands], selected)
        layers = LayerRecording(self.tape, network, self.recipe)
        stages = layers.forward(selected.requires_grad_())
        layers.backward(selected, stages, layers.loss(stages["output"], target))

    def _train(self, network: FusionCNN, training: SentinelPatchDataset, validation: SentinelPatchDataset) -> None:
        """All epochs by the product's own training."""
        optimiser = make_optimiser(self.recipe, network.parameters())
        sets = in_batches(training), in_batches(validation)
        epochs = list(train(network, *sets, self.recipe, optimiser=optimiser, updates=self._steps))
        steps = len(self._steps.losses)
        for name, parameter in named_parameters(network):
            self.tape.add(f"trained/{name}", "trajectory", [], parameter, step=steps, of=f"weight/{name}")
        self._steps.curve("loss/curve", "loss", self._steps.losses)
        self._steps.curve("loss/epochs", "epochs", [epoch.training for epoch in epochs])
        if not math.isnan(epochs[-1].validation):
            self._steps.curve("loss/validation", "validation", [epoch.validation for epoch in epochs])

    def _taught_network(self, network: FusionCNN) -> FusionCNN:
        """A network of the weights that the teacher ended with."""
        teacher = self.tape.teacher
        if teacher is None:
            return network
        taught = make_network(self.variant, self.recipe)
        parameters = [teacher[f"trained/{name}"] for name, _ in named_parameters(network)]
        taught.load_state_dict(to_state(parameters, self.recipe.filters))
        return taught

    def _told(self, training: SentinelPatchDataset) -> dict[str, Any]:
        """The training as it was done."""
        recipe, asked = self.recipe, self.request.manifest["training"]
        steps = len(self._steps.losses)
        rates = self._steps.told_rates if recipe.schedule == "cosine" else asked.get("rate_changes", [])
        changes = {"rate_changes": rates, "restarts": self._steps.told_restarts}
        told = {name: getattr(recipe, name) for name in ("epochs", "batch_size", "learning_rate", "momentum")}
        turned = {"symmetries": _symmetries(training)} if recipe.augmentation == "dihedral" else {}
        return {
            **asked,
            **told,
            **{name: value for name, value in changes.items() if value or name in asked},
            "steps": steps,
            "batches": steps // recipe.epochs,
            "momentum_form": recipe.momentum_form,
            **turned,
        }


def _border(*W: np.ndarray) -> np.ndarray:
    """The border that filters (out, in, row, col) take, as the product counts it."""
    return np.array(border_px(Layer(len(filters), filters.shape[-1]) for filters in W))


def _symmetries(training: SentinelPatchDataset) -> list[list[int]]:
    """How each patch of each step was turned."""
    return [
        training.symmetry[indices].tolist()
        for epoch in range(training.recipe.epochs)
        for indices in training.batch_indices(epoch)
    ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
