"""The example of another's port, run as its reader runs it; and wrong ports of it, each a line or two apart."""

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from parity.compare import Comparison, compare
from parity.judgement import Files, record_port
from parity.trace import read_request, read_trace
from parity.witness_process import run

LENET = Path(__file__).resolve().parent.parent / "examples" / "lenet"


@dataclass(frozen=True)
class WrongPort:
    """A mistake in the example's port.

    Attributes:
        right: a piece of its text.
        wrong: what stands there instead.
        stage: the first stage that shows it.
    """

    right: str
    wrong: str
    stage: str


WRONG_PORTS: Mapping[str, WrongPort] = {
    "dense weights not transposed": WrongPort(
        "else values.T)", "else values if values.shape == (24, 24) else values.T)", "dense1/pre"
    ),
    "ties to the first maximum only": WrongPort('"pool1": max_pool', '"pool1": nn.MaxPool2d(2)', "grad/conv1/out"),
    "filters not flipped": WrongPort("values.flip(2, 3)", "values", "conv1/pre"),
    "no gradient at exactly 0": WrongPort("return (x + x.abs()) / 2", "return x.relu()", "grad/dense1/pre"),
    "maxima for means": WrongPort("nn.AvgPool2d(2)", "nn.MaxPool2d(2)", "pool2"),
    "loss summed": WrongPort("(value.log(), labels)", "(value.log(), labels, reduction='sum')", "loss"),
}  # fmt: skip


def make_request(path: Path, dtype: str) -> None:
    """Write the example's request as its reader does."""
    run([sys.executable, str(LENET / "make_request.py"), str(path), dtype], what="make_request.py", timeout_s=60)


def judged(files: Files, port: Path) -> Comparison:
    """Record a port of the example on a request that the original has answered, and compare."""
    record_port(files, port=f"python {port}")
    sides = read_trace(files.legacy), read_trace(files.port)
    programs = {"legacy": LENET / "original.py", "port": port}
    return compare(*sides, request=read_request(files.request), programs=programs)


def wrong_copy(mistake: WrongPort, folder: Path) -> Path:
    """The example's port with a mistake, in a folder of its own.

    Raises:
        ValueError: the port has no such text, so that nothing would be wrong.
    """
    folder.mkdir()
    path = Path(shutil.copy(LENET / "port.py", folder))
    text = path.read_text(encoding="utf-8")
    if text.count(mistake.right) != 1:
        raise ValueError(f"{path} has {text.count(mistake.right)} times {mistake.right!r}, expected once")
    path.write_text(text.replace(mistake.right, mistake.wrong), encoding="utf-8")
    return path
