"""Programs that do as told, in place of an engine, an interpreter or a compiler."""

from pathlib import Path


def program(path: Path, script: str) -> Path:
    """A shell program that does as told."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
