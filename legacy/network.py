"""The published network in Lasagne: named stages, all gradients, and one step of SGD with plain momentum.

A chain of valid convolutions with rectifiers between, ended linear (the paper) or rectified (the published code). The
filters are Lasagne's own: ``W`` of shape (filters, channels, rows, columns) is flipped by the convolution.
"""
from collections import OrderedDict

import numpy as np
import theano
import theano.tensor as T

from legacy.compat import import_lasagne

lasagne = import_lasagne()

# Theano merges rectify's 0.5 * (x + |x|) with x = convolution + bias into one sum, in an order that differs from one
# release to the next: |x| + convolution + bias leaves a rounding residue where x < 0. Without these two every
# sum is grouped as written, and rectify is exact. The update keeps them: there they turn Lasagne's (w + v) - w into v.
REGROUPING = ("local_add_canonizer", "local_add_mul_fusion")


class Network(object):
    """Compiled for one set of filter shapes, one dtype, one output and one rate; takes new weights without recompiling.

    ``stages`` names the expressions from ``conv1/pre`` to ``grad/input`` in the order computed.
    """

    def __init__(self, weights, dtype, output, learning_rate, momentum, rate_changes=False):
        """Build from ``weights``, an OrderedDict of ``weight/convN/W`` and ``weight/convN/b``, for ``output`` linear or rectify.

        Only with ``rate_changes`` is the rate a shared variable, which ``set_rate`` sets.
        """
        theano.config.floatX = dtype.name
        self.dtype = dtype
        self.learning_rate = rate = dtype.type(learning_rate)
        if rate_changes:
            self.rate = rate = theano.shared(np.asarray(rate))
        self.rectified = output == "rectify"
        self.batch = T.TensorType(dtype.name, (False,) * 4)("batch")
        self.target = T.TensorType(dtype.name, (False,) * 4)("target")
        self.stages = self._forward(weights)
        self.parameters = lasagne.layers.get_all_params(self.last)
        self._backward()
        gradients = [parameter.type() for parameter in self.parameters]
        updates = lasagne.updates.momentum(gradients, self.parameters, rate, dtype.type(momentum))
        self.velocities = [variable for variable in updates if variable not in self.parameters]
        inputs, self.mode = [self.batch, self.target], theano.compile.get_default_mode().excluding(*REGROUPING)
        self._observe = theano.function(inputs, list(self.stages.values()), mode=self.mode)
        needed = [self.stages["loss"]] + [self.stages[name] for name in self._gradient_names(weights)]
        self._differentiate = theano.function(inputs, needed, mode=self.mode)
        self._update = theano.function(gradients, updates=updates)
        self._predict = self._loss = None  # compiled when first asked for

    def _forward(self, weights):
        """Return the stages from conv1/pre to loss; each layer is a linear Conv2DLayer and its own NonlinearityLayer."""
        names = [name.split("/")[1] for name in weights if name.endswith("/W")]
        layer = lasagne.layers.InputLayer((None, weights["weight/conv1/W"].shape[1], None, None), self.batch)
        layers = OrderedDict()
        for name in names:
            W, b = weights["weight/%s/W" % name], weights["weight/%s/b" % name]
            layer = lasagne.layers.Conv2DLayer(layer, W.shape[0], W.shape[2:], W=W, b=b, nonlinearity=None)
            layers[name + "/pre"] = layer
            rectified = name != names[-1] or self.rectified
            if rectified:
                layer = lasagne.layers.NonlinearityLayer(layer, lasagne.nonlinearities.rectify)
            layers["output" if name == names[-1] else name + "/out"] = layer
        self.last = layer
        stages = OrderedDict(zip(layers, lasagne.layers.get_output(list(layers.values()))))
        error = abs(stages["output"] - self.target)
        stages["loss"] = lasagne.objectives.aggregate(error, mode="mean")
        return stages

    def _backward(self):
        """Add grad/* of every stage before the loss, of the parameters and of the input, from the output back."""
        forward = [name for name in self.stages if name != "loss"]
        parameters = iter(reversed(self.parameters))
        wanted = OrderedDict()
        for name in reversed(forward):
            wanted["grad/" + name] = self.stages[name]
            if name.endswith("/pre"):
                b, W = next(parameters), next(parameters)
                wanted["grad/%s/W" % name[:-4]] = W
                wanted["grad/%s/b" % name[:-4]] = b
        wanted["grad/input"] = self.batch
        self.stages.update(zip(wanted, T.grad(self.stages["loss"], list(wanted.values()))))

    @staticmethod
    def _gradient_names(weights):
        return [name.replace("weight/", "grad/", 1) for name in weights]

    def reset(self, weights):
        """Set the parameters to ``weights``, the velocities to zero and the rate to its first."""
        for parameter, value in zip(self.parameters, weights.values()):
            parameter.set_value(value)
        self.forget()
        if hasattr(self, "rate"):
            self.set_rate(self.learning_rate)

    def forget(self):
        """Set the velocities to zero, as loading a file of weights does."""
        for velocity in self.velocities:
            velocity.set_value(np.zeros_like(velocity.get_value()))

    def set_rate(self, rate):
        """Set the learning rate from the next step on."""
        self.rate.set_value(np.asarray(rate, self.dtype))

    def observe(self, batch, target):
        """Return an OrderedDict of every stage's value for one batch; the weights stay as they are."""
        return OrderedDict(zip(self.stages, self._observe(batch, target)))

    def step(self, batch, target):
        """Return the loss of one batch, of shape (), then update: v = momentum * v - learning_rate * g, w = w + v."""
        results = self._differentiate(batch, target)
        self._update(*results[1:])
        return results[0]

    def state(self):
        """Return (velocities, weights): two lists of arrays in the order of the weights given."""
        return [v.get_value() for v in self.velocities], [w.get_value() for w in self.parameters]

    def loss(self, batch, target):
        """Return the loss of one batch, of shape (); the weights stay as they are."""
        if self._loss is None:
            self._loss = theano.function([self.batch, self.target], self.stages["loss"], mode=self.mode)
        return self._loss(batch, target)

    def predict(self, images):
        """Return an OrderedDict from conv1/pre to output for ``images`` of shape (n, channel, row, col), of any size."""
        names = list(self.stages)[:list(self.stages).index("loss")]
        if self._predict is None:
            self._predict = theano.function([self.batch], [self.stages[name] for name in names], mode=self.mode)
        return OrderedDict(zip(names, self._predict(images)))


def draw_weights(channels, layers, dtype, seed, deviation):
    """Return the first weights of ``layers``, pairs (filters, side), as Lasagne draws them: a list [W, b, W, b, ...].

    W is normal around 0 with the standard ``deviation``, drawn layer by layer from one RandomState(``seed``); b is 0.
    """
    theano.config.floatX = dtype.name
    lasagne.random.set_rng(np.random.RandomState(seed))
    layer = lasagne.layers.InputLayer((None, channels, None, None))
    for filters, side in layers:
        layer = lasagne.layers.Conv2DLayer(layer, filters, (side, side), W=lasagne.init.Normal(deviation))
    return lasagne.layers.get_all_param_values(layer)
