"""Known mistakes of many steps outside the update: which patches a step uses, and how its loss is taken or told."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations
from math import comb

import numpy as np

from parity import bounds
from parity.graph import Node
from parity.reference import Values
from parity.steps import Choice, Computation, Run, Step
from parity.training_mistake import Case, Suspects, TrainingMistake

LISTS = 20_000
"""Most choices of patches for one batch that are looked through."""
READ = 64
"""Most steps whose patches are read off their losses."""


def _apart(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(prediction - target)


def _squared(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray((_apart(prediction, target) ** 2).mean())


def _squared_gradient(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(2 * _apart(prediction, target) / prediction.size)


def _summed(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(np.abs(_apart(prediction, target)).sum())


def _summed_gradient(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(_apart(prediction, target)))


def _over_batch(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(_summed(prediction, target) / len(prediction))


def _over_batch_gradient(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.asarray(_summed_gradient(prediction, target) / len(prediction))


FORMULAS = (
    ("squared-error", "errors are squared", _squared, _squared_gradient),
    ("sum-for-mean", "errors are summed, not averaged", _summed, _summed_gradient),
    ("mean-over-batch-only", "errors are averaged over the batch alone", _over_batch, _over_batch_gradient),
)


def losses(case: Case) -> Iterator[TrainingMistake]:
    """The loss taken otherwise: trained by and told, only told, or only trained by."""
    for name, told, formula, derivative in FORMULAS:
        loss = _instead(case.run, "mean_absolute_error", formula)
        gradient = _instead(case.run, "mean_absolute_error_gradient", derivative)
        for words, instead in (
            (f"in training {told}", loss | gradient),
            (f"in the loss that is told {told}", loss),
            (f"in the gradients of training {told}", gradient),
        ):
            yield TrainingMistake(name, words, partial(_computing, instead=instead))


def _instead(run: Run, operation: str, formula: Callable[..., np.ndarray]) -> dict[str, Computation]:
    """The formula in place of the operation wherever the steps have it."""

    def computed(node: Node, values: Values) -> np.ndarray:
        return formula(*(values[name] for name in node.inputs))

    needed = {node.stage for node in run.network(["loss", *_gradients(run)]).nodes}
    return {node.stage: computed for node in run.graph if node.operation == operation and node.stage in needed}


def _gradients(run: Run) -> list[str]:
    return [node.stage for node in run.graph if node.stage.startswith("grad/")]


def _computing(run: Run, instead: Mapping[str, Computation]) -> Run:
    return replace(run, instead={**run.instead, **instead})


def means(_: Case) -> Iterator[TrainingMistake]:
    """Losses told of another moment, of other batches, or averaged otherwise."""
    after = "losses are those after their update"
    yield TrainingMistake("loss-after-update", after, lambda run: replace(run, seen=(*run.seen, _after_update)))
    last = "an epoch's loss is that of its last batch"
    yield TrainingMistake("epoch-loss-of-last-batch", last, lambda run: replace(run, mean=lambda values, _: values[-1]))
    alike = "an epoch's loss is the mean of its batches', whatever their sizes"
    yield TrainingMistake("mean-of-batch-means", alike, lambda run: replace(run, mean=_mean_of_means))
    summed = "an epoch's loss is the sum of its batches'"
    yield TrainingMistake(
        "sum-for-mean", summed, lambda run: replace(run, mean=lambda values, _: float(np.sum(values)))
    )
    kept = "validation keeps the incomplete last batch"
    yield TrainingMistake("partial-batch-kept", kept, lambda run: replace(run, keeps=True))


def _mean_of_means(values: Sequence[float], _: object) -> float:
    return float(np.mean(values))


def _after_update(run: Run, step: Step) -> Step:
    values = run.network(["loss"]).run(step.state.weight, step.rows)
    return replace(step, loss=np.asarray(values["loss"]))


def orders(case: Case) -> Iterator[TrainingMistake]:
    """Other patches in a step than the order tells: orders that programs take, else as read off the losses."""
    if not case.shows_in_loss:
        return
    size, batches, count = case.training.batch_size, case.training.batches, case.patches
    listed = np.arange(count)
    whole = [listed[start : start + size] for start in range(0, count, size)]
    told = "the incomplete last batch is trained on too"
    for name, words, epoch in (
        ("partial-batch-kept", told, whole),
        ("other-order", "batches are taken from the last to the first", whole[:batches][::-1]),
        ("other-order", "every step takes the first batch", whole[:1]),
        ("other-order", "batches are taken from the second on", [*whole[1:batches], whole[0]]),
    ):
        if len(epoch) and (name != "partial-batch-kept" or len(epoch) > batches):
            yield TrainingMistake(name, words, partial(_choosing, choice=_in_turn(epoch)))
    round_and_round = partial(_choosing, choice=lambda step, _: np.arange((step - 1) * size, step * size) % count)
    yield TrainingMistake("other-order", "an epoch begins where the one before it ended in the list", round_and_round)
    read = _Reader(case).read()
    if read is not None:
        yield TrainingMistake(*_told_order(read, batches), partial(_choosing, choice=_in_turn(read)), fitted=len(read))


def _in_turn(batches: list[np.ndarray]) -> Choice:
    return lambda step, _: batches[(step - 1) % len(batches)]


def _choosing(run: Run, choice: Choice) -> Run:
    return replace(run, choice=choice)


def _told_order(read: list[np.ndarray], batches: int) -> tuple[str, str]:
    """Name and words of the batches that were read off the losses."""
    epochs = [np.concatenate(read[start : start + batches]) for start in range(0, len(read) - batches + 1, batches)]
    shown = "; ".join(", ".join(map(str, rows)) for rows in read[:3])
    once = all(len(set(rows)) == len(rows) for rows in epochs)
    if once and len({tuple(rows) for rows in epochs}) > 1:
        return "reshuffled", f"each epoch has another order; the first steps use patches {shown}"
    return "other-order", f"steps use other patches; the first use {shown}"


class _Reader:
    """Which patches each step used, read off its loss: the one choice of so many patches that has it."""

    def __init__(self, case: Case) -> None:
        self._run, self._evidence, self._count = case.run, case.evidence, case.patches
        self._size = case.training.batch_size

    def read(self) -> list[np.ndarray] | None:
        """The patches of all steps; None where a loss is missing or fits no one choice alone, or they are too many."""
        curves = self._evidence.curves("loss")
        if not curves or self._run.training.steps > READ or comb(self._count, self._size) > LISTS:
            return None
        told = self._evidence.port[curves[0].stage]
        if len(told) < self._run.training.steps:
            return None
        found: list[np.ndarray] = []

        def choice(step: int, weight: Values) -> np.ndarray:
            rows = self._fitting(float(told[step - 1]), weight)
            found.append(rows)
            return rows

        try:
            for _ in replace(self._run, choice=choice).steps():
                pass
        except _NotRead:
            return None
        return found

    def _fitting(self, loss: float, weight: Values) -> np.ndarray:
        """The rows whose mean loss is that, in the list's order."""
        network = self._run.network(["loss"])
        each = np.array([float(network.run(weight, np.array([row]))["loss"]) for row in range(self._count)])
        allowed = bounds.sum_factor(1000) * float(np.finfo(self._evidence.port.dtype).eps) * float(each.max())
        chosen = np.array(list(combinations(range(self._count), self._size)))
        near = np.abs(each[chosen].mean(axis=1) - loss) <= allowed
        if near.sum() != 1:
            raise _NotRead
        return np.asarray(chosen[near][0])


class _NotRead(Exception):  # noqa: N818
    """No choice of patches, or more than one, has the loss."""


SUSPECTS: tuple[Suspects, ...] = (losses, means, orders)
"""The families of suspects."""
