"""The plan for a country is the measurement, multiplied out."""

import json
from pathlib import Path

import pytest

from benchmarks import scale_tables

ONE = {"seconds": 12.0, "client_cpu_s": 1.0, "network_bytes": 2**30, "worker_read_bytes": 2**31}
FOUND = {
    "date": "2026-01-02",
    "size_px": [1000, 10980],
    "cores": 2,
    "scene_bytes": 2**30,
    "written_bytes": 2**25,
    "alone": [{"seconds": 10.98}, {"seconds": 10.98}],
    "1": [ONE | {"worker_peak_bytes": 2**29}] * 2,
    "2": [ONE | {"seconds": 5.49}] * 2,
    "killed": {"seconds": 10.98},
}


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up measurement, and an older one that does not count."""
    (tmp_path / "cluster-2026-01-02.json").write_text(json.dumps(FOUND), encoding="utf-8")
    (tmp_path / "cluster-2025-12-31.json").write_text("{}", encoding="utf-8")
    monkeypatch.setattr(scale_tables, "RESULTS", tmp_path)


def test_rates_are_of_the_newest_measurement(measured: None) -> None:
    """Megapixels a second, and the ratio to the run alone of the same round."""
    text = scale_tables.rates()
    assert "| 1000 x 10980 px, 2026-01-02, 2 cores |" in text
    assert "its check of the scale included | 1.00 (1.00 to 1.00) | |" in text
    assert "| cluster, 1 worker | 0.92 (0.92 to 0.92) | 0.92 (0.92 to 0.92) x |" in text
    assert "| cluster, 2 workers | 2.00 (2.00 to 2.00) | 2.00 (2.00 to 2.00) x |" in text
    assert "one killed on the way | 1.00 | 1.00 x |" in text


def test_country_is_the_scene_times_its_pixels(measured: None) -> None:
    """3294 such scenes: hours, bytes, and workers to a client."""
    lines = dict(line.strip("| ").split(" | ") for line in scale_tables.country().splitlines()[2:])
    assert lines["core-hours of workers"] == f"{3294 * 12 / 3600:.1f}"
    assert lines["workers that one client keeps up with"] == "12"
    assert lines["hours with 64 workers and 6 clients"] == f"{3294 * 12 / 3600 / 64:.2f}"
    assert lines["over the network, storage apart"] == "3294 GiB"
    assert lines["memory of a worker, at most"] == "512 MiB"
    assert lines["money = core-hours x price; at an assumed 0.05 euro"] == f"{3294 * 13 / 3600 * 0.05:.2f} euro"
