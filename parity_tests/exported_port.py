"""An exported port: an ONNX file that answers a request in the port's place, each stage computed by ONNX Runtime.

The port's recording runs as it is; what its layers and its normalisation give is replaced, free-running and
teacher-forced, by what a session of the file's own nodes gives on the same input. Gradients and training steps, which
a file does not hold, stay the port's own, at the file's activations.
"""

import copy
import json
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx.utils import Extractor
from torch import Tensor, nn

from parity.trace import Record
from parity_tests.mutation import Plant, together, wrapped
from port import record as port_record
from port import recording
from port.bands import Band, variant_bands
from port.checkpoints import Checkpoint
from port.layer_recording import LayerRecording
from port.network import FusionCNN
from port.onnx_export import export
from port.recording import Recording, given_network
from port.requested import requested_recipe
from port.tape import Tape


def exported(request: Record, path: Path) -> onnx.ModelProto:
    """The network of a request, as the product exports it."""
    recipe, variant = requested_recipe(request), request.manifest["variant"]
    weights = given_network(request, recipe).state_dict()
    export(path, Checkpoint(variant=variant, recipe=recipe, epoch=0, weights=weights))
    return onnx.load(path)


class ExportedPort:
    """A model whose inner tensors can be asked for: sessions of its own nodes, from one of its tensors to another."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self._sessions: dict[tuple[str, str], onnxruntime.InferenceSession] = {}

    @cached_property
    def tensors(self) -> Mapping[str, str]:
        """The model's name of each stage, told by what its convolutions read and write."""
        convolutions = [node for node in self.model.graph.node if node.op_type == "Conv"]
        named = {"stored": self.model.graph.input[0].name}
        before = "batch/selected"
        for number, node in enumerate(convolutions, start=1):
            named |= {before: node.input[0], f"conv{number}/pre": node.output[0]}
            before = f"conv{number}/out"
        return named | {"output": self.model.graph.output[0].name}

    @property
    def bands(self) -> list[Band]:
        """The channels that the file says it is to be fed, in its order."""
        told = next(entry.value for entry in self.model.metadata_props if entry.key == "bands")
        return [Band[name] for name in json.loads(told)]

    def whole(self, stored: np.ndarray) -> np.ndarray:
        """What the file as it stands gives for all nine stored channels, of which it is fed those that it names."""
        session = _session(self.model)
        return session.run(None, {session.get_inputs()[0].name: stored[:, self.bands]})[0]

    def between(self, before: str, stage: str, value: np.ndarray) -> np.ndarray:
        """What the nodes from one stage to a later one give."""
        start, end = self.tensors[before], self.tensors[stage]
        if start == end:  # the output is linear
            return value
        if (start, end) not in self._sessions:
            self._sessions[start, end] = _session(Extractor(self.model).extract_model([start], [end]))
        return self._sessions[start, end].run([end], {start: value})[0]

    def normalised(self, stored: np.ndarray) -> np.ndarray:
        """What the file makes of its channels, which it is fed of the nine stored ones as it names them."""
        return self.between("stored", "batch/selected", stored[:, self.bands])


def answering(port: ExportedPort, variant: str) -> Plant:
    """A plant that lets the file answer wherever the port records its normalisation and its layers."""

    def normalise(original: Callable[..., np.ndarray], stored: np.ndarray, *rest: Any) -> np.ndarray:
        scaled = original(stored, *rest)  # of channels that the variant does not use, for the trace has all nine
        scaled[:, [int(band) for band in variant_bands(variant)]] = port.normalised(stored)
        return scaled

    def inputs(original: Callable[[Recording], Any], self: Recording) -> Any:
        with wrapped(recording, "normalise", normalise)():  # of the batch that is recorded, not of those trained on
            return original(self)

    def layers(make: type[LayerRecording], tape: Tape, network: FusionCNN, *rest: Any, **more: Any) -> LayerRecording:
        return make(tape, _answered(network, port), *rest, **more)

    return together(
        wrapped(Recording, "_inputs", inputs),
        wrapped(recording, "LayerRecording", layers),
        wrapped(port_record, "software_versions", lambda told, *names: told(*names, "onnxruntime", "onnx")),
    )


class _Answered(torch.autograd.Function):
    """What another program computed, with the gradient of the port's own computation."""

    @staticmethod
    def forward(_: Any, computed: Tensor, answer: Tensor) -> Tensor:
        if (answer.shape, answer.dtype) != (computed.shape, computed.dtype):
            raise ValueError(
                f"the file gives {answer.shape} {answer.dtype}, expected {computed.shape} {computed.dtype}"
            )
        return answer.clone()

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient, None


def _answered(network: FusionCNN, port: ExportedPort) -> FusionCNN:
    """A copy of the network whose every module gives what the file's nodes give for the module's input."""
    twin = copy.deepcopy(network)
    before = "batch/selected"
    for name, module in twin.named_children():
        stage = f"{name}/pre" if name.startswith("conv") else name.replace("rectify", "conv") + "/out"
        stage = "output" if name == "output" else stage
        module.register_forward_hook(_hook(port, before, stage))
        before = stage
    return twin


def _hook(port: ExportedPort, before: str, stage: str) -> Callable[[nn.Module, tuple[Tensor], Tensor], Tensor]:
    def hook(_: nn.Module, inputs: tuple[Tensor], computed: Tensor) -> Tensor:
        answer = port.between(before, stage, inputs[0].detach().contiguous().numpy())
        return _Answered.apply(computed, torch.from_numpy(answer))  # type: ignore[no-any-return]

    return hook


def _session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """ONNX Runtime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
