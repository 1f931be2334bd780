"""Exhibits: what a page shows of a comparison, stage by stage; made from both traces, kept as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from parity import bounds, pictures, reference
from parity.compare import Comparison
from parity.docket import Docket
from parity.errors import ParityError
from parity.findings import Check, Finding, Verdict, worst
from parity.graph import Graph, Node
from parity.pictures import Json, number
from parity.properties import PROPERTIES
from parity.trace import Record

MOST_FAILING = 3
"""Failing comparisons that are shown whole; of the others only the row in the list."""
MOST_POINTS = 1000
RASTERS = ("geotiff/pixels", "predict/output")
"""Stages that are a map of NDVI; the first that both sides hold is shown."""
TRUTHS = ("metrics/target/normalised",)
"""Stages that are the truth of such a map."""
_SIDE = ("side", "witness", "stack", "dtype", "request_sha256", "code_sha256")


def chosen(docket: Docket, wanted: Sequence[str]) -> list[str]:
    """The comparisons to show whole, by name: those that fail, three at most, then the wanted ones."""
    failing = [name for name, comparison in docket.comparisons.items() if comparison.verdict is Verdict.FAIL]
    return list(dict.fromkeys([*failing[:MOST_FAILING], *(name for name in wanted if name in docket.comparisons)]))


@np.errstate(all="ignore")  # what overflows is shown as infinite
def exhibit(comparison: Comparison, *, legacy: Record, port: Record) -> Json:
    """Verdict, both sides, every stage, loss curves and maps of one comparison."""
    blamed = comparison.first_bad
    graph = legacy.graph
    return {
        "verdict": comparison.verdict.value,
        "first_bad": _told(blamed) if blamed else None,
        "blamed": [finding.stage for finding in comparison.blamed],
        "tensors": comparison.tensors,
        "numbers": comparison.elements,
        "legacy": _side(legacy),
        "port": _side(port),
        "stages": list(_stages(comparison, graph, legacy, port)),
        "curves": list(_curves(graph, legacy, port)),
        "map": _map(legacy, port),
    }


def _side(trace: Record) -> Json:
    return {field: trace.manifest[field] for field in _SIDE if field in trace.manifest} | {"sha256": trace.sha256}


def _told(finding: Finding) -> Json:
    """A finding as it stands in every report, without what its id says already."""
    share = None if finding.share is None else number(finding.share)
    told = {"id": finding.id, "stage": finding.stage, "check": finding.check.value, "verdict": finding.verdict.value}
    return {**told, "share": share, "elements": finding.elements, "message": finding.message}


def _stages(comparison: Comparison, graph: Graph, legacy: Record, port: Record) -> Iterator[Json]:
    """Every stage of the graph in the order computed, then whatever else findings name."""
    findings: dict[str, list[Finding]] = {}
    for finding in comparison.findings:
        findings.setdefault(finding.stage, []).append(finding)
    for node in graph:
        found = findings.pop(node.stage, [])
        yield _stage(node.stage, found) | {
            "operation": node.operation,
            "inputs": list(node.inputs),
            "kind": _kind(legacy.arrays.get(node.stage)),
            "views": list(_views(node, found, legacy, port)),
        }
    for stage, found in findings.items():
        yield _stage(stage, found) | {"operation": "", "inputs": [], "kind": "", "views": []}


def _stage(stage: str, findings: Sequence[Finding]) -> Json:
    verdict = worst(finding.verdict for finding in findings).value if findings else "NOT COMPARED"
    return {"stage": stage, "verdict": verdict, "findings": [_told(finding) for finding in findings]}


def _kind(array: np.ndarray | None) -> str:
    return "" if array is None else f"{' x '.join(map(str, array.shape)) or 'one number'}, {array.dtype}"


def _views(node: Node, findings: Sequence[Finding], legacy: Record, port: Record) -> Iterator[Json]:
    """The stage alone in units of its bound, and port minus original of both real runs."""
    expected, actual = (side.arrays.get(node.stage) for side in (legacy, port))
    if expected is None or actual is None:
        return
    with suppress(ParityError, KeyError, ValueError):  # what cannot be computed is a finding of the judge's, no picture
        yield from _alone(node, findings, legacy, port)
    if expected.shape == actual.shape:
        apart = pictures.difference(expected, actual)
        yield _view("free-running", "value", apart, expected=expected, actual=actual)


def _alone(node: Node, findings: Sequence[Finding], legacy: Record, port: Record) -> Iterator[Json]:
    """The check of the stage alone that comes nearest to its bound, element by element."""
    made = {finding.check: finding.share or 0.0 for finding in findings if finding.check in _EXPECTED}
    if node.operation in reference.NOT_COMPUTED or node.operation in PROPERTIES or not made:
        return
    check = max(made, key=lambda one: made[one])
    expected, actual, bound = _EXPECTED[check](node, legacy, port)
    share = pictures.shares(pictures.difference(expected, actual), bound)
    yield _view(check.value, "bound", share, expected=expected, actual=actual)


def _forced(node: Node, legacy: Record, port: Record) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return legacy[node.stage], port.forced[node.stage], bounds.rounding(node, legacy.arrays, legacy.dtype)


def _own_input(node: Node, _: Record, port: Record) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    opinion = reference.compute(node, port.arrays, port.dtype)
    return opinion, port[node.stage], bounds.rounding(node, port.arrays, port.dtype)


_EXPECTED = {Check.FORCED: _forced, Check.OWN_INPUT: _own_input}
"""What a check of the port's stage alone compares: expected, actual, bound."""


def _view(check: str, unit: str, measure: np.ndarray, *, expected: np.ndarray, actual: np.ndarray) -> Json:
    """One way to look at a stage's errors; without pictures where there is none."""
    view: Json = {"check": check, "unit": unit, "elements": int(measure.size)}
    if not measure.any():
        return view
    draw, count = (
        (pictures.share_pictures, pictures.share_histogram)
        if unit == "bound"
        else (pictures.signed_pictures, pictures.signed_histogram)
    )
    listed = pictures.worst(measure, expected=expected, actual=actual)
    return view | {"pictures": draw(measure), "histogram": count(measure), "worst": listed}


def _curves(graph: Graph, legacy: Record, port: Record) -> Iterator[Json]:
    """The losses of both sides over the training, as float32, with their largest difference in the traces' own type."""
    for node in graph:
        sides = [side.arrays.get(node.stage) for side in (legacy, port)]
        if node.operation != "trajectory" or "step" in node.attributes or any(curve is None for curve in sides):
            continue
        expected, actual = (np.atleast_1d(curve) for curve in sides if curve is not None)
        if expected.ndim == 1 and expected.shape == actual.shape and expected.size > 1:
            yield _curve(node.stage, expected=expected, actual=actual)


def _curve(stage: str, *, expected: np.ndarray, actual: np.ndarray) -> Json:
    step = -(-expected.size // MOST_POINTS)
    sides = {side: _float32(curve[::step]) for side, curve in (("legacy", expected), ("port", actual))}
    largest = np.abs(pictures.difference(expected, actual)).max()
    return {"stage": stage, "length": expected.size, "step": step, "largest": number(largest), **sides}


def _float32(values: np.ndarray) -> str:
    return pictures.base64_of(values.astype(np.float32))


def _map(legacy: Record, port: Record) -> Json | None:
    """The map both sides made, with the truth where it is known; None where no map was made."""
    stage = next((one for one in RASTERS if all(_is_image(side.arrays.get(one)) for side in (legacy, port))), None)
    if stage is None:
        return None
    sides = {"original": legacy[stage], "port": port[stage]}
    for name in TRUTHS:
        truth = legacy.arrays.get(name)
        if _is_image(truth) and truth is not None and truth.shape[-2:] == legacy[stage].shape[-2:]:
            sides["truth"] = truth
    return {"stage": stage, **pictures.rasters(sides)}


def _is_image(array: np.ndarray | None) -> bool:
    return array is not None and array.ndim >= 2 and array.size > 0 and array.dtype.kind in "iuf"


def rows(comparisons: Mapping[str, Comparison]) -> list[Json]:
    """One row a comparison: verdict, counts, the finding nearest to its bound, the stage to blame."""
    return [_row(name, comparison) for name, comparison in comparisons.items()]


def _row(name: str, comparison: Comparison) -> Json:
    nearest = comparison.largest(*(check for check in Check if check is not Check.INTEGRITY))
    blamed: Any = comparison.first_bad
    return {
        "name": name,
        "verdict": comparison.verdict.value,
        "tensors": comparison.tensors,
        "numbers": comparison.elements,
        "share": number(nearest.share) if nearest and nearest.share is not None else None,
        "nearest": nearest.id if nearest else None,
        "first_bad": blamed.id if blamed else None,
    }
