"""What dense layers, pooling, squashing and softmax may err by, in units of round-off (see `parity.bounds`)."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from parity import layer_operations as layers
from parity.graph import Node
from parity.round_off import FUNCTION, sum_factor

Bound = np.ndarray


def _dense(_: Node, features: np.ndarray, W: np.ndarray, b: np.ndarray) -> Bound:
    return np.asarray(sum_factor(len(W) + 1) * layers.dense(np.abs(features), np.abs(W), np.abs(b)))


def _dense_gradient_weights(_: Node, features: np.ndarray, delta: np.ndarray) -> Bound:
    return np.asarray(sum_factor(len(delta)) * layers.dense_gradient_weights(np.abs(features), np.abs(delta)))


def _dense_gradient_input(_: Node, W: np.ndarray, delta: np.ndarray) -> Bound:
    return np.asarray(sum_factor(W.shape[1]) * layers.dense_gradient_input(np.abs(W), np.abs(delta)))


def _max_pool_gradient(node: Node, images: np.ndarray, delta: np.ndarray, **attributes: Any) -> Bound:
    """Where windows do not overlap a gradient is only moved; else a pixel sums those of its windows."""
    terms = layers.overlap(node.attributes["size"], node.attributes["stride"])
    if terms == 1:
        return np.zeros(images.shape)
    return np.asarray(sum_factor(terms) * layers.max_pool_gradient(images, np.abs(delta), **attributes))


def _mean_pool(node: Node, images: np.ndarray, **attributes: Any) -> Bound:
    terms = int(np.prod(node.attributes["size"]))  # and two of the reciprocal and its product
    return np.asarray(sum_factor(terms + 2) * layers.mean_pool(np.abs(images), **attributes))


def _mean_pool_gradient(node: Node, images: np.ndarray, delta: np.ndarray, **attributes: Any) -> Bound:
    terms = layers.overlap(node.attributes["size"], node.attributes["stride"])  # likewise
    return np.asarray(sum_factor(terms + 2) * layers.mean_pool_gradient(images, np.abs(delta), **attributes))


def _tanh(_: Node, before: np.ndarray) -> Bound:
    return np.asarray(FUNCTION * np.abs(np.tanh(before)))


def _tanh_gradient(_: Node, after: np.ndarray, delta: np.ndarray) -> Bound:
    # the square, the difference, the product
    return np.asarray(3 * np.abs(delta) * (1 + after**2))


def _sigmoid(_: Node, before: np.ndarray) -> Bound:
    # the power, the sum, the quotient
    return np.asarray((FUNCTION + 2) * layers.sigmoid(before))


def _sigmoid_gradient(_: Node, after: np.ndarray, delta: np.ndarray) -> Bound:
    # two products and a difference
    return np.asarray(3 * np.abs(delta) * after * (1 + after))


def _softmax(_: Node, before: np.ndarray) -> Bound:
    """Of exp(d) / sum of exp(d): d is a rounded difference, so exp(d) errs by |d| more, in the sum too."""
    below = before.max(axis=1, keepdims=True) - before
    probability = layers.softmax(before)
    powers = FUNCTION + below
    summed = sum_factor(before.shape[1]) + (probability * powers).sum(axis=1, keepdims=True)
    return np.asarray(probability * (powers + summed + 1))


def _categorical_cross_entropy(_: Node, probability: np.ndarray, label: np.ndarray) -> Bound:
    # each logarithm, their sum, the division
    entropy = layers.categorical_cross_entropy(np.minimum(probability, 1), label)
    return np.asarray((FUNCTION + sum_factor(len(label) + 2)) * entropy)


def _softmax_cross_entropy_gradient(_: Node, probability: np.ndarray, label: np.ndarray) -> Bound:
    """Six roundings at most, of terms as large as the probability and the 1 at the label, over the batch.

    Directly: a difference, a division. By the chain: 1 / batch, its quotient by p, that times p, the sum over the
    classes (of one term that is not 0), a difference, a product with p.
    """
    return np.asarray(6 * (probability + layers.one_hot(probability, label)) / len(label))


ROUNDINGS: Mapping[str, Callable[..., Bound]] = {
    "dense": _dense,
    "dense_gradient_weights": _dense_gradient_weights,
    "dense_gradient_input": _dense_gradient_input,
    "max_pool_gradient": _max_pool_gradient,
    "mean_pool": _mean_pool,
    "mean_pool_gradient": _mean_pool_gradient,
    "tanh": _tanh,
    "tanh_gradient": _tanh_gradient,
    "sigmoid": _sigmoid,
    "sigmoid_gradient": _sigmoid_gradient,
    "softmax": _softmax,
    "categorical_cross_entropy": _categorical_cross_entropy,
    "softmax_cross_entropy_gradient": _softmax_cross_entropy_gradient,
}
