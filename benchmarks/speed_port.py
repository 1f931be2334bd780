"""The port's side of the race: prediction and training by every engine, with the error of each beside its speed."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from benchmarks.loader import noise_dataset
from benchmarks.speed_original import Problem
from port.bands import Band
from port.blocks import MOST_PATCHES, BlockDataset
from port.checkpoints import Checkpoint
from port.engines import EngineName, Forward, forward_by
from port.lasagne_weights import to_state
from port.network import BORDER_PX, LAYERS, FusionCNN
from port.onnx_export import export
from port.prediction import TILE_PX
from port.recipes import recipe
from port.regions import Region
from port.training import Batch, WeightedBatch, batch_loss, make_optimiser, trained

ENGINES = get_args(EngineName)
ONNX = "ONNX Runtime"


@dataclass(frozen=True)
class Contender:
    """One way to do a piece of work.

    Attributes:
        work: forward (a batch of patches), region (by tiles), step (a training step of a batch) or blocks (of as many
            patches, densely).
        name: the engine.
        call: does it once.
    """

    work: str
    name: str
    call: Callable[[], object]


def flop(batch: int, rows: int, cols: int) -> float:
    """Multiplications and additions of the convolutions, for a batch of images of so many pixels."""
    return sum(_layer_flop(batch, rows, cols))


def step_flop(batch: int, rows: int, cols: int) -> float:
    """Those of a training step: each convolution, its filters' gradient, and its input's but the first one's."""
    layers = _layer_flop(batch, rows, cols)
    return 3 * sum(layers) - layers[0]


def _layer_flop(batch: int, rows: int, cols: int) -> list[float]:
    found, inputs = [], len(Band)
    for layer in LAYERS:
        rows, cols = rows - layer.side_px + 1, cols - layer.side_px + 1
        found.append(2.0 * batch * rows * cols * layer.filters * inputs * layer.side_px**2)
        inputs = layer.filters
    return found


def make_network(problem: Problem) -> FusionCNN:
    """The problem's network, in float32."""
    network = FusionCNN(problem.inputs.shape[1])
    network.load_state_dict(to_state(list(problem.weights.values())))
    return network


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    """Every way the port has, each with a network of its own."""
    images, tiles = [torch.from_numpy(problem.inputs)], tiles_of(torch.from_numpy(problem.region))
    patches, blocks = (images[0], torch.from_numpy(problem.targets)), blocks_batch(len(images[0]))
    for engine in ENGINES:
        for work, given in (("forward", images), ("region", tiles)):
            yield Contender(work, engine, predicting(problem, engine, given))
        for work, batch in (("step", patches), ("blocks", blocks)):
            yield Contender(work, engine, training(problem, engine, batch))
    run = onnx_forward(make_network(problem), threads)
    for work, given in (("forward", images), ("region", tiles)):
        yield Contender(work, ONNX, lambda given=given: [run(each) for each in given])


def tiles_of(region: Tensor) -> list[Tensor]:
    """The product's own tiles of a region, each with its halo."""
    inner = Region.whole((region.shape[2], region.shape[3])).grown(-BORDER_PX)
    return [region[(..., *tile.grown(BORDER_PX).slices)].contiguous() for tile in inner.tiles(TILE_PX)]


def predicting(problem: Problem, engine: EngineName, images: Sequence[Tensor]) -> Callable[[], object]:
    """What predicts some images once."""
    forward = forward_by(make_network(problem).eval(), engine)

    def call() -> list[Tensor]:
        with torch.inference_mode():
            return [forward(each) for each in images]

    return call


def training(problem: Problem, engine: EngineName, batch: Batch) -> Callable[[], object]:
    """What does one training step by the product's own loop: forward, loss, gradients, momentum."""
    network = make_network(problem)
    chosen = recipe(learning_rate=problem.learning_rate, momentum=problem.momentum)
    optimiser = make_optimiser(chosen, network.parameters())
    steps = trained(network, optimiser, repeat(batch), forward=forward_by(network, engine))
    return lambda: next(steps)


def blocks_batch(patches: int) -> WeightedBatch:
    """A batch of whole blocks of 8 x 8 patches with so many patches, of noise."""
    grid = MOST_PATCHES * max(1, patches // MOST_PATCHES**2)
    chosen = recipe(batching="blocks", batch_size=MOST_PATCHES**2)
    blocks = BlockDataset(noise_dataset(chosen, patches=grid**2, grid=grid))
    return blocks.batch(range(max(1, patches // MOST_PATCHES**2)))


def onnx_forward(network: FusionCNN, threads: int) -> Forward:
    """The network as the product exports it, in ONNX Runtime on the CPU."""
    import onnxruntime

    checkpoint = Checkpoint(
        variant="SOPTIIp", recipe=recipe(scaling="none"), epoch=0, weights=dict(network.named_parameters())
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export(path, checkpoint)
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: torch.from_numpy(session.run(None, {name: images.numpy()})[0])


def errors(
    problem: Problem, originals: Mapping[str, Sequence[Mapping[str, np.ndarray]]]
) -> dict[str, dict[str, float]]:
    """How far each contender is from the same network in float64, by name.

    `output` is the largest difference over the largest value; `gradient` is the norm of the difference of all gradients
    of a batch over their norm. An original, by its name, is the worst of its answers; its velocity after one step from
    rest is its gradient times the learning rate.
    """
    images, targets = torch.from_numpy(problem.inputs), torch.from_numpy(problem.targets)
    exact = _computed(make_network(problem).double(), "eager", (images.double(), targets.double()))
    found = {}
    for name, given in originals.items():
        answers = [_apart(_answered(answer, problem.learning_rate), exact) for answer in given]
        found[name] = {of: max(answer[of] for answer in answers) for of in ("output", "gradient")}
    for engine in ENGINES:
        found[engine] = _apart(_computed(make_network(problem), engine, (images, targets)), exact)
    output = onnx_forward(make_network(problem), 1)(images)
    found[ONNX] = {"output": _apart((output, exact[1]), exact)["output"]}
    return found


def _answered(answer: Mapping[str, np.ndarray], learning_rate: float) -> tuple[Tensor, Tensor]:
    """The original's output and gradients, as `_computed` has them."""
    velocities = to_state([value for name, value in answer.items() if name.startswith("velocity/")])
    flat = torch.cat([value.flatten() for value in velocities.values()])
    return torch.from_numpy(answer["output"]), -flat / learning_rate


def _computed(network: FusionCNN, engine: EngineName, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """The output of a batch, and all gradients one after another."""
    forward = forward_by(network, engine)
    with torch.no_grad():
        output = forward(batch[0])
    batch_loss(forward, batch)[0].backward()
    return output, torch.cat([parameter.grad.flatten() for parameter in network.parameters()])


def _apart(actual: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> dict[str, float]:
    """The relative errors of output and gradients."""
    output, gradient = ((a.double() - e) for a, e in zip(actual, expected, strict=True))
    return {
        "output": float(output.abs().max() / expected[0].abs().max()),
        "gradient": float(gradient.norm() / expected[1].norm()),
    }


def works(problem: Problem) -> Mapping[str, float]:
    """The floating-point operations of each work."""
    batch, _, rows, cols = problem.inputs.shape
    images = blocks_batch(batch).inputs
    return {
        "forward": flop(batch, rows, cols),
        "region": flop(1, *problem.region.shape[2:]),
        "step": step_flop(batch, rows, cols),
        "blocks": step_flop(images.shape[0], images.shape[2], images.shape[3]),
    }
