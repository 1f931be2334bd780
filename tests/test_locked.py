"""What CI installs by hash is what the constraints name, and all of it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PIN = re.compile(r"^([\w.-]+)==([\w.]+)(?:\+cpu)?(?=\s|$)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    """Versions by name, written alike."""
    text = path.read_text(encoding="utf-8")
    return {name.lower().replace("_", "-").replace(".", "-"): version for name, version in PIN.findall(text)}


def test_locked_versions_are_the_constraints() -> None:
    """Each version that the constraints name is locked, and no other of it."""
    locked, named = pins(ROOT / ".ci" / "locked.txt"), pins(ROOT / "constraints.txt")
    assert {name: locked.get(name) for name in named} == named


@pytest.mark.parametrize("name", ["locked.txt", "locked-tox.txt"])
def test_every_locked_file_has_its_hash(name: str) -> None:
    """A line of its own after each version."""
    lines = [line for line in (ROOT / ".ci" / name).read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    versions = [line for line in lines if PIN.match(line)]
    assert versions
    assert all(line.endswith(" \\") for line in versions)
    assert all(line.strip().startswith("--hash=sha256:") for line in lines if not PIN.match(line))
