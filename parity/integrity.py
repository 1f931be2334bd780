"""Whether two traces may be compared at all: each doubt is a FAIL, never a skip."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parity.errors import TraceError
from parity.findings import Check, Finding, Verdict, kind
from parity.reference import entry_dtype
from parity.rooms import ROOMS as ROOMS
from parity.rooms import program_rooms, rooms_sha256
from parity.trace import FORCED, Record
from parity.training import Training

Programs = Mapping[str, Path]
"""By side, `legacy` or `port`, the program that should have run in place of this project's own."""


def _fail(field: str, message: str) -> Finding:
    return Finding(field, Check.INTEGRITY, Verdict.FAIL, f"{field}: {message}")


def check_pair(
    legacy: Record,
    port: Record,
    *,
    request: Record | None = None,
    rooms: Path = ROOMS,
    same_side: bool = False,
    programs: Programs | None = None,
) -> list[Finding]:
    """All reasons why the two traces prove nothing about each other; empty when there is none.

    Args:
        legacy: the witness's trace.
        port: the port's trace.
        request: the request both should come from, when at hand.
        rooms: the directory whose subdirectories are the code that should have run.
        same_side: whether both are to be of one side (two witnesses), not of two.
        programs: of a side that is not of this project, the program that should have run.
    """
    return [
        *_same_request(legacy, port, request),
        *_told_dtype(legacy),
        *_told_training(legacy),
        *_two_sides(legacy, port, same_side),
        *_separate_processes(legacy, port),
        *(finding for side in (legacy, port) for finding in _fresh_code(side, rooms, programs or {})),
        *_same_stages(legacy, port),
        *_same_kinds(legacy, port),
    ]


def _same_request(legacy: Record, port: Record, request: Record | None) -> Iterator[Finding]:
    sides_told = {"legacy": legacy.manifest.get("request_sha256"), "port": port.manifest.get("request_sha256")}
    hashes = {side: None if told is None else str(told) for side, told in sides_told.items()}
    if request is not None:
        hashes["request"] = request.sha256
    if len(set(hashes.values())) != 1 or None in hashes.values():
        told = ", ".join(f"{side} {value}" for side, value in hashes.items())
        yield _fail("request_sha256", f"{told}; record both sides from one request")
    for field in ("dtype", "training", "graph"):
        sides = legacy.manifest.get(field), port.manifest.get(field)
        if sides[0] != sides[1]:
            difference = _first_difference(*sides)
            yield _fail(_place(field, *sides), f"legacy {difference} port; both must run the same network")
    asked = legacy.manifest.get("request") if request is None else request.manifest
    source = "legacy" if request is None else "request"
    for name, trace in (("legacy", legacy), ("port", port)):
        settings = trace.manifest.get("request")
        if settings != asked:
            difference = _first_difference(settings, asked)
            yield _fail("request", f"{name} {difference} the {source}; both must run the same network")


def _place(field: str, legacy: Any, port: Any) -> str:
    """The field, or the stage where two graphs that name the same stages first differ."""
    if field == "graph" and isinstance(legacy, list) and isinstance(port, list):
        nodes = [one for one, other in zip(legacy, port, strict=False) if one != other and isinstance(one, Mapping)]
        stages = [[str(node.get("stage")) for node in side if isinstance(node, Mapping)] for side in (legacy, port)]
        if nodes and stages[0] == stages[1]:
            return str(nodes[0].get("stage"))
    return field


def _first_difference(legacy: Any, port: Any) -> str:
    """The first place where two JSON values differ, as `legacy value, port value`."""
    if isinstance(legacy, list) and isinstance(port, list):
        for one, other in zip(legacy, port, strict=False):
            if one != other:
                return f"{one} against {other} of"
        return f"has {len(legacy)} entries against {len(port)} of"
    if isinstance(legacy, Mapping) and isinstance(port, Mapping):
        name = next(key for key in sorted({*legacy, *port}) if legacy.get(key) != port.get(key))
        return f"{name} {legacy.get(name)} against {port.get(name)} of"
    return f"{legacy} against {port} of"


def _told_dtype(legacy: Record) -> Iterator[Finding]:
    """Bounds follow from the dtype that the manifest, or the stage, tells: the legacy's numbers must have it."""
    told = legacy.manifest.get("dtype")
    if told not in ("float32", "float64"):
        yield _fail("dtype", f"{legacy.path} tells {told!r}, expected float32 or float64")
        return
    own = {node.stage: entry_dtype(node) for node in legacy.graph}
    for name, array in legacy.arrays.items():
        expected = own.get(name) or (told if array.dtype.kind == "f" else array.dtype.name)
        if array.dtype.name != expected:
            yield _fail("dtype", f"{legacy.path} tells {expected}, its entry {name} is {array.dtype}")
            return


def _told_training(legacy: Record) -> Iterator[Finding]:
    """What comes after training steps can be judged only if the manifest tells the training."""
    if legacy.manifest.get("training") or any(node.operation == "trajectory" for node in legacy.graph):
        try:
            Training.from_manifest(legacy.manifest, where=str(legacy.path))
        except TraceError as error:
            yield _fail("training", str(error))


def _two_sides(legacy: Record, port: Record, same_side: bool) -> Iterator[Finding]:
    sides = legacy.manifest.get("side"), port.manifest.get("side")
    if None in sides or (sides[0] == sides[1]) is not same_side:
        yield _fail(
            "side", f"legacy tells {sides[0]!r}, port {sides[1]!r}; compare the original's trace with the port's"
        )


def _separate_processes(legacy: Record, port: Record) -> Iterator[Finding]:
    processes = [side.manifest.get("process") for side in (legacy, port)]
    ids = [process.get("id") if isinstance(process, Mapping) else None for process in processes]
    if None in ids:
        yield _fail("process", f"legacy {ids[0]}, port {ids[1]}; a trace must name the process that wrote it")
    elif ids[0] == ids[1]:
        yield _fail(
            "process", f"both traces were written by process {ids[0]}; record each side in a process of its own"
        )


def _fresh_code(trace: Record, rooms: Path, programs: Programs) -> Iterator[Finding]:
    """The trace's code must be what stands today in its room, or in the folder of the program that ran in its place."""
    side = str(trace.manifest.get("side"))
    told, ran = trace.manifest.get("code_sha256"), trace.manifest.get("program")
    program = programs.get(side)
    if not isinstance(told, str):
        yield _fail("code_sha256", f"{trace.path} does not tell the code that ran; record it again")
    elif ran != (program.name if program else None):
        meant = f"{program} is given for this side" if program else f"this side's is not given (--{side}-program)"
        yield _fail("program", f"{trace.path} tells program {ran!r}, {meant}; say what ran")
    elif not (side.isidentifier() and (program.is_file() if program else (rooms / side).is_dir())):
        wanted = f"there is no file {program}" if program else f"{rooms} has no such directory of code"
        yield _fail("code_sha256", f"{trace.path} tells side {side!r}, but {wanted}")
    else:
        folders = program_rooms(side, program, rooms) if program else [rooms / side]
        today = rooms_sha256(side, folders)
        if today != told:
            where = f"{' or '.join(map(str, folders))}{'' if side == 'legacy' else ', or below,'}"
            changed = f"a .py file in {where} is new, gone or changed"
            yield _fail(
                "code_sha256", f"{trace.path} is stale: {changed} (hash {today}, it tells {told}); record it again"
            )


def _same_stages(legacy: Record, port: Record) -> Iterator[Finding]:
    stages = legacy.graph.stages
    for side, trace in (("legacy", legacy), ("port", port)):
        entries = [name for name in trace.arrays if name not in {FORCED + stage for stage in stages}]
        missing = [stage for stage in stages if stage not in entries]
        extra = [name for name in entries if name not in stages]
        for problem, names in (("missing", missing), ("extra", extra)):
            if names:
                yield _fail(names[0], f"{problem} in the {side}'s trace ({len(names)} in all: {', '.join(names[:5])})")
    if not stages:
        yield _fail("graph", "it has no stage; nothing would be compared")
    teacher = port.manifest.get("teacher_sha256")
    if teacher != (legacy.sha256 if port.forced or teacher else None):
        yield _fail("teacher_sha256", f"the port was forced by {teacher}, the legacy is {legacy.sha256}")


def _same_kinds(legacy: Record, port: Record) -> Iterator[Finding]:
    """Nothing is cast, broadcast or reshaped in order to be compared."""
    for stage in legacy.graph.stages:
        for name in (stage, FORCED + stage):
            if stage in legacy.arrays and name in port.arrays:
                expected, actual = kind(legacy[stage]), kind(port[name])
                if expected != actual:
                    yield _fail(name, f"legacy is {expected}, port is {actual}")
