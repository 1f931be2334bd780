"""Two proofs of a ledger's entry, from two runs of the port beside one of the original.

On: with its switches as the original, the port passes at the entry's stage and at all after it. Off: with that one
switch at the port's own value, graph and settings change where and as the entry says, every stage that does not follow
from there is still the original's, at the entry's stage the port differs from the original, and every stage, there and
after it, is what the judge makes of its node from the port's own inputs. Each part gives a finding, passed or failed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from parity import bounds
from parity.compare import Comparison, compare
from parity.errors import ParityError
from parity.findings import Check, Finding, Verdict, kind, measure
from parity.graph import Graph, Node
from parity.integrity import ROOMS
from parity.ledger import MANIFEST, TRAINING, Deviation
from parity.parts import SETTINGS, following, needed_for, part
from parity.reference import SHARED, compute
from parity.trace import Record
from parity.trajectories import true_trajectory

Values = Mapping[str, np.ndarray]
AGAINST = (Check.GIVEN, Check.FREE, Check.TRAJECTORY, Check.INTEGRITY)
"""Checks that hold the port against the original."""


def prove_on(entry: Deviation, comparison: Comparison) -> list[Finding]:
    """That the port, doing as the original, is the original at the entry's stage and at all later ones.

    Args:
        entry: what is proven.
        comparison: of the witness's trace with that of the port under `as_original`.
    """
    failed = [finding.message for finding in comparison.findings if finding.verdict is Verdict.FAIL]
    stages = Graph.from_manifest(comparison.legacy.manifest, where=str(comparison.legacy.path)).stages
    if entry.stage not in stages:
        return [_fail(entry, f"the original's graph has no such stage; it has {', '.join(stages)}")]
    measured = {finding.stage for finding in comparison.findings if finding.elements}
    unmeasured = [stage for stage in stages[stages.index(entry.stage) :] if stage not in measured]
    here = [f for f in comparison.findings if f.stage == entry.stage and f.check is not Check.COVERAGE]
    proven = [finding for finding in here if finding.elements and finding.verdict is Verdict.PASS]
    told = f"{entry.switch} {entry.run_as_original!r}"
    return [
        _finding(entry, not failed, f"with {told}: {failed[0] if failed else 'nothing fails'}"),
        _finding(entry, not unmeasured, f"with {told}: not compared: {', '.join(unmeasured) or 'nothing'}"),
        _finding(
            entry,
            bool(proven),
            f"with {told}: {proven[0].message if proven else 'no check passes at this stage'}",
            proven[0].elements if proven else 0,
        ),
    ]


def prove_off(entry: Deviation, legacy: Record, port: Record, *, truth: Values, rooms: Path = ROOMS) -> list[Finding]:
    """That the port, doing as it does, differs from the original as the entry says, and in nothing else.

    Args:
        entry: what is proven.
        legacy: the witness's trace.
        port: the port's, recorded with the entry's switch at `own` and every other as the original.
        truth: the witness's steps in float64 (`true_trajectory`).
        rooms: where the code that should have run stands.
    """
    if entry.stage not in legacy.arrays or entry.stage not in port.arrays:
        sides = [side for side, trace in (("legacy", legacy), ("port", port)) if entry.stage not in trace.arrays]
        return [_fail(entry, f"no such stage in the trace of {' and '.join(sides)}")]
    changed = _differences(legacy, port)
    return [
        _only_named(entry, changed),
        *_all_named(entry, changed, legacy, port),
        _elsewhere(entry, changed, legacy, port, truth, rooms),
        _differs(entry, legacy, port, truth, rooms),
        _nodes_as_told(entry, changed, legacy, port),
        _shared(entry, legacy, port),
        *_on_own_terms(entry, port, rooms),
        *(_contains(entry, stage, legacy, port) for stage in entry.contains),
    ]


def _differences(legacy: Record, port: Record) -> dict[str, str]:
    """Where graphs, training settings and dtype differ: the stage or field, and both values."""
    sides = [{node.stage: node.as_json() for node in trace.graph} for trace in (legacy, port)]
    for begins, fields in ((TRAINING, None), (MANIFEST, SETTINGS)):
        for side, trace in zip(sides, (legacy, port), strict=True):
            told: Mapping[str, Any] = trace.manifest if fields else trace.manifest["training"]
            side.update({f"{begins}{name}": told[name] for name in fields or told})
    first, second = sides
    return {
        place: f"legacy {first.get(place)}, port {second.get(place)}"
        for place in {**first, **second}
        if first.get(place) != second.get(place)
    }


def _only_named(entry: Deviation, changed: Mapping[str, str]) -> Finding:
    """That the graphs and settings are equal but where the entry says."""
    unnamed = [f"{place}: {told}" for place, told in changed.items() if not entry.names(place)]
    seen = f"changes too, which the entry does not name: {unnamed[0]}" if unnamed else "nothing else changes"
    return _finding(entry, not unnamed, f"in the graph {seen}")


def _all_named(entry: Deviation, changed: Mapping[str, str], legacy: Record, port: Record) -> Iterator[Finding]:
    """That whatever the entry says changes does: its node, its settings, or at least its value."""
    for pattern in entry.changes:
        places = [place for place in changed if fnmatchcase(place, pattern)]
        stages = [stage for stage in port.graph.stages if fnmatchcase(stage, pattern)]
        values = [s for s in stages if s in legacy.arrays and not _same(legacy[s], port[s])]
        told = f"{len(places)} nodes or settings and {len(values)} values differ"
        yield _finding(entry, bool(places or values), f"said to change with it is {pattern}: {told}")


def _same(expected: np.ndarray, actual: np.ndarray) -> bool:
    """Whether two arrays are of one kind, and as equal as two programs of one meaning make them in float64."""
    if kind(expected) != kind(actual):
        return False
    return bool((np.abs(actual.astype(np.float64) - expected) <= bounds.semantic(expected)).all())


def _elsewhere(
    entry: Deviation, changed: Mapping[str, str], legacy: Record, port: Record, truth: Values, rooms: Path
) -> Finding:
    """That all before the entry's stage, and all after it that does not follow from the change, is the original's."""
    stages = legacy.graph.stages
    touched = {place for place in {*changed, *stages, *port.graph.stages} if entry.names(place)}
    if any(place.startswith(TRAINING) for place in changed):
        touched |= {node.stage for node in legacy.graph if node.operation == "trajectory"}
    touched |= following(touched, legacy.graph) | following(touched, port.graph)
    before = stages[: stages.index(entry.stage)]
    kept = [*before, *(stage for stage in stages[len(before) :] if stage not in touched or entry.spares(stage))]
    found = _judged(part(legacy, kept), part(port, kept, like=legacy), truth=truth, rooms=rooms)
    failed = [f"{stage} stands before it: {changed[stage]}" for stage in before if stage in changed]
    failed += [f"no stage is {pattern}" for pattern in entry.keeps if not any(fnmatchcase(s, pattern) for s in kept)]
    failed += [finding.message for finding in found if finding.verdict is Verdict.FAIL]
    told = failed[0] if failed else f"{len(before)} stages before it and {len(kept) - len(before)} after it are equal"
    elements = sum(finding.elements for finding in found)
    return _finding(entry, not failed and elements > 0, f"elsewhere: {told}", elements)


def _differs(entry: Deviation, legacy: Record, port: Record, truth: Values, rooms: Path) -> Finding:
    """That at the entry's stage the port is not the original: another shape or dtype, or over the bound somewhere."""
    needed = needed_for([entry.stage], legacy.graph)
    found = _judged(part(legacy, needed), part(port, needed, like=legacy), truth=truth, rooms=rooms)
    here = [finding for finding in found if finding.stage == entry.stage and finding.check in AGAINST]
    apart = [finding for finding in here if finding.verdict is Verdict.FAIL]
    told = apart[0].message if apart else f"the original's value still: {here[0].message if here else 'not compared'}"
    return _finding(entry, bool(apart), f"with {entry.switch} {entry.run_own!r} {told}", legacy[entry.stage].size)


def _nodes_as_told(entry: Deviation, changed: Mapping[str, str], legacy: Record, port: Record) -> Finding:
    """That what changes is as the entry tells it, and in all else the original's."""
    sides = [{node.stage: node for node in trace.graph} for trace in (legacy, port)]
    wrong = []
    for place in dict.fromkeys([entry.stage, *changed]):
        if place.startswith((TRAINING, MANIFEST)):
            field = place.removeprefix(TRAINING).removeprefix(MANIFEST)
            value = (port.manifest["training"] if place.startswith(TRAINING) else port.manifest).get(field)
            reason = "" if value == entry.told_of(place) else f"it is {value}, the entry's {entry.told_of(place)}"
        else:
            reason = _why_not_told(entry, sides[0].get(place), sides[1].get(place), legacy.graph[entry.stage])
        wrong += [f"{place}: {reason}"] if reason else []
    told = wrong[0] if wrong else f"{entry.stage} and {len(changed)} changes are"
    return _finding(entry, not wrong, f"its node and changes as the entry tells: {told}")


def _why_not_told(entry: Deviation, original: Node | None, own: Node | None, first: Node) -> str:
    """Why a changed node is not the original's with what the entry tells of it; empty where it is."""
    if own is None:
        return "the port has no such node"
    told = entry.told_of(own.stage)
    if told is None:  # of the original's own kind at the entry's stage, it changes as that does
        told = entry.node if original and original.operation == first.operation else {}
    before = original or Node(own.stage, "", ())
    operation, inputs = told.get("operation", before.operation), tuple(told.get("inputs", before.inputs))
    attributes = told.get("attributes", {})
    if own.operation in SHARED and before.operation not in SHARED:
        return f"the port reads it, the original computes it by {before.operation!r}"
    if (own.operation, own.inputs) != (operation, inputs):
        return f"{own.operation} of {list(own.inputs)}, the entry's {operation} of {list(inputs)}"
    expected = {name: value for name, value in before.attributes.items() if name in own.attributes} | dict(attributes)
    if own.operation == before.operation:
        expected = {**before.attributes, **attributes}
    return "" if dict(own.attributes) == expected else f"it has {dict(own.attributes)}, the entry's {expected}"


def _shared(entry: Deviation, legacy: Record, port: Record) -> Finding:
    """That all that the port reads, from the request or its rasters, is what the original reads, in the port's type."""
    wrong, elements = [], 0
    for stage in (node.stage for node in port.graph if node.operation in SHARED and node.stage in legacy.arrays):
        expected = legacy[stage].astype(port.dtype) if legacy[stage].dtype == legacy.dtype else legacy[stage]
        same = stage in port.arrays and kind(expected) == kind(port[stage]) and np.array_equal(expected, port[stage])
        wrong += [] if same else [stage]
        elements += expected.size
    return _finding(entry, not wrong, f"read as the original reads it: not {', '.join(wrong) or 'nothing'}", elements)


def _on_own_terms(entry: Deviation, port: Record, rooms: Path) -> Iterator[Finding]:
    """That every stage of the port is what the judge computes from the port's own inputs."""
    whole = part(port, [*port.graph.stages, *port.arrays])
    if entry.planted:  # a type that no sound program has: the number alone can be the judge's
        expected, actual = compute(port.graph[entry.stage], port.arrays), port[entry.stage]
        yield _equal(entry, expected=expected.astype(np.float64), actual=actual.astype(np.float64))
        whole = replace(whole, arrays={**whole.arrays, entry.stage: expected})
    itself = part(
        whole, list(whole.arrays), process={"id": "the port's own"}
    )  # so that only the judge's opinion counts
    found = [*_judged(itself, whole, rooms=rooms, same_side=True), *_steps_of_the_judge(itself, whole, rooms)]
    undefined = _undefined(port)
    failed = [f.message for f in found if f.verdict is Verdict.FAIL and f.stage not in undefined]
    here = [finding for finding in found if finding.stage == entry.stage and finding.elements]
    failed += [f"it proves nothing: {finding.message}" for finding in here if finding.verdict is Verdict.VACUOUS]
    measured = {finding.stage for finding in found if finding.elements}
    failed += [f"{stage}: not compared" for stage in port.graph.stages if stage not in measured | undefined]
    told = failed[0] if failed else f"{len(measured)} stages are what the judge computes"
    elements = sum(finding.elements for finding in found)
    yield _finding(entry, bool(here) and not failed, f"on its own terms: {told}", elements)


def _undefined(port: Record) -> set[str]:
    """The correlations that are no number, and that the judge finds none for: of a constant prediction."""
    nodes = [node for node in port.graph if node.operation == "correlation" and node.stage in port.arrays]
    return {
        node.stage
        for node in nodes
        if all(name in port.arrays and np.isfinite(port[name]).all() for name in node.inputs)
        and kind(port[node.stage]) == kind(np.asarray(0, port.dtype))
        and np.isnan(port[node.stage])
        and np.isnan(compute(node, port.arrays))
    }


def _steps_of_the_judge(itself: Record, whole: Record, rooms: Path) -> list[Finding]:
    """In float32, where a run is judged beside another one: the port's steps beside the judge's own."""
    if whole.dtype == np.float64 or any(stage not in whole.arrays for stage in whole.graph.stages):
        return []
    truth = true_trajectory(itself)
    rounded = {stage: value.astype(whole.dtype) for stage, value in truth.items()}
    judge = replace(itself, arrays={**itself.arrays, **rounded})
    return [f for f in _judged(judge, whole, truth=truth, rooms=rooms, same_side=True) if f.check is Check.TRUTH]


def _equal(entry: Deviation, *, expected: np.ndarray, actual: np.ndarray) -> Finding:
    """That two arrays are equal in every bit."""
    found = measure(entry.stage, Check.LEDGER, expected=expected, actual=actual, bound=np.zeros(expected.shape))
    return _finding(entry, found.verdict is Verdict.PASS, f"on its own terms: {found.message}", found.elements)


def _contains(entry: Deviation, stage: str, legacy: Record, port: Record) -> Finding:
    """That the original's value is the central part of the port's."""
    expected, whole = legacy[stage], port[stage]
    margins = [(large - small) // 2 for large, small in zip(whole.shape, expected.shape, strict=True)]
    inner = tuple(slice(m, m + small) for m, small in zip(margins, expected.shape, strict=True))
    bound = np.maximum(bounds.semantic(expected), bounds.rounding(legacy.graph[stage], legacy.arrays, legacy.dtype))
    found = measure(stage, Check.LEDGER, expected=expected, actual=whole[inner], bound=bound)
    grown = whole.size > expected.size
    told = f"the port's central part: {found.message}; in all {kind(whole)}"
    return _finding(entry, grown and found.verdict is Verdict.PASS, told, found.elements)


def _judged(expected: Record, actual: Record, **how: Any) -> Sequence[Finding]:
    """The findings about two traces; what cannot be judged is a failure of its stage."""
    try:
        return compare(expected, actual, **how).findings
    except (ParityError, ValueError) as error:  # of shapes that no sound graph gives
        return [Finding(str(error).partition(":")[0], Check.REFERENCE, Verdict.FAIL, str(error))]


def _fail(entry: Deviation, message: str) -> Finding:
    return _finding(entry, False, message)


def _finding(entry: Deviation, passed: bool, message: str, elements: int = 0) -> Finding:
    verdict = Verdict.PASS if passed else Verdict.FAIL
    return Finding(entry.stage, Check.LEDGER, verdict, f"{entry.id}: {entry.stage}: {message}", None, elements)
