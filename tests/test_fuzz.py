"""Every reader of files from outside takes mutated ones, or refuses them in its own words, soon and within its memory.

The same harnesses as `tox -e fuzz` drives by coverage for minutes; here a few hundred files of each, and all that ever
went wrong.
"""

from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz_tests import harness as harness_room
from fuzz_tests.formats import harnesses
from fuzz_tests.harness import CrashError, Harness, try_input

CORPUS = Path(__file__).parents[1] / "fuzz_tests" / "corpus"
KEPT = sorted(path for path in CORPUS.glob("*/*") if path.suffix == ".input")
EXAMPLES = {"scene": 40, "judgement": 60, "original-weights": 120, "exhibits": 120}
pytestmark = pytest.mark.filterwarnings("ignore:Reading `.npy` or `.npz` file required additional:UserWarning")


@pytest.mark.parametrize("name", harnesses())
def test_sound_files_are_taken(name: str, tmp_path: Path) -> None:
    """What a mutation begins with is read; of what is written by hand, at least one."""
    harness = harnesses()[name]
    assert None in [try_input(harness, content, tmp_path) for content in harness.seeds]


@pytest.mark.parametrize("name", harnesses())
def test_mutated_files_are_taken_or_refused(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """One to four mutations, of bytes or of what they mean; nothing but the room's own errors, in time."""
    harness, folder = harnesses()[name], tmp_path_factory.mktemp("files")

    @settings(
        max_examples=EXAMPLES.get(name, 200), deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(st.sampled_from(range(len(harness.seeds))), st.integers(1, 4), st.randoms(use_true_random=False))
    def tried(seed: int, times: int, random: Random) -> None:
        content = harness.seeds[seed]
        for _ in range(times):
            content = harness.mutate(content, random)
        try_input(harness, content, folder)

    tried()


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_what_once_crashed_is_refused(path: Path, tmp_path: Path) -> None:
    """Each input kept gives the error written beside it."""
    message = try_input(harnesses()[path.parent.name], path.read_bytes(), tmp_path)
    assert message is not None
    assert path.with_suffix(".error").read_text(encoding="utf-8").strip() in message


def _slow(_content: bytes, _folder: Path) -> None:
    """Takes a while."""


def _refuses(_content: bytes, _folder: Path) -> None:
    """Steers the terminal."""
    raise ValueError("\x1b[2J")


def _fails(_content: bytes, _folder: Path) -> None:
    """Is not its own error."""
    raise KeyError("x")


@pytest.mark.parametrize(
    ("read", "error", "message"),
    [
        (_slow, CrashError, "took 0.0 s"),
        (_refuses, CrashError, "cannot be shown"),
        (_fails, KeyError, "x"),
    ],
    ids=["slow", "message", "error"],
)
def test_harness_sees_it(
    read: object, error: type[Exception], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rules above can fail: time, message, kind of error."""
    monkeypatch.setattr(harness_room, "SECONDS", -1.0 if read is _slow else 60.0)
    reader = Harness("made up", read, (ValueError,), (b"x",), lambda content, _: content)
    with pytest.raises(error, match=message):
        try_input(reader, b"x", tmp_path)


def test_harness_sees_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule about memory can fail too."""
    peaks = iter((1, harness_room.MEMORY_KB + 2))
    monkeypatch.setattr(harness_room, "peak_kb", lambda: next(peaks))
    reader = Harness("made up", _slow, (ValueError,), (b"x",), lambda content, _: content)
    with pytest.raises(CrashError, match="MiB more than it ever held"):
        try_input(reader, b"x", tmp_path)
