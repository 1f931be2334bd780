"""A request: the weights, patches and settings that both sides are given; read, checked and cast here."""
from collections import OrderedDict

import numpy as np

from legacy import trace
from legacy.trace import BadInput

DTYPES = ("float64", "float32")
OUTPUTS = ("linear", "rectify")


class Request(object):
    """One request file, checked.

    Attributes: ``manifest`` (as read), ``sha256`` (of the file), ``dtype`` (numpy's), ``layers`` (['conv1', ...]),
    ``given`` (OrderedDict of the arrays in trace order, cast), ``weights`` (its part below ``weight/``).
    """

    def __init__(self, path):
        """Read ``path``; raise BadInput with what is wrong, both values and what to do."""
        self.path = path
        self.manifest, arrays, self.sha256 = trace.read(path)
        self._check_manifest()
        self.dtype = np.dtype(str(self.manifest["dtype"]))
        self.channels = self.manifest["channels"]
        self.training = self.manifest["training"]
        self.layers = ["conv%d" % (i + 1) for i in range(sum(name.endswith("/W") for name in arrays))]
        self.weights = OrderedDict(("weight/%s/%s" % (layer, kind), None) for layer in self.layers for kind in "Wb")
        self.given = OrderedDict((name, None) for name in list(self.weights) + ["patches/raw", "targets/raw"])
        self._take(arrays)
        self._check_shapes()
        self.batches = self.given["patches/raw"].shape[0] // self.training["batch_size"]

    def _refuse(self, what, found, expected):
        raise BadInput("%s: %s is %r, expected %s. Write the request again." % (self.path, what, found, expected))

    def _check(self, right, what, found, expected):
        if not right:
            self._refuse(what, found, expected)

    def _check_manifest(self):
        manifest = self.manifest
        for key, allowed in (
            ("format", ("parity-request/1",)), ("kind", ("network",)), ("dtype", DTYPES), ("output", OUTPUTS)
        ):
            self._check(manifest.get(key) in allowed, key, manifest.get(key), " or ".join(allowed))
        divisor, channels = manifest.get("divisor"), manifest.get("channels")
        self._check(_is_number(divisor) and divisor > 0, "divisor", divisor, "a number above 0")
        right = isinstance(channels, list) and channels and all(_is_count(c) for c in channels)
        self._check(right, "channels", channels, "a list of band indices")
        self._check_training(manifest.get("training"))

    def _check_training(self, training):
        self._check(isinstance(training, dict), "training", training, "an object")
        for key in ("steps", "batch_size"):
            value = training.get(key)
            self._check(_is_count(value) and value > 0, "training." + key, value, "a whole number above 0")
        for key in ("learning_rate", "momentum"):
            value = training.get(key)
            self._check(_is_number(value) and value >= 0, "training." + key, value, "a number from 0 up")
        recorded, steps = training.get("recorded"), training["steps"]
        right = isinstance(recorded, list) and all(_is_count(k) and 1 <= k <= steps for k in recorded)
        right = right and recorded == sorted(set(recorded))
        self._check(right, "training.recorded", recorded, "rising step numbers from 1 to %d" % steps)

    def _take(self, arrays):
        """Cast the expected entries, and refuse a missing, extra or non-float one."""
        self._check(bool(self.layers), "the number of entries weight/conv*/W", 0, "at least 1")
        self._check(sorted(arrays) == sorted(self.given), "the list of entries", sorted(arrays), repr(sorted(self.given)))
        for name in self.given:
            self._check(arrays[name].dtype.kind == "f", name + "'s dtype", arrays[name].dtype.str, "a float")
            self.given[name] = np.ascontiguousarray(arrays[name], dtype=self.dtype).reshape(arrays[name].shape)
        for name in self.weights:
            self.weights[name] = self.given[name]

    def _check_shapes(self):
        incoming, border = len(self.channels), 0
        for layer in self.layers:
            W, b = (self.weights["weight/%s/%s" % (layer, kind)].shape for kind in "Wb")
            right = len(W) == 4 and W[1] == incoming and min(W) > 0
            self._check(right, "weight/%s/W's shape" % layer, W, "(filters, %d, rows, columns)" % incoming)
            self._check(b == W[:1], "weight/%s/b's shape" % layer, b, repr(W[:1]))
            incoming, border = W[0], (border + np.array(W[2:]) - 1)
        patches, targets = self.given["patches/raw"].shape, self.given["targets/raw"].shape
        right = len(patches) == 4 and patches[1] > max(self.channels) and min(np.array(patches[2:]) - border) > 0
        self._check(right, "patches/raw's shape", patches,
                    "(patches, more than %d, over %d rows, over %d columns)" % ((max(self.channels),) + tuple(border)))
        expected = (patches[0], incoming) + tuple(int(size) for size in np.array(patches[2:]) - border)
        self._check(targets == expected, "targets/raw's shape", targets, repr(expected))
        size = self.training["batch_size"]
        self._check(patches[0] >= size, "the number of patches", patches[0], "at least a batch of %d" % size)


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
