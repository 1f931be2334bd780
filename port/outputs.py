"""An output is a path that something is to be written to; whether it can be is asked before anything is computed."""

import os
from pathlib import Path

from port.errors import OutputError
from port.raster_faults import is_text

_ROOM = 16  # for what stands before the name while the file is written: a dot, the process, a hyphen


def check_free(path: Path) -> None:
    """See that a new file may be written at a path.

    Raises:
        OutputError: something is there already, or its folder is none or may not be written to.
    """
    check_place(path)
    if os.path.lexists(path):
        raise OutputError(f"{path} exists already; give another name or remove it first")


def check_place(path: Path) -> None:
    """See that a file may be written at a path, in the place of another if there is one.

    Raises:
        OutputError: the path is a folder's, pipe's or device's, or its own folder is none or may not be written to.
    """
    folder, remedy = path.parent, "give a path in an existing folder you may write to"
    if os.path.isdir(path):
        raise OutputError(f"{path} is a folder, expected the name of a file to write; give one in it")
    if os.path.exists(path) and not os.path.isfile(path):
        raise OutputError(f"{path} is a pipe or device, expected the name of a file to write; give another")
    if not is_text(path):
        raise OutputError(f"cannot write {str(path)!a}: the name is no UTF-8; give another")
    if not os.path.isdir(folder):
        what = "is no folder" if os.path.lexists(folder) else "does not exist"
        raise OutputError(f"cannot write {path}: {folder} {what}; {remedy}")
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise OutputError(f"cannot write {path}: this user may not write to {folder}; {remedy}")
    longest = os.pathconf(folder, "PC_NAME_MAX") - _ROOM if hasattr(os, "pathconf") else None
    if longest is not None and len(os.fsencode(path.name)) > longest:
        raise OutputError(f"cannot write {path}: its name is longer than {longest} bytes; give a shorter one")
