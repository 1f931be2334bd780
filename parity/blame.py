"""Blame follows the graph: of all that fails, the stages whose failure nothing before them explains.

A stage that fails on inputs that are told (what is given, the legacy's inputs, its own) made its own mistake. One that
fails only because it ran on, or that is NaN, or of another shape, is to blame unless something that it was computed
from fails. Two independent mistakes give two stages to blame; what follows from them gives none.
"""

from collections.abc import Iterable, Mapping, Sequence

from parity.findings import Check, Finding, Verdict
from parity.graph import Graph, Node
from parity.steps import ORDERS, VALIDATION, parameters
from parity.trace import FORCED

BLAMING = (Check.GIVEN, Check.FORCED, Check.OWN_INPUT)
"""Checks in which a stage stands alone, so that a failure is its own and not an earlier stage's."""

TOLD = ("training", "graph")
"""Fields in which a program tells what it did: where a stage of another kind is found, they follow from it."""


def blame(findings: Iterable[Finding], graph: Graph) -> tuple[Finding, ...]:
    """One failed finding of each stage to blame: first doubts about the traces as such, then by the graph's order."""
    failed: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.verdict is Verdict.FAIL:
            failed.setdefault(_place(finding, graph), []).append(finding)
    doubts = [found[0] for stage, found in failed.items() if stage not in graph.stages]
    blamed: list[Finding] = []
    explained: set[str] = set()
    for node, sources in _sources(graph):
        found = failed.get(node.stage, [])
        follows = not explained.isdisjoint(sources)
        own = [finding for finding in found if _stands_alone(finding)]
        if own or (found and not follows):
            blamed.append((own or found)[0])
        if found or follows:
            explained.add(node.stage)
    return (*(doubt for doubt in doubts if not (blamed and doubt.stage in TOLD)), *blamed)


def _place(finding: Finding, graph: Graph) -> str:
    """The stage that a finding is about: of a forced entry its stage, of a group of stages the first of them."""
    stage, stages = finding.stage.removeprefix(FORCED), graph.stages
    return stage if stage in stages else next((name for name in stages if name.startswith(f"{stage}/")), stage)


def _stands_alone(finding: Finding) -> bool:
    """Whether the stage was computed, from inputs that are told, and measured: NaN may have come with the inputs."""
    return finding.check in BLAMING and finding.elements > 0


def _sources(graph: Graph) -> Iterable[tuple[Node, Sequence[str]]]:
    """Each node with the stages it is computed from; one after training steps with all that the steps need."""
    trained = _training(graph)
    for node in graph:
        if node.operation == "trajectory":
            yield node, tuple(trained)
            trained.append(node.stage)
        else:
            yield node, node.inputs


def _training(graph: Graph) -> list[str]:
    """What training steps are computed from: the loss, the gradients of the weights, the order, the lists held out."""
    held: Mapping[str, str] = parameters(graph)
    orders = [node.stage for node in graph if node.operation in ORDERS]
    return ["loss", *held.values(), *orders, *VALIDATION.values()]


def told_by(finding: Finding, graph: Graph) -> str:
    """What a finding is about, the same in a shorter run: of a stage after so many steps what it tells of them."""
    stage = _place(finding, graph)
    node = graph[stage] if stage in graph.stages else None
    return str(node.attributes["of"]) if node is not None and node.operation == "trajectory" else stage
