"""An exported network is one ONNX file that needs no knowledge of ours: stored units in, estimated NDVI out.

Its graph holds the normalisation, the layers and, where the change is predicted, the interpolation; its metadata tells
what to feed it. It is written through `torch.onnx.export` and compared with the port before it appears.
"""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from port.bands import SOURCES
from port.checkpoints import Checkpoint
from port.errors import SettingError
from port.files import replacing
from port.network import FusionCNN
from port.normalisation import divisors
from port.onnx_agreement import Agreement, Runtime, agreement
from port.prediction import fed_bands, units
from port.versions import versions
from port.weights_digest import weights_digest

FORMAT = "sar2ndvi-onnx/1"
OPSET = 18
"""What torch's exporter writes without converting; ONNX Runtime 1.14 and later read it."""
INPUT, OUTPUT = "stored", "ndvi"
_TRACED = (2, 33, 33)  # batch, rows and columns that the graph is traced with; it takes any others


class Deployed(nn.Module):
    """The network behind its normalisation: stored units in, NDVI in the units of the recipe out."""

    divisors: Tensor

    def __init__(self, network: FusionCNN, divisors: Float[np.ndarray, "channel"]) -> None:
        super().__init__()
        self.network = network
        parameter = next(network.parameters())
        self.register_buffer("divisors", torch.from_numpy(divisors).to(parameter.dtype)[:, None, None])

    def forward(self, stored: Float[Tensor, "batch channel row col"]) -> Float[Tensor, "batch 1 inner_row inner_col"]:
        """The estimate of the pixels at least 8 px from the input's edge."""
        estimate: Tensor = self.network(stored / self.divisors)
        return estimate


def export(path: Path, checkpoint: Checkpoint) -> Agreement:
    """Write a checkpoint's network as ONNX; the file appears once it is checked, whole or not at all.

    Input `stored` float32 (batch, channel, row, col) in stored units, channels as metadata `bands` names them; output
    `ndvi` float32 (batch, 1, row - 16, col - 16). Batch, rows and columns are free.

    Raises:
        SettingError: the libraries are not installed, or the recipe computes in float64.
        OutputError: the file cannot be written, or ONNX Runtime and the port differ by more than rounding explains.
    """
    _check_precision(checkpoint)
    onnx, onnxruntime = _library("onnx"), _library("onnxruntime")
    model = _translated(checkpoint)
    bands, scaling = fed_bands(checkpoint.variant, checkpoint.recipe), checkpoint.recipe.scaling
    onnx.helper.set_model_props(model, metadata(checkpoint))
    with replacing(path) as beside:
        beside.write_bytes(model.SerializeToString())
        onnx.checker.check_model(str(beside), full_check=True)
        return agreement(Runtime(onnx, onnxruntime, beside), checkpoint.network().eval(), bands, scaling)


def metadata(checkpoint: Checkpoint) -> dict[str, str]:
    """What the file tells of itself, by name; lists and objects as JSON.

    `bands`, `files` (kind of file, and its date's offset from t-1 or null) and `divisors` are in the channels' order.
    `checkpoint` is the weights' digest, the same as in the tag CHECKPOINT of a prediction.
    """
    bands = fed_bands(checkpoint.variant, checkpoint.recipe)
    network = checkpoint.network()
    told = {
        "bands": [band.name for band in bands],
        "files": [SOURCES[band] for band in bands],
        "divisors": divisors(checkpoint.recipe.scaling, bands).tolist(),
        "recipe": asdict(checkpoint.recipe),
        "border_px": network.border_px,
        "versions": {**versions(), **{name: str(_library(name).__version__) for name in ("onnx", "onnxscript")}},
    }
    return {
        "format": FORMAT,
        "variant": checkpoint.variant,
        "units": units(checkpoint.recipe),
        "checkpoint": weights_digest(network),
        **{name: json.dumps(value) for name, value in told.items()},
    }


def _check_precision(checkpoint: Checkpoint) -> None:
    """Raise SettingError for what ONNX Runtime has no convolution for."""
    if checkpoint.recipe.precision != "float32":
        raise SettingError(
            f"precision is {checkpoint.recipe.precision}, but ONNX Runtime has no convolution in float64; give "
            "precision float32"
        )


def _library(name: str) -> Any:
    """A library of the optional extra `onnx`.

    Raises:
        SettingError: it is not installed.
    """
    try:
        return import_module(name)
    except ImportError as problem:
        raise SettingError(
            f"export needs {name}, which is not installed ({problem}); install this program's extra `onnx`, or "
            "run python -m pip install onnx onnxruntime onnxscript"
        ) from problem


def _translated(checkpoint: Checkpoint) -> Any:
    """The network as an ONNX model without metadata.

    A gradient at 0 has no meaning here, so that each rectifier is one Relu, whose values are the same bits.
    """
    _library("onnxscript")  # what torch writes through
    plain = replace(checkpoint, recipe=replace(checkpoint.recipe, rectify_gradient_at_zero=0.0))
    bands = fed_bands(checkpoint.variant, checkpoint.recipe)
    deployed = Deployed(plain.network(), divisors(checkpoint.recipe.scaling, bands)).eval()
    batch, rows, cols = _TRACED
    with _without_remarks():
        program = torch.onnx.export(
            deployed,
            (torch.zeros(batch, len(bands), rows, cols),),
            dynamo=True,
            verbose=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: "batch", 2: "row", 3: "col"},),
        )
    model = program.model_proto  # type: ignore[union-attr]
    _strip(model.graph)
    return model


@contextmanager
def _without_remarks() -> Iterator[None]:
    """Without two remarks of the exporter that concern nobody here.

    That torchvision's operators are not registered, of which this network has none; and that torch itself uses a class
    which torch deprecates.
    """
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")

    def needed(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("torchvision is not installed")

    logger.addFilter(needed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
            yield
    finally:
        logger.removeFilter(needed)


def _strip(graph: Any) -> None:
    """Take away the exporter's notes on each node and value: they tell the paths of the machine that exported."""
    for part in (*graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer, graph):
        del part.metadata_props[:]
        part.doc_string = ""
