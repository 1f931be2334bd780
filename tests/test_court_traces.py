"""The court has its traces until its report is made, whatever becomes of pytest's own folders."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_report_is_made_though_pytest_keeps_nothing(tmp_path: Path) -> None:
    """Its folders go before the last words: at once if told so, else when three later sessions have had theirs."""
    words = ["parity_tests/test_network_parity.py", "--witness=recorded", f"--report={tmp_path}", "-q"]
    keeping_nothing = ["-o", "tmp_path_retention_count=0", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *words, *keeping_nothing]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=240, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert (tmp_path / "recorded" / "report.html").is_file()
