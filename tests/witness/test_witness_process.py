"""A witness's process: how it ends, how it is ended, what is told of it."""

import subprocess
import time

import pytest

from parity.errors import WitnessError
from parity.witness_process import _kill, run


def test_a_program_that_hangs_is_killed_with_its_children() -> None:
    """The error says after how long, and what it wrote last; what else must be stopped is stopped."""
    stopped = []
    with pytest.raises(WitnessError, match=r"thinking: no end after 3 s; it wrote last: begun"):
        run(
            ["sh", "-c", "echo begun; sleep 600 & sleep 600"],
            what="thinking",
            timeout_s=3.0,
            stop=lambda: stopped.append(True),
        )
    assert stopped == [True]


def test_a_program_that_dies_is_told_with_its_last_lines() -> None:
    """Both streams are kept, and passed on line by line."""
    lines: list[str] = []
    with pytest.raises(WitnessError, match=r"dying: exit code 3; it wrote last: one \| two"):
        run(["sh", "-c", "echo one; echo two >&2; exit 3"], what="dying", timeout_s=10.0, say=lines.append)
    assert lines == ["one", "two"]


def test_a_program_that_is_not_there_is_told() -> None:
    """No traceback for a missing file."""
    with pytest.raises(WitnessError, match="cannot be started"):
        run(["/nowhere/python"], what="starting", timeout_s=10.0)


def test_a_listener_that_is_interrupted_ends_the_program() -> None:
    """Nothing runs on behind a stopped judge, and what else must be stopped is stopped."""
    stopped = []

    def interrupt(_line: str) -> None:
        raise KeyboardInterrupt

    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(
            ["sh", "-c", "echo begun; sleep 600"], what="w", timeout_s=300.0, say=interrupt,
            stop=lambda: stopped.append(True),
        )  # fmt: skip
    assert stopped == [True]
    assert time.monotonic() - begun < 60


def test_a_program_that_has_ended_need_not_be_killed() -> None:
    """It may end by itself while it is being killed."""
    with subprocess.Popen(["true"], start_new_session=True) as ended:
        ended.wait()
        _kill(ended)
    assert ended.returncode == 0
