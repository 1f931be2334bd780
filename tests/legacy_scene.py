"""A small scene and its request for the witness, and a stand-in for its network, so that no Theano is needed."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio

from legacy import graph
from legacy.pipeline_request import PipelineRequest, read_request
from legacy.request import Request
from parity.trace import write_request

Manifest = dict[str, Any]
Arrays = dict[str, np.ndarray]
Change = Callable[[Manifest, Arrays], Any]
ROWS, COLS = 30, 27
CLOUD = (11, 13)  # a pixel of date 3
TRANSFORM = rasterio.Affine(20, 0, 500000, 0, -20, 5600000)
KINDS = ("VH", "VV", "NDVI", "MASK")
DATES = {"001": 2, "002": 3, "003": 4}


def pixels_of(name: str) -> np.ndarray:
    """A raster of the small scene: its own level, 100 to a row and 1 to a column."""
    date, _, kind = name.partition("_")
    level = 10000 * (1 + (3 * KINDS.index(kind) + int(date) if kind else 0))
    ramp = 100.0 * np.arange(ROWS)[:, None] + np.arange(COLS)
    return (ramp - level / 8).astype(np.int16) if kind == "NDVI" else (ramp + level).astype(np.float32)


def mask_of(date: str) -> np.ndarray:
    """A date's mask: clear, but for the cloud's 255 at t+1."""
    mask = np.zeros((ROWS, COLS), np.uint8)
    mask[CLOUD] = 255 * (date == "003")
    return mask


def _write(path: Path, pixels: np.ndarray) -> None:
    profile = {"driver": "GTiff", "count": 1, "height": ROWS, "width": COLS, "dtype": pixels.dtype.name}
    with rasterio.open(path, "w", transform=TRANSFORM, **profile) as file:
        file.write(pixels, 1)


def content(folder: Path) -> tuple[Manifest, Arrays]:
    """A small sound request: two layers that take 3 pixels at each edge, patches of 9, a test region of 10 x 8."""
    generator = np.random.default_rng(1)
    arrays: Arrays = {
        "weight/conv1/W": generator.normal(size=(3, 2, 3, 3)),
        "weight/conv1/b": generator.normal(size=3),
        "weight/conv2/W": generator.normal(size=(1, 3, 5, 5)),
        "weight/conv2/b": generator.normal(size=1),
        "split/permutation": generator.permutation(50),
    }
    for date, number in DATES.items():
        for kind in KINDS:
            path = folder / f"{number:03d}_{kind}_a b.tif"
            _write(path, mask_of(date) if kind == "MASK" else pixels_of(f"{date}_{kind}"))
            arrays[f"files/{path.name}"] = np.frombuffer(path.read_bytes(), np.uint8)
    _write(folder / "DEM_a b.tif", pixels_of("DEM"))
    arrays["files/DEM_a b.tif"] = np.frombuffer((folder / "DEM_a b.tif").read_bytes(), np.uint8)
    manifest: Manifest = {
        "kind": "pipeline", "probe": "p", "variant": "v", "channels": [2, 3], "test_channels": [0, 1],
        "dtype": "float64", "divisor": 1000.0, "output": "linear", "seed": 7, "initialisation": None,
        "scene": {"suffix": "_a b", "first_date": 2}, "test_region": [20, 30, 19, 27],
        "patches": {"side": 9, "stride": 5, "origin": 1, "limit": 9},
        "training": {
            "epochs": 2, "batch_size": 2, "learning_rate": 0.005, "momentum": 0.9, "recorded": [1, 4],
            "rate_changes": [[3, 0.001]], "restarts": [2],
        },
    }  # fmt: skip
    return manifest, arrays


def request_of(tmp_path: Path, change: Change = lambda m, a: None) -> PipelineRequest:
    """The small request, changed, written and read again by the witness."""
    manifest, arrays = content(tmp_path)
    change(manifest, arrays)
    write_request(tmp_path / "r.npz", manifest, arrays)
    request = read_request(str(tmp_path / "r.npz"))
    assert isinstance(request, PipelineRequest)
    return request


class StandIn:
    """A network of no layers: its estimate is the first channel's middle; it notes what is asked of it."""

    def __init__(self, request: Request) -> None:
        self.request, self.asked, self.weights = request, [], []
        stages = [*graph.forward(request), {"stage": "loss"}, *graph.backward(request)]
        self.stages = [node["stage"] for node in stages]

    def reset(self, weights: Arrays) -> None:
        """Take new weights."""
        self.weights = list(weights.values())

    def observe(self, batch: np.ndarray, target: np.ndarray) -> Arrays:
        """Return every stage, of one number."""
        assert target.shape == (len(batch), 1, 3, 3)
        return OrderedDict((name, np.zeros(1)) for name in self.stages)

    def step(self, batch: np.ndarray, _target: np.ndarray) -> np.ndarray:
        """Return the batch's mean."""
        self.asked.append("step")
        return np.asarray(batch.mean())

    def loss(self, batch: np.ndarray, _target: np.ndarray) -> np.ndarray:
        """Return the batch's smallest value."""
        self.asked.append("loss")
        return np.asarray(batch.min())

    def predict(self, images: np.ndarray) -> Arrays:
        """Return every stage up to the output."""
        names = self.stages[: self.stages.index("output")]
        return OrderedDict([*((name, np.zeros(1)) for name in names), ("output", images[:, :1, 3:-3, 3:-3])])

    def state(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return velocities of zero and the weights."""
        return [0 * value for value in self.weights], self.weights

    def forget(self) -> None:
        """Note it."""
        self.asked.append("forget")

    def set_rate(self, rate: float) -> None:
        """Note it."""
        self.asked.append(f"rate {rate}")
