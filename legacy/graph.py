"""The graph of a trace: for each stage its operation, its inputs and their attributes, in the order computed.

A judge derives bounds and blame from it; it names what the computation means, not the Theano operators that did it.
"""


def describe(request, parameter_names):
    """Return the list of nodes of ``request``'s trace; ``parameter_names`` are 'conv1/W', 'conv1/b', ... in order."""
    return (
        [node(name, "given") for name in request.given]
        + inputs(request)
        + forward(request)
        + [node("loss", "mean_absolute_error", "output", "target/normalised")]
        + backward(request)
        + [one for step in request.training["recorded"] for one in recorded_step(step, parameter_names)]
        + [node("loss/curve", "trajectory", of="loss")]
    )


def node(stage, operation, *stages, **attributes):
    """Return the node of ``stage``: ``operation`` on ``stages``, named in its order."""
    return {"stage": stage, "operation": operation, "inputs": list(stages), "attributes": attributes}


def inputs(request):
    """Return the nodes of the first batch, from the patch lists on."""
    stop, divisor = request.training["batch_size"], request.manifest["divisor"]
    return [
        node("batch/raw", "rows", "patches/raw", start=0, stop=stop),
        node("target/raw", "rows", "targets/raw", start=0, stop=stop),
        node("batch/normalised", "divide", "batch/raw", divisor=divisor),
        node("target/normalised", "divide", "target/raw", divisor=divisor),
        node("batch/selected", "select", "batch/normalised", axis=1, indices=request.channels),
    ]


def _source(request, layer, fed="batch/selected", prefix=""):
    """Return the stage that ``layer`` convolves."""
    index = request.layers.index(layer)
    return fed if index == 0 else prefix + request.layers[index - 1] + "/out"


def forward(request, prefix="", fed="batch/selected", parameters="weight/"):
    """Return the nodes from conv1/pre to output, each below ``prefix``, of ``fed`` and the tensors below ``parameters``."""
    nodes = []
    for layer in request.layers:
        pre, weights = prefix + layer + "/pre", [parameters + "%s/%s" % (layer, kind) for kind in "Wb"]
        nodes.append(node(pre, "convolution_valid", _source(request, layer, fed, prefix), *weights))
        last = layer == request.layers[-1]
        operation = "identity" if last and request.manifest["output"] == "linear" else "rectify"
        nodes.append(node(prefix + ("output" if last else layer + "/out"), operation, pre))
    return nodes


def backward(request):
    """Return the nodes of the loss's gradients, from the output back to the input."""
    nodes = [node("grad/output", "mean_absolute_error_gradient", "output", "target/normalised")]
    for layer in reversed(request.layers):
        pre, source, last = "grad/%s/pre" % layer, _source(request, layer), layer == request.layers[-1]
        above = "grad/output" if last else "grad/%s/out" % layer
        if last and request.manifest["output"] == "linear":
            nodes.append(node(pre, "identity", above))
        else:
            nodes.append(node(pre, "rectify_gradient", layer + "/pre", above, at_zero=0.5))
        nodes.append(node("grad/%s/W" % layer, "convolution_valid_gradient_weights", source, pre))
        nodes.append(node("grad/%s/b" % layer, "bias_gradient", pre))
        below = "grad/input" if source == "batch/selected" else "grad/" + source
        nodes.append(node(below, "convolution_valid_gradient_input", "weight/%s/W" % layer, pre))
    return nodes


def recorded_step(step, parameter_names):
    """Return the nodes of one recorded step: its loss, then velocities and weights after its update."""
    velocities = ["velocity/" + name for name in parameter_names]
    weights = ["weight/" + name for name in parameter_names]
    return [node("step/%04d/%s" % (step, of), "trajectory", step=step, of=of) for of in ["loss"] + velocities + weights]
