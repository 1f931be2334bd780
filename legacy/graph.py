"""The graph of a trace: for each stage its operation, its inputs and their attributes, in the order computed.

A judge derives bounds and blame from it; it names what the computation means, not the Theano operators that did it.
"""


def describe(request, parameter_names):
    """Return the list of nodes of ``request``'s trace; ``parameter_names`` are 'conv1/W', 'conv1/b', ... in order."""
    return (
        [_node(name, "given") for name in request.given]
        + _inputs(request)
        + _forward(request)
        + _backward(request)
        + [node for step in request.training["recorded"] for node in _step(step, parameter_names)]
        + [_node("loss/curve", "trajectory", **{"of": "loss"})]
    )


def _node(stage, operation, *inputs, **attributes):
    return {"stage": stage, "operation": operation, "inputs": list(inputs), "attributes": attributes}


def _inputs(request):
    stop, divisor = request.training["batch_size"], request.manifest["divisor"]
    return [
        _node("batch/raw", "rows", "patches/raw", start=0, stop=stop),
        _node("target/raw", "rows", "targets/raw", start=0, stop=stop),
        _node("batch/normalised", "divide", "batch/raw", divisor=divisor),
        _node("target/normalised", "divide", "target/raw", divisor=divisor),
        _node("batch/selected", "select", "batch/normalised", axis=1, indices=request.channels),
    ]


def _source(request, layer):
    """Return the stage that ``layer`` convolves."""
    index = request.layers.index(layer)
    return "batch/selected" if index == 0 else request.layers[index - 1] + "/out"


def _forward(request):
    nodes = []
    for layer in request.layers:
        weights = ["weight/%s/%s" % (layer, kind) for kind in "Wb"]
        nodes.append(_node(layer + "/pre", "convolution_valid", _source(request, layer), *weights))
        last = layer == request.layers[-1]
        operation = "identity" if last and request.manifest["output"] == "linear" else "rectify"
        nodes.append(_node("output" if last else layer + "/out", operation, layer + "/pre"))
    return nodes + [_node("loss", "mean_absolute_error", "output", "target/normalised")]


def _backward(request):
    nodes = [_node("grad/output", "mean_absolute_error_gradient", "output", "target/normalised")]
    for layer in reversed(request.layers):
        pre, source, last = "grad/%s/pre" % layer, _source(request, layer), layer == request.layers[-1]
        above = "grad/output" if last else "grad/%s/out" % layer
        if last and request.manifest["output"] == "linear":
            nodes.append(_node(pre, "identity", above))
        else:
            nodes.append(_node(pre, "rectify_gradient", layer + "/pre", above, at_zero=0.5))
        nodes.append(_node("grad/%s/W" % layer, "convolution_valid_gradient_weights", source, pre))
        nodes.append(_node("grad/%s/b" % layer, "bias_gradient", pre))
        below = "grad/input" if source == "batch/selected" else "grad/" + source
        nodes.append(_node(below, "convolution_valid_gradient_input", "weight/%s/W" % layer, pre))
    return nodes


def _step(step, parameter_names):
    """Return the nodes of one recorded step: its loss, then velocities and weights after its update."""
    velocities = ["velocity/" + name for name in parameter_names]
    weights = ["weight/" + name for name in parameter_names]
    return [_node("step/%04d/%s" % (step, of), "trajectory", step=step, of=of) for of in ["loss"] + velocities + weights]
