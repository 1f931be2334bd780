"""A PATH that holds only what a test puts there; a request and its recorded trace."""

from pathlib import Path

import numpy as np
import pytest

from parity.trace import code_sha256, write_trace
from parity.witness_live import file_sha256
from parity.witness_recorded import RecordedWitness


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the whole PATH, in a home without pyenv."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("SAR2NDVI_CACHE", str(tmp_path / "cache"))
    return directory


@pytest.fixture
def recorded(tmp_path: Path) -> RecordedWitness:
    """One request and its recorded trace, by a room of one file."""
    (tmp_path / "legacy").mkdir()
    (tmp_path / "legacy" / "record.py").write_text("code = 1\n", encoding="utf-8")
    (tmp_path / "request.npz").write_bytes(b"request")
    request_sha256 = file_sha256(tmp_path / "request.npz")
    manifest = {
        "side": "legacy",
        "witness": "container",
        "request_sha256": request_sha256,
        "code_sha256": code_sha256(tmp_path / "legacy"),
    }
    (tmp_path / "recorded").mkdir()
    write_trace(tmp_path / "recorded" / "any.npz", manifest, {"loss": np.zeros(1)})
    return RecordedWitness(directory=tmp_path / "recorded", room=tmp_path / "legacy")
