"""The oldest versions that are tested are the oldest that pyproject allows."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EXTRAS = ("test", "cluster", "onnx")
"""Those that the unit tests need."""


def test_oldest_versions_are_the_lower_bounds() -> None:
    """Each dependency of the unit tests is held to its own lower bound, and nothing else is."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in EXTRAS for one in project["optional-dependencies"][extra])]
    bounds = dict(re.match(r"([\w-]+)>=([\d.]+)", one).groups() for one in asked)  # type: ignore[union-attr]
    lines = (ROOT / "oldest.txt").read_text(encoding="utf-8").splitlines()
    assert dict(line.split("==") for line in lines if not line.startswith("#")) == bounds
