"""The committed traces: `python -m parity_tests.recorded` records them again, in the container, and deflates them.

They answer where no witness can run. They must be recorded again whenever legacy/ changes.
"""

import sys
import tempfile
import zipfile
from pathlib import Path

from parity import witness
from parity_tests.probes import RECORDED_CASES, Case, make_request

RECORDED = Path(__file__).parent / "recorded"


def trace_path(case: Case) -> Path:
    """Where a recorded case's trace is kept."""
    return RECORDED / f"{case.id}.npz"


def deflate(path: Path) -> None:
    """Write a trace again with the same entries, packed: what is read of it stays the same."""
    beside = path.with_suffix(".part")
    with zipfile.ZipFile(path) as stored, zipfile.ZipFile(beside, "w") as packed:
        for member in stored.infolist():
            content = stored.read(member)
            packed.writestr(zipfile.ZipInfo(member.filename, member.date_time), content, zipfile.ZIP_DEFLATED)
    beside.replace(path)


def main(name: str = "container") -> None:
    """Record every recorded case with a live witness."""
    found = witness.find(name, say=lambda text: print(text, file=sys.stderr))  # noqa: T201 - a command
    RECORDED.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        pairs = [(Path(folder) / f"{case.id}.npz", trace_path(case)) for case in RECORDED_CASES]
        for case, (request, _) in zip(RECORDED_CASES, pairs, strict=True):
            make_request(case, request)
        found.record(pairs)
        for _, trace in pairs:
            deflate(trace)


if __name__ == "__main__":
    main(*sys.argv[1:])
