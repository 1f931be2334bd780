"""Sound files, small: what a mutation begins with."""

import io
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from parity.graph import Node
from parity.ledger import read_ledger
from parity.report_folder import LEDGER
from parity.rooms import ROOMS
from parity.trace import Record, code_sha256, read_request, read_trace, write_request, write_trace
from port import checkpoints, lasagne_weights, training_state
from port.bands import VARIANTS
from port.network import make_network
from port.recipes import recipe
from port.synthetic import write_synthetic_scene
from port.training import EpochLosses

sys.path.append(str(Path(__file__).parents[1] / "tests" / "parity"))  # where the small pair is made

from judged_pair import NODES, make_pair


@dataclass(frozen=True)
class Pair:
    """Both sides of a request, and the request."""

    legacy: Record
    port: Record
    request: Record


VARIANT = next(name for name, bands in VARIANTS.items() if len(bands) == min(map(len, VARIANTS.values())))
SETTINGS = {"variant": VARIANT, "seed": 3}
SCENE_PX = (48, 40)
_ENTRIES = {"batch/raw": np.arange(6, dtype=np.float32).reshape(2, 3), "loss": np.array(0.25), "none": np.zeros((0, 3))}


def _written(name: str, write: Callable[..., object], *arguments: object) -> bytes:
    """The bytes of the file that a writer leaves."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path, *arguments)
        return path.read_bytes()


@cache
def traces() -> list[bytes]:
    """A trace with a graph."""
    graph = [Node("batch/raw", "given").as_json(), Node("loss", "mean_absolute_error", ("batch/raw",)).as_json()]
    manifest = {"dtype": "float32", "graph": graph, "side": "port", "stack": {"numpy": "2.0"}, "witness": "container"}
    return [_written("t.npz", write_trace, manifest, _ENTRIES)]


@cache
def requests() -> list[bytes]:
    """A request."""
    return [_written("r.npz", write_request, {"dtype": "float64", "seed": 1, "kind": "network"}, _ENTRIES)]


def _weights() -> dict[str, Tensor]:
    """Weights of the smallest variant."""
    state = make_network(VARIANT, recipe()).state_dict()
    return {name: torch.linspace(-1, 1, value.numel()).reshape(value.shape) for name, value in state.items()}


@cache
def originals() -> list[bytes]:
    """The original's weights, stored and deflated."""
    stored = _written("w.npz", lasagne_weights.write_npz, _weights())
    file = io.BytesIO()
    with np.load(io.BytesIO(stored), allow_pickle=False) as arrays:
        np.savez_compressed(file, **{name: arrays[name] for name in arrays.files})
    return [file.getvalue(), stored]


@cache
def checkpoint_pairs() -> list[bytes]:
    """A checkpoint's two files: the length of the .json, the .json, the .safetensors."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.safetensors"
        found = checkpoints.Checkpoint(variant=VARIANT, recipe=recipe(), epoch=2, weights=_weights())
        checkpoints.save(path, found)
        described = path.with_suffix(".json").read_bytes()
        return [len(described).to_bytes(4, "little") + described + path.read_bytes()]


@cache
def states() -> list[bytes]:
    """A training state."""
    tensors = _weights()
    losses = [EpochLosses(1, 0.5, 0.25), EpochLosses(2, 0.25, 0.125)]
    state = training_state.TrainingState(tensors, losses, SETTINGS, "channels-last")
    return [_written("s.safetensors", training_state.write, state)]


@cache
def ledgers() -> list[bytes]:
    """The ledger itself, and its first entry."""
    content = LEDGER.read_bytes()
    read_ledger(LEDGER)
    first = content.index(b"[[deviation]]")
    return [content[first : content.index(b"[[deviation]]", first + 1)], content]


@cache
def exhibits() -> list[bytes]:
    """What a report's page is made of."""
    return [
        b'{"witness": "w", "verdict": "PASS", "tensors": 1, "numbers": 2, "unproven": [], "cases": [], "exhibits": '
        b'{"one": {"stages": []}}, "written": "now", "court": false}'
    ]


@cache
def pair() -> Pair:
    """A small network's request, and the traces of both sides, forced."""
    with tempfile.TemporaryDirectory() as folder:
        made = make_pair(Path(folder), dtype="float64", forced=True, wrong=None, nodes=NODES)
        for side in (made.legacy, made.port):  # else the traces are stale, and nothing in them is looked at
            side.manifest["code_sha256"] = code_sha256(ROOMS / side.manifest["side"])
        legacy, port = map(read_trace, made.write())
        return Pair(legacy, port, read_request(made.request))


@cache
def manifests() -> list[bytes]:
    """What the port's trace tells of itself."""
    told = {name: value for name, value in pair().port.manifest.items() if name not in ("order", "content_sha256")}
    return [json.dumps(told).encode()]


REGIONS = [b"60:100,0:100", b" 0 : 1 , 2:3 ", b"5:5,0:1", b"999999999:1,1:2"]
SIZES = [b"256x256", b"1x1", b"0x5"]


@cache
def scene() -> dict[str, bytes]:
    """The files of a scene, by name."""
    with tempfile.TemporaryDirectory() as folder:
        made = write_synthetic_scene(Path(folder) / "scene", size_px=SCENE_PX, seed=1)
        return {path.name: path.read_bytes() for path in sorted(made.glob("*.tif"))}
