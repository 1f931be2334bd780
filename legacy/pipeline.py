"""The data path: a scene's files in, the raster of the test region out, every array on the way recorded."""
from __future__ import division

import os
import shutil
import sys
import tempfile
from collections import OrderedDict

import numpy as np

from legacy import metrics, rasters
from legacy.patches import batch_order, clear_patches, crop, cut, exclude, shares, shuffle
from legacy.pipeline_request import RASTERS, STACK, is_plain
from legacy.trace import BadInput
from legacy.training import batch, parameters, train


def record_pipeline(request, network):
    """Return the stages from raster/* to geotiff/* of ``request``; its files lie in a directory that is gone afterwards.

    Raises BadInput where the files do not fit each other or the settings.
    """
    folder = tempfile.mkdtemp(prefix="legacy-")
    try:
        unpack(request.files, folder)
        stages = _read_scene(request, folder)
        stages.update(_choose_patches(request, stages))
        stages.update(request.weights)
        stages["border"] = np.asarray(request.border, np.int64)
        stages.update(_cut_patches(request, stages))
        stages.update(_train(request, network, stages))
        stages.update(_predict(request, network, stages))
        stages.update(_evaluate(request, stages))
        stages.update(_write(stages["predict/output"], os.path.join(folder, "estimate.tif")))
    finally:
        shutil.rmtree(folder)
    return stages


def unpack(files, folder):
    """Write ``files``, of names to bytes, into ``folder``; raise BadInput for a name that has a part of a path."""
    for name, content in files.items():
        if not is_plain(name):
            raise BadInput("the file name %r is no plain name, expected one without a path. Write the request again." % name)
        with open(os.path.join(folder, name), "wb") as stream:
            stream.write(content.tobytes())


def _read_scene(request, folder):
    """Return raster/* as stored; all 13 are of one size, in which the test region lies."""
    if rasters.binding()[0] == "none":
        raise BadInput("%s: kind is pipeline, which takes GDAL, and this Python %d.%d has none, expected network. "
                       "Ask the container." % ((request.path,) + sys.version_info[:2]))
    stages = OrderedDict()
    for name in RASTERS:
        stages["raster/" + name] = pixels = rasters.read(os.path.join(folder, request.names[name]))[0]
        first = stages["raster/" + RASTERS[0]]
        if pixels.shape != first.shape:
            raise BadInput("%s: %s has the shape %s, expected %s of %s. Write the request again." % (
                request.path, request.names[name], pixels.shape, first.shape, request.names[RASTERS[0]]))
    if request.region[1] > first.shape[0] or request.region[3] > first.shape[1]:
        raise BadInput("%s: test_region is %s, expected within the scene's %s. Write the request again." % (
            request.path, request.region, first.shape))
    return stages


def _choose_patches(request, stages):
    settings, training, chosen = request.patches, request.training, OrderedDict()
    for date in ("001", "002", "003"):
        chosen["mask/" + date] = exclude(stages["raster/%s_MASK" % date], request.region)
    corners = clear_patches(list(chosen.values()), settings["side"], settings["stride"], settings["origin"])
    chosen["patches/index"] = corners
    chosen["split/permutation"] = request.permutation
    chosen["split/shuffled"] = shuffled = shuffle(corners, request.permutation)
    trains, validates = shares(settings["limit"])
    chosen["split/training"] = shuffled[:trains]
    chosen["split/validation"] = shuffled[trains:trains + validates]
    chosen["split/order"] = batch_order(len(shuffled[:trains]), training["batch_size"], training["epochs"])
    return chosen


def _cut_patches(request, stages):
    """Return patches and targets of both lists; a target is the part of its patch that the network's output covers."""
    stack, ndvi = [stages["raster/" + name] for name in STACK], [stages["raster/002_NDVI"]]
    side, cuts = request.patches["side"], OrderedDict()
    for corners, raw, target in (
        ("split/training", "patches/raw", "targets/raw"), ("split/validation", "validation/raw", "validation/targets")
    ):
        cuts[raw] = cut(stack, stages[corners], side, 0, request.dtype)
        cuts[target] = cut(ndvi, stages[corners], side, request.border, request.dtype)
    return cuts


def _train(request, network, stages):
    """Return the first batch through the network, the recorded steps, the trained weights and all losses."""
    order, size, epochs = stages["split/order"], request.training["batch_size"], request.training["epochs"]
    request.check_steps(request.training, len(order))
    rows = order[:len(order) // epochs]
    batches = [batch(request, stages["patches/raw"], stages["targets/raw"], chosen) for chosen in rows]
    count = len(stages["validation/raw"]) // size
    held = [batch(request, stages["validation/raw"], stages["validation/targets"], slice(i * size, (i + 1) * size))
            for i in range(count)]
    network.reset(request.weights)
    trained = OrderedDict(batches[0])
    trained.update(network.observe(batches[0]["batch/selected"], batches[0]["target/normalised"]))
    validation = []

    def validate():
        losses = [network.loss(one["batch/selected"], one["target/normalised"]) for one in held]
        validation.append(np.mean(losses, dtype=request.dtype))

    steps, curve = train(request, network, batches, len(order), validate if held else None)
    trained.update(steps)
    trained.update(("trained/" + name, value) for name, value in zip(parameters(request), network.state()[1]))
    trained["loss/curve"] = curve
    trained["loss/epochs"] = curve.reshape(epochs, -1).mean(axis=1)
    if held:
        trained["loss/validation"] = np.array(validation, request.dtype)
    return trained


def _predict(request, network, stages):
    """Return the test region, cropped before it is fed, with the channels of the published test script, and its estimate."""
    predicted, divisor = OrderedDict(), request.dtype.type(request.manifest["divisor"])
    predicted["predict/raw"] = crop([stages["raster/" + name] for name in STACK], request.region, request.dtype)
    predicted["predict/normalised"] = normalised = predicted["predict/raw"] / divisor
    predicted["predict/selected"] = selected = np.ascontiguousarray(normalised[:, request.test_channels])
    predicted.update(("predict/" + name, value) for name, value in network.predict(selected).items())
    return predicted


def shrink(region, border):
    """Return ``region`` less ``border`` pixels at each edge."""
    return [region[0] + border, region[1] - border, region[2] + border, region[3] - border]


def _evaluate(request, stages):
    region, scores = shrink(request.region, request.border), OrderedDict()
    row0, row1, col0, col1 = region
    masks = [stages["raster/%s_MASK" % date][row0:row1, col0:col1] for date in ("001", "002", "003")]
    scores["metrics/target/raw"] = target = crop([stages["raster/002_NDVI"]], region, request.dtype)
    scores["metrics/target/normalised"] = target = target / request.dtype.type(request.manifest["divisor"])
    scores["metrics/valid"] = valid = np.all([mask == 0 for mask in masks], axis=0).astype(np.uint8)
    if not valid.any():
        raise BadInput("%s: test_region %s has 0 valid pixels within the border of %d, expected at least 1. "
                       "Write the request again." % (request.path, request.region, request.border))
    scores["metrics/estimate"] = estimate = stages["predict/output"][0, 0][valid == 1]
    scores["metrics/truth"] = truth = target[0, 0][valid == 1]
    scores["metrics/mae"] = metrics.mean_absolute_error(estimate, truth)
    scores["metrics/rmse"] = metrics.root_mean_square_error(estimate, truth)
    scores["metrics/cc"] = metrics.correlation(estimate, truth)
    scores["metrics/psnr"] = metrics.peak_signal_to_noise_ratio(estimate, truth, metrics.PEAK)
    return scores


def _write(estimate, path):
    """Write the estimate, and return what a reader of the file finds."""
    rasters.write(path, estimate[0, 0])
    pixels, header = rasters.read(path)
    return OrderedDict([("geotiff/pixels", pixels), ("geotiff/header", header)])
