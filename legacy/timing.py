"""How long the original takes: ``python -m legacy.timing REQUEST.npz RESULT.npz [REQUEST2.npz RESULT2.npz ...]``.

The request is one of ``legacy.record`` for a network, its manifest with ``timing``: {"repeats", "minimum_s", "works"}.
Of its first batch those functions are timed that ``works`` names, written and compiled as the published program has them,
nothing observed:

* ``forward``: the output of the batch, alone;
* ``step``: forward, gradients and update in the one ``theano.function`` that Lasagne's users train with.

They are compiled in Theano's default mode (``legacy.network`` leaves REGROUPING out, and has two functions for a step).
Starting, compiling and the first call are not counted. The result holds ``seconds/forward`` and ``seconds/step`` (one
number a repeat, seconds a call) and what the first calls gave, ``output`` and ``velocity/*``: a fast wrong answer is none.
Exit codes as those of ``legacy.record``.
"""
from __future__ import division, print_function

import os
import sys
import time
from collections import OrderedDict

import numpy as np
import theano
import theano.tensor as T

from legacy import stack, trace
from legacy.compat import import_lasagne
from legacy.pipeline_request import read_request
from legacy.record import bound_memory
from legacy.training import batch, parameters

lasagne = import_lasagne()
clock = getattr(time, "perf_counter", time.time)  # Python 2.7 has no perf_counter


def functions(request):
    """Return (forward, step, velocities): ``forward(batch)`` gives the output, ``step(batch, target)`` the loss, then updates.

    ``velocities`` are shared variables, in the order of the weights.
    """
    theano.config.floatX = request.dtype.name
    batch, target = (T.TensorType(request.dtype.name, (False,) * 4)(name) for name in ("batch", "target"))
    layer = lasagne.layers.InputLayer((None, len(request.channels), None, None), batch)
    for name in request.layers:
        W, b = (request.weights["weight/%s/%s" % (name, kind)] for kind in "Wb")
        rectified = name != request.layers[-1] or request.manifest["output"] == "rectify"
        nonlinearity = lasagne.nonlinearities.rectify if rectified else lasagne.nonlinearities.linear
        layer = lasagne.layers.Conv2DLayer(layer, W.shape[0], W.shape[2:], W=W, b=b, nonlinearity=nonlinearity)
    output = lasagne.layers.get_output(layer)
    loss = lasagne.objectives.aggregate(abs(output - target), mode="mean")
    rate, momentum = (request.dtype.type(request.training[name]) for name in ("learning_rate", "momentum"))
    weights = lasagne.layers.get_all_params(layer)
    updates = lasagne.updates.momentum(loss, weights, rate, momentum)
    velocities = [variable for variable in updates if variable not in weights]
    return theano.function([batch], output), theano.function([batch, target], loss, updates=updates), velocities


def seconds(call, repeats, minimum_s):
    """Return the seconds a ``call``, one number a repeat; each repeat calls until ``minimum_s`` have passed."""
    found = []
    for _ in range(repeats):
        calls, elapsed, started = 0, 0.0, clock()
        while not calls or elapsed < minimum_s:
            call()
            calls += 1
            elapsed = clock() - started
        found.append(elapsed / calls)
    return np.array(found)


def measure(request):
    """Return an OrderedDict: ``output`` of the request's first batch, its ``velocity/*`` after one step, ``seconds/*``."""
    timing, size = timing_of(request), request.training["batch_size"]
    works = timing.pop("works")
    given = batch(request, request.given["patches/raw"], request.given["targets/raw"], slice(0, size))
    inputs, target = given["batch/selected"], given["target/normalised"]
    forward, step, velocities = functions(request)
    found = OrderedDict([("output", forward(inputs))])
    if "step" in works:
        step(inputs, target)
        for name, velocity in zip(parameters(request), velocities):
            found["velocity/" + name] = velocity.get_value()
    calls = {"forward": lambda: forward(inputs), "step": lambda: step(inputs, target)}
    for work in works:
        found["seconds/" + work] = seconds(calls[str(work)], **timing)
    return found


def timing_of(request):
    """Return the arguments of ``seconds``; raise BadInput where the request does not tell them."""
    told = request.manifest.get("timing")
    if request.kind != "network" or not isinstance(told, dict) or sorted(told) != ["minimum_s", "repeats", "works"]:
        raise trace.BadInput("%s: kind %s, timing %r, expected a network's with repeats, minimum_s and works. Write the "
                             "request again." % (request.path, request.kind, told))
    if not told["works"] or not set(told["works"]) <= {"forward", "step"}:
        raise trace.BadInput("%s: works are %r, expected forward, step or both. Write the request again."
                             % (request.path, told["works"]))
    return dict((str(name), value) for name, value in told.items())


def main(arguments):
    """Time each pair of paths; return the exit code."""
    if not arguments or len(arguments) % 2:
        print("legacy.timing: %d paths given, expected pairs: REQUEST.npz RESULT.npz ..." % len(arguments), file=sys.stderr)
        return 2
    bound_memory()
    for source, destination in zip(arguments[::2], arguments[1::2]):
        try:
            request = read_request(source)
            found = measure(request)
            manifest = {"stack": stack.describe(), "request_sha256": request.sha256,
                        "witness": os.environ.get("LEGACY_WITNESS", "direct")}
            trace.write(destination, manifest, found)
        except trace.BadInput as error:
            print("legacy.timing: %s" % error, file=sys.stderr)
            return 2
        told = ", ".join("%s %.3f s" % (name[len("seconds/"):], np.median(value))
                         for name, value in found.items() if name.startswith("seconds/"))
        print("%s: %s" % (os.path.basename(source), told), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
