"""Findings about each stage of two traces: alone on inputs that both share, and free-running."""

from collections import ChainMap
from collections.abc import Callable, Iterator
from functools import cache, partial

import numpy as np

from parity import bounds, reference
from parity.decisions import decisions
from parity.findings import Check, Finding, Verdict, Window, kind, measure, require_shape
from parity.graph import Graph, Node
from parity.properties import PROPERTIES, why_unsound
from parity.trace import FORCED, Record
from parity.trajectories import judge_trajectory

Values = reference.Values
Rounding = Callable[[], np.ndarray]
"""What computing a stage from the inputs that a side recorded may err by, per element."""


def judge_stages(legacy: Record, port: Record, *, request: Record | None, truth: Values) -> Iterator[Finding]:
    """Findings about every stage, in the order computed; those after training steps where the first of them stands.

    Args:
        legacy: the witness's trace.
        port: the port's trace.
        request: what both should hold of it, when at hand.
        truth: the stages after training steps in float64.
    """
    errors: dict[str, np.ndarray] = {}
    moved = decisions(legacy.graph, legacy.arrays, port.arrays)
    trained = False
    for node in legacy.graph:
        stage, expected, actual = node.stage, legacy[node.stage], port[node.stage]
        if node.operation in reference.SHARED:
            errors[stage] = np.zeros(expected.shape)
            yield _held(node, legacy, port, request)
        elif node.operation == "trajectory":
            if not trained:
                erring = {name: np.asarray(error + moved.get(name, 0.0)) for name, error in errors.items()}
                yield from judge_trajectory(legacy, port, truth=truth, errors=erring)
                for later, apart in consequences(legacy.graph, legacy.arrays, port.arrays).items():
                    moved[later] = moved.get(later, 0.0) + apart
                trained = True
            errors[stage] = np.zeros(expected.shape)
        else:
            rounding = cache(partial(bounds.rounding, node, legacy.arrays, legacy.dtype))  # asked for by each check
            yield from _alone(node, legacy, port, rounding)
            errors[stage] = bounds.free_running(node, legacy.arrays, port.arrays, errors, rounding())
            allowed = _semantic_or(errors[stage], node, expected, legacy.dtype)
            if stage in moved:
                allowed = np.asarray(allowed + moved[stage])
            yield _measured(node, Check.FREE, expected=expected, actual=actual, bound=allowed)


def _held(node: Node, legacy: Record, port: Record, request: Record | None) -> Finding:
    """What both sides read: the port against the legacy, and the legacy against the request where it has the entry."""
    stage, expected, actual = node.stage, legacy[node.stage], port[node.stage]
    exact = np.zeros(expected.shape)
    found = measure(stage, Check.GIVEN, expected=expected, actual=actual, bound=exact)
    if found.verdict is Verdict.FAIL or node.operation != "given" or request is None:
        return found
    if stage not in request.arrays:
        return Finding(stage, Check.GIVEN, Verdict.FAIL, f"{stage}: both sides tell it as given, the request lacks it")
    given = request[stage]
    given = given.astype(expected.dtype) if given.dtype.kind == expected.dtype.kind == "f" else given
    if (given.shape, given.dtype) != (expected.shape, expected.dtype):
        message = f"{stage}: the request gives {kind(given)}, both sides hold {kind(expected)}"
        return Finding(stage, Check.GIVEN, Verdict.FAIL, message)
    wrong = np.argwhere(given != expected)
    if len(wrong):
        index = tuple(int(i) for i in wrong[0])
        message = (
            f"{stage} {kind(expected)}: {len(wrong)} of {expected.size} are not the request's; first at {index}, "
            f"request {float(given[index])!r}, both sides {float(expected[index])!r}"
        )
        return Finding(stage, Check.GIVEN, Verdict.FAIL, message, np.inf, expected.size)
    return found


def _semantic_or(bound: np.ndarray, node: Node, expected: np.ndarray, dtype: np.dtype[np.generic]) -> np.ndarray:
    """In float64 what the same meaning allows; 0 stays 0, and what is float32, or computed from it, its own bound."""
    if not (dtype == expected.dtype == np.float64 and bound.any()):
        return bound
    allowed = bounds.semantic(expected)
    return np.asarray(np.maximum(allowed, bound)) if node.operation in bounds.ILL_CONDITIONED else allowed


def consequences(graph: Graph, legacy: Values, port: Values) -> dict[str, np.ndarray]:
    """Per element, what the sides' different results of training alone make of each later stage, in float64.

    The results themselves are judged as such; what follows from the two that there are is held against no later stage.
    """
    used = {name for node in graph for name in node.inputs}
    own: dict[str, np.ndarray] = {}
    other: dict[str, np.ndarray] = {}
    for node in graph:
        stage = node.stage
        if node.operation == "trajectory":
            if stage in used and not np.array_equal(legacy[stage], port[stage]):
                own[stage], other[stage] = legacy[stage], port[stage]
        elif own.keys() & set(node.inputs):
            own[stage], other[stage] = (
                reference.compute(node, ChainMap(side, dict(legacy))).astype(np.float64) for side in (own, other)
            )
    apart = {stage: np.abs(other[stage].astype(np.float64) - own[stage]) for stage in own}
    return {stage: np.nan_to_num(value, nan=0.0, posinf=0.0) for stage, value in apart.items()}


def _alone(node: Node, legacy: Record, port: Record, rounding: Rounding) -> Iterator[Finding]:
    """One stage on inputs that are told, so that earlier stages cannot be to blame: each side's own, and the legacy's.

    What was forced is no part of the port's real run, and stands beside it, never in its place.
    """
    yield _on_own_inputs(node, Check.REFERENCE, legacy, rounding)
    yield _on_own_inputs(node, Check.OWN_INPUT, port, partial(bounds.rounding, node, port.arrays, port.dtype))
    forced = port.arrays.get(FORCED + node.stage)
    if forced is not None:
        yield _measured(node, Check.FORCED, expected=legacy[node.stage], actual=forced, bound=rounding())


def _on_own_inputs(node: Node, check: Check, trace: Record, rounding: Rounding) -> Finding:
    """What a side recorded against what the reference makes of the inputs that it recorded."""
    recorded = trace[node.stage]
    if node.operation in PROPERTIES:
        return _property(node, check, trace)
    opinion = reference.compute(node, trace.arrays, trace.dtype)
    require_shape(node.stage, recorded=recorded, computed=opinion)
    if node.operation not in reference.EXACT:
        recorded = recorded.astype(np.float64)
    sides = (recorded, opinion) if check is Check.REFERENCE else (opinion, recorded)
    return _measured(node, check, expected=sides[0], actual=sides[1], bound=rounding())


def _property(node: Node, check: Check, trace: Record) -> Finding:
    """Whether a value is one of the many that the stage may have."""
    recorded = trace[node.stage]
    reason = why_unsound(node, trace.graph, trace.arrays)
    sound = Verdict.PASS if recorded.size else Verdict.VACUOUS
    message = f"{node.stage} {kind(recorded)}: {node.operation}: {reason or 'all that must hold does'}"
    return Finding(node.stage, check, Verdict.FAIL if reason else sound, message, None, recorded.size)


def _measured(node: Node, check: Check, *, expected: np.ndarray, actual: np.ndarray, bound: np.ndarray) -> Finding:
    constant, window = node.operation == "constant", _window(node)
    sides = {"expected": _voided(expected, window), "actual": _voided(actual, window)}
    return measure(node.stage, check, **sides, bound=bound, meant_constant=constant, proving=window)


def _window(node: Node) -> Window:
    """Where an image is to be anything but NaN; all of it where the node tells nothing else."""
    within = node.attributes.get("within")
    if within is None:
        return ...
    row0, row1, col0, col1 = within
    return slice(row0, row1), slice(col0, col1)


def _voided(image: np.ndarray, window: Window) -> np.ndarray:
    """An image that is to be NaN outside a window with 0 in place of those NaN, and infinity where there is none."""
    if window is ...:
        return image
    filled = np.where(np.isnan(image), 0, np.inf).astype(image.dtype)
    filled[window] = image[window]
    return filled
