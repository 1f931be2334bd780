"""A part of a trace: some of its stages, told as another trace tells them; and which stages follow from which."""

from collections.abc import Mapping, Sequence

from parity.graph import Graph, Node
from parity.steps import ORDERS, VALIDATION, parameters
from parity.trace import Record

SETTINGS = ("dtype",)
"""Fields of the manifest, besides graph and training, that a program's switch may change."""


def _sources(node: Node, graph: Graph) -> Sequence[str]:
    """The stages that a stage is computed from; many steps repeat all that leads to the gradients and the loss."""
    if node.operation != "trajectory":
        return node.inputs
    orders = [other.stage for other in graph if other.operation in ORDERS]
    validation = VALIDATION.values() if node.attributes["of"] == "validation" else ()
    return [*orders, "loss", *parameters(graph).values(), *validation]


def following(touched: set[str], graph: Graph) -> set[str]:
    """The stages computed from touched ones, at any remove."""
    found = set(touched)
    for node in graph:
        if found & set(_sources(node, graph)):
            found.add(node.stage)
    return found


def needed_for(stages: Sequence[str], graph: Graph) -> list[str]:
    """The stages needed to compute these, themselves included, in the order computed."""
    needed = set(stages)
    for node in reversed(graph.nodes):
        if node.stage in needed:
            needed.update(_sources(node, graph))
    return [stage for stage in graph.stages if stage in needed]


def part(
    trace: Record, stages: Sequence[str], *, like: Record | None = None, process: Mapping[str, str] | None = None
) -> Record:
    """A trace of these stages alone, with the graph, settings and dtype that another tells."""
    kept = set(stages)
    like = like or trace
    told = {field: like.manifest[field] for field in ("training", *SETTINGS)}
    told |= {"teacher_sha256": None, "process": process or trace.manifest["process"]}
    graph = [node.as_json() for node in like.graph if node.stage in kept]
    arrays = {stage: trace[stage] for stage in trace.arrays if stage in kept}
    return Record(trace.path, {**trace.manifest, "graph": graph, **told}, arrays, trace.sha256)
