"""A certificate of weight transfer: every parameter mapped once, bit for bit, and laid down as the original lays it.

The port records a probe (`parity.probe`); each layer's teacher-forced answer tells how its weights lie.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

import numpy as np

from parity.errors import ParityError
from parity.findings import kind
from parity.graph import Node
from parity.judgement import Files
from parity.orientation import NO_BIAS, RIGHT, Orientation, read_off
from parity.probe import layers
from parity.trace import Record, read_trace

SIDE = ("side", "witness", "stack", "code_sha256")


class Ruling(StrEnum):
    """What is proven of a transfer of weights."""

    CERTIFIED = "CERTIFIED"
    FAILED = "FAILED"
    REFUSED = "REFUSED"

    @property
    def exit_code(self) -> int:
        """0 certified, 1 failed, 2 refused: nothing can be told from these weights."""
        return list(Ruling).index(self)


@dataclass(frozen=True)
class Parameter:
    """One parameter as both sides hold it.

    Attributes:
        original: its name in the original's trace.
        port: its name in the port, as the port's trace tells it.
        layer: the stage of the layer that uses it.
        shape: as the original stores it.
        sha256: of its bytes as the original stores it.
        orientation: how its layer lays it down; None for biases.
        ruling: what is proven.
        reason: why not, where it is not certified.
    """

    original: str
    port: str
    layer: str
    shape: tuple[int, ...]
    sha256: str
    orientation: Orientation | None
    ruling: Ruling
    reason: str


@dataclass(frozen=True)
class Certificate:
    """The parameters, and whose they are."""

    parameters: tuple[Parameter, ...]
    sides: Mapping[str, Mapping[str, Any]]
    dtype: str

    @property
    def ruling(self) -> Ruling:
        """FAILED if any parameter is, else REFUSED if any is, else CERTIFIED."""
        rulings = {parameter.ruling for parameter in self.parameters}
        return next(ruling for ruling in (Ruling.FAILED, Ruling.REFUSED, Ruling.CERTIFIED) if ruling in rulings)

    def as_json(self) -> dict[str, Any]:
        """The certificate as it is written."""
        told = {"ruling": self.ruling.value, "dtype": self.dtype, "sides": self.sides}
        return told | {"parameters": [asdict(parameter) for parameter in self.parameters]}

    def text(self) -> str:
        """The certificate in the same words, as JSON text."""
        return json.dumps(_without_infinity(self.as_json()), indent=1, allow_nan=False) + "\n"

    @property
    def lines(self) -> list[str]:
        """One line a parameter, and the ruling."""
        return [*map(_line, self.parameters), f"{self.ruling}: {self._said()}"]

    def _said(self) -> str:
        bad = [parameter for parameter in self.parameters if parameter.ruling is self.ruling]
        if self.ruling is Ruling.CERTIFIED:
            return f"{len(bad)} parameters are mapped once, bit for bit, and each layer lays its weights down rightly"
        return "; ".join(f"{parameter.original}: {parameter.reason}" for parameter in bad)


def _without_infinity(told: Any) -> Any:
    """JSON has no infinity: it is written as text."""
    if isinstance(told, dict):
        return {name: _without_infinity(value) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_without_infinity(value) for value in told]
    return str(told) if isinstance(told, float) and not np.isfinite(told) else told


def _line(parameter: Parameter) -> str:
    found = parameter.orientation
    told = f"{parameter.original} = {parameter.port} {parameter.shape} sha256 {parameter.sha256[:12]}"
    if found is not None:
        told += (
            f"; {found.lit} of {found.inputs} inputs lit, {RIGHT} {found.share:.2g} x bound, next "
            f"{found.next_best}, {found.next_share:.3g} x bound"
        )
    return f"{parameter.ruling}: {told}" + (f": {parameter.reason}" if parameter.reason else "")


def certify(legacy: Record, probe: Files) -> Certificate:
    """Rule on the port's trace of a probe.

    Raises:
        TraceError: a trace cannot be read.
        ParityError: the port's trace is not of this probe, or it has no teacher-forced answers.
    """
    teacher, port = read_trace(probe.legacy), read_trace(probe.port)
    told = (port.manifest.get("request_sha256"), port.manifest.get("teacher_sha256"), port.manifest.get("dtype"))
    asked = (teacher.manifest["request_sha256"], teacher.sha256, teacher.manifest["dtype"])
    if told[1] is None and told[::2] == asked[::2]:
        raise ParityError(
            f"{probe.port}: no stage was computed again from the original's inputs, which show how weights lie; give "
            "each layer's again= to the recorder (docs/your-own-port.md)"
        )
    if told != asked:
        raise ParityError(f"{probe.port}: request, teacher and dtype are {told}, expected {asked}; record the probe")
    parameters = tuple(_parameters(legacy, teacher, port))
    sides = {
        side.manifest["side"]: {n: side.manifest[n] for n in SIDE if n in side.manifest} for side in (legacy, port)
    }
    sides["legacy"] |= {"sha256": legacy.sha256}
    return Certificate(parameters, sides, str(legacy.manifest["dtype"]))


def _parameters(legacy: Record, teacher: Record, port: Record) -> Iterator[Parameter]:
    found = layers(teacher.graph)
    names = port.manifest.get("parameters") or {}
    held = {name: str(names.get(name, name)) for node in found for name in node.inputs[1:]}
    for node in found:
        shown = _orientation(node, teacher, port)
        for name in node.inputs[1:]:
            orientation = shown if name == node.inputs[1] and isinstance(shown, Orientation) else None
            wrong = _mapping(name, held, legacy, port)
            ruling, reason = wrong or _laid(name == node.inputs[1], shown)
            digest = sha256(legacy[name].tobytes()).hexdigest()
            yield Parameter(name, held[name], node.stage, legacy[name].shape, digest, orientation, ruling, reason)


def _orientation(node: Node, teacher: Record, port: Record) -> Orientation | str:
    """What the port's answer to a layer's lit input shows, or why it shows nothing."""
    answer, lit_input = port.forced.get(node.stage), teacher[node.inputs[0]]
    if answer is None:
        return f"the port's trace has no teacher-forced {node.stage}"
    if kind(answer) != kind(teacher[node.stage]):
        return f"{node.stage} is {kind(answer)}, expected {kind(teacher[node.stage])}"
    if not np.isfinite(answer).all():
        return f"{node.stage}: NaN or infinite in {int((~np.isfinite(answer)).sum())} elements"
    W, b = (teacher[name] for name in node.inputs[1:])
    return read_off(node, lit_input.shape, W, b, answer)


def _mapping(name: str, held: Mapping[str, str], legacy: Record, port: Record) -> tuple[Ruling, str] | None:
    """What is wrong with the mapping of one parameter."""
    twins = [other for other in held if other != name and held[other] == held[name]]
    if twins:
        return Ruling.FAILED, f"the port holds {twins[0]} under the same name, {held[name]}"
    if name not in port.arrays:
        return Ruling.FAILED, "the port's trace has no such entry"
    value, actual = legacy[name], port[name]
    if kind(value) != kind(actual):
        return Ruling.FAILED, f"the original's is {kind(value)}, the port's {kind(actual)}"
    if value.tobytes() != actual.tobytes():
        wrong = int((value != actual).sum())
        return Ruling.FAILED, f"{wrong} of {value.size} values are not the original's"
    equal = [other for other in held if other != name and np.array_equal(legacy[other], value)]
    if equal:
        return Ruling.REFUSED, f"it equals {equal[0]}, for which it could be taken; certify other weights"
    return None


def _laid(weights: bool, shown: Orientation | str) -> tuple[Ruling, str]:
    """What a layer's answer tells of its weights, or of its biases."""
    if isinstance(shown, str):
        return Ruling.FAILED, shown
    alike = [name for name in shown.alike if name != NO_BIAS]
    if not shown.fits:
        told = f"{RIGHT} is {shown.share:.3g} x bound off, {shown.next_best} {shown.next_share:.3g}"
        return Ruling.FAILED, f"no orientation explains what the port makes of lit inputs: {told}"
    if RIGHT not in shown.fits and (weights or all(NO_BIAS in name for name in shown.fits)):
        return Ruling.FAILED, f"laid down otherwise: {shown.fits[0]}"
    if weights and alike:
        return Ruling.REFUSED, f"{RIGHT} cannot be told from {' or '.join(alike)}; certify other weights"
    if not weights and NO_BIAS in shown.alike:
        return Ruling.REFUSED, "all are 0, so that leaving them out cannot be told; certify other weights"
    return Ruling.CERTIFIED, ""
