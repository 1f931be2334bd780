"""A request for the whole data path: a scene's files, a permutation in place of the shuffle, and the settings."""
import os
from collections import OrderedDict

import numpy as np

from legacy import patches, trace
from legacy.request import Request, is_count, is_number

PUBLISHED = ((48, 9), (32, 5), (1, 5))  # filters and side of each layer, for weights that are drawn
KINDS = ("VH", "VV", "NDVI", "MASK")
RASTERS = tuple("%03d_%s" % (date, kind) for date in (1, 2, 3) for kind in KINDS) + ("DEM",)  # t-1, t, t+1
STACK = ("001_VH", "001_VV", "002_VH", "002_VV", "003_VV", "003_VH", "001_NDVI", "003_NDVI", "DEM")  # the nine channels


def read_request(path):
    """Return the Request or PipelineRequest at ``path``; raise BadInput with what is wrong with it."""
    content = trace.read(path)
    for kind in (Request, PipelineRequest):
        if content[0].get("kind") == kind.kind:
            return kind(path, content)
    raise trace.BadInput("%s: kind is %r, expected network or pipeline. Write the request again."
                         % (path, content[0].get("kind")))


class PipelineRequest(Request):
    """One request of kind pipeline, checked.

    Attributes beside Request's: ``names`` (of RASTERS to the scene's file names), ``files`` (their bytes, uint8),
    ``permutation``, ``region``, ``patches`` and ``initialisation`` (as in the manifest; None: weights are given),
    ``test_channels``. ``weights`` that are to be drawn are None until then.
    """

    kind = "pipeline"

    def _check_manifest(self):
        Request._check_manifest(self)
        manifest = self.manifest
        self.test_channels, channels = manifest.get("test_channels"), manifest["channels"]
        self._check_counts("test_channels", self.test_channels, "a list of band indices")
        right = len(self.test_channels) == len(channels) and max(channels + self.test_channels) < len(STACK)
        self._check(right, "test_channels", self.test_channels, "as many indices below %d as %s" % (len(STACK), channels))
        self._check_scene(manifest.get("scene"))
        self._check_patch_list(manifest.get("patches"))
        self.region, initialisation = manifest.get("test_region"), manifest.get("initialisation")
        self._check_counts("test_region", self.region, "[row0, row1, col0, col1]")
        right = len(self.region) == 4 and self.region[0] < self.region[1] and self.region[2] < self.region[3]
        self._check(right, "test_region", self.region, "[row0, row1, col0, col1], rising")
        self.initialisation = initialisation
        right = initialisation is None or (
            isinstance(initialisation, dict) and is_count(initialisation.get("seed"))
            and is_number(initialisation.get("deviation")) and initialisation["deviation"] > 0
        )
        self._check(right, "initialisation", initialisation, "null, or a seed and a deviation above 0")

    def _check_training(self, training):
        self._check_settings(training, "epochs")  # the number of steps depends on the patches: see pipeline.py

    def _check_scene(self, scene):
        right = isinstance(scene, dict) and is_count(scene.get("first_date")) and hasattr(scene.get("suffix"), "encode")
        self._check(right, "scene", scene, "a suffix and a first_date")
        self.names = OrderedDict((name, file_name(name, scene["first_date"], scene["suffix"])) for name in RASTERS)
        for name in self.names.values():
            self._check(is_plain(name), "a file name of scene.suffix", name, "a plain name, no path")

    def _check_patch_list(self, settings):
        self._check(isinstance(settings, dict), "patches", settings, "an object")
        for key, least in (("side", 1), ("stride", 1), ("origin", 0), ("limit", 1)):
            value = settings.get(key)
            self._check(is_count(value) and value >= least, "patches." + key, value, "a whole number from %d up" % least)
        self.patches = settings

    def _take(self, arrays):
        """Take weights, permutation and files, and refuse a missing, extra or unfit one."""
        if self.initialisation is not None:
            self._name_layers(len(PUBLISHED))
        weights = list(self.weights) if self.initialisation is None else []
        self._check(bool(self.layers), "the number of entries weight/conv*/W", 0, "at least 1")
        expected = weights + ["split/permutation"] + ["files/" + name for name in self.names.values()]
        self._check(sorted(arrays) == sorted(expected), "the list of entries", sorted(arrays), repr(sorted(expected)))
        for name in weights:
            self.weights[name] = self._cast(name, arrays[name])
        self.permutation = arrays["split/permutation"]
        right = self.permutation.dtype == np.int64 and self.permutation.ndim == 1
        right = right and np.array_equal(np.sort(self.permutation), np.arange(self.permutation.size))
        self._check(right, "split/permutation", self.permutation, "a permutation of 0, 1, ..., int64")
        self.files = OrderedDict((name, arrays["files/" + name]) for name in self.names.values())
        for name, content in self.files.items():
            found = (content.dtype.str, content.shape)
            self._check(content.dtype == np.uint8 and content.ndim == 1, "files/%s" % name, found, "bytes")
        self._check_border()

    def _check_border(self):
        sides = [side for _, side in PUBLISHED]
        if self.initialisation is None:
            _, filters = self._check_weights()
            shapes = [self.weights["weight/%s/W" % layer].shape for layer in self.layers]
            right = filters == 1 and all(shape[2] == shape[3] and shape[2] % 2 == 1 for shape in shapes)
            self._check(right, "the shapes of weight/conv*/W", shapes, "square filters of odd side, one in the last layer")
            sides = [shape[2] for shape in shapes]
        self.border = patches.border(sides)
        smallest = min(self.patches["side"], self.region[1] - self.region[0], self.region[3] - self.region[2])
        self._check(smallest > 2 * self.border, "the smallest of patches.side and test_region's sides", smallest,
                    "more than twice the border of %d" % self.border)


def file_name(name, first_date, suffix):
    """Return the scene's file name of one of RASTERS: '002_VH' is '003_VH_x.tif' for a first date of 2 and suffix '_x'."""
    date, _, kind = name.partition("_")
    return ("%03d_%s" % (int(date) - 1 + first_date, kind) if kind else date) + suffix + ".tif"


def is_plain(name):
    """Return whether ``name`` is a file's name alone, with no part of a path in it."""
    return name == os.path.basename(name) and "\\" not in name and "\0" not in name and name not in ("", ".", "..")
