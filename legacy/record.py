"""One request in, one trace out: ``python -m legacy.record REQUEST.npz TRACE.npz [REQUEST2.npz TRACE2.npz ...]``.

Exit codes: 0 all traces written; 2 bad input, told in one paragraph, with no half-written trace left behind.
LEGACY_WITNESS names the environment in the manifest; LEGACY_MEMORY_MB bounds the address space of the process.
"""
from __future__ import division, print_function

import datetime
import os
import sys
import time
import uuid
from collections import OrderedDict

import numpy as np

from legacy import graph, stack, trace
from legacy.network import Network
from legacy.request import Request

PROCESS = {
    "id": uuid.uuid4().hex,
    "pid": os.getpid(),
    "started": datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"),
}
CODE_SHA256 = trace.code_sha256(os.path.dirname(os.path.abspath(__file__)))  # of what runs, not of what stands there later
LAYOUT = "lasagne: (out, in, row, col), filters flipped (true convolution)"


def record(request, network):
    """Return the stages of ``request`` as an OrderedDict of arrays of its dtype, in the order computed."""
    network.reset(request.weights)
    stages = OrderedDict(request.given)
    stages.update(_batch(request, 0))
    stages.update(network.observe(stages["batch/selected"], stages["target/normalised"]))
    stages.update(_train(request, network))
    for name, array in stages.items():
        if array.dtype != request.dtype:
            raise TypeError("%s is %s, the request %s" % (name, array.dtype, request.dtype))
    return stages


def _batch(request, index):
    """Return batch ``index`` in list order: raw, normalised (all channels alike) and the selected channels."""
    size, divisor = request.training["batch_size"], request.dtype.type(request.manifest["divisor"])
    rows = slice(index * size, (index + 1) * size)
    batch, target = request.given["patches/raw"][rows], request.given["targets/raw"][rows]
    normalised = batch / divisor
    return OrderedDict([
        ("batch/raw", batch),
        ("target/raw", target),
        ("batch/normalised", normalised),
        ("target/normalised", target / divisor),
        ("batch/selected", np.ascontiguousarray(normalised[:, request.channels])),
    ])


def _train(request, network):
    """Return the recorded steps and the loss curve; batches in list order, the incomplete last one dropped."""
    training, stages = request.training, OrderedDict()
    batches = [_batch(request, index) for index in range(request.batches)]
    curve = np.empty(training["steps"], request.dtype)
    for step in range(1, training["steps"] + 1):
        batch = batches[(step - 1) % len(batches)]
        loss = network.step(batch["batch/selected"], batch["target/normalised"])
        curve[step - 1] = loss
        if step in training["recorded"]:
            prefix = "step/%04d/" % step
            velocities, weights = network.state()
            stages[prefix + "loss"] = np.asarray(loss)
            stages.update((prefix + "velocity/" + name, v) for name, v in zip(_parameters(request), velocities))
            stages.update((prefix + "weight/" + name, w) for name, w in zip(_parameters(request), weights))
    stages["loss/curve"] = curve
    return stages


def _parameters(request):
    """Return ['conv1/W', 'conv1/b', 'conv2/W', ...]."""
    return [name[len("weight/"):] for name in request.weights]


def manifest(request):
    """Return the trace's manifest, all but what the writer adds (order, content_sha256)."""
    return {
        "format": "parity-trace/1",
        "side": "legacy",
        "stack": stack.describe(),
        "witness": os.environ.get("LEGACY_WITNESS", "direct"),
        "dtype": request.dtype.name,
        "layout": LAYOUT,
        "seed": request.manifest.get("seed"),
        "request": request.manifest,
        "request_sha256": request.sha256,
        "code_sha256": CODE_SHA256,
        "process": PROCESS,
        "graph": graph.describe(request, _parameters(request)),
        "training": dict(request.training, batches=request.batches),
    }


def _network(request, networks):
    """Return the compiled network of ``request``'s shapes, dtype, output and rates, from ``networks`` if it is there."""
    training = request.training
    rates = (training["learning_rate"], training["momentum"])
    key = (tuple(array.shape for array in request.weights.values()), request.dtype.name, request.manifest["output"], rates)
    if key not in networks:
        networks[key] = Network(request.weights, request.dtype, request.manifest["output"], *rates)
    return networks[key]


def _bound_memory():
    """Bound the address space to LEGACY_MEMORY_MB, where that is set and the system has such a bound."""
    megabytes = os.environ.get("LEGACY_MEMORY_MB")
    if megabytes:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(megabytes) << 20,) * 2)


def main(arguments):
    """Record each pair of paths, one line of progress a pair on stderr; return the exit code."""
    if not arguments or len(arguments) % 2:
        print("legacy.record: %d paths given, expected pairs: REQUEST.npz TRACE.npz ..." % len(arguments), file=sys.stderr)
        return 2
    _bound_memory()
    pairs, networks = list(zip(arguments[::2], arguments[1::2])), {}
    for count, (source, destination) in enumerate(pairs, 1):
        started = time.time()
        try:
            request = Request(source)
            network = _network(request, networks)
            built = time.time()
            trace.write(destination, manifest(request), record(request, network))
        except trace.BadInput as error:
            print("legacy.record: %s" % error, file=sys.stderr)
            return 2
        except (IOError, OSError) as error:
            print("legacy.record: %s cannot be written: %s" % (destination, error), file=sys.stderr)
            return 2
        print("%d/%d %s: network %.1f s, %d steps %.1f s" % (
            count, len(pairs), os.path.basename(source), built - started,
            request.training["steps"], time.time() - built), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
