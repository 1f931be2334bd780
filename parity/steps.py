"""Many training steps in numpy: what every stage after them holds; in float64 the truth.

What one step computes is read from the graph: all that leads from a batch, which is rows of a recorded list of
patches, to the loss and to the gradient of each weight.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int
from numpy.typing import DTypeLike

from parity.data_operations import transformed
from parity.errors import ParityError
from parity.graph import Graph, Node
from parity.reference import SHARED, Values, evaluate
from parity.training import Training
from parity.updates import State, Update, momentum

Rows = Int[np.ndarray, "patch"]
Choice = Callable[[int, Values], Rows]
"""The rows of the lists that a step uses, from its number and the weights before it."""
Computation = Callable[[Node, Values], np.ndarray]
"""A stage from the values of its inputs."""
Mean = Callable[[Sequence[float], Sequence[int]], float]
"""One loss of many batches, from each one's loss and size."""

ORDERS = ("batch_order", "reshuffled")
"""Operations whose result tells the rows of each step."""
BATCHES = ("rows", "rows_transformed")
"""Operations that take a batch from a list of patches."""
KNOWN = 64
"""Most batches whose gradients are remembered."""
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

    See `Run` for the arguments; `disturbance` is, by the gradient's stage, what is added to all gradients of it.

    Raises:
        ParityError: the order, or the symmetries, are not those of so many steps.
    """
    return Run(graph, recorded, training, dtype, disturbance or {}).stages()


@dataclass(frozen=True)
class Step:
    """One step: its number, its rows of the lists, the loss before its update, the gradients, the state after it."""

    number: int
    rows: Rows
    loss: np.ndarray
    gradients: Values
    state: State

    def told(self, of: str) -> np.ndarray:
        """What a stage after this step holds."""
        return self.loss if of == "loss" else self.state.told(of)


def over_patches(losses: Sequence[float], sizes: Sequence[int]) -> float:
    """The mean over all patches of batches with these losses."""
    return float(np.average(losses, weights=sizes))


@dataclass(frozen=True)
class Run:
    """Many steps, not yet made.

    Attributes:
        graph: the stages; `weight/NAME` is a parameter, `grad/NAME` its gradient, `loss` the loss.
        recorded: the entries: weights, lists of patches, the order of the batches where the graph has one.
        training: number, rates and form of the steps.
        dtype: what all is computed in.
        disturbance: by the gradient's stage, what is added to the gradients of every step.
        update: how a step changes weights and velocities.
        choice: the rows of each step; None for those of the graph's order, or without one batch (k - 1) mod batches of
            the list at step k, an incomplete last batch dropped.
        instead: by stage, what is computed in place of its operation.
        seen: what is done to each step before it is told, in order.
        mean: how the losses of an epoch's batches become one.
        keeps: whether validation keeps an incomplete last batch; None for as training does.
        known: losses and gradients by the weights and rows that gave them, which runs that are alike for a while need
            not compute again; None to remember nothing.
    """

    graph: Graph
    recorded: Values
    training: Training
    dtype: DTypeLike = np.float64
    disturbance: Values = field(default_factory=dict)
    update: Update = momentum
    choice: Choice | None = None
    instead: Mapping[str, Computation] = field(default_factory=dict)
    seen: tuple[Callable[["Run", Step], Step], ...] = ()
    mean: Mean = over_patches
    keeps: bool | None = None
    known: dict[bytes, dict[str, np.ndarray]] | None = None

    def steps(self) -> Iterator[Step]:
        """The steps one by one.

        Raises:
            ParityError: a weight has no gradient; the order, or the symmetries, are not those of so many steps.
        """
        gradients = parameters(self.graph)
        _require(["loss", *gradients.values()], self.graph)
        network = self.network(["loss", *gradients.values()])
        choice = self.choice or _told_choice(_order(self.graph, self.recorded, self.training))
        state = State.start({name: self.recorded[name].astype(self.dtype) for name in gradients})
        for number in range(1, self.training.steps + 1):
            rows = choice(number, state.weight)
            values = self._of_batch(network, number, rows, state.weight)
            of_step = {name: self._disturbed(stage, values[stage]) for name, stage in gradients.items()}
            state = self.update(state, of_step, self.training, number)
            step = Step(number, rows, np.asarray(values["loss"]), of_step, state)
            for change in self.seen:
                step = change(self, step)
            yield step
            if number in self.training.restarts:
                state = State.start(state.weight)

    def stages(self) -> dict[str, np.ndarray]:
        """All `trajectory` stages after all steps; ParityError as in `steps`."""
        wanted = [node for node in self.graph if node.operation == "trajectory"]
        for node in wanted:
            if node.attributes.get("step", 1) > self.training.steps:
                raise ParityError(
                    f"{node.stage}: is told after step {node.attributes['step']}, the manifest's training tells "
                    f"{self.training.steps} steps; record it again"
                )
        curves = [node for node in wanted if "step" not in node.attributes]
        tracked = Curves(self)
        found: dict[str, np.ndarray] = {}
        for step in self.steps():
            tracked.add(step)
            of_step = [node for node in wanted if node.attributes.get("step") == step.number]
            found |= {node.stage: step.told(str(node.attributes["of"])) for node in of_step}
        found |= {node.stage: np.array(tracked.losses[node.attributes["of"]], self.dtype) for node in curves}
        return {node.stage: found[node.stage] for node in wanted}

    def network(self, stages: Iterable[str]) -> "Network":
        """The part of the graph that leads to some stages."""
        return Network(self, stages)

    def _of_batch(self, network: "Network", number: int, rows: Rows, weight: Values) -> dict[str, np.ndarray]:
        """The loss and the gradients of a step's batch."""
        turned = _symmetries(network, self.training, number)
        if self.known is None or self.instead or len(turned):
            return network.run(weight, rows, turned)
        key = hashlib.sha256(rows.tobytes() + b"".join(value.tobytes() for value in weight.values())).digest()
        found = self.known.get(key)
        if found is None:
            values = network.run(weight, rows)
            found = {name: values[name] for name in ("loss", *parameters(self.graph).values())}
            if len(self.known) < KNOWN:
                self.known[key] = found
        return found

    def _disturbed(self, stage: str, gradient: np.ndarray) -> np.ndarray:
        return gradient + self.disturbance[stage] if stage in self.disturbance else gradient


class Curves:
    """Losses of a run, step by step: of each batch (`loss`), and at each epoch's end of training and validation."""

    def __init__(self, run: Run) -> None:
        self._epoch, self._mean = run.training.batches, run.mean
        validates = any(node.operation == "trajectory" and node.attributes["of"] == "validation" for node in run.graph)
        self._validation = _Validation(run) if validates else None
        self._sizes: list[int] = []
        self.losses: dict[str, list[float]] = {"loss": [], "epochs": [], "validation": []}

    def add(self, step: Step) -> None:
        """The step's loss, and where an epoch ends with it, the epoch's."""
        self.losses["loss"].append(float(step.loss))
        self._sizes.append(len(step.rows))
        if step.number % self._epoch == 0:
            self.losses["epochs"].append(self._mean(self.losses["loss"][-self._epoch :], self._sizes[-self._epoch :]))
            if self._validation is not None:
                self.losses["validation"].append(self._validation.loss(step.state.weight))


def _require(stages: Iterable[str], graph: Graph) -> None:
    """Raise ParityError unless the graph has what every step computes."""
    for stage in stages:
        if stage not in graph.stages:
            raise ParityError(
                f"{stage}: the graph has no such stage, of which each training step is made; record it too"
            )


def _told_choice(order: Int[np.ndarray, "step batch_size"]) -> Choice:
    """The rows of an order, in which -1 stands for none."""
    return lambda step, _: order[step - 1][order[step - 1] >= 0]


def _order(graph: Graph, recorded: Values, training: Training) -> Int[np.ndarray, "step batch_size"]:
    """The rows of the list that each step uses; -1 stands for none."""
    told = [recorded[node.stage] for node in graph if node.operation in ORDERS]
    size, batches = training.batch_size, training.batches
    if told:
        _require_rows(1 + int(told[0].max(initial=-1)), "the batches of the recorded order", graph, recorded)
    else:
        _require_rows(batches * size, f"{batches} batches of batch_size {size}", graph, recorded)
    order = told[0] if told else np.resize(np.arange(batches * size), (training.steps, size))
    if order.shape != (training.steps, size):
        raise ParityError(
            f"the order of batches has shape {order.shape}, the manifest's training tells {(training.steps, size)}; "
            f"record it again"
        )
    return order


def _require_rows(count: int, batches: str, graph: Graph, recorded: Values) -> None:
    """Raise ParityError unless each list that batches are taken of has so many rows."""
    for node in graph:
        if node.operation in BATCHES:
            name = next(iter(node.inputs), "no list")
            length = sum(recorded[name].shape[:1]) if node.inputs else 0
            if count > length:
                raise ParityError(
                    f"{node.stage}: {batches} need {count} rows of {name}, which has {length}; record it again"
                )


def rows_used(graph: Graph, recorded: Values, training: Training) -> Int[np.ndarray, "row"]:
    """The rows of the list that any of the steps uses; ParityError where the order is not that of so many steps."""
    order = np.unique(_order(graph, recorded, training))
    return order[order >= 0]


def _symmetries(network: "Network", training: Training, step: int) -> Sequence[int]:
    """How each patch of the step is turned; empty where none is."""
    if all(node.operation == "rows" for node in network.batches):
        return ()
    if len(training.symmetries) != training.steps:
        raise ParityError(
            f"patches are turned in {training.steps} steps, the manifest's training tells the symmetries of "
            f"{len(training.symmetries)}; record it again"
        )
    return training.symmetries[step - 1]


class Network:
    """The part of a run's graph that leads from a batch to some stages."""

    def __init__(self, of: Run, stages: Iterable[str]) -> None:
        self._of = of
        self.nodes: list[Node] = []
        self.batches: list[Node] = []
        needed = set(stages)
        for node in reversed(of.graph.nodes):
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
        recorded, instead = self._of.recorded, self._of.instead
        values = dict(weight) | {n.stage: recorded[n.stage] for n in self.nodes if n.operation in SHARED}
        for node in self.batches:
            patches = recorded[(lists or {}).get(node.inputs[0], node.inputs[0])][rows]
            if symmetries:
                patches = np.stack([transformed(*pair) for pair in zip(patches, symmetries, strict=True)])
            values[node.stage] = patches
        if not instead:
            return evaluate(self.nodes, values, self._of.dtype)
        for node in (*self.batches, *self.nodes):
            if node.stage in instead:
                values[node.stage] = instead[node.stage](node, values).astype(self._of.dtype, copy=False)
            elif node not in self.batches:
                values |= evaluate([node], values, self._of.dtype)
        return values


class _Validation:
    """The loss over the validation patches, batch by batch; incomplete ones only where training keeps them."""

    def __init__(self, run: Run) -> None:
        if missing := [name for name in VALIDATION.values() if name not in run.recorded]:
            raise ParityError(f"a loss of validation is told, but no {', '.join(missing)}; record it too")
        self._network = run.network(["loss"])
        counts = {name: sum(run.recorded[name].shape[:1]) for name in VALIDATION.values()}
        self._count = min(counts.values())
        if self._count != max(counts.values()):
            told = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ParityError(f"the lists of validation differ in length: {told}; record them again")
        self._size = run.training.batch_size
        kept = any(node.operation in ORDERS and node.attributes.get("keep") for node in run.graph)
        self._keeps = kept if run.keeps is None else run.keeps
        self._mean = run.mean

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
        return self._mean(losses, [len(rows) for rows in batches])
