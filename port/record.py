"""The port's side of a comparison: one request in, one trace of all the port computes out (mirror of `legacy.record`).

It runs the product's own code for every stage under recipe `original`; with the legacy's trace as teacher it runs
every stage once more on the inputs that the legacy recorded for it. Single switches can be set otherwise, to show what
they change: the trace then tells what was done.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from parity.errors import ParityError
from parity.trace import Record, code_sha256, read_request, read_trace, software_versions, write_trace
from port.data_path_recording import DataPathRecording
from port.engines import EngineName, check_engine
from port.errors import SettingError, WeightsError
from port.layer_recording import parameter_name
from port.recipes import Recipe
from port.recording import Recording
from port.requested import requested_recipe
from port.tape import Tape

SEEDED = ("given", "own")
"""Who draws the shuffle: the request gives it, or the product draws its own from the request's seed."""
LAYOUT = "lasagne: (out, in, row, col), filters flipped (true convolution)"


def record_all(
    files: Sequence[Path],
    teachers: Sequence[Path],
    switches: Mapping[str, Any] | None = None,
    *,
    engine: str | None = None,
) -> Iterator[Path]:
    """Record pairs REQUEST TRACE ..., each with its teacher if there are any; gives each trace as it is written.

    Raises:
        SettingError: an odd number of files, teachers for some requests only, or an unknown switch or value.
        WeightsError: a request or teacher that cannot be used.
    """
    if len(files) % 2 or len(teachers) not in (0, len(files) // 2):
        raise SettingError(
            f"{len(files)} files and {len(teachers)} teachers given; expected pairs REQUEST TRACE, and a teacher for "
            f"each pair or for none"
        )
    for index, trace_path in enumerate(files[1::2]):
        try:
            record(files[2 * index], trace_path, teachers[index] if teachers else None, switches, engine=engine)
        except ParityError as error:
            raise WeightsError(str(error)) from error
        yield trace_path


def record(
    request_path: Path,
    trace_path: Path,
    teacher_path: Path | None = None,
    switches: Mapping[str, Any] | None = None,
    *,
    engine: str | None = None,
) -> None:
    """Write the port's trace of a request.

    Args:
        request_path: a scene's files, or weights, patches and targets, and settings.
        trace_path: where the trace goes; it appears whole or not at all.
        teacher_path: the legacy's trace of the same request, for the teacher-forced stages.
        switches: those of the recipe to be set otherwise than the request asks, and `seeded` (see `SEEDED`); one given
            as None stays.
        engine: one of `port.engines` that computes layers and training steps, told in the manifest; for requests of
            patches. None as the product's modules are, layer by layer.

    Raises:
        TraceError: a request or teacher that cannot be used.
        SettingError: an unknown switch, value or engine, or an engine for a whole scene.
        Sar2NdviError: what the product itself refuses.
    """
    request = read_request(request_path)
    teacher = read_trace(teacher_path) if teacher_path else None
    given = dict(switches or {})
    seeded = _own_shuffle(given.pop("seeded", None))
    recipe = requested_recipe(request, given)
    by = _chosen(engine, request, recipe)
    # one of another dtype teaches nothing; the judge tells that the two differ
    tape = Tape(teacher if teacher and teacher.dtype.name == recipe.precision else None, recipe.filters)
    if request.manifest["kind"] == "pipeline":
        training = DataPathRecording(request, recipe, tape, seeded=seeded).run()
    else:
        with _every_shape_compiled() if by == "compiled" else nullcontext():
            training = Recording(request, recipe, tape, engine=by).run()
    manifest = {
        "side": "port",
        "stack": {"name": "pytorch", **software_versions("torch", "numpy")},
        "dtype": recipe.precision,
        "layout": LAYOUT,
        "seed": request.manifest["seed"],
        "request": dict(request.manifest),
        "request_sha256": request.sha256,
        "code_sha256": code_sha256(Path(__file__).parent),
        "teacher_sha256": teacher.sha256 if teacher else None,
        "parameters": {n.stage: parameter_name(n.stage) for n in tape.nodes if n.stage.startswith("weight/")},
        "graph": [node.as_json() for node in tape.nodes],
        "training": training,
        **({"engine": by} if by else {}),
    }
    write_trace(trace_path, manifest, tape.arrays)


def _chosen(engine: str | None, request: Record, recipe: Recipe) -> EngineName | None:
    """The engine asked for, where it can be observed layer by layer.

    Raises:
        SettingError: it is unknown, cannot compute in the recipe's precision, or a whole scene is asked for.
    """
    if engine is None:
        return None
    if request.manifest["kind"] != "network":
        raise SettingError(
            f"engine {engine} is asked for, but {request.path} is of kind {request.manifest['kind']!r}; give a request "
            "of kind 'network', or no engine"
        )
    return check_engine(engine, recipe.precision)


@contextmanager
def _every_shape_compiled() -> Iterator[None]:
    """Each layer has shapes of its own: compiled beyond torch's limit of 8, at which they would run uncompiled."""
    from torch._dynamo import config  # it takes a second to import

    with config.patch(recompile_limit=128, fail_on_recompile_limit_hit=True):
        yield


def _own_shuffle(seeded: str | None) -> bool:
    if seeded not in (None, *SEEDED):
        raise SettingError(f"seeded is {seeded!r}; choose one of {', '.join(SEEDED)}")
    return seeded == "own"
