"""Whose code a trace must come from: a side's room, or the folder of the program that ran in its place."""

from pathlib import Path

from parity.trace import code_sha256

ROOMS = Path(__file__).resolve().parent.parent
"""Where the rooms `legacy` and `port` stand, whose code a trace must come from."""


def program_rooms(side: str, program: Path, rooms: Path = ROOMS) -> list[Path]:
    """The directories whose code makes a program: its own folder; for the original's side also what observes it."""
    own = program.resolve().parent
    return [own, rooms / "legacy"] if side == "legacy" else [own]


def rooms_sha256(side: str, directories: list[Path]) -> str:
    """The hash of a side's code: the port's with the packages below, the original's without, as `legacy.trace`."""
    return code_sha256(*directories, below=side != "legacy")
