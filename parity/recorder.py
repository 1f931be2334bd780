"""A recorder keeps what a stranger's port computes, stage by stage, and writes the trace that the judge reads.

It imports no framework: the program says how a value of its own becomes an array in Lasagne's layout. What each stage
is (its operation, its inputs) is read from the original's trace, so that a port names its stages and no more; where
there is none yet, the program tells both.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from parity.errors import ParityError
from parity.graph import Graph, Node
from parity.rooms import program_rooms, rooms_sha256
from parity.trace import FORCED, read_request, read_trace, software_versions, write_trace

AsLasagne = Callable[[str, Any], Any]
"""A stage's name and the program's own value to what numpy makes an array of, in Lasagne's layout."""
TEACHER = "--teacher="


def _as_it_is(_: str, value: Any) -> Any:
    return value


class Recorder:
    """One request recorded by one program.

    Args:
        request: what is given, as `parity.question` wrote it.
        trace: where the trace goes.
        teacher: the original's trace, which tells the graph; None for none yet.
        as_lasagne: what to do with each value first.
        side: whose trace it is: `port`, or `legacy` for an original that runs under no witness of ours.

    Attributes:
        dtype: float64 or float32.
        training: what the request tells of it, and how many whole batches the lists make.
    """

    def __init__(
        self,
        request: str | Path,
        trace: str | Path,
        teacher: str | Path | None = None,
        *,
        as_lasagne: AsLasagne = _as_it_is,
        side: str = "port",
    ) -> None:
        self._request, self._trace, self._side = read_request(Path(request)), Path(trace), side
        self._teacher = read_trace(Path(teacher)) if teacher else None
        self._as_lasagne = as_lasagne
        self._nodes: list[Node] = list(self._teacher.graph) if self._teacher else []
        self._values: dict[str, np.ndarray] = {}
        self._forced: dict[str, np.ndarray] = {}
        self._losses: list[float] = []
        self.dtype = str(self._request.manifest["dtype"])
        self._lists = [name for name in self._request.arrays if not name.startswith("weight/")]
        size = self._request.manifest["training"]["batch_size"]
        self.training: dict[str, Any] = dict(self._request.manifest["training"])
        self.training["batches"] = min(len(self._request[name]) for name in self._lists) // size
        for name in self._lists:
            self._keep(name, self.given(name), "given")
            self._keep(f"batch/{name}", self.given(name)[:size], "rows", [name], start=0, stop=size)

    @classmethod
    def asked(cls, words: Sequence[str], as_lasagne: AsLasagne = _as_it_is) -> "Recorder":
        """The recorder of REQUEST TRACE --teacher=ORIGINAL, as `parity judge` asks any port.

        Raises:
            ParityError: the words are others.
        """
        match words:
            case [request, trace, teacher] if teacher.startswith(TEACHER):
                return cls(request, trace, teacher.removeprefix(TEACHER), as_lasagne=as_lasagne)
        raise ParityError(f"a port is asked REQUEST TRACE {TEACHER}ORIGINAL, not {' '.join(words) or 'nothing'}")

    def given(self, name: str) -> np.ndarray:
        """A copy of what the request gives: numbers in its dtype, labels as they are."""
        value = self._request[name]
        return value.astype(self.dtype) if value.dtype.kind == "f" else value.copy()

    def batches(self, own: Callable[[np.ndarray], Any]) -> Iterator[list[Any]]:
        """For each training step the rows of each list that it uses, made the program's own.

        Whole batches in the list's order, again and again.
        """
        size = self.training["batch_size"]
        for step in range(self.training["steps"]):
            first = step % self.training["batches"] * size
            yield [own(self.given(name)[first : first + size]) for name in self._lists]

    @cached_property
    def gradients(self) -> dict[str, str]:
        """The stage of each gradient that the original tells, to the stage that it is the gradient of."""
        stages = Graph(tuple(self._nodes)).stages
        names = [stage.removeprefix("grad/") for stage in stages if stage.startswith("grad/")]
        return {f"grad/{name}": name if name in stages else f"weight/{name}" for name in names}

    def observe(
        self,
        seen: Mapping[str, Any],
        gradient: Callable[[Any], Any],
        again: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        """Keep every stage of the first batch and its gradients; at later steps nothing.

        Args:
            seen: by stage the program's own values: weights, layers, loss.
            gradient: that of the loss with respect to one of them.
            again: by stage what computes it from arrays, for those that the original had as its inputs (`stage`).
        """
        if self._losses:
            return
        for name, value in seen.items():
            self.stage(name, value)
        for name, computed in (again or {}).items():
            self.stage(name, seen[name], again=computed)
        for name, of in self.gradients.items():
            self.stage(name, gradient(seen[of]))

    def step(self, loss: Any, velocity: Mapping[str, Any], weight: Mapping[str, Any]) -> None:
        """Keep a training step, the next.

        Args:
            loss: of its batch, before the update.
            velocity: after it, by the weight's stage, as Lasagne has it: v = momentum v - rate gradient, weight + v.
            weight: after it, likewise.
        """
        self._losses.append(float(self._array("loss", loss)))
        step = len(self._losses)
        if step in self.training["recorded"]:
            velocities = {name.replace("weight", "velocity", 1): value for name, value in velocity.items()}
            told = {"loss": loss, **velocities, **weight}
            for of, value in told.items():
                name = f"step/{step:04d}/{of}"
                self.stage(name, value, operation="trajectory", step=step, of=of)

    def stage(
        self,
        stage: str,
        value: Any,
        *,
        operation: str | None = None,
        inputs: Sequence[str] = (),
        again: Callable[..., Any] | None = None,
        **attributes: Any,
    ) -> None:
        """Keep what came out at a stage.

        Args:
            stage: its name.
            value: what came out, the program's own.
            operation: what it does, as the judge calls it; not needed where the original's trace tells it.
            inputs: the stages that it was computed from, likewise.
            again: computes the stage from arrays, for those that the original had as its inputs.
            attributes: the operation's, likewise.

        Raises:
            ParityError: the original has no such stage, or nobody tells what it is.
        """
        if self._teacher is None and operation is None:
            raise ParityError(f"{stage}: no original tells its operation; give operation= and inputs=")
        self._keep(stage, self._array(stage, value), str(operation), inputs, **attributes)
        if again is not None and self._teacher is not None:
            taught = [self._teacher[name].copy() for name in self._teacher.graph[stage].inputs]
            self._forced[FORCED + stage] = self._array(stage, again(*taught))

    def _array(self, stage: str, value: Any) -> np.ndarray:
        return np.array(self._as_lasagne(stage, value), order="C")

    def _keep(
        self, stage: str, value: np.ndarray, operation: str, inputs: Sequence[str] = (), /, **attributes: Any
    ) -> None:
        if self._teacher is None:
            self._nodes.append(Node(stage, operation, tuple(inputs), attributes))
        elif stage not in self._teacher.graph.stages:
            known = ", ".join(self._teacher.graph.stages)
            raise ParityError(f"{stage}: the original has no such stage; name it as the original does: {known}")
        self._values[stage] = value

    def write(self, program: str | Path, *modules: str) -> None:
        """Write the trace.

        Args:
            program: the file that ran (`__file__`); the hash of its folder's code is told.
            modules: what else ran, imported and with a `__version__`: "torch".

        Raises:
            ParityError: stages of the original were not recorded.
        """
        if self._losses:
            curve = np.array(self._losses, self.dtype)
            self._keep("loss/curve", curve, "trajectory", of="loss")
        missing = [node.stage for node in self._nodes if node.stage not in self._values]
        if missing:
            raise ParityError(f"{len(missing)} stages were not recorded: {', '.join(missing)}; record them too")
        manifest = {
            "side": self._side,
            "program": Path(program).name,
            "stack": software_versions("numpy", *modules),
            "dtype": self.dtype,
            "seed": self._request.manifest["seed"],
            "request": dict(self._request.manifest),
            "request_sha256": self._request.sha256,
            "code_sha256": rooms_sha256(self._side, program_rooms(self._side, Path(program))),
            "teacher_sha256": self._teacher.sha256 if self._teacher and self._forced else None,
            "graph": [node.as_json() for node in self._nodes],
            "training": self.training,
        }
        write_trace(self._trace, manifest, {n.stage: self._values[n.stage] for n in self._nodes} | self._forced)
