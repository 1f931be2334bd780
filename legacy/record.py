"""One request in, one trace out: ``python -m legacy.record REQUEST.npz TRACE.npz [REQUEST2.npz TRACE2.npz ...]``.

Exit codes: 0 all traces written; 2 bad input, told in one paragraph, with no half-written trace left behind.
LEGACY_WITNESS names the environment in the manifest; LEGACY_MEMORY_MB bounds the address space of the process.
"""
from __future__ import division, print_function

import datetime
import os
import sys
import uuid
from collections import OrderedDict

from legacy import graph, stack, trace
from legacy.network import Network, draw_weights
from legacy.pipeline import record_pipeline
from legacy.pipeline_graph import describe_pipeline
from legacy.pipeline_request import PUBLISHED, read_request
from legacy.training import batch, parameters, train

PROCESS = {
    "id": uuid.uuid4().hex,
    "pid": os.getpid(),
    "started": datetime.datetime.utcnow().strftime("%Y-%m-%dT%H:%M:%SZ"),
}
CODE_SHA256 = trace.code_sha256(os.path.dirname(os.path.abspath(__file__)))  # of what runs, not of what stands there later
LAYOUT = "lasagne: (out, in, row, col), filters flipped (true convolution)"


def record(request, network):
    """Return (stages, graph) of ``request``: an OrderedDict of arrays in the order computed, and their nodes."""
    if request.kind == "pipeline":
        stages = record_pipeline(request, network)
        nodes = describe_pipeline(request, stages)
    else:
        stages = _record_network(request, network)
        nodes = graph.describe(request, parameters(request))
    _check_dtypes(request, stages, nodes)
    return stages, nodes


def _record_network(request, network):
    network.reset(request.weights)
    given, size = request.given, request.training["batch_size"]
    batches = [batch(request, given["patches/raw"], given["targets/raw"], slice(i * size, (i + 1) * size))
               for i in range(request.batches)]
    stages = OrderedDict(given)
    stages.update(batches[0])
    stages.update(network.observe(batches[0]["batch/selected"], batches[0]["target/normalised"]))
    steps, curve = train(request, network, batches, request.training["steps"])
    stages.update(steps)
    stages["loss/curve"] = curve
    return stages


def _check_dtypes(request, stages, nodes):
    """Refuse an array of numbers of another dtype than its node tells, or the request where it tells none."""
    for node in nodes:
        array = stages[node["stage"]]
        told = "float64" if node["operation"] == "header" else node["attributes"].get("dtype", request.dtype.name)
        if array.dtype.kind == "f" and array.dtype != told:
            raise TypeError("%s is %s, expected %s" % (node["stage"], array.dtype, told))


def manifest(request, stages, nodes):
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
        "graph": nodes,
        "training": _training(request, stages),
    }


def _training(request, stages):
    """Return the request's training settings and what followed from them."""
    if request.kind == "network":
        return dict(request.training, batches=request.batches)
    steps = len(stages["split/order"])
    return dict(request.training, steps=steps, batches=steps // request.training["epochs"], momentum_form="lasagne")


def _network(request, networks):
    """Return the compiled network of ``request``'s shapes, dtype, output and rates, from ``networks`` if it is there."""
    training = request.training
    if request.kind == "pipeline" and request.initialisation is not None:
        drawn = request.initialisation
        values = draw_weights(len(request.channels), PUBLISHED, request.dtype, drawn["seed"], drawn["deviation"])
        request.weights.update(list(zip(request.weights, values)))
    rates = (training["learning_rate"], training["momentum"], bool(training.get("rate_changes")))
    key = (tuple(array.shape for array in request.weights.values()), request.dtype.name, request.manifest["output"], rates)
    if key not in networks:
        networks[key] = Network(request.weights, request.dtype, request.manifest["output"], *rates)
    return networks[key]


def used():
    """Return how many seconds of a processor this process and those it started have used."""
    return sum(os.times()[:4])


def bound_memory():
    """Bound the address space to LEGACY_MEMORY_MB, where that is set and the system has such a bound."""
    megabytes = os.environ.get("LEGACY_MEMORY_MB")
    if megabytes:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (int(megabytes) << 20,) * 2)


def main(arguments):
    """Record each pair of paths, one line of progress a pair on stderr, in a processor's seconds; return the exit code."""
    if not arguments or len(arguments) % 2:
        print("legacy.record: %d paths given, expected pairs: REQUEST.npz TRACE.npz ..." % len(arguments), file=sys.stderr)
        return 2
    bound_memory()
    pairs, networks, ended = list(zip(arguments[::2], arguments[1::2])), {}, 0.0
    for count, (source, destination) in enumerate(pairs, 1):
        started = used()
        try:
            request = read_request(source)
            network = _network(request, networks)
            built = used()
            stages, nodes = record(request, network)
            trace.write(destination, manifest(request, stages, nodes), stages)
        except trace.BadInput as error:
            print("legacy.record: %s" % error, file=sys.stderr)
            return 2
        except (IOError, OSError) as error:
            print("legacy.record: %s cannot be written: %s" % (destination, error), file=sys.stderr)
            return 2
        steps, idle, ended = len(stages["loss/curve"]), started - ended, used()
        print("%d/%d %s: started %.2f s, network %.2f s, %d steps %.2f s" % (
            count, len(pairs), os.path.basename(source), idle, built - started, steps, ended - built), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
