"""The committed traces are packed, and read as what the witness wrote."""

from pathlib import Path

import numpy as np

from parity.trace import read_trace, write_trace
from parity_tests.recorded import deflate


def test_packed_trace_is_read_as_it_was(tmp_path: Path) -> None:
    """Packing keeps entries, order, content and manifest, and takes less room."""
    path = tmp_path / "trace.npz"
    write_trace(path, {"graph": []}, {"b/zeros": np.zeros((40, 50)), "a/empty": np.zeros((0, 3), np.float32)})
    before, size = read_trace(path), path.stat().st_size
    deflate(path)
    after = read_trace(path)
    assert list(after.arrays) == ["b/zeros", "a/empty"]
    assert all(np.array_equal(after[name], array) for name, array in before.arrays.items())
    assert after.manifest == before.manifest
    assert path.stat().st_size < size / 10
    assert list(tmp_path.iterdir()) == [path]
