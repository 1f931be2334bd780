"""The graph of a trace: for each stage its operation, its inputs and its attributes, in the order computed.

All the judge knows of a network it reads here: bounds and blame follow from the operations, so another network needs
another graph, not another judge.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from parity.errors import TraceError

CURVES = ("loss", "epochs", "validation")
"""What is told of all training steps."""


@dataclass(frozen=True)
class Node:
    """One stage: `operation` names an entry of `parity.reference.OPERATIONS`; `inputs` are earlier stages."""

    stage: str
    operation: str
    inputs: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The node as it stands in a manifest."""
        return {
            "stage": self.stage,
            "operation": self.operation,
            "inputs": list(self.inputs),
            "attributes": dict(self.attributes),
        }


@dataclass(frozen=True)
class Graph:
    """Nodes in the order computed; every input stands before the node that uses it."""

    nodes: tuple[Node, ...]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __getitem__(self, stage: str) -> Node:
        """The node of that stage (KeyError if there is none)."""
        return self._by_stage[stage]

    @property
    def _by_stage(self) -> dict[str, Node]:
        return {node.stage: node for node in self.nodes}

    @property
    def stages(self) -> list[str]:
        """All stages in the order computed."""
        return [node.stage for node in self.nodes]

    def ancestors(self, stages: Iterable[str]) -> list[Node]:
        """The nodes needed to compute the given stages, themselves included, in the order computed."""
        needed = set(stages)
        for node in reversed(self.nodes):
            if node.stage in needed:
                needed.update(node.inputs)
        return [node for node in self.nodes if node.stage in needed]

    @classmethod
    def from_manifest(cls, manifest: Mapping[str, Any], *, where: str) -> "Graph":
        """The graph a manifest tells.

        Raises:
            TraceError: it tells none, a node lacks a field, a stage stands twice or uses a later one.
        """
        try:
            nodes = tuple(
                Node(str(node["stage"]), str(node["operation"]), _names(node["inputs"]), dict(node["attributes"]))
                for node in manifest["graph"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise TraceError(f"{where}: the manifest's graph is malformed ({error!r}); record it again") from error
        seen: set[str] = set()
        for node in nodes:
            unknown = [name for name in node.inputs if name not in seen]
            if unknown or node.stage in seen:
                problem = f"uses {unknown[0]}, which no earlier stage computes" if unknown else "stands twice"
                raise TraceError(f"{where}: stage {node.stage} {problem} in the manifest's graph; record it again")
            seen.add(node.stage)
        for node in nodes:
            if node.operation == "trajectory" and not _is_told(node, seen):
                told = f"{node.attributes.get('of')!r:.200}, step {node.attributes.get('step')!r:.200}"
                raise TraceError(
                    f"{where}: stage {node.stage}, after training steps, is of {told}; expected of "
                    f"{', '.join(CURVES)} without a step, or with a step from 1 on of loss, velocity/NAME or "
                    f"weight/NAME where weight/NAME is a stage; record it again"
                )
        return cls(nodes)


def _is_told(node: Node, stages: Collection[str]) -> bool:
    """Whether a stage after training steps says of what, and after which step, so that it can be computed."""
    of, step = node.attributes.get("of"), node.attributes.get("step")
    if "step" not in node.attributes:
        return of in CURVES
    kind, _, name = str(of).partition("/")
    known = of == "loss" or (kind in ("velocity", "weight") and f"weight/{name}" in stages)
    return known and isinstance(step, int) and not isinstance(step, bool) and step >= 1


def _names(told: Any) -> tuple[str, ...]:
    """Names of stages, as a manifest lists them; TypeError where it lists something else."""
    if not isinstance(told, list) or not all(isinstance(name, str) for name in told):
        raise TypeError(f"inputs are {told!r:.200}, expected names of stages")
    return tuple(told)
