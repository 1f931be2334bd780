"""A whole data path, from rasters to a raster, in loops and plain sums, of which each stage may be spoilt.

It is written apart from the judge: windows are visited pixel by pixel, and each of two programs sums in its own order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np

Entries = dict[str, np.ndarray]
Mistakes = Mapping[str, Callable[[np.ndarray], np.ndarray]]

ROWS, COLS, SIDE, STRIDE, ORIGIN, BORDER = 24, 27, 7, 3, 1, 2
TRAINING, VALIDATION, BATCH, EPOCHS, RATE, MOMENTUM = 7, 3, 2, 2, 0.01, 0.9
BATCHES = TRAINING // BATCH
STEPS, RECORDED = EPOCHS * BATCHES, (1, 5)
REGION, INNER = [10, 22, 14, 27], [12, 20, 16, 25]
INPUTS, MASKS, TARGET = ("001_VH", "001_NDVI", "DEM"), ("001_MASK", "002_MASK", "003_MASK"), "002_NDVI"
SELECTED, DIVISOR, PEAK = [2, 0], 1000.0, 1.5
NAMES = ("conv1/W", "conv1/b", "conv2/W", "conv2/b")
LISTS = (("training", "patches/raw", "targets/raw"), ("validation", "validation/raw", "validation/targets"))
BATCH_STAGES = ("batch/raw", "target/raw", "batch/normalised", "target/normalised", "batch/selected")
CURVES = ("curve", "epochs", "validation")
HEADER = {"bands": 1, "bits": 32, "epsg": 0, "nodata": 0, "transform": [0, 1, 0, 0, 0, 1]}


def rasters(seed: int = 5) -> Entries:
    """Stored rasters of several types; each mask has a cloud of its own."""
    random = np.random.default_rng(seed)
    found = {name: random.normal(300, 400, (ROWS, COLS)).astype("f4") for name in ("001_VH", "DEM")}
    found |= {name: random.integers(-1500, 1500, (ROWS, COLS)).astype("i2") for name in ("001_NDVI", TARGET)}
    for number, name in enumerate(MASKS):
        found[name] = np.zeros((ROWS, COLS), np.uint8)
        found[name][2 + 7 * number, 1 + number : 4 + number] = (1, 255, 7)[number]
        found[name][14 + number, 18 + 2 * number] = 1  # inside the test region
    return {name: found[name] for name in (*INPUTS[:2], *MASKS, TARGET, "DEM")}


def given(seed: int = 5) -> Entries:
    """A permutation of more numbers than there are patches, and weights in steps of 1/64."""
    random = np.random.default_rng(seed)
    shapes = {"conv1/W": (3, 2, 3, 3), "conv1/b": (3,), "conv2/W": (1, 3, 3, 3), "conv2/b": (1,)}
    weights = {f"weight/{name}": random.integers(-40, 41, shape) / 64 for name, shape in shapes.items()}
    return {"split/permutation": random.permutation(40), **weights}


@dataclass
class Program:
    """One program that computes the path in a dtype; a second one sums the other way round."""

    dtype: str
    second: bool = False
    mistakes: Mistakes = field(default_factory=dict)
    entries: Entries = field(default_factory=dict)

    def put(self, stage: str, value: np.ndarray | float, dtype: object = None) -> np.ndarray:
        """Record a stage, spoilt where a mistake is asked for."""
        made = np.asarray(value, dtype or self.dtype)
        self.entries[stage] = self.mistakes.get(stage, lambda same: same)(made)
        return self.entries[stage]

    def convolved(self, images: np.ndarray, W: np.ndarray, b: np.ndarray) -> np.ndarray:
        """The true convolution, pixel by pixel."""
        (count, _, rows, cols), (filters, _, height, width) = images.shape, W.shape
        out = np.zeros((count, filters, rows - height + 1, cols - width + 1), self.dtype)
        for y, x in np.ndindex(out.shape[2:]):
            window = images[:, :, y : y + height, x : x + width][:, :, ::-1, ::-1]
            out[:, :, y, x] = self.summed(window.reshape(count, -1), W.reshape(filters, -1)) + b
        return out

    def summed(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """All products of rows with rows, first to last or last to first."""
        return first[:, ::-1] @ second[:, ::-1].T if self.second else first @ second.T

    def run(self) -> Entries:
        """All stages, in order."""
        self.read()
        self.split()
        weight = {name: self.put(f"weight/{name}", value) for name, value in self.weights().items()}
        self.put("border", (2 + 2) // 2, np.int64)
        for part, images, targets in LISTS:
            corners = self.entries[f"split/{part}"]
            self.put(images, self.cut(INPUTS, corners, 0))
            self.put(targets, self.cut((TARGET,), corners, BORDER))
        self.first_batch(weight)
        self.train(dict(weight))
        self.predict()
        return self.entries

    def weights(self) -> Entries:
        """The weights of the request."""
        return {name.removeprefix("weight/"): value for name, value in given().items() if name != "split/permutation"}

    def read(self) -> None:
        """Rasters and masks."""
        for name, stored in rasters().items():
            self.put(f"raster/{name}", stored, stored.dtype)
        for name in MASKS:
            mask = np.zeros((ROWS, COLS), np.uint8)
            for row, col in np.ndindex(mask.shape):
                inside = REGION[0] <= row < REGION[1] and REGION[2] <= col < REGION[3]
                mask[row, col] = 1 if inside or self.entries[f"raster/{name}"][row, col] else 0
            self.put(f"mask/{name[:3]}", mask, np.uint8)

    def split(self) -> None:
        """Corners, shuffled and cut into two lists."""
        masks = [self.entries[f"mask/{name[:3]}"] for name in MASKS]
        corners = product(range(ORIGIN, ROWS - SIDE + 1, STRIDE), range(ORIGIN, COLS - SIDE + 1, STRIDE))
        clear = [(r, c) for r, c in corners if not any(m[r : r + SIDE, c : c + SIDE].any() for m in masks)]
        index = self.put("patches/index", clear, np.int64)
        numbers = self.put("split/permutation", given()["split/permutation"], np.int64)
        shuffled = self.put("split/shuffled", [index[n] for n in numbers if n < len(index)], np.int64)
        self.put("split/training", shuffled[:TRAINING], np.int64)
        self.put("split/validation", shuffled[TRAINING:][:VALIDATION], np.int64)
        order = [[BATCH * batch + k for k in range(BATCH)] for _ in range(EPOCHS) for batch in range(BATCHES)]
        self.put("split/order", order, np.int64)

    def cut(self, names: tuple[str, ...], corners: np.ndarray, margin: int) -> np.ndarray:
        """Patches of rasters, corner by corner."""
        found = np.zeros((len(corners), len(names), SIDE - 2 * margin, SIDE - 2 * margin), self.dtype)
        for number, (row, col) in enumerate(corners):
            for channel, y, x in np.ndindex(found.shape[1:]):
                found[number, channel, y, x] = self.entries[f"raster/{names[channel]}"][
                    row + margin + y, col + margin + x
                ]
        return found

    def forward(self, images: np.ndarray, weight: Entries) -> list[np.ndarray]:
        """What each layer gives before and after its rectifier."""
        before = self.convolved(images, weight["conv1/W"], weight["conv1/b"])
        after = np.where(before > 0, before, 0).astype(self.dtype)
        return [before, after, self.convolved(after, weight["conv2/W"], weight["conv2/b"])]

    def batch(self, rows: np.ndarray, part: str = "patches/raw", targets: str = "targets/raw") -> list[np.ndarray]:
        """Stored and normalised patches and targets, and the channels the network sees."""
        raw, target = self.entries[part][rows], self.entries[targets][rows]
        scale = np.dtype(self.dtype).type(DIVISOR)
        return [raw, target, raw / scale, target / scale, (raw / scale)[:, SELECTED]]

    def backward(self, images: np.ndarray, layers: list[np.ndarray], target: np.ndarray, weight: Entries) -> Entries:
        """Gradients of the mean absolute error, window by window."""
        before, after, output = layers
        delta2 = (np.sign(output - target) / np.dtype(self.dtype).type(output.size)).astype(self.dtype)
        W2, b2, back = self.spread(after, delta2, weight["conv2/W"])
        gate = np.where(before > 0, 1, np.where(before == 0, 0.5, 0)).astype(self.dtype)
        delta1 = back * gate
        W1, b1, front = self.spread(images, delta1, weight["conv1/W"])
        return {
            "output": delta2, "conv2/pre": delta2, "conv2/W": W2, "conv2/b": b2, "conv1/out": back,
            "conv1/pre": delta1, "conv1/W": W1, "conv1/b": b1, "input": front,
        }  # fmt: skip

    def spread(self, images: np.ndarray, delta: np.ndarray, W: np.ndarray) -> tuple[np.ndarray, ...]:
        """A layer's gradients: of its filters, its biases, its input."""
        height, width = W.shape[2:]
        turned, front = np.zeros_like(W), np.zeros_like(images)
        pixels = list(np.ndindex(delta.shape[2:]))
        for y, x in reversed(pixels) if self.second else pixels:
            window = (slice(None), slice(None), slice(y, y + height), slice(x, x + width))
            turned += np.einsum("nf,nchw->fchw", delta[:, :, y, x], images[window])
            front[window] += np.einsum("nf,fchw->nchw", delta[:, :, y, x], W[:, :, ::-1, ::-1])
        return turned[:, :, ::-1, ::-1], delta.sum(axis=(0, 2, 3), dtype=self.dtype), front

    def first_batch(self, weight: Entries) -> None:
        """The first batch, forward and backward."""
        raw = self.batch(np.arange(BATCH))
        for stage, value in zip(BATCH_STAGES, raw, strict=True):
            self.put(stage, value)
        layers = self.forward(raw[4], weight)
        for stage, value in zip(("conv1/pre", "conv1/out", "conv2/pre"), layers, strict=True):
            self.put(stage, value)
        self.put("output", layers[2])
        self.put("loss", np.abs(layers[2] - raw[3]).mean())
        for stage, value in self.backward(raw[4], layers, raw[3], weight).items():
            self.put(f"grad/{stage}", value)

    def train(self, weight: Entries) -> None:
        """Momentum steps, and the losses."""
        velocity = {name: np.zeros_like(value) for name, value in weight.items()}
        losses, validation = [], []
        for step, rows in enumerate(self.entries["split/order"], start=1):
            _, _, _, target, images = self.batch(rows)
            layers = self.forward(images, weight)
            losses.append(np.abs(layers[2] - target).mean())
            gradients = self.backward(images, layers, target, weight)
            for name in NAMES:
                velocity[name] = (MOMENTUM * velocity[name] - RATE * gradients[name]).astype(self.dtype)
                weight[name] = weight[name] + velocity[name]
            if step in RECORDED:
                self.put(f"step/{step:04d}/loss", losses[-1])
                for kind, values in (("velocity", velocity), ("weight", weight)):
                    for name in NAMES:
                        self.put(f"step/{step:04d}/{kind}/{name}", values[name])
            if step % BATCHES == 0:
                validation.append(self.validated(weight))
        for name in NAMES:
            self.put(f"trained/{name}", weight[name])
        self.put("loss/curve", losses)
        self.put("loss/epochs", [sum(losses[e * BATCHES :][:BATCHES]) / BATCHES for e in range(EPOCHS)])
        self.put("loss/validation", validation)

    def validated(self, weight: Entries) -> float:
        """The mean loss of whole batches of the validation list."""
        losses = []
        for batch in range(VALIDATION // BATCH):
            rows = np.arange(BATCH * batch, BATCH * batch + BATCH)
            _, _, _, target, images = self.batch(rows, "validation/raw", "validation/targets")
            losses.append(np.abs(self.forward(images, weight)[2] - target).mean())
        return sum(losses) / max(1, len(losses))

    def cropped(self, names: tuple[str, ...], region: list[int]) -> np.ndarray:
        """A region of some rasters, as a batch of one."""
        row0, row1, col0, col1 = region
        return np.array([[self.entries[f"raster/{name}"][row0:row1, col0:col1].tolist() for name in names]])

    def predict(self) -> None:
        """The test region, its scores and what a file of it holds."""
        scale = np.dtype(self.dtype).type(DIVISOR)
        raw = self.put("predict/raw", self.cropped(INPUTS, REGION))
        normalised = self.put("predict/normalised", raw / scale)
        selected = self.put("predict/selected", normalised[:, SELECTED])
        weight = {name: self.entries[f"trained/{name}"] for name in NAMES}
        before = self.put("predict/conv1/pre", self.convolved(selected, weight["conv1/W"], weight["conv1/b"]))
        after = self.put("predict/conv1/out", np.where(before > 0, before, 0))
        last = self.put("predict/conv2/pre", self.convolved(after, weight["conv2/W"], weight["conv2/b"]))
        output = self.put("predict/output", last)
        target = self.put("metrics/target/raw", self.cropped((TARGET,), INNER))
        target = self.put("metrics/target/normalised", target / scale)
        clear = self.put("metrics/valid", (self.cropped(MASKS, INNER)[0] == 0).all(axis=0), np.uint8)
        pairs = [(o, t) for o, t, v in zip(output.flat, target.flat, clear.flat, strict=True) if v]
        estimate = self.put("metrics/estimate", [one for one, _ in pairs])
        truth = self.put("metrics/truth", [other for _, other in pairs])
        apart = estimate.astype("f8") - truth
        self.put("metrics/mae", np.abs(apart).mean(), "f8")
        self.put("metrics/rmse", np.sqrt((apart**2).mean()), "f8")
        self.put("metrics/cc", np.corrcoef(estimate.astype("f8"), truth.astype("f8"))[0, 1], "f8")
        self.put("metrics/psnr", 20 * np.log10(PEAK) - 10 * np.log10((apart**2).mean()), "f8")
        self.put("geotiff/pixels", output[0, 0], "f4")
        self.put("geotiff/header", [1, 32, 0, 0, 0, 1, 0, 0, 0, 1], "f8")
