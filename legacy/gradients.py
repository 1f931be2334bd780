"""The gradients of a chain of stages, as the judge calls them: what is summed for each, and from what."""

from legacy.graph import node

DELTA, OUT = "delta", "out"  # the gradient of a stage's result; the result itself; a number stands for an input
_BILINEAR = [("%s_gradient_input", [1, DELTA]), ("%s_gradient_weights", [0, DELTA]), ("bias_gradient", [DELTA])]
RULES = {
    "convolution_valid": _BILINEAR,
    "dense": _BILINEAR,
    "rectify": [("rectify_gradient", [0, DELTA])],
    "max_pool": [("max_pool_gradient", [0, DELTA])],
    "mean_pool": [("mean_pool_gradient", [0, DELTA])],
    "flatten": [("flatten_gradient", [0, DELTA])],
    "identity": [("identity", [DELTA])],
    "tanh": [("tanh_gradient", [OUT, DELTA])],
    "sigmoid": [("sigmoid_gradient", [OUT, DELTA])],
    "mean_absolute_error": [("mean_absolute_error_gradient", [0, 1])],
    "softmax": [("softmax_cross_entropy_gradient", [OUT, "label"])],
    "categorical_cross_entropy": [],
}
"""By operation, for each of its inputs: what gives its gradient. Softmax and its loss are one step."""
MEANT = {"rectify": {"at_zero": 0.5}, "max_pool": {"ties": "all"}}
"""What Theano does where there is a choice: half at exactly 0, and all of several equal maxima."""


def gradient(stage):
    """Return the name of a stage's gradient."""
    return "grad/" + (stage[len("weight/"):] if stage.startswith("weight/") else stage)


def backward(nodes, fed):
    """Return the nodes of the gradients of ``nodes``, from the loss back, of all but what was ``fed``."""
    loss, found = nodes[-1], []
    for one in reversed(nodes):
        symbols = dict(enumerate(one["inputs"]), delta=gradient(one["stage"]), out=one["stage"], label=loss["inputs"][1])
        kept = one["attributes"] if one["operation"].endswith("_pool") else {}
        attributes = dict(kept, **MEANT.get(one["operation"], {}))
        for source, (operation, symbol) in zip(one["inputs"], RULES[one["operation"]]):
            if source != fed:
                name = operation % one["operation"] if "%" in operation else operation
                found.append(node(gradient(source), name, *[symbols[each] for each in symbol], **attributes))
    return found
