"""A digest names what a result was made from by its content: a scene's files, the product's own source."""

import hashlib
from pathlib import Path

from port.bands import Source
from port.layout import ALL_SOURCES
from port.scenes import Scene

_CHANGES = Source("CHANGES", None)  # what the synthetic scene knows of its fields
_NUMBERLESS = ("__main__", "_table", "figure", "figures", "options", "record", "recording", "tape")
"""Endings of the names of those files of the product that print, draw or record, and touch no number of a run."""


def scene_digest(scene: Scene) -> str:
    """SHA-256 of a scene's files, by what they are and what they hold; their folder's name does not matter."""
    paths = {source: scene.rasters[source].path for source in ALL_SOURCES}
    changes = scene.directory / f"CHANGES{scene.suffix}.tif"
    if changes.is_file():
        paths[_CHANGES] = changes
    digest = hashlib.sha256()
    for source, path in paths.items():
        with path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        digest.update(f"{source.kind} {source.date_offset} {content}\n".encode())
    return digest.hexdigest()


def code_digest() -> str:
    """SHA-256 of the product's own source files that a run's numbers may depend on."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if not path.stem.endswith(_NUMBERLESS):
            digest.update(f"{path.stem} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
