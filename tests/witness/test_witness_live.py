"""What is asked of every live witness: sound traces of the request, a stack, kernels its OpenBLAS knows."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from parity.errors import WitnessError
from parity.witness_live import DETECTED, LiveWitness, cache, key, openblas_kernels
from parity.witness_process import run
from parity.witness_recorded import RecordedWitness


@dataclass
class FakeWitness(LiveWitness):
    """A live witness whose program is a line of Python that writes the last of its arguments."""

    script: str = ""
    name: str = "container"

    def _make(self) -> None:
        """Nothing to make."""

    def _home(self) -> Path:
        home = cache() / "fake"
        home.mkdir(exist_ok=True)
        return home

    def _inside(self, exchange: Path, name: str) -> str:
        return str(exchange / name)

    def _program(self, program: Path) -> str:
        return str(program)

    def _launch(self, module: Sequence[str], exchange: Path, *, what: str, timeout_s: float) -> list[str]:
        return run([sys.executable, "-c", self.script, *module], what=what, timeout_s=timeout_s)


UNSOUND = {
    "nothing": ("pass", "wrote no sound trace"),
    "garbage": ("import sys; open(sys.argv[-1], 'wb').write(b'garbage')", "wrote no sound trace"),
    "death": ("import os; os.abort()", "exit code -6"),
}


@pytest.mark.parametrize(("script", "message"), UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_trace_is_not_handed_on(path: Path, tmp_path: Path, script: str, message: str) -> None:
    """A witness that dies or writes garbage leaves no trace at the destination."""
    (tmp_path / "request.npz").write_bytes(b"request")
    with pytest.raises(WitnessError, match=message):
        FakeWitness(script=script).record([(tmp_path / "request.npz", tmp_path / "trace.npz")])
    assert not (tmp_path / "trace.npz").exists()


def test_a_trace_of_another_request_is_not_handed_on(path: Path, recorded: RecordedWitness, tmp_path: Path) -> None:
    """A sound trace must also be the trace of what was asked."""
    (tmp_path / "other.npz").write_bytes(b"other")
    script = f"import shutil, sys; shutil.copy({str(recorded.directory / 'any.npz')!r}, sys.argv[-1])"
    FakeWitness(script=script).record([(tmp_path / "request.npz", tmp_path / "trace.npz")])
    with pytest.raises(WitnessError, match=r"the trace of .*other.npz tells .*request_sha256"):
        FakeWitness(script=script).record([(tmp_path / "other.npz", tmp_path / "other-trace.npz")])
    assert (tmp_path / "trace.npz").is_file()
    assert not (tmp_path / "other-trace.npz").exists()


def test_the_first_start_must_tell_the_stack(path: Path) -> None:
    """An environment that starts but cannot say what it is does not testify; one that can is asked once."""
    for said, reason in (("hello", "expected its stack as JSON"), ("[1]", "expected its stack as JSON .it is a list")):
        with pytest.raises(WitnessError, match=reason):
            FakeWitness(script=f"print('{said}')").prepare()
    FakeWitness(script="""print('{"python": "3.9.2"}')""").prepare()
    again = FakeWitness(script="raise SystemExit(1)")
    again.prepare()
    assert again.description == "container (python 3.9.2)"


def test_openblas_is_held_to_kernels_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Haswell on a CPU with AVX2, the user's choice before ours; none elsewhere, or where OpenBLAS is to choose."""
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("flags : sse avx avx2 avx512f\n", encoding="utf-8")
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    assert openblas_kernels(cpuinfo) == {"OPENBLAS_CORETYPE": "Haswell"}
    assert openblas_kernels(tmp_path / "none") == {}
    cpuinfo.write_text("flags : sse avx\n", encoding="utf-8")
    assert openblas_kernels(cpuinfo) == {}
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Zen")
    assert openblas_kernels(cpuinfo) == {"OPENBLAS_CORETYPE": "Zen"}
    cpuinfo.write_text("flags : sse avx avx2 avx512f\n", encoding="utf-8")
    monkeypatch.setenv("OPENBLAS_CORETYPE", DETECTED)
    assert openblas_kernels(cpuinfo) == {}


def test_a_key_tells_content_and_order_apart(tmp_path: Path) -> None:
    """Another byte, or the same bytes divided otherwise, is another environment."""
    (tmp_path / "a").write_text("ab", encoding="utf-8")
    assert key("ab") == key(tmp_path / "a")
    assert len({key("ab"), key("a", "b"), key("b", "a"), key("ba")}) == 4


def test_a_program_is_observed_in_place_of_the_original(tmp_path: Path) -> None:
    """The room's own module is run on it."""
    fake = FakeWitness(program=tmp_path / "lenet.py")
    assert fake._module() == ["legacy.observe", str(tmp_path / "lenet.py")]
    assert FakeWitness()._module() == ["legacy.record"]


def test_another_module_of_the_room_is_asked(path: Path, tmp_path: Path) -> None:
    """It gets a copy of the request; what it writes is handed on as it is."""
    (tmp_path / "request.npz").write_bytes(b"how long?")
    script = "import shutil, sys; assert sys.argv[1] == 'legacy.timing'; shutil.copy(*sys.argv[2:])"
    FakeWitness(script=script).ask("legacy.timing", tmp_path / "request.npz", tmp_path / "answer.npz")
    assert (tmp_path / "answer.npz").read_bytes() == b"how long?"


def test_a_module_that_writes_nothing_has_not_answered(path: Path, tmp_path: Path) -> None:
    """Though it ends well."""
    (tmp_path / "request.npz").write_bytes(b"how long?")
    with pytest.raises(WitnessError, match=r"legacy\.timing ended well, but wrote no answer to request\.npz"):
        FakeWitness(script="pass").ask("legacy.timing", tmp_path / "request.npz", tmp_path / "answer.npz")
    assert not (tmp_path / "answer.npz").exists()
