"""Many training steps: what two runs may differ by after them.

In float64 both sides and the reference agree to 1e-12 of each tensor's maximum, or to what one rounding explains where
opposite gradients have cancelled and only their rounding is left. In float32 rounding grows with every gate that flips,
so a run is judged as a whole: the port may be no farther from the float64 truth than twice the original's own float32
run, distance being the Euclidean one over all parameters at a step, or over the loss curve, or over
the means of losses that stand together.

Two things are never held against a port. A distance that one rounding explains: of one gradient and of the sum of k
updates in a weight, of the same gradient at every step in a velocity, of each loss in the curve. And the original's
luck: where its sums are wider than float32 (Theano's are), or no gate flipped in its run, the judge makes sound runs of
its own, whose gradients err by a sixth of their bound (one standard deviation), and the farthest counts.

What hangs on gates that rounding decides proves nothing either way: a port that such gates explain is VACUOUS there,
which does not pass (`parity.decisions`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from parity import bounds
from parity.decisions import undecided
from parity.errors import ParityError
from parity.findings import Check, Finding, Verdict, measure, require_shape
from parity.graph import Node
from parity.steps import parameters, trajectory
from parity.trace import Record
from parity.training import Training

FACTOR = 2.0
"""How many times as far from the truth as a sound float32 run the port's may be."""
JUMP = 1000.0
"""How far over the bound a sound float64 run must be to have decided a gate otherwise: rounding alone goes nowhere."""
OWN_RUNS = 3
"""How many sound runs the judge makes of its own."""

Values = Mapping[str, np.ndarray]


def judge_trajectory(legacy: Record, port: Record, *, truth: Values, errors: Values) -> Iterator[Finding]:
    """Findings about every stage after training steps.

    Args:
        legacy: the witness's trace.
        port: the port's trace.
        truth: the same stages in float64 (`parity.steps`).
        errors: what the loss and the first step's gradients may err by (`bounds.free_running`), by stage.
    """
    nodes = [node for node in legacy.graph if node.operation == "trajectory"]
    if not nodes:
        return
    for node in nodes:
        require_shape(node.stage, recorded=legacy[node.stage], computed=truth[node.stage])
    rounded = _Rounded(legacy, truth, errors)
    if legacy.dtype == np.float64:
        for node in nodes:
            allowed = np.asarray(np.maximum(bounds.semantic(truth[node.stage]), rounded.one_rounding(node)))
            for found in _semantic(node.stage, legacy[node.stage], port[node.stage], truth[node.stage], allowed):
                yield rounded.unless_undecided(found, node, port, allowed)
        return
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(group(node), []).append(node)
        yield _sound(node.stage, legacy[node.stage], port[node.stage])
    for name, members in groups.items():
        yield rounded.finding(name, members, port)


def true_trajectory(trace: Record, dtype: str = "float64", disturbance: Values | None = None) -> dict[str, np.ndarray]:
    """The judge's own run of a trace's many steps; empty when it has none."""
    if not any(node.operation == "trajectory" for node in trace.graph):
        return {}
    training = Training.from_manifest(trace.manifest, where=str(trace.path))
    for stage in (node.stage for node in trace.graph if node.attributes == {"of": "loss"}):
        if stage in trace.arrays:
            _require_losses(stage, trace[stage], training.steps)
    return trajectory(trace.graph, trace.arrays, training, dtype, disturbance)


def _require_losses(stage: str, curve: np.ndarray, steps: int) -> None:
    """Raise ParityError unless a curve has a loss for each step, before as many steps are made."""
    if curve.shape != (steps,):
        raise ParityError(
            f"{stage}: recorded with shape {curve.shape}, its graph gives {(steps,)}, one a step; record it again"
        )


def _semantic(
    stage: str, expected: np.ndarray, actual: np.ndarray, truth: np.ndarray, allowed: np.ndarray
) -> Iterator[Finding]:
    yield measure(stage, Check.TRAJECTORY, expected=expected, actual=actual, bound=allowed)
    yield measure(stage, Check.TRUTH, expected=truth, actual=expected, bound=allowed)


def _sound(stage: str, expected: np.ndarray, actual: np.ndarray) -> Finding:
    """That both sides have the stage, in one shape and dtype, finite; how far they are apart is judged by groups."""
    finding = measure(stage, Check.TRAJECTORY, expected=expected, actual=actual, bound=np.full(expected.shape, np.inf))
    passed = Verdict.PASS if finding.elements else Verdict.VACUOUS
    verdict = Verdict.FAIL if finding.verdict is Verdict.FAIL else passed
    return Finding(stage, Check.TRAJECTORY, verdict, finding.message, None, finding.elements)


def group(node: Node) -> str:
    """The batches' losses together; the means of losses each alone; else the velocities, or the weights, of a step."""
    of = str(node.attributes["of"])
    if of == "loss":
        return "loss/curve"
    return node.stage.removesuffix("/" + of.partition("/")[2])


def _norm(values: Values, members: list[Node], origin: Values | None = None) -> float:
    """The Euclidean length of the stages together, or their distance from others of the same names."""
    parts = [values[n.stage].astype(np.float64) - (0.0 if origin is None else origin[n.stage]) for n in members]
    return float(np.sqrt(sum(np.sum(part**2) for part in parts)))


class _Rounded:
    """How far sound runs are from the truth."""

    def __init__(self, legacy: Record, truth: Values, errors: Values) -> None:
        self._legacy, self._truth, self._errors = legacy, truth, errors
        self._training = Training.from_manifest(legacy.manifest, where=str(legacy.path))

    @cached_property
    def _own_runs(self) -> list[dict[str, np.ndarray]]:
        """Sound runs of the judge's, made only when needed: each gradient errs by its rounding, the same every step."""
        gradients = parameters(self._legacy.graph).values()
        runs = []
        for seed in range(OWN_RUNS):
            normal = np.random.default_rng(seed).standard_normal
            rounding = {name: self._errors[name] / 6 * normal(self._errors[name].shape) for name in gradients}
            runs.append(true_trajectory(self._legacy, disturbance=rounding))
        return runs

    def finding(self, name: str, members: list[Node], port: Record) -> Finding:
        """Whether the port's run is near enough to the truth in a group of stages."""
        runs = {"legacy": _norm(self._legacy.arrays, members, self._truth)}
        distance = _norm(port.arrays, members, self._truth)
        rounding = float(np.sqrt(sum(np.sum(self.one_rounding(node) ** 2) for node in members)))
        if not distance <= max(FACTOR * runs["legacy"], rounding):
            runs["disturbed"] = max(_norm(run, members, self._truth) for run in self._own_runs)
        allowed = max(FACTOR * max(runs.values()), rounding)
        share = distance / allowed if allowed else (0.0 if distance == 0 else np.inf)
        size, thing = self._judged_size(members)
        told = ", ".join(f"{run} {value:.3g}" for run, value in {**runs, "port": distance}.items())
        farthest = max(members, key=lambda node: _norm(port.arrays, [node], self._truth))
        message = (
            f"{name} {self._legacy.dtype}: distance from the float64 truth {told} (most in {farthest.stage}); allowed "
            f"{allowed:.3g} (twice a sound run's, or {rounding:.3g} of one rounding), of {thing} {size:.3g}"
        )
        elements = sum(self._legacy[node.stage].size for node in members)
        found = Finding(name, Check.TRUTH, _verdict(share, allowed < size), message, share, elements)
        if found.verdict is Verdict.FAIL and distance <= allowed + self._undecided(members):
            return replace(
                found, verdict=Verdict.VACUOUS, message=f"{message}; rounding decides gates of the first step"
            )
        return found

    def _undecided(self, members: list[Node]) -> float:
        """How far gates that rounding decides in the first step may move a group of velocities or weights."""
        moved = undecided(self._legacy.graph, self._legacy.arrays, self._errors)
        held = FACTOR * self._training.largest_rate / (1 - self._training.momentum)
        if self._training.momentum_form != "lasagne" and not all("/weight/" in node.stage for node in members):
            held = FACTOR / (1 - self._training.momentum)
        parameters_of = (str(node.attributes["of"]).partition("/")[2] for node in members)
        parts = (moved.get(f"grad/{name}", np.zeros(1)) for name in parameters_of)
        return held * float(np.sqrt(sum(np.sum(part**2) for part in parts)))

    def unless_undecided(self, found: Finding, node: Node, port: Record, allowed: np.ndarray) -> Finding:
        """A failure as it is, or VACUOUS where a sound run of the judge's jumps too, and goes as far as either side.

        A weight that is nothing but rounding (its gradients cancel) may open a gate or close it at the next step.
        """
        if found.verdict is not Verdict.FAIL or found.share is None or not np.isfinite(allowed).all():
            return found
        truth = self._truth[node.stage]
        if not any((np.abs(run[node.stage] - truth) > JUMP * allowed).any() for run in self._own_runs):
            return found
        own = FACTOR * max(_norm(run, [node], self._truth) for run in self._own_runs)
        sides = [_norm(side.arrays, [node], self._truth) for side in (self._legacy, port)]
        if not max(sides) <= own:
            return found
        message = f"{found.message}; sound runs differ by {own / FACTOR:.3g} too: rounding decides gates here"
        return replace(found, verdict=Verdict.VACUOUS, message=message)

    def _judged_size(self, members: list[Node]) -> tuple[float, str]:
        """How large in truth the thing is that a group judges, and its name: of weights, what training changed them by.

        Weights are large before the first step, so that their own length would prove nothing of a small update.
        """
        starts = {node.stage: str(node.attributes["of"]) for node in members}
        if not all(of.startswith("weight/") for of in starts.values()):
            return _norm(self._truth, members), "a length of"
        start = {stage: self._legacy[of].astype(np.float64) for stage, of in starts.items()}
        return _norm(self._truth, members, start), "a change of"

    def one_rounding(self, node: Node) -> np.ndarray:
        """What one rounding explains, per element of a stage."""
        return one_rounding(node, self._truth[node.stage], self._errors, self._training, self._legacy.dtype)


def one_rounding(node: Node, truth: np.ndarray, errors: Values, training: Training, dtype: np.dtype[Any]) -> np.ndarray:
    """What one rounding explains, per element of a stage after training steps.

    Args:
        node: the stage.
        truth: its value in float64.
        errors: what the loss and the first step's gradients may err by, by stage.
        training: the steps.
        dtype: the trace's.
    """
    kind, _, parameter = str(node.attributes["of"]).partition("/")
    u, rate = bounds.unit_roundoff(dtype), training.largest_rate
    match kind:
        case "loss":
            return np.broadcast_to(errors["loss"], truth.shape)
        case "epochs" | "validation":  # a mean of losses, and its own sum
            return np.asarray(errors["loss"] + bounds.sum_factor(training.batches) * u * np.abs(truth))
        case "velocity":  # what it holds of each gradient, by the form of momentum
            held = (rate if training.momentum_form == "lasagne" else 1.0) / (1 - training.momentum)
            updated = 2 * u * np.abs(truth) / (1 - training.momentum)  # its own product and sum, at every step
            return np.asarray(held * errors[f"grad/{parameter}"] + updated)
        case _:
            summed = bounds.sum_factor(node.attributes["step"]) * u * np.abs(truth)
            return np.asarray(summed + rate * errors[f"grad/{parameter}"])


def _verdict(share: float, allowed_below_size: bool) -> Verdict:
    """FAIL over the bound, and for NaN; VACUOUS where the bound is as large as the thing that it is for."""
    if not share <= 1:
        return Verdict.FAIL
    return Verdict.PASS if allowed_below_size else Verdict.VACUOUS
