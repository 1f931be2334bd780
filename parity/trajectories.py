"""Many training steps: what two runs may differ by after them.

In float64 both sides and the reference agree to 1e-12 of each tensor's maximum. In float32 rounding grows with every
gate that flips, so a run is judged as a whole: the port may be no farther from the float64 truth than twice the
original's own float32 run, distance being the Euclidean one over all parameters at a step, or over the loss curve.

A distance smaller than rounding alone explains is never held against a port: a gradient may err by its own derived
bound each step, and the sum of k updates by its round-off.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from parity import bounds
from parity.findings import Check, Finding, Verdict, measure
from parity.graph import Node
from parity.trace import Record

FACTOR = 2.0
"""How many times as far from the truth as the original's float32 run the port's may be."""

Values = Mapping[str, np.ndarray]


def judge_trajectory(legacy: Record, port: Record, *, truth: Values, errors: Values) -> Iterator[Finding]:
    """Findings about every stage after training steps.

    Args:
        legacy: the witness's trace.
        port: the port's trace.
        truth: the same stages in float64 (`reference.trajectory`).
        errors: what the loss and the first step's gradients may err by (`bounds.free_running`), by stage.
    """
    nodes = [node for node in legacy.graph if node.operation == "trajectory"]
    if legacy.dtype == np.float64:
        for node in nodes:
            yield from _semantic(node.stage, legacy[node.stage], port[node.stage], truth[node.stage])
        return
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(_group(node), []).append(node)
        yield _sound(node.stage, legacy[node.stage], port[node.stage])
    unavoidable = _Unavoidable(legacy, truth, errors)
    for name, members in groups.items():
        yield _distance(name, members, legacy, port, truth, unavoidable)


def _semantic(stage: str, expected: np.ndarray, actual: np.ndarray, truth: np.ndarray) -> Iterator[Finding]:
    yield measure(stage, Check.TRAJECTORY, expected=expected, actual=actual, bound=bounds.semantic(expected))
    yield measure(stage, Check.TRUTH, expected=truth, actual=expected, bound=bounds.semantic(truth))


def _sound(stage: str, expected: np.ndarray, actual: np.ndarray) -> Finding:
    """That both sides have the stage, in one shape and dtype, finite; how far they are apart is judged by groups."""
    finding = measure(stage, Check.TRAJECTORY, expected=expected, actual=actual, bound=np.full(expected.shape, np.inf))
    verdict = Verdict.FAIL if finding.verdict is Verdict.FAIL else Verdict.PASS
    return Finding(stage, Check.TRAJECTORY, verdict, finding.message, None, finding.elements)


def _group(node: Node) -> str:
    """The losses together; else the velocities, or the weights, of a step."""
    kind = str(node.attributes["of"]).partition("/")[0]
    return "loss/curve" if kind == "loss" else f"step/{node.attributes['step']:04d}/{kind}"


def _distance(
    name: str, members: list[Node], legacy: Record, port: Record, truth: Values, unavoidable: "_Unavoidable"
) -> Finding:
    def from_truth(side: Values) -> float:
        return float(np.sqrt(sum(np.sum((side[n.stage].astype(np.float64) - truth[n.stage]) ** 2) for n in members)))

    own, distance = from_truth(legacy.arrays), from_truth(port.arrays)
    rounding = float(np.sqrt(sum(np.sum(unavoidable(node) ** 2) for node in members)))
    allowed = max(FACTOR * own, rounding)
    size = float(np.sqrt(sum(np.sum(truth[node.stage] ** 2) for node in members)))
    share = distance / allowed if allowed else (0.0 if not distance else np.inf)
    # NaN is over every bound
    verdict = (Verdict.PASS if allowed < size else Verdict.VACUOUS) if share <= 1 else Verdict.FAIL
    message = (
        f"{name} {legacy.dtype}: distance from the float64 truth legacy {own:.3g}, port {distance:.3g}; allowed "
        f"{allowed:.3g} (twice the legacy's, or {rounding:.3g} of rounding), of {size:.3g}"
    )
    return Finding(name, Check.TRUTH, verdict, message, share, sum(legacy[node.stage].size for node in members))


class _Unavoidable:
    """To first order, per element, what rounding alone may do to a stage after k steps.

    A gradient errs by B each step, so a velocity by learning_rate B min(k, 1 / (1 - momentum)), a weight by k times
    that and by the round-off of k sums; a loss by its own round-off and by its slope times the weights' error.
    """

    def __init__(self, legacy: Record, truth: Values, errors: Values) -> None:
        self._legacy, self._truth, self._errors = legacy, truth, errors
        self._training: Mapping[str, Any] = legacy.manifest["training"]
        self._unit = bounds.unit_roundoff(legacy.dtype)
        given = [node.stage for node in legacy.graph if node.operation == "given"]
        self._parameters = [stage.removeprefix("weight/") for stage in given if stage.startswith("weight/")]

    def __call__(self, node: Node) -> np.ndarray:
        """The error of a trajectory stage, in its shape."""
        kind, _, parameter = str(node.attributes["of"]).partition("/")
        if kind == "loss":
            steps = (
                np.arange(1, self._training["steps"] + 1) if "step" not in node.attributes else node.attributes["step"]
            )
            return np.asarray(self._errors["loss"] + self._slope * np.asarray(steps, float))
        return (
            self._velocity(parameter, node.attributes["step"]) if kind == "velocity" else self._weight(node, parameter)
        )

    def _velocity(self, parameter: str, step: int) -> np.ndarray:
        kept = min(step, 1 / (1 - self._training["momentum"]))
        return np.asarray(self._training["learning_rate"] * kept * self._errors[f"grad/{parameter}"])

    def _weight(self, node: Node, parameter: str) -> np.ndarray:
        step = node.attributes["step"]
        summed = bounds.sum_factor(step) * self._unit * np.abs(self._truth[node.stage])
        return np.asarray(summed + step * self._velocity(parameter, step))

    @property
    def _slope(self) -> float:
        """What the loss may err by for each step that the weights have made."""
        slopes = [np.sum(np.abs(self._legacy[f"grad/{p}"]) * self._velocity(p, 1)) for p in self._parameters]
        return float(sum(slopes) / (1 - self._training["momentum"]))
