"""A pair of traces of the naive data path, from rasters to a raster, with the graph that both tell."""

from functools import cache
from pathlib import Path

import naive_path as path
from judged_pair import Pair, Side
from naive_path import BATCH, EPOCHS, INPUTS, MASKS, NAMES, REGION, SELECTED, SIDE, STEPS, TARGET, Mistakes, Program

from parity.graph import Node

TRAINING = {
    "epochs": EPOCHS, "batch_size": BATCH, "learning_rate": path.RATE, "momentum": path.MOMENTUM,
    "recorded": list(path.RECORDED), "rate_changes": [], "restarts": [], "steps": STEPS, "batches": path.BATCHES,
    "momentum_form": "lasagne",
}  # fmt: skip
STACK = tuple(f"raster/{name}" for name in INPUTS)
STORED = tuple(f"raster/{name}" for name in MASKS)
PARAMETERS = tuple(f"weight/{name}" for name in NAMES)


def graph(dtype: str) -> list[Node]:
    """The path's stages, in order."""
    decoded = [Node(f"raster/{n}", "decode", (), {"file": n, "dtype": a.dtype.name}) for n, a in path.rasters().items()]
    return [*decoded, *_split(), *_patches(dtype), *_first_batch(), *_steps(), *_prediction(dtype), *_results()]


def _split() -> list[Node]:
    grid = {"side": SIDE, "stride": path.STRIDE, "origin": path.ORIGIN}
    masks = [f"mask/{name[:3]}" for name in MASKS]
    return [
        *(Node(m, "exclude", (s,), {"region": REGION}) for m, s in zip(masks, STORED, strict=True)),
        Node("patches/index", "clear_patches", tuple(masks), grid),
        Node("split/permutation", "given"),
        Node("split/shuffled", "shuffle", ("patches/index", "split/permutation")),
        Node("split/training", "rows", ("split/shuffled",), {"start": 0, "stop": path.TRAINING}),
        Node("split/validation", "rows", ("split/shuffled",),
             {"start": path.TRAINING, "stop": path.TRAINING + path.VALIDATION}),
        Node("split/order", "batch_order", ("split/training",), {"batch_size": BATCH, "epochs": EPOCHS}),
    ]  # fmt: skip


def _patches(dtype: str) -> list[Node]:
    images, targets = {"side": SIDE, "margin": 0, "dtype": dtype}, {"side": SIDE, "margin": path.BORDER, "dtype": dtype}
    return [
        *(Node(name, "given") for name in PARAMETERS),
        Node("border", "border", PARAMETERS[::2]),
        Node("patches/raw", "cut", (*STACK, "split/training"), images),
        Node("targets/raw", "cut", (f"raster/{TARGET}", "split/training"), targets),
        Node("validation/raw", "cut", (*STACK, "split/validation"), images),
        Node("validation/targets", "cut", (f"raster/{TARGET}", "split/validation"), targets),
    ]


def _network(part: str, weights: str) -> list[Node]:
    selected = "batch/selected" if not part else f"{part}selected"
    return [
        Node(f"{part}conv1/pre", "convolution_valid", (selected, f"{weights}/conv1/W", f"{weights}/conv1/b")),
        Node(f"{part}conv1/out", "rectify", (f"{part}conv1/pre",)),
        Node(f"{part}conv2/pre", "convolution_valid", (f"{part}conv1/out", f"{weights}/conv2/W", f"{weights}/conv2/b")),
        Node(f"{part}output", "identity", (f"{part}conv2/pre",)),
    ]


def _first_batch() -> list[Node]:
    first, select = {"start": 0, "stop": BATCH}, {"axis": 1, "indices": SELECTED}
    return [
        Node("batch/raw", "rows", ("patches/raw",), first),
        Node("target/raw", "rows", ("targets/raw",), first),
        Node("batch/normalised", "divide", ("batch/raw",), {"divisor": path.DIVISOR}),
        Node("target/normalised", "divide", ("target/raw",), {"divisor": path.DIVISOR}),
        Node("batch/selected", "select", ("batch/normalised",), select),
        *_network("", "weight"),
        Node("loss", "mean_absolute_error", ("output", "target/normalised")),
        Node("grad/output", "mean_absolute_error_gradient", ("output", "target/normalised")),
        Node("grad/conv2/pre", "identity", ("grad/output",)),
        Node("grad/conv2/W", "convolution_valid_gradient_weights", ("conv1/out", "grad/conv2/pre")),
        Node("grad/conv2/b", "bias_gradient", ("grad/conv2/pre",)),
        Node("grad/conv1/out", "convolution_valid_gradient_input", ("weight/conv2/W", "grad/conv2/pre")),
        Node("grad/conv1/pre", "rectify_gradient", ("conv1/pre", "grad/conv1/out"), {"at_zero": 0.5}),
        Node("grad/conv1/W", "convolution_valid_gradient_weights", ("batch/selected", "grad/conv1/pre")),
        Node("grad/conv1/b", "bias_gradient", ("grad/conv1/pre",)),
        Node("grad/input", "convolution_valid_gradient_input", ("weight/conv1/W", "grad/conv1/pre")),
    ]


def _steps() -> list[Node]:
    of = ("loss", *(f"{kind}/{name}" for kind in ("velocity", "weight") for name in NAMES))
    recorded = [(f"step/{step:04d}/{each}", {"step": step, "of": each}) for step in path.RECORDED for each in of]
    trained = [(f"trained/{name}", {"step": STEPS, "of": f"weight/{name}"}) for name in NAMES]
    curves = [(f"loss/{name}", {"of": "loss" if name == "curve" else name}) for name in path.CURVES]
    return [Node(stage, "trajectory", (), told) for stage, told in (*recorded, *trained, *curves)]


def _prediction(dtype: str) -> list[Node]:
    return [
        Node("predict/raw", "crop", STACK, {"region": REGION, "dtype": dtype}),
        Node("predict/normalised", "divide", ("predict/raw",), {"divisor": path.DIVISOR}),
        Node("predict/selected", "select", ("predict/normalised",), {"axis": 1, "indices": SELECTED}),
        *_network("predict/", "trained"),
        Node("metrics/target/raw", "crop", (f"raster/{TARGET}",), {"region": path.INNER, "dtype": dtype}),
        Node("metrics/target/normalised", "divide", ("metrics/target/raw",), {"divisor": path.DIVISOR}),
    ]


def _results() -> list[Node]:
    scored = ("metrics/estimate", "metrics/truth")
    scores = {"mae": "mean_absolute_error", "rmse": "root_mean_square_error", "cc": "correlation"}
    return [
        Node("metrics/valid", "valid", STORED, {"region": path.INNER}),
        Node("metrics/estimate", "masked", ("predict/output", "metrics/valid")),
        Node("metrics/truth", "masked", ("metrics/target/normalised", "metrics/valid")),
        *(Node(f"metrics/{name}", score, scored, {"dtype": "float64"}) for name, score in scores.items()),
        Node("metrics/psnr", "peak_signal_to_noise_ratio", scored, {"peak": path.PEAK, "dtype": "float64"}),
        Node("geotiff/pixels", "to_image", ("predict/output",), {"dtype": "float32"}),
        Node("geotiff/header", "header", (), path.HEADER),
    ]


@cache
def _sound(dtype: str, second: bool) -> path.Entries:
    """What a program without a mistake records; it is computed once."""
    return Program(dtype, second).run()


def make_path_pair(folder: Path, *, dtype: str, mistakes: Mistakes | None = None) -> Pair:
    """Two programs that sum in different orders, the second with mistakes."""
    nodes = graph(dtype)
    legacy = _sound(dtype, False)
    port = Program(dtype, second=True, mistakes=mistakes).run() if mistakes else _sound(dtype, True)
    manifest = {"dtype": dtype, "training": TRAINING, "graph": [node.as_json() for node in nodes]}
    sides = [Side({node.stage: side[node.stage] for node in nodes}, dict(manifest)) for side in (legacy, port)]
    for side, name in zip(sides, ("legacy", "port"), strict=True):
        side.manifest |= {"side": name, "process": {"id": name}}
    return Pair(folder, *sides, given=path.given())
