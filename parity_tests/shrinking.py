"""How a request of this network can be smaller: fewer steps, patches, channels, rows and columns; epochs of a scene.

What the variants are is written out in `probes` and `data_path`: the judge, which tries these, knows none of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from parity.reduction import Request, Shrink
from parity_tests.data_path import TEST_CHANNELS
from parity_tests.probes import CHANNELS

LISTS = ("patches/raw", "targets/raw")
VALIDATION_SHARE = 0.2  # of the patches asked for


def _with(request: Request, training: Mapping[str, Any], **manifest: Any) -> Request:
    """The same request with some settings otherwise; steps that are told lie within those that are left."""
    told = {**request.manifest, **manifest, "training": {**request.manifest["training"], **training}}
    steps, within = _steps(told, request), told["training"]
    within["recorded"] = sorted({step for step in within["recorded"] if step < steps} | {steps})
    for key, step_of in (("rate_changes", lambda pair: pair[0]), ("restarts", int)):
        if key in within:
            within[key] = [one for one in within[key] if step_of(one) <= steps]
    return Request(told, request.arrays)


def _steps(told: Mapping[str, Any], request: Request) -> int:
    training = told["training"]
    if told["kind"] == "network":
        return int(training["steps"])
    asked = told["patches"]["limit"]
    return int(training["epochs"] * ((asked - round(asked * VALIDATION_SHARE)) // training["batch_size"]))


def steps(request: Request) -> Iterator[Request]:
    """One step, two, the first of a second epoch, half of them."""
    if request.manifest["kind"] == "network":
        training = request.manifest["training"]
        batches = len(request.arrays[LISTS[0]]) // training["batch_size"]
        for count in sorted({1, 2, batches + 1, training["steps"] // 2}):
            if 0 < count < training["steps"]:
                yield _with(request, {"steps": count})


def patches(request: Request) -> Iterator[Request]:
    """Each patch of the first batch alone; the first batch; every other patch; batches of one."""
    if request.manifest["kind"] == "network":
        size, count = request.manifest["training"]["batch_size"], len(request.arrays[LISTS[0]])
        alone = [(1, [index]) for index in range(size)]
        for batch, kept in [*alone, (size, range(size)), (size, range(0, count, 2)), (1, range(count))]:
            if len(kept) >= batch and (len(kept) < count or batch < size):
                few = {name: request.arrays[name][list(kept)] for name in LISTS}
                yield _with(Request(request.manifest, {**request.arrays, **few}), {"batch_size": batch})


def rows(request: Request) -> Iterator[Request]:
    """As few rows as the network allows, then half, at the upper and at the lower edge."""
    return _narrower(request, 2)


def columns(request: Request) -> Iterator[Request]:
    """As few columns as the network allows, then half, at the left and at the right edge."""
    return _narrower(request, 3)


def _narrower(request: Request, axis: int) -> Iterator[Request]:
    if request.manifest["kind"] == "network":
        size = request.arrays[LISTS[0]].shape[axis]
        border = sum(W.shape[axis] - 1 for name, W in request.arrays.items() if name.endswith("/W"))
        for kept in sorted({border + 1, (border + 1 + size) // 2} - {size}):
            for start in (0, size - kept):
                cut = {name: _part(request.arrays[name], axis, start, kept - (size - _length(request, name, axis)))
                       for name in LISTS}  # fmt: skip
                yield Request(request.manifest, {**request.arrays, **cut})


def _length(request: Request, name: str, axis: int) -> int:
    return request.arrays[name].shape[axis]


def _part(array: np.ndarray, axis: int, start: int, length: int) -> np.ndarray:
    return np.ascontiguousarray(np.take(array, np.arange(start, start + length), axis))


def channels(request: Request) -> Iterator[Request]:
    """The variants whose channels are among this one's, with the first layer's filters cut to fit."""
    told = request.manifest
    for variant in sorted(CHANNELS, key=lambda name: len(CHANNELS[name])):
        kept = CHANNELS[variant]
        if set(kept) < set(told["channels"]):
            arrays = dict(request.arrays)
            if "weight/conv1/W" in arrays:
                places = [told["channels"].index(channel) for channel in kept]
                arrays["weight/conv1/W"] = np.ascontiguousarray(arrays["weight/conv1/W"][:, places])
            fed = {"test_channels": list(TEST_CHANNELS[variant])} if told["kind"] == "pipeline" else {}
            yield Request({**told, "variant": variant, "channels": list(kept), **fed}, arrays)


def epochs(request: Request) -> Iterator[Request]:
    """Of a scene one epoch, or two."""
    if request.manifest["kind"] == "pipeline":
        for count in range(1, min(3, request.manifest["training"]["epochs"])):
            yield _with(request, {"epochs": count})


def limit(request: Request) -> Iterator[Request]:
    """Of a scene so few patches that one validates, one by one; then half of them."""
    if request.manifest["kind"] == "pipeline":
        told = request.manifest["patches"]
        size = request.manifest["training"]["batch_size"]
        for asked, batch in ((3, 1), (told["limit"] // 2, 1), (told["limit"] // 2, size), (told["limit"], 1)):
            smaller = asked < told["limit"] or batch < size
            if smaller and asked - round(asked * VALIDATION_SHARE) >= batch:
                yield _with(request, {"batch_size": batch}, patches={**told, "limit": asked})


SHRINKS: tuple[Shrink, ...] = (channels, steps, patches, rows, columns, epochs, limit)
