"""The recorded witness: traces found by what was asked, stale where the code is another."""

from pathlib import Path

import pytest

from parity import witness
from parity.errors import WitnessError
from parity.witness_recorded import RecordedWitness


def test_the_recorded_trace_of_a_request_is_copied(recorded: RecordedWitness, tmp_path: Path) -> None:
    """It is found by the hash of the request, not by its name."""
    recorded.record([(tmp_path / "request.npz", tmp_path / "out" / "trace.npz")])
    assert (tmp_path / "out" / "trace.npz").read_bytes() == (tmp_path / "recorded" / "any.npz").read_bytes()


def test_a_request_without_a_recorded_trace_copies_nothing(recorded: RecordedWitness, tmp_path: Path) -> None:
    """One unknown request fails the whole call."""
    (tmp_path / "other.npz").write_bytes(b"other")
    pairs = [(tmp_path / name, tmp_path / "out" / name) for name in ("request.npz", "other.npz")]
    with pytest.raises(WitnessError, match=r"has request_sha256 .*other.npz"):
        recorded.record(pairs)
    assert not (tmp_path / "out").exists()


def test_a_trace_by_other_code_is_stale(recorded: RecordedWitness) -> None:
    """Recorded traces testify only for the code that stands there today."""
    (recorded.room / "record.py").write_text("code = 2\n", encoding="utf-8")
    with pytest.raises(WitnessError, match=r"any.npz is stale: written by code .*record again with"):
        recorded.prepare()


def test_recorded_traces_are_of_no_other_program(tmp_path: Path) -> None:
    """Another's original needs a witness that runs."""
    (tmp_path / "original.py").write_text("", encoding="utf-8")
    with pytest.raises(WitnessError, match=r"recorded: its traces are of this project's original, not of original\.py"):
        witness.find("recorded", program=tmp_path / "original.py")
