"""The port's side of a comparison: one request in, one trace of all the port computes out (mirror of `legacy.record`).

It runs the product's own normalisation, network, loss and optimiser under recipe `original`; with the legacy's trace as
teacher it runs every stage once more on the inputs that the legacy recorded for it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from parity.errors import TraceError
from parity.trace import code_sha256, read_request, read_trace, software_versions, write_trace
from port.errors import SettingError, WeightsError
from port.recording import Recording, batches
from port.tape import Tape

LAYOUT = "lasagne: (out, in, row, col), filters flipped (true convolution)"


def record_all(files: Sequence[Path], teachers: Sequence[Path]) -> Iterator[Path]:
    """Record pairs REQUEST TRACE ..., each with its teacher if there are any; gives each trace as it is written.

    Raises:
        SettingError: an odd number of files, or teachers for some requests only.
        WeightsError: a request or teacher that cannot be used.
    """
    if len(files) % 2 or len(teachers) not in (0, len(files) // 2):
        raise SettingError(
            f"{len(files)} files and {len(teachers)} teachers given; expected pairs REQUEST TRACE, and a teacher for "
            f"each pair or for none"
        )
    for index, trace_path in enumerate(files[1::2]):
        try:
            record(files[2 * index], trace_path, teachers[index] if teachers else None)
        except TraceError as error:
            raise WeightsError(str(error)) from error
        yield trace_path


def record(request_path: Path, trace_path: Path, teacher_path: Path | None = None) -> None:
    """Write the port's trace of a request.

    Args:
        request_path: weights, patches, targets and settings.
        trace_path: where the trace goes; it appears whole or not at all.
        teacher_path: the legacy's trace of the same request, for the teacher-forced stages.

    Raises:
        TraceError: a request or teacher that cannot be used.
    """
    request = read_request(request_path)
    teacher = read_trace(teacher_path) if teacher_path else None
    tape = Tape(teacher)
    Recording(request, tape).run()
    manifest = {
        "side": "port",
        "stack": {"name": "pytorch", **software_versions("torch", "numpy")},
        "dtype": request.manifest["dtype"],
        "layout": LAYOUT,
        "seed": request.manifest["seed"],
        "request": dict(request.manifest),
        "request_sha256": request.sha256,
        "code_sha256": code_sha256(Path(__file__).parent),
        "teacher_sha256": teacher.sha256 if teacher else None,
        "graph": [node.as_json() for node in tape.nodes],
        "training": request.manifest["training"] | {"batches": batches(request)},
    }
    write_trace(trace_path, manifest, tape.arrays)
