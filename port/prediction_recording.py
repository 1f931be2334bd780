"""A prediction recording puts the way from a trained network to the GeoTIFF it writes onto a tape."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from jaxtyping import Float, Float32, Float64

from port.bands import Band
from port.evaluation import comparable
from port.layer_recording import LayerRecording
from port.metrics import PEAK, Metrics, metrics
from port.network import FusionCNN
from port.normalisation import normalise, normalise_target, target_divisor
from port.prediction import fed_bands, predictable, stored_input, write_prediction
from port.raster_writer import RasterWriter
from port.rasters import ungeoreferenced
from port.recipes import Recipe
from port.recording import record_selected
from port.regions import Region
from port.requested import division
from port.scene_recording import CHANNELS, MASKS, TARGET, listed
from port.scenes import Scene
from port.tape import Tape
from port.watched_prediction import INPUT, tile_px, watched_prediction

_METRICS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "mae": ("mean_absolute_error", {}),
    "rmse": ("root_mean_square_error", {}),
    "cc": ("correlation", {}),
    "psnr": ("peak_signal_to_noise_ratio", {"peak": PEAK}),
}
"""Accuracies that are recorded: operation and attributes."""


@dataclass(frozen=True)
class Trained:
    """A variant's network after training, and one of the teacher's weights (the same one without a teacher)."""

    variant: str
    network: FusionCNN
    taught: FusionCNN


class PredictionRecording:
    """The test region through a trained network, onto a tape.

    Args:
        tape: where the stages go.
        recipe: how it is predicted and written.
        trained: by what.
        scene: the request's.
        taught: the teacher's scene, for teacher-forced stages.
        region: what is asked for.
        folder: where the GeoTIFFs are written.
    """

    def __init__(
        self, tape: Tape, recipe: Recipe, trained: Trained, scene: Scene, taught: Scene, region: Region, folder: Path
    ) -> None:
        self.tape, self.recipe, self.trained, self.folder = tape, recipe, trained, folder
        self.scene, self.taught, self.region = scene, taught, region
        self.inner = predictable(region, scene.shape, recipe, trained.network.border_px)
        self.written = self.inner if recipe.border == "crop" else region

    def run(self) -> None:
        """Record prediction, accuracies and file."""
        estimate = self._predict()
        self._compare(estimate)
        self._geotiff(self._write())

    def _predict(self) -> Float[np.ndarray, "row col"]:
        """From the stored rasters to the network's output."""
        network, taught = self.trained.network, self.trained.taught
        fed = fed_bands(self.trained.variant, self.recipe)
        stages = watched_prediction(network, self.scene, bands=fed, recipe=self.recipe, region=self.region)
        outer = self.inner.grown(network.border_px)
        self._stored(outer)
        self._normalised(outer)
        record_selected(self.tape, "predict/", list(map(int, fed)), stages.pop(INPUT))
        read: Mapping[str, Any] = {"source": "predict/selected", "weights": "trained/", "prefix": "predict/"}
        LayerRecording(self.tape, network, self.recipe, taught=taught, **read).keep(stages)
        image: np.ndarray = stages["output"].numpy()[0, 0]
        return image

    def _stored(self, outer: Region) -> None:
        again = stored_input(self.taught, outer, tuple(Band), self.recipe)
        self.tape.put(
            "predict/raw",
            "crop",
            CHANNELS,
            stored_input(self.scene, outer, tuple(Band), self.recipe),
            again=lambda *rasters: again,
            region=listed(outer),
            dtype=self.recipe.precision,
        )

    def _normalised(self, outer: Region) -> None:
        """All nine bands as the product would feed them."""
        scaling = self.recipe.scaling
        operation, attributes = division(scaling)

        def again(raw: np.ndarray) -> np.ndarray:
            return normalise(raw, tuple(Band), scaling)

        value = again(stored_input(self.scene, outer, tuple(Band), self.recipe))
        self.tape.put("predict/normalised", operation, ["predict/raw"], value, again=again, **attributes)

    def _write(self) -> Path:
        path = self.folder / "prediction.tif"
        write_prediction(
            path,
            self.trained.network,
            self.scene,
            variant=self.trained.variant,
            recipe=self.recipe,
            region=self.region,
            tile_px=tile_px(self.inner),
        )
        return path

    def _compare(self, estimate: Float[np.ndarray, "row col"]) -> None:
        """Truth, the pixels that count, and the accuracies on them."""
        add, precision = self.tape.put, self.recipe.precision
        raw, taught = (scene.target(self.inner).astype(precision)[None, None] for scene in (self.scene, self.taught))
        region = listed(self.inner)
        add("metrics/target/raw", "crop", [TARGET], raw, again=lambda _: taught, region=region, dtype=precision)
        truth, divisor = normalise_target(raw, self.recipe.scaling), target_divisor(self.recipe.scaling)
        add(
            "metrics/target/normalised",
            "divide",
            ["metrics/target/raw"],
            truth,
            again=lambda stored: normalise_target(stored, self.recipe.scaling),
            divisor=divisor,
        )
        shown = estimate.astype(np.float32)
        valid, taught_valid = (comparable(self.inner, scene, shown) for scene in (self.scene, self.taught))
        value, again = valid.astype(np.uint8), taught_valid.astype(np.uint8)
        add("metrics/valid", "valid", MASKS, value, again=lambda *masks: again, region=region)
        for stage, source, image in (("estimate", "predict/output", estimate), ("truth", _TRUTH, truth[0, 0])):
            add(f"metrics/{stage}", "masked", [source, "metrics/valid"], image[valid], again=_masked)
        self._accuracies(metrics(estimate=estimate, truth=truth[0, 0], valid=valid, structure=False))

    def _accuracies(self, found: Metrics) -> None:
        inputs = ["metrics/estimate", "metrics/truth"]
        for name, (operation, attributes) in _METRICS.items():

            def again(estimate: np.ndarray, truth: np.ndarray, name: str = name) -> np.ndarray:
                every = np.ones((1, len(truth)), dtype=bool)
                return np.array(
                    getattr(metrics(estimate=estimate[None], truth=truth[None], valid=every, structure=False), name)
                )

            value = np.array(getattr(found, name))
            self.tape.put(f"metrics/{name}", operation, inputs, value, again=again, dtype="float64", **attributes)

    def _geotiff(self, path: Path) -> None:
        """Pixels and header, read back from the file; again from one that holds the teacher's prediction."""
        other = self.folder / "taught.tif"

        def again(output: np.ndarray) -> np.ndarray:
            georeference = self.recipe.georeference
            with RasterWriter(other, self.scene.grid, self.written, georeference=georeference) as writer:
                writer.write(self.inner, output[0, 0])
            return _pixels(other)

        unpredicted = self.inner.relative_to(self.written)
        edges = {} if self.inner == self.written else {"within": listed(unpredicted), "shape": list(self.written.shape)}
        pixels = _pixels(path)
        self.tape.put("geotiff/pixels", "to_image", ["predict/output"], pixels, again=again, dtype="float32", **edges)
        self.tape.put("geotiff/header", "header", [], _header(path), again=lambda: _header(other), **self._told())

    def _told(self) -> dict[str, object]:
        """What the header should say."""
        told: dict[str, object] = {"bands": 1, "bits": 32, "epsg": 0, "nodata": 0, "transform": [0, 1, 0, 0, 0, 1]}
        if self.recipe.georeference == "scene":
            place = self.scene.grid.of_region(self.written)
            told |= {"epsg": place.crs.to_epsg() or 0, "nodata": 1, "transform": list(place.transform.to_gdal())}
        return told


_TRUTH = "metrics/target/normalised"


def _masked(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The values of a batch of one image where valid."""
    kept: np.ndarray = values[0, 0][valid != 0]
    return kept


def _pixels(path: Path) -> Float32[np.ndarray, "row col"]:
    """What a GeoTIFF holds."""
    with ungeoreferenced(), rasterio.open(path) as file:
        pixels: np.ndarray = file.read(1)
    return pixels


def _header(path: Path) -> Float64[np.ndarray, "10"]:
    """Bands, bits, EPSG code, whether there is a no-data value, GDAL's transform; 0 for what a file does not tell."""
    with ungeoreferenced(), rasterio.open(path) as file:
        bits = 8 * np.dtype(file.dtypes[0]).itemsize
        epsg = file.crs.to_epsg() or 0 if file.crs else 0
        return np.array([file.count, bits, epsg, file.nodata is not None, *file.transform.to_gdal()], dtype=np.float64)
