"""Known mistakes of other networks: dense weights laid otherwise, pools with another border, ties, softmax."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import numpy as np

from parity.fitting import factor
from parity.layer_operations import COUNTS, TIES
from parity.mistakes import Call, Mistake, Outcome, Suspected
from parity.mistakes_gradients import scaled, times
from parity.mistakes_layers import biases, changed
from parity.mistakes_precision import ANY
from parity.precision import ROUNDINGS, tf32

FEATURES, WEIGHTS, BIASES = 0, 1, 2
"""Positions of a dense layer's inputs."""
POOLS = {"max_pool": "mean_pool", "mean_pool": "max_pool"}
SQUASHING = {"tanh": "sigmoid", "sigmoid": "tanh"}


def dense_weights(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """Weights (in, out) read as (out, in)."""
    W = call.inputs[WEIGHTS]
    change = np.transpose if W.shape[0] == W.shape[1] else _read_as_out_in
    told = "weights (in, out) read as (out, in)"
    yield Mistake("dense-transposed", told, partial(changed, change=change, positions=(WEIGHTS,)))


def _read_as_out_in(W: np.ndarray) -> np.ndarray:
    return W.reshape(W.shape[::-1]).T


def dense_precision(_call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """Weights in fewer bits."""
    for name, rounding in ROUNDINGS.items():
        change = partial(changed, change=rounding, positions=(WEIGHTS,))
        yield Mistake(f"weights-{name}", f"weights rounded to {name}", change)
    yield Mistake("tf32", "multiplied in TF32", partial(changed, change=tf32, positions=(WEIGHTS, FEATURES)))


def dense_doses(call: Call, recorded: np.ndarray) -> Iterator[Mistake]:
    """All weights by a factor."""
    b = call.inputs[BIASES]
    result, _ = call.outcome()
    by = factor(result - b, recorded - b) if result.shape == recorded.shape else None
    if by is not None:
        change = partial(changed, change=partial(np.multiply, by), positions=(WEIGHTS,))
        yield Mistake("layer-scaled", f"weights scaled by {by:.7g}", change, by, fitted=1)


def other_pool(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The mean for the maximum, or the other way round."""
    other = POOLS[call.node.operation]
    name = "mean-for-maximum" if other == "mean_pool" else "maximum-for-mean"
    yield Mistake(name, name.replace("-", " "), partial(_pooling, other))


def _pooling(operation: str, call: Call) -> Call:
    told = call.node.attributes
    kept = {name: told[name] for name in ("size", "stride", "ignore_border") if name in told}
    return replace(call, node=replace(call.node, operation=operation, attributes=kept))


def other_border(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """An incomplete window at the border dropped, or kept."""
    ignored = bool(call.node.attributes.get("ignore_border", True))
    name, what = ("border-kept", "kept") if ignored else ("border-ignored", "dropped")
    yield Mistake(name, f"incomplete windows {what}", lambda call: call.telling(ignore_border=not ignored))


def other_count(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """A mean divided by another count where a window sticks out."""
    told = call.node.attributes.get("count", COUNTS[0])
    for count in COUNTS:
        if count != told:
            yield Mistake("other-count", f"means of windows that stick out: {count}", partial(_telling, count=count))


def other_ties(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The gradient of a tie to the first maximum only, or to all."""
    for ties in TIES:
        if ties != call.node.attributes.get("ties"):
            told = f"the gradient of equal maxima goes to {'all of them' if ties == 'all' else 'the first'}"
            yield Mistake("ties-to-" + ties, told, partial(_telling, ties=ties))


def _telling(call: Call, **attributes: str) -> Call:
    return call.telling(**attributes)


def order_of_features(_call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """Numbers read with the channels last."""
    yield Mistake("flattened-channels-last", "flattened with the channels last", _channels_last)


def _channels_last(call: Call) -> Call:
    return call.fed(0, np.moveaxis(call.inputs[0], 1, -1)) if call.inputs[0].ndim == 4 else call


def other_squashing(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The other of the hyperbolic tangent and the logistic function, or none."""
    other = SQUASHING[call.node.operation]
    yield Mistake(f"{other}-for-{call.node.operation}", f"{other} for {call.node.operation}", partial(_squashed, other))
    yield Mistake("nonlinearity-missing", "nonlinearity missing", lambda call: replace(call, instead=_unchanged))


def _squashed(operation: str, call: Call) -> Call:
    return call.operating(operation)


def _unchanged(call: Call) -> Outcome:
    return call.inputs[0].astype(np.float64), np.zeros(call.inputs[0].shape)


def other_softmax(_call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """Over the batch, its logarithm, or none."""
    yield Mistake("softmax-over-batch", "softmax over the batch", _turned)
    yield Mistake("softmax-logarithm", "logarithm of the softmax", lambda call: call.then(_logarithm))
    yield Mistake("nonlinearity-missing", "softmax missing", lambda call: replace(call, instead=_unchanged))


def _turned(call: Call) -> Call:
    return call.fed(0, call.inputs[0].T).then(lambda result, bound: (result.T, bound.T))


def _logarithm(result: np.ndarray, bound: np.ndarray) -> Outcome:
    logarithm = np.log(result)
    return logarithm, 2 * bound / result + 4 * np.finfo(np.float64).eps * np.abs(logarithm)


def sum_over_batch(call: Call, _recorded: np.ndarray) -> Iterator[Mistake]:
    """The sum over the batch for its mean."""
    yield Mistake("sum-for-mean", "sum for mean", partial(times, float(len(call.inputs[0]))))


SUSPECTS: Suspected = {
    "dense": (dense_weights, biases, dense_precision, dense_doses, *ANY),
    "dense_gradient_weights": (scaled, *ANY),
    "dense_gradient_input": (scaled, *ANY),
    "flatten": (order_of_features, *ANY),
    "max_pool": (other_pool, other_border, *ANY),
    "mean_pool": (other_pool, other_border, other_count, *ANY),
    "max_pool_gradient": (other_ties, scaled, *ANY),
    "mean_pool_gradient": (other_count, scaled, *ANY),
    "tanh": (other_squashing, *ANY),
    "sigmoid": (other_squashing, *ANY),
    "softmax": (other_softmax, *ANY),
    "categorical_cross_entropy": (sum_over_batch, *ANY),
    "softmax_cross_entropy_gradient": (sum_over_batch, scaled, *ANY),
}
