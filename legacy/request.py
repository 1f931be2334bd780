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

    kind = "network"

    def __init__(self, path, content=None):
        """Read ``path``, or take what ``trace.read`` gave; raise BadInput with what is wrong, both values and what to do."""
        self.path = path
        self.manifest, arrays, self.sha256 = content or trace.read(path)
        self._check_manifest()
        self.dtype = np.dtype(str(self.manifest["dtype"]))
        self.channels = self.manifest["channels"]
        self.training = self.manifest["training"]
        self._name_layers(sum(name.endswith("/W") for name in arrays))
        self._take(arrays)

    def _name_layers(self, count):
        self.layers = ["conv%d" % (i + 1) for i in range(count)]
        self.weights = OrderedDict(("weight/%s/%s" % (layer, kind), None) for layer in self.layers for kind in "Wb")

    def _refuse(self, what, found, expected):
        raise BadInput("%s: %s is %r, expected %s. Write the request again." % (self.path, what, found, expected))

    def _check(self, right, what, found, expected):
        if not right:
            self._refuse(what, found, expected)

    def _check_manifest(self):
        manifest = self.manifest
        for key, allowed in (
            ("format", ("parity-request/1",)), ("kind", (self.kind,)), ("dtype", DTYPES), ("output", OUTPUTS)
        ):
            self._check(manifest.get(key) in allowed, key, manifest.get(key), " or ".join(allowed))
        divisor = manifest.get("divisor")
        self._check(is_number(divisor) and divisor > 0, "divisor", divisor, "a number above 0")
        self._check_counts("channels", manifest.get("channels"), "a list of band indices")
        training = manifest.get("training")
        self._check(isinstance(training, dict), "training", training, "an object")
        self._check_training(training)

    def _check_counts(self, what, found, expected):
        self._check(isinstance(found, list) and found and all(is_count(value) for value in found), what, found, expected)

    def _check_training(self, training):
        self._check_settings(training, "steps")
        self.check_steps(training, training["steps"])

    def _check_settings(self, training, length):
        for key in (length, "batch_size"):
            value = training.get(key)
            self._check(is_count(value) and value > 0, "training." + key, value, "a whole number above 0")
        for key in ("learning_rate", "momentum"):
            value = training.get(key)
            self._check(is_number(value) and value >= 0, "training." + key, value, "a number from 0 up")

    def check_steps(self, training, steps):
        """Refuse a step that is told to be recorded, restarted after or changed in rate, unless it is one of 1 to ``steps``."""
        rates = training.get("rate_changes", [])
        right = isinstance(rates, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in rates)
        right = right and all(is_number(rate) and rate >= 0 for _, rate in rates)
        self._check(right, "training.rate_changes", rates, "a list of [step, rate from 0 up]")
        told = {"recorded": training.get("recorded"), "restarts": training.get("restarts", []),
                "rate_changes": [step for step, _ in rates]}
        for key, numbers in sorted(told.items()):
            right = isinstance(numbers, list) and all(is_count(k) and 1 <= k <= steps for k in numbers)
            right = right and numbers == sorted(set(numbers))
            self._check(right, "training." + key, numbers, "rising step numbers from 1 to %d" % steps)

    def _take(self, arrays):
        """Cast the expected entries, and refuse a missing, extra or non-float one."""
        self._check(bool(self.layers), "the number of entries weight/conv*/W", 0, "at least 1")
        self.given = OrderedDict((name, None) for name in list(self.weights) + ["patches/raw", "targets/raw"])
        self._check(sorted(arrays) == sorted(self.given), "the list of entries", sorted(arrays), repr(sorted(self.given)))
        for name in self.given:
            self.given[name] = self._cast(name, arrays[name])
        for name in self.weights:
            self.weights[name] = self.given[name]
        border, filters = self._check_weights()
        self._check_patches(border, filters)

    def _cast(self, name, array):
        self._check(array.dtype.kind == "f", name + "'s dtype", array.dtype.str, "a float")
        return np.ascontiguousarray(array, dtype=self.dtype).reshape(array.shape)

    def _check_weights(self):
        """Return what the layers take from rows and columns in all, and the last one's filters."""
        incoming, border = len(self.channels), 0
        for layer in self.layers:
            W, b = (self.weights["weight/%s/%s" % (layer, kind)].shape for kind in "Wb")
            right = len(W) == 4 and W[1] == incoming and min(W) > 0
            self._check(right, "weight/%s/W's shape" % layer, W, "(filters, %d, rows, columns)" % incoming)
            self._check(b == W[:1], "weight/%s/b's shape" % layer, b, repr(W[:1]))
            incoming, border = W[0], (border + np.array(W[2:]) - 1)
        return border, incoming

    def _check_patches(self, border, filters):
        patches, targets = self.given["patches/raw"].shape, self.given["targets/raw"].shape
        right = len(patches) == 4 and patches[1] > max(self.channels) and min(np.array(patches[2:]) - border) > 0
        self._check(right, "patches/raw's shape", patches,
                    "(patches, more than %d, over %d rows, over %d columns)" % ((max(self.channels),) + tuple(border)))
        expected = (patches[0], filters) + tuple(int(size) for size in np.array(patches[2:]) - border)
        self._check(targets == expected, "targets/raw's shape", targets, repr(expected))
        size = self.training["batch_size"]
        self._check(patches[0] >= size, "the number of patches", patches[0], "at least a batch of %d" % size)
        self.batches = patches[0] // size


def is_number(value):
    """Return whether ``value`` is a number as JSON tells one."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_count(value):
    """Return whether ``value`` is a whole number from 0 up."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
