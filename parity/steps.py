"""Many training steps in numpy: what every stage after them holds; in float64 the truth.

What one step computes is read from the graph: all that leads from a batch, which is rows of a recorded list of
patches, to the loss and to the gradient of each weight.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Int
from numpy.typing import DTypeLike

from parity.data_operations import transformed
from parity.errors import ParityError
from parity.graph import Graph, Node
from parity.reference import SHARED, Values, evaluate
from parity.training import Training

Rows = Int[np.ndarray, "patch"]

ORDERS = ("batch_order", "reshuffled")
"""Operations whose result tells the rows of each step."""
BATCHES = ("rows", "rows_transformed")
"""Operations that take a batch from a list of patches."""
VALIDATION: Mapping[str, str] = {"patches/raw": "validation/raw", "targets/raw": "validation/targets"}
"""The list that validation reads in place of each of training's."""


def parameters(graph: Graph) -> dict[str, str]:
    """The stage of each weight to that of its gradient."""
    names = [node.stage for node in graph if node.stage.startswith("weight/")]
    return {name: name.replace("weight/", "grad/", 1) for name in names}


def trajectory(
    graph: Graph,
    recorded: Values,
    training: Training,
    dtype: DTypeLike = np.float64,
    disturbance: Values | None = None,
) -> dict[str, np.ndarray]:
    """All `trajectory` stages of a graph, by momentum steps from the recorded weights on the recorded patches.

    Args:
        graph: the stages; `weight/NAME` is a parameter, `grad/NAME` its gradient, `loss` the loss.
        recorded: the entries: weights, lists of patches, the order of the batches where the graph has one.
        training: number, rates and form of the steps. Without an order step k uses batch (k - 1) mod batches of the
            list, and an incomplete last batch is dropped.
        dtype: what all is computed in.
        disturbance: by the gradient's stage, what is added to the gradients of every step.

    Raises:
        ParityError: the order, or the symmetries, are not those of so many steps.
    """
    wanted = [node for node in graph if node.operation == "trajectory"]
    network = _Network(graph, ["loss", *parameters(graph).values()], recorded, dtype)
    order = _order(graph, recorded, training)
    validation = _Validation(graph, recorded, training, dtype) if _asks(wanted, "validation") else None
    state = _State(graph, recorded, training, dtype, disturbance or {})
    found: dict[str, np.ndarray] = {}
    losses: dict[str, list[float]] = {"loss": [], "epochs": [], "validation": []}
    for step, row in enumerate(order, start=1):
        values = network.run(state.weight, row[row >= 0], _symmetries(network, training, step))
        losses["loss"].append(float(values["loss"]))
        state.update(values, step)
        found |= {node.stage: state.told(node, values) for node in wanted if node.attributes.get("step") == step}
        state.end(step)
        if step % training.batches == 0:
            epoch = slice(step - training.batches, step)
            losses["epochs"].append(_mean(losses["loss"][epoch], (order[epoch] >= 0).sum(axis=1)))
            if validation is not None:
                losses["validation"].append(validation.loss(state.weight))
    curves = {n.stage: np.array(losses[n.attributes["of"]], dtype) for n in wanted if "step" not in n.attributes}
    return {node.stage: (found | curves)[node.stage] for node in wanted}


def _asks(wanted: Iterable[Node], of: str) -> bool:
    return any(node.attributes["of"] == of for node in wanted)


def _mean(losses: Sequence[float], sizes: Sequence[int] | np.ndarray) -> float:
    """The mean over all patches of batches with these losses."""
    return float(np.average(losses, weights=sizes))


def _order(graph: Graph, recorded: Values, training: Training) -> Int[np.ndarray, "step batch_size"]:
    """The rows of the list that each step uses; -1 stands for none."""
    told = [recorded[node.stage] for node in graph if node.operation in ORDERS]
    size, batches = training.batch_size, training.batches
    order = told[0] if told else np.resize(np.arange(batches * size), (training.steps, size))
    if order.shape != (training.steps, size):
        raise ParityError(
            f"the order of batches has shape {order.shape}, the manifest's training tells {(training.steps, size)}; "
            f"record it again"
        )
    return order


def _symmetries(network: "_Network", training: Training, step: int) -> Sequence[int]:
    """How each patch of the step is turned; empty where none is."""
    if all(node.operation == "rows" for node in network.batches):
        return ()
    if len(training.symmetries) != training.steps:
        raise ParityError(
            f"patches are turned in {training.steps} steps, the manifest's training tells the symmetries of "
            f"{len(training.symmetries)}; record it again"
        )
    return training.symmetries[step - 1]


class _Network:
    """The part of a graph that leads from a batch to some stages."""

    def __init__(self, graph: Graph, stages: Iterable[str], recorded: Values, dtype: DTypeLike) -> None:
        self._recorded, self._dtype = recorded, dtype
        self.nodes: list[Node] = []
        self.batches: list[Node] = []
        needed = set(stages)
        for node in reversed(graph.nodes):
            if node.stage not in needed or node.stage.startswith("weight/"):
                continue
            if node.operation in BATCHES:
                self.batches.append(node)
            else:
                self.nodes.insert(0, node)
                needed.update(node.inputs)

    def run(
        self, weight: Values, rows: Rows, symmetries: Sequence[int] = (), lists: Mapping[str, str] | None = None
    ) -> dict[str, np.ndarray]:
        """The stages with these weights, of the patches in these rows of the lists, or of others in their place."""
        given = dict(weight) | {n.stage: self._recorded[n.stage] for n in self.nodes if n.operation in SHARED}
        for node in self.batches:
            patches = self._recorded[(lists or {}).get(node.inputs[0], node.inputs[0])][rows]
            if symmetries:
                patches = np.stack([transformed(*pair) for pair in zip(patches, symmetries, strict=True)])
            given[node.stage] = patches
        return evaluate(self.nodes, given, self._dtype)


class _Validation:
    """The loss over the validation patches, batch by batch; incomplete ones only where training keeps them."""

    def __init__(self, graph: Graph, recorded: Values, training: Training, dtype: DTypeLike) -> None:
        self._network = _Network(graph, ["loss"], recorded, dtype)
        self._count = len(recorded[VALIDATION["patches/raw"]])
        self._size = training.batch_size
        self._keeps = any(node.operation in ORDERS and node.attributes.get("keep") for node in graph)

    def _batches(self) -> Iterator[Rows]:
        stop = self._count if self._keeps else self._count - self._count % self._size
        for start in range(0, stop, self._size):
            yield np.arange(start, min(start + self._size, stop))

    def loss(self, weight: Values) -> float:
        """The mean with these weights; ParityError where there is no batch."""
        batches = list(self._batches())
        if not batches:
            raise ParityError(f"{self._count} validation patches make no batch of {self._size}, but a loss is told")
        losses = [float(self._network.run(weight, rows, lists=VALIDATION)["loss"]) for rows in batches]
        return _mean(losses, [len(rows) for rows in batches])


class _State:
    """Weights and velocities, by the weight's stage."""

    def __init__(
        self, graph: Graph, recorded: Values, training: Training, dtype: DTypeLike, disturbance: Values
    ) -> None:
        self._gradients, self._training, self._disturbance = parameters(graph), training, disturbance
        self.weight = {name: recorded[name].astype(dtype) for name in self._gradients}
        self._velocity = {name: np.zeros_like(value) for name, value in self.weight.items()}

    def update(self, values: Values, step: int) -> None:
        """One step by these gradients."""
        rate, momentum = self._training.rate(step), self._training.momentum
        for name, stage in self._gradients.items():
            gradient = values[stage] + self._disturbance[stage] if stage in self._disturbance else values[stage]
            if self._training.momentum_form == "lasagne":
                self._velocity[name] = momentum * self._velocity[name] - rate * gradient
                self.weight[name] = self.weight[name] + self._velocity[name]
            else:
                self._velocity[name] = momentum * self._velocity[name] + gradient
                self.weight[name] = self.weight[name] - rate * self._velocity[name]

    def told(self, node: Node, values: Values) -> np.ndarray:
        """What a stage after this step holds."""
        kind, _, name = str(node.attributes["of"]).partition("/")
        if kind == "loss":
            return np.asarray(values["loss"])
        return (self._velocity if kind == "velocity" else self.weight)[f"weight/{name}"]

    def end(self, step: int) -> None:
        """Let the velocities go where the step ends with a restart."""
        if step in self._training.restarts:
            self._velocity = {name: np.zeros_like(value) for name, value in self._velocity.items()}
