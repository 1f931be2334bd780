"""Any Lasagne program, one request in, one trace out: ``python -m legacy.observe PROGRAM.py REQUEST.npz TRACE.npz [...]``.

The program defines ``network(images)``, which returns its last layer, every layer named by its stage, and one of
``categorical_cross_entropy(output, labels)`` and ``mean_absolute_error(output, target)``, which return the loss. It may
define ``updates(gradients, parameters, rate, momentum)``; Lasagne's momentum is the default. All else is found here:
stages, gradients, steps of training, and the graph. Exit codes as those of ``legacy.record``.
"""
from __future__ import division, print_function

import os
import sys
from collections import OrderedDict

import numpy as np
import theano
import theano.tensor as T

from legacy import gradients, graph, layers, stack, trace
from legacy.compat import import_lasagne
from legacy.network import REGROUPING
from legacy.record import PROCESS, bound_memory
from legacy.trace import BadInput

lasagne = import_lasagne()
LOSSES = ("categorical_cross_entropy", "mean_absolute_error")


class Question(object):
    """A request for a program: ``weights`` and ``lists`` (of images, targets), cast; the rows of its batches."""

    def __init__(self, path):
        """Read ``path``; raise BadInput where a setting is missing."""
        self.manifest, arrays, self.sha256 = trace.read(path)
        try:
            self.dtype = np.dtype(str(self.manifest["dtype"]))
            self.training = dict(self.manifest["training"])
            size = self.training["batch_size"]
            cast = [(name, self._cast(array)) for name, array in arrays.items()]
            self.given = OrderedDict(cast)
            self.weights = OrderedDict((name, array) for name, array in cast if name.startswith("weight/"))
            self.lists = OrderedDict((name, array) for name, array in cast if name not in self.weights)
            self.training["batches"] = min(len(array) for array in self.lists.values()) // size
            assert self.training["batches"] > 0, "fewer images than a batch of %d" % size
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise BadInput("%s: it tells no training of a list of images (%r). Write the request again." % (path, error))

    def _cast(self, array):
        return np.ascontiguousarray(array, self.dtype if array.dtype.kind == "f" else None).reshape(array.shape)

    def batch(self, step):
        """Return the lists' rows that a step uses, counted from 1."""
        size = self.training["batch_size"]
        first = (step - 1) % self.training["batches"] * size
        return OrderedDict(("batch/" + name, array[first:first + size]) for name, array in self.lists.items())


class Observation(object):
    """A program's network, compiled: ``nodes`` tell its graph."""

    def __init__(self, program, question):
        """Build the network that ``program``, a dict of what it defines, makes for ``question``."""
        theano.config.floatX = question.dtype.name
        self.question = question
        variables = [T.TensorType(array.dtype.name, (False,) * array.ndim)(str(name))
                     for name, array in question.lists.items()]
        last = program["network"](variables[0])
        chain = lasagne.layers.get_all_layers(last)[1:]
        self._take(chain)
        expressions = lasagne.layers.get_output(chain, deterministic=True)
        stages = OrderedDict(zip([layer.name for layer in chain], expressions))
        loss = next(name for name in LOSSES if name in program)
        stages["loss"] = program[loss](expressions[-1], *variables[1:])
        self._describe(chain, loss)
        self._compile(program, variables, stages)

    def _take(self, chain):
        """Give each layer the request's weights: conv1/pre those of conv1, W and b."""
        self.parameters, self.names = OrderedDict(), {}
        for layer in chain:
            own = layer.get_params()
            base = (layer.name or "").split("/")[0]
            self.names[layer] = [base + "/" + kind for kind in "Wb"[:len(own)]]
            for name, parameter in zip(self.names[layer], own):
                value, shape = self.question.weights.get("weight/" + name), parameter.get_value().shape
                if value is None or value.shape != shape:
                    raise BadInput("weight/%s: the program's has shape %r, the request's %r. Give it in the request."
                                   % (name, shape, None if value is None else value.shape))
                parameter.set_value(value)
                self.parameters[name] = parameter
        if len(self.parameters) != len(self.question.weights):
            raise BadInput("The request's weights are %s, the program's layers take %s. Name its layers alike."
                           % (sorted(self.question.weights), sorted(self.parameters)))

    def _describe(self, chain, loss):
        """Tell the graph: what is given, the first batch, the layers, the loss, the gradients, the steps."""
        question, names = self.question, list(self.question.lists)
        training = question.training
        given = [graph.node(name, "given") for name in question.given]
        rows = [graph.node("batch/" + name, "rows", name, start=0, stop=training["batch_size"]) for name in names]
        fed = "batch/" + names[0]
        forward = layers.forward(chain, self.names, fed)
        forward.append(graph.node("loss", loss, forward[-1]["stage"], *["batch/" + name for name in names[1:]]))
        self.backward = gradients.backward(forward, fed)
        steps = [one for step in training["recorded"] for one in graph.recorded_step(step, list(self.parameters))]
        self.nodes = given + rows + forward + self.backward + steps + [graph.node("loss/curve", "trajectory", of="loss")]

    def _compile(self, program, variables, stages):
        every = dict(stages)
        every.update(("weight/" + name, parameter) for name, parameter in self.parameters.items())
        wanted = OrderedDict((gradients.gradient(name), name) for name in every)
        told = [one["stage"] for one in self.backward]
        found = T.grad(stages["loss"], [every[wanted[name]] for name in told])
        stages.update(zip(told, found))
        training, floatX = self.question.training, self.question.dtype.type
        own = [parameter.type() for parameter in self.parameters.values()]
        update = program.get("updates", lasagne.updates.momentum)
        updates = update(own, list(self.parameters.values()), floatX(training["learning_rate"]), floatX(training["momentum"]))
        self.velocities = [variable for variable in updates if variable not in self.parameters.values()]
        mode = theano.compile.get_default_mode().excluding(*REGROUPING)
        self.stages = stages
        self._observe = theano.function(variables, list(stages.values()), mode=mode, on_unused_input="ignore")
        self._update = theano.function(own, updates=updates)

    def run(self):
        """Return an OrderedDict of every stage's value, in the order of the graph."""
        question = self.question
        found, curve = OrderedDict(question.given), []
        found.update(question.batch(1))
        for step in range(1, question.training["steps"] + 1):
            values = OrderedDict(zip(self.stages, self._observe(*question.batch(step).values())))
            if step == 1:
                found.update(values)
            curve.append(values["loss"])
            self._update(*[values["grad/" + name] for name in self.parameters])
            if step in question.training["recorded"]:
                found.update(self._after(step, values["loss"]))
        found["loss/curve"] = np.array(curve, question.dtype)
        return OrderedDict((one["stage"], np.asarray(found[one["stage"]])) for one in self.nodes)

    def _after(self, step, loss):
        prefix, told = "step/%04d/" % step, [(u"loss", loss)]
        for kind, variables in (("velocity/", self.velocities), ("weight/", self.parameters.values())):
            told += [(kind + name, variable.get_value()) for name, variable in zip(self.parameters, variables)]
        return [(prefix + name, value) for name, value in told]


def manifest(path, observation):
    """Return the trace's manifest, all but what the writer adds."""
    question = observation.question
    rooms = [os.path.dirname(os.path.abspath(name)) for name in (path, __file__)]
    return {
        "format": "parity-trace/1",
        "side": "legacy",
        "program": os.path.basename(path),
        "stack": stack.describe(),
        "witness": os.environ.get("LEGACY_WITNESS", "direct"),
        "dtype": question.dtype.name,
        "seed": question.manifest.get("seed"),
        "request": question.manifest,
        "request_sha256": question.sha256,
        "code_sha256": trace.code_sha256(*rooms),
        "process": PROCESS,
        "graph": observation.nodes,
        "training": question.training,
    }


def main(arguments):
    """Observe the program for each pair of paths; return the exit code."""
    if len(arguments) < 3 or len(arguments) % 2 == 0:
        print("legacy.observe: expected PROGRAM.py and pairs REQUEST.npz TRACE.npz ...", file=sys.stderr)
        return 2
    bound_memory()
    path, pairs = arguments[0], list(zip(arguments[1::2], arguments[2::2]))
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    program = {"__name__": "program", "__file__": path}
    with open(path, "rb") as stream:
        exec(compile(stream.read(), path, "exec"), program)
    for source, destination in pairs:
        try:
            if "network" not in program or not set(LOSSES) & set(program):
                raise BadInput("%s defines no network(images), or none of %s; see docs/your-own-port.md." % (path, ", ".join(LOSSES)))
            observation = Observation(program, Question(source))
            trace.write(destination, manifest(path, observation), observation.run())
        except BadInput as error:
            print("legacy.observe: %s" % error, file=sys.stderr)
            return 2
        print("%s: %d stages" % (os.path.basename(source), len(observation.nodes)), file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
