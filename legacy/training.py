"""Training as the original does it: batches in list order, a step of SGD for each, and what is kept of it."""
from collections import OrderedDict

import numpy as np


def batch(request, patches, targets, rows):
    """Return the batch of ``rows``: raw, normalised (all channels alike) and the selected channels, as stages."""
    divisor = request.dtype.type(request.manifest["divisor"])
    raw, target = patches[rows], targets[rows]
    normalised = raw / divisor
    return OrderedDict([
        ("batch/raw", raw),
        ("target/raw", target),
        ("batch/normalised", normalised),
        ("target/normalised", target / divisor),
        ("batch/selected", np.ascontiguousarray(normalised[:, request.channels])),
    ])


def train(request, network, batches, steps, epoch_ended=None):
    """Return (stages of the recorded steps, loss of each step); ``epoch_ended`` is called after each pass over ``batches``.

    The rate changes before the step that a change names. Velocities are forgotten after a step of ``restarts``, once what
    the step left is recorded.
    """
    training, stages = request.training, OrderedDict()
    rates = dict((step, rate) for step, rate in training.get("rate_changes", []))
    curve = np.empty(steps, request.dtype)
    for step in range(1, steps + 1):
        if step in rates:
            network.set_rate(rates[step])
        used = batches[(step - 1) % len(batches)]
        curve[step - 1] = loss = network.step(used["batch/selected"], used["target/normalised"])
        if step in training["recorded"]:
            stages.update(_after(step, loss, network, parameters(request)))
        if step in training.get("restarts", []):
            network.forget()
        if epoch_ended is not None and step % len(batches) == 0:
            epoch_ended()
    return stages, curve


def _after(step, loss, network, names):
    """Return the stages of one step: its loss, then velocities and weights as its update left them."""
    prefix = "step/%04d/" % step
    velocities, weights = network.state()
    return OrderedDict(
        [(prefix + "loss", np.asarray(loss))]
        + [(prefix + "velocity/" + name, value) for name, value in zip(names, velocities)]
        + [(prefix + "weight/" + name, value) for name, value in zip(names, weights)]
    )


def parameters(request):
    """Return ['conv1/W', 'conv1/b', 'conv2/W', ...]."""
    return [name[len("weight/"):] for name in request.weights]
