"""The LeNet in PyTorch, and its record: python port.py REQUEST.npz TRACE.npz --teacher=ORIGINAL.npz."""

import sys

import torch
from torch import nn

from parity.recorder import Recorder


def rectify(x):
    """Lasagne's: its gradient at exactly 0 is a half."""
    return (x + x.abs()) / 2


def max_pool(x):
    """Theano's: each of several equal maxima gets the gradient."""
    windows = x.unfold(2, 2, 2).unfold(3, 2, 2)
    top = windows.amax((4, 5), keepdim=True).detach()
    return top[..., 0, 0] + ((windows - windows.detach()) * (windows == top)).sum((4, 5))


def turned(name, values):
    """From Lasagne's layout to PyTorch's and back: filters are flipped, dense weights transposed."""
    return (values if name[-1] != "W" else values.flip(2, 3) if values.ndim == 4 else values.T).detach()


layers = {"conv1/pre": nn.Conv2d(1, 4, 4), "conv1/out": rectify, "pool1": max_pool, "conv2/pre": nn.Conv2d(4, 6, 3),
          "conv2/out": rectify, "pool2": nn.AvgPool2d(2), "flat": nn.Flatten(), "dense1/pre": nn.Linear(24, 24),
          "dense1/out": rectify, "dense2/pre": nn.Linear(24, 5), "output": nn.Softmax(1)}  # fmt: skip
recorder = Recorder.asked(sys.argv[1:], turned)
weights = {f"weight/{n[:-3]}{k}": p for n in layers if "pre" in n for k, p in zip("Wb", layers[n].parameters())}  # noqa: B905
for name, weight in weights.items():
    weight.data = turned(name, torch.from_numpy(recorder.given(name)))
velocity = dict.fromkeys(weights, 0)
for value, labels in recorder.batches(torch.from_numpy):
    seen = dict(weights)
    for name, layer in layers.items():
        seen[name] = value = layer(value)
    seen["loss"] = loss = nn.functional.nll_loss(value.log(), labels)
    recorder.observe(seen, lambda stage, loss=loss: torch.autograd.grad(loss, stage, retain_graph=True)[0])
    for name, gradient in zip(weights, torch.autograd.grad(loss, weights.values()), strict=True):
        velocity[name] = recorder.training["momentum"] * velocity[name] - recorder.training["learning_rate"] * gradient
        weights[name].data += velocity[name]
    recorder.step(loss, velocity, weights)
recorder.write(__file__, "torch")
