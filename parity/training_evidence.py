"""What a port recorded of its many steps, held step by step against a run that may have made them.

The run begins with what the port itself recorded: weights, patches, the order of the batches. In float64 each number is
held against the bound that a sound port has after steps; in float32 each group of stages by its distance, of which
twice that of sound runs of the same rule, or what one rounding explains, is allowed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

import numpy as np

from parity import bounds
from parity.errors import ParityError
from parity.graph import Node
from parity.reference import SHARED
from parity.steps import Curves, Run, Step, parameters
from parity.trace import Record
from parity.training import Training
from parity.trajectories import FACTOR, OWN_RUNS, group, one_rounding

EARLY = 4.0
"""How much more a float32 curve may be off while it is young, so that few numbers refute nothing by chance."""


@dataclass(frozen=True)
class Seen:
    """One stage, or of a curve its first numbers, against a run: the step after which it is told, and the share."""

    stage: str
    step: int
    share: float


class Evidence:
    """The stages after training steps of a port.

    Args:
        legacy: the witness's trace, whose graph and training are the right ones.
        port: the port's.

    Raises:
        ParityError: the legacy tells no training.
    """

    def __init__(self, legacy: Record, port: Record) -> None:
        self._legacy, self.port = legacy, port
        self.training = Training.from_manifest(legacy.manifest, where=str(legacy.path))
        self.nodes = [node for node in legacy.graph if node.operation == "trajectory"]
        self._known: dict[bytes, dict[str, np.ndarray]] = {}
        self._of_step: dict[int, list[Node]] = defaultdict(list)
        for node in self.nodes:
            self._of_step[node.attributes.get("step", 0)].append(node)

    @property
    def sound(self) -> Run:
        """The right steps from what the port recorded."""
        return Run(self._legacy.graph, self.port.arrays, self.training, known=self._known)

    @cached_property
    def errors(self) -> Mapping[str, np.ndarray]:
        """What the loss and the first step's gradients may err by, by stage, on what the port recorded."""
        found: dict[str, np.ndarray] = {}
        values, dtype = self.port.arrays, self._legacy.dtype
        for node in self._legacy.graph.ancestors(["loss", *parameters(self._legacy.graph).values()]):
            if node.operation in SHARED:
                found[node.stage] = np.zeros(values[node.stage].shape)
            else:
                alone = bounds.rounding(node, values, dtype)
                found[node.stage] = bounds.free_running(node, values, values, found, alone)
        return found

    def share(self, run: Run) -> float:
        """The largest error of all stages in units of its bound; that of the first over it as soon as one is."""
        worst = 0.0
        for seen in self.against(run):
            worst = max(worst, seen.share)
            if not worst <= 1:
                break
        return worst

    def against(self, run: Run) -> Iterator[Seen]:
        """All that the port tells, in the order of the steps; the curves' numbers as they come, the means at the end.

        Raises:
            ParityError: the run cannot be made of what the port recorded.
        """
        judge = _Exact(self, run) if self._legacy.dtype == np.float64 else _Rounded(self, run)
        tracked = Curves(run)
        try:
            for step in run.steps():
                tracked.add(step)
                judge.step(step)
                yield from judge.told(step, self._of_step[step.number])
                yield from judge.curve("loss", step.number, tracked)
        except (ParityError, ValueError, IndexError) as error:
            raise ParityError(f"these steps cannot be made of what the port recorded ({error})") from error
        for of in ("loss", "epochs", "validation"):
            yield from judge.curve(of, run.training.steps, tracked, whole=True)

    def first_wrong(self, run: Run) -> Seen | None:
        """The first stage that a run does not explain; None where it explains all; ParityError as in `against`."""
        return next((seen for seen in self.against(run) if not seen.share <= 1), None)

    def wrong(self, run: Run, until: int) -> np.ndarray:
        """All errors up to a step in units of what each record may err by, with signs: a vector to be made small."""
        found = []
        for step in islice(run.steps(), until):
            nodes = self._of_step[step.number]
            found += [self._error(node, step.told(str(node.attributes["of"]))) for node in nodes]
            found += [self._error(node, step.loss, step.number - 1) for node in self.curves("loss")]
        return np.concatenate(found)

    def curves(self, of: str) -> list[Node]:
        """The stages that tell all losses of that kind."""
        return [node for node in self._of_step[0] if node.attributes["of"] == of]

    def bound(self, node: Node, value: np.ndarray, run: Run) -> np.ndarray:
        """What a stage may err by in float64; of one number of a curve the whole curve's."""
        whole = self.port[node.stage] if node in self._of_step[0] else value
        least = bounds.semantic(whole).max(initial=0.0)
        return np.asarray(np.maximum(least, self.one_rounding(node, value, run)))

    def one_rounding(self, node: Node, value: np.ndarray, run: Run) -> np.ndarray:
        """What one rounding explains at the run's rates; momentum is the right one, which keeps less than all."""
        training = replace(run.training, momentum=self.training.momentum)
        return one_rounding(node, value, self.errors, training, self._legacy.dtype)

    def _error(self, node: Node, value: np.ndarray, place: int | None = None) -> np.ndarray:
        """In units of the bound, flat; nothing where another shape is recorded, which no dose brings nearer."""
        recorded = self.port[node.stage].astype(np.float64)
        if place is not None:
            recorded, value = recorded[place : place + 1], np.reshape(value, 1)
        if recorded.shape != np.shape(value):
            return np.zeros(0)
        return np.ravel((recorded - value) / self.bound(node, recorded, self.sound))


class _Exact:
    """Every number against its bound."""

    def __init__(self, evidence: Evidence, run: Run) -> None:
        self._evidence, self._run = evidence, run

    def step(self, step: Step) -> None:
        """Nothing: each step stands alone."""

    def told(self, step: Step, nodes: list[Node]) -> Iterator[Seen]:
        """The stages after a step."""
        for node in nodes:
            value = step.told(str(node.attributes["of"]))
            yield Seen(node.stage, step.number, self._share(node, self._evidence.port[node.stage], value))

    def curve(self, of: str, step: int, tracked: Curves, *, whole: bool = False) -> Iterator[Seen]:
        """The last loss of a curve, or all of it."""
        for node in self._evidence.curves(of):
            recorded, values = self._evidence.port[node.stage], np.array(tracked.losses[of])
            if whole:
                yield Seen(node.stage, step, self._share(node, recorded, values))
            elif step <= len(recorded):
                yield Seen(node.stage, step, self._share(node, recorded[[step - 1]], values[-1:]))

    def _share(self, node: Node, recorded: np.ndarray, value: np.ndarray) -> float:
        if np.shape(recorded) != np.shape(value):
            return np.inf
        value = np.asarray(value)
        apart = np.abs(recorded.astype(np.float64) - value)
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(apart == 0, 0.0, apart / self._evidence.bound(node, value, self._run))
        return float(np.nan_to_num(shares, nan=np.inf).max(initial=0.0))


class _Rounded:
    """Groups of stages by their distance, beside sound runs of the same rule whose gradients err by their rounding."""

    def __init__(self, evidence: Evidence, run: Run) -> None:
        self._evidence, self._run = evidence, run
        gradients = parameters(run.graph).values()
        self._others = []
        for seed in range(OWN_RUNS):
            normal = np.random.default_rng(seed).standard_normal
            rounding = {name: evidence.errors[name] / 6 * normal(evidence.errors[name].shape) for name in gradients}
            disturbed = replace(run, disturbance=rounding)
            self._others.append((disturbed.steps(), Curves(disturbed)))
        self._now: list[Step] = []

    def step(self, step: Step) -> None:
        """The other runs' step beside this one."""
        self._now = [next(steps) for steps, _ in self._others]
        for (_, tracked), other in zip(self._others, self._now, strict=True):
            tracked.add(other)

    def told(self, step: Step, nodes: list[Node]) -> Iterator[Seen]:
        """The groups of stages after a step; single losses are the curve's."""
        groups: dict[str, list[Node]] = defaultdict(list)
        for node in nodes:
            groups[group(node)].append(node)
        for members in (listed for name, listed in groups.items() if not name.startswith("loss/")):
            of = [str(node.attributes["of"]) for node in members]
            values, recorded = [step.told(one) for one in of], [self._evidence.port[node.stage] for node in members]
            sound = [_length(other.told(one) - step.told(one) for one in of) for other in self._now]
            yield Seen(members[0].stage, step.number, self._share(members, recorded, values, sound))

    def curve(self, of: str, step: int, tracked: Curves, *, whole: bool = False) -> Iterator[Seen]:
        """A curve so far, or all of it."""
        for node in self._evidence.curves(of):
            values = np.array(tracked.losses[of])
            recorded = self._evidence.port[node.stage][: None if whole else len(values)]
            sound = [_length([np.array(other.losses[of]) - values]) for _, other in self._others]
            share = self._share([node], [recorded], [values], sound)
            yield Seen(node.stage, step, share if whole else share / EARLY)

    def _share(
        self, nodes: list[Node], recorded: list[np.ndarray], values: list[np.ndarray], sound: list[float]
    ) -> float:
        if any(one.shape != np.shape(value) for one, value in zip(recorded, values, strict=True)):
            return np.inf
        pairs = list(zip(nodes, values, strict=True))
        rounding = _length(self._evidence.one_rounding(node, value, self._run) for node, value in pairs)
        distance = _length(one.astype(np.float64) - value for one, value in zip(recorded, values, strict=True))
        allowed = max(FACTOR * max(sound), rounding)
        return float(np.nan_to_num(distance / allowed if allowed else np.inf * distance, nan=np.inf))


def _length(parts: Iterable[np.ndarray]) -> float:
    """The Euclidean length of tensors together."""
    return float(np.sqrt(sum(float(np.sum(np.square(part))) for part in parts)))
