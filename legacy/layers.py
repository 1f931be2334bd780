"""What a Lasagne layer computes, as the judge calls it: of any network, its stages in the order computed.

A layer's name is its stage. What a judge is to see on its own stands in a layer of its own: a nonlinearity in a
NonlinearityLayer, the flattening before a DenseLayer in a FlattenLayer.
"""
from legacy.graph import node
from legacy.trace import BadInput

NONLINEARITIES = ("rectify", "tanh", "sigmoid", "softmax")
MEANS = {"average_inc_pad": "inc_pad", "average_exc_pad": "exc_pad"}


def forward(layers, parameters, fed):
    """Return the nodes of ``layers``, a chain; ``parameters`` are those of each by layer, ``fed`` what the first reads.

    Raises BadInput for a layer that has no name, or that the judge has no operation for.
    """
    nodes = []
    for layer in layers:
        if not layer.name:
            raise BadInput("A %s has no name: its name is its stage. Give each layer name='...'." % type(layer).__name__)
        operation, attributes = _operation(layer)
        weights = ["weight/" + name for name in parameters[layer]]
        nodes.append(node(layer.name, operation, nodes[-1]["stage"] if nodes else fed, *weights, **attributes))
    return nodes


def _operation(layer):
    """Return the (operation, attributes) of one layer."""
    kind = type(layer).__name__
    if kind in ("Conv2DLayer", "DenseLayer"):
        _plain(layer, nonlinearity=layer.nonlinearity.__name__ in ("linear", "identity"), b=layer.b is not None)
        if kind == "DenseLayer":
            _plain(layer, input_shape=len(layer.input_shape) == 2)
            return "dense", {}
        _plain(layer, stride=tuple(layer.stride) == (1, 1), pad=layer.pad in ((0, 0), "valid"), untie_biases=not layer.untie_biases)
        return "convolution_valid", {}
    if kind in ("MaxPool2DLayer", "Pool2DLayer"):
        return _pool(layer)
    if kind == "FlattenLayer":
        _plain(layer, outdim=layer.outdim == 2)
        return "flatten", {}
    name = layer.nonlinearity.__name__ if kind == "NonlinearityLayer" else None
    if name in ("linear", "identity"):
        return "identity", {}
    if name in NONLINEARITIES:
        return name, {}
    raise BadInput("Layer %s is a %s (%s), for which the judge has no operation; see docs/your-own-port.md."
                   % (layer.name, kind, name))


def _pool(layer):
    _plain(layer, pad=tuple(layer.pad) == (0, 0), mode=layer.mode == "max" or layer.mode in MEANS)
    attributes = {"size": list(layer.pool_size), "stride": list(layer.stride)}
    if not layer.ignore_border or _leaves_a_border(layer):
        attributes["ignore_border"] = layer.ignore_border
    if layer.mode == "max":
        return "max_pool", attributes
    return "mean_pool", dict(attributes, count=MEANS[layer.mode])


def _leaves_a_border(layer):
    """Return whether there are rows or columns after the last whole window: else nothing can show that they are ignored."""
    sizes = zip(layer.input_shape[2:], layer.pool_size, layer.stride)
    return any(length is None or (length - size) % stride for length, size, stride in sizes)


def _plain(layer, **right):
    """Raise BadInput, with its value, for a setting that the judge has no operation for, or that wants a layer of its own."""
    for setting, is_right in sorted(right.items()):
        if not is_right:
            raise BadInput("Layer %s: its %s is %r, which the judge cannot tell apart; give it a layer of its own, or see "
                           "docs/your-own-port.md." % (layer.name, setting, getattr(layer, setting)))
