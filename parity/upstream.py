"""What stands before a stage in which two traces cannot be compared is judged all the same: it may be to blame.

A list of another length makes everything after it of another shape, and the program's account of its training another.
All that comes before the first such stage was told alike by both sides, and so can be judged; only what fails is given.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from parity.blame import TOLD
from parity.findings import Finding, Verdict
from parity.graph import Graph
from parity.stages import judge_stages
from parity.trace import FORCED, Record
from parity.trajectories import true_trajectory


def failed_before(legacy: Record, port: Record, doubts: Sequence[Finding], request: Record | None) -> list[Finding]:
    """The failures before the first stage in doubt; none where a doubt is about more than stages and what is told.

    Args:
        legacy: the witness's trace.
        port: the port's trace.
        doubts: why the two cannot be compared as a whole.
        request: the request both should come from, when at hand.
    """
    places = {doubt.stage.removeprefix(FORCED) for doubt in doubts}
    stages = set(places).difference(TOLD)
    if not stages or not stages <= set(legacy.graph.stages):
        return []
    ends = [_told_alike(legacy.graph, port.graph), *(legacy.graph.stages.index(stage) for stage in stages)]
    if "training" in places:
        ends += [at for at, node in enumerate(legacy.graph) if node.operation == "trajectory"]
    nodes = [node.as_json() for node in legacy.graph.nodes[: min(ends)]]
    begun = replace(legacy, manifest={**legacy.manifest, "graph": nodes})
    if not nodes:
        return []
    findings = judge_stages(begun, port, request=request, truth=true_trajectory(begun))
    return [finding for finding in findings if finding.verdict is Verdict.FAIL]


def _told_alike(one: Graph, other: Graph) -> int:
    """How many nodes the graphs begin with alike."""
    pairs = zip(one.nodes, other.nodes, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
