"""Finding and asking a witness: what is passed over and why, how it is started, and how its failures are told."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from parity import witness, witness_container, witness_interpreter
from parity.errors import WitnessError
from parity.trace import code_sha256, read_trace, write_trace
from parity.witness_container import ContainerWitness, working_engine
from parity.witness_interpreter import find_python
from parity.witness_live import DETECTED, LiveWitness, cache, file_sha256, key, openblas_kernels
from parity.witness_process import _kill, run
from parity.witness_recorded import RecordedWitness

NO_ENGINE = "echo 'Cannot connect to the daemon' >&2; exit 1"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the whole PATH, in a home without pyenv."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("SAR2NDVI_CACHE", str(tmp_path / "cache"))
    return directory


def program(path: Path, script: str) -> Path:
    """A shell program that does as told."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_a_client_without_an_engine_is_passed_over(path: Path) -> None:
    """That docker is installed proves nothing; the error says why for each engine."""
    program(path / "docker", NO_ENGINE)
    with pytest.raises(WitnessError, match=r"podman: not installed; docker: Cannot connect to the daemon"):
        working_engine()


def test_docker_serves_where_podman_does_not(path: Path) -> None:
    """Either engine will do."""
    program(path / "podman", NO_ENGINE)
    program(path / "docker", "exit 0")
    assert working_engine() == "docker"


def test_a_pyenv_shim_that_runs_nothing_is_passed_over(path: Path, tmp_path: Path) -> None:
    """A python3.9 on the PATH that fails gives way to one of pyenv's, newest first."""
    program(path / "g++", "exit 0")
    program(path / "python3.9", "echo 'pyenv: python3.9: command not found' >&2; exit 127")
    program(tmp_path / "pyenv/versions/3.8.18/bin/python", "echo 3.8.18")
    program(tmp_path / "pyenv/versions/3.9.2/bin/python", "echo 3.9.2")
    assert find_python() == (tmp_path / "pyenv/versions/3.9.2/bin/python", "3.9.2")


def test_no_interpreter_is_told_with_all_that_was_tried(path: Path) -> None:
    """The reason of each candidate stands in the error."""
    program(path / "g++", "exit 0")
    program(path / "python3.9", "echo 'No module named ensurepip' >&2; exit 1")
    program(path / "python3.8", "echo 3.12.1")
    with pytest.raises(WitnessError, match=r"python3.9: No module named ensurepip; .*python3.8: says it is 3.12.1"):
        find_python()


def test_the_interpreter_needs_a_compiler(path: Path) -> None:
    """Theano without g++ would take hours; it is refused at once."""
    program(path / "python3.9", "echo 3.9.18")
    with pytest.raises(WitnessError, match=r"compiles with g\+\+, which is not on the PATH"):
        find_python()


def test_an_unknown_witness_is_refused() -> None:
    """A misspelt name is not swallowed."""
    with pytest.raises(WitnessError, match="there is no witness 'contaner'; choose best, container"):
        witness.find("contaner")


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


def test_best_keeps_why_the_better_ones_were_passed_over(
    path: Path, recorded: RecordedWitness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no engine and no interpreter, the recorded traces testify, and say so."""
    found = partial(RecordedWitness, directory=recorded.directory, room=recorded.room)
    monkeypatch.setattr(witness, "RecordedWitness", found)
    best = witness.find("best")
    assert best.name == "recorded"
    assert best.description == "recorded (1 traces by container)"
    assert [reason.split(":")[0] for reason in best.reasons] == ["container", "interpreter"]
    (recorded.directory / "any.npz").unlink()
    with pytest.raises(WitnessError, match=r"no witness can be had: container: .*interpreter: .*recorded: no trace"):
        witness.find("best")


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


def test_a_program_that_hangs_is_killed_with_its_children() -> None:
    """The error says after how long, and what it wrote last; what else must be stopped is stopped."""
    stopped = []
    with pytest.raises(WitnessError, match=r"thinking: no end after 0.5 s; it wrote last: begun"):
        run(
            ["sh", "-c", "echo begun; sleep 600 & sleep 600"],
            what="thinking",
            timeout_s=0.5,
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
    """Haswell on a CPU with AVX2, the user's choice before ours, no choice elsewhere or where it is left to OpenBLAS."""
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


def test_only_podman_is_told_to_isolate_by_chroot(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker does not know the option; both follow the user's pip settings, neither needs them."""
    for name in (*witness_container.PIP_ARGUMENTS, "PIP_CERT", "LEGACY_BASE_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    log = path.parent / "log"
    for engine in ("podman", "docker"):
        program(path / engine, f'[ "$1" = build ] || exit 1; echo "$@" >> {log}')
    ContainerWitness(engine="docker", target="period")._make()
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("PIP_CERT", "/ca.pem")
    ContainerWitness(engine="podman")._make()
    docker, podman = log.read_text(encoding="utf-8").splitlines()
    assert docker.startswith("build --target period -t sar2ndvi-legacy-period:")
    assert podman.startswith("build --network host --isolation chroot --secret id=pip_cert,src=/ca.pem --build-arg")
    assert "PIP_INDEX_URL=https://index.example/simple" in podman


def test_an_image_is_named_by_what_it_is_made_from(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another requirement is another image; another line of the witness's code is not."""
    room = tmp_path / "room"
    (room / "legacy").mkdir(parents=True)
    monkeypatch.setattr(witness_container, "ROOT", room)
    (room / "Dockerfile.legacy").write_text("FROM debian", encoding="utf-8")
    (room / "legacy" / "requirements-theano.txt").write_text("Lasagne==0.1", encoding="utf-8")
    before = ContainerWitness().image
    (room / "legacy" / "record.py").write_text("code = 1", encoding="utf-8")
    assert ContainerWitness().image == before
    (room / "legacy" / "requirements-theano.txt").write_text("Lasagne==0.2", encoding="utf-8")
    assert ContainerWitness().image != before
    assert ContainerWitness(target="period").image.startswith("sar2ndvi-legacy-period:")


ABLE = {"podman": "overlay [cpu memory pids]", "docker": "overlay2 memory pids"}
"""What each engine's `info` says where it can bound memory and processes."""


def launched(path: Path, engine: str, able: str) -> str:
    """The words that the engine is given to run the witness."""
    log = path.parent / "log"
    script = f'echo "$@" >> {log}; [ "$1" = info ] && echo "{able}" || echo "{{}}"'
    program(path / engine, script)
    ContainerWitness(engine=engine).prepare()
    return log.read_text(encoding="utf-8").splitlines()[-1]


@pytest.mark.parametrize("engine", ABLE)
def test_a_container_is_confined(path: Path, engine: str) -> None:
    """No network, no rights, read-only but for one folder, bounded; it reads its code and reaches nothing else."""
    words = launched(path, engine, ABLE[engine])
    for option in (
        "--network none", "--ipc none", "--cap-drop all", "--read-only ", "--security-opt no-new-privileges",
        "--tmpfs /tmp:rw,nosuid,nodev,size=512m,mode=1777", "--memory 8192m --memory-swap 8192m", "--pids-limit 256",
        "--ulimit core=0:0", "--ulimit fsize=4294967296:4294967296", "/legacy:/room/legacy:ro",
    ):  # fmt: skip
        assert option in words
    assert words.endswith("timeout --kill-after=5 330 python -m legacy.stack")
    assert ("--read-only-tmpfs=false" in words) is (engine == "podman")
    assert re.findall(r"-v \S+:(/\w+) ", words) == ["/exchange"]
    assert "base_compiledir=/exchange/compiled" in words


@pytest.mark.parametrize("engine", ABLE)
@pytest.mark.parametrize(("user", "group"), [(0, 0), (501, 20)], ids=["root", "another user"])
def test_a_container_s_user_is_never_root(
    path: Path, engine: str, user: int, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The caller's own, or where root calls the one that the image has, to whom its folder is given."""
    given: list[Path] = []
    monkeypatch.setattr("os.getuid", lambda: user)
    monkeypatch.setattr("os.getgid", lambda: group)
    monkeypatch.setattr("os.chown", lambda path, uid, gid, follow_symlinks: given.append(path))
    words = launched(path, engine, ABLE[engine])
    assert f"--user {user or 1000}:{group or 1000} " in words
    assert ("--userns keep-id" in words) is (engine == "podman" and user != 0)
    assert len(given) == (0 if user else 2)


@pytest.mark.parametrize("engine", ABLE)
def test_what_cannot_be_bounded_is_said(path: Path, engine: str) -> None:
    """Where the engine has no control groups to bound memory by, it is run without, and the user is told."""
    said: list[str] = []
    log = path.parent / "log"
    program(path / engine, f'echo "$@" >> {log}; [ "$1" = info ] && echo "overlay []" || echo "{{}}"')
    ContainerWitness(engine=engine, say=said.append).prepare()
    assert "--memory" not in log.read_text(encoding="utf-8")
    assert f"{engine} cannot bound memory and pids here; the address space is bounded all the same" in said


def test_a_limit_is_no_higher_than_the_caller_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but root may set one above his own."""
    monkeypatch.setattr("resource.getrlimit", lambda _: (100, 500))
    assert witness_container._limit("nofile", 1024) == "nofile=500:500"
    assert witness_container._limit("core", 0) == "core=0:0"


VFS = """
echo "$@" >> {log}
case "$1 $2" in
  "info --format") echo vfs ;;
  "image mount") echo {layer} ;;
  "image inspect") echo '{{"Env": ["PYTHONPATH=/room"], "WorkingDir": "/room"}}' ;;
  *) echo "{{}}" ;;
esac
"""
"""A podman that keeps images as whole copies."""


@pytest.mark.parametrize(("user", "copies"), [(0, False), (1000, True)], ids=["root", "another user"])
def test_no_image_is_copied_for_a_container(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int, copies: bool
) -> None:
    """Where podman would copy the image each time, root runs the image itself, unwritable; others may not mount it."""
    log = tmp_path / "log"
    program(path / "podman", VFS.format(log=log, layer=tmp_path))
    monkeypatch.setattr("os.getuid", lambda: user)
    witness = ContainerWitness(engine="podman")
    witness.prepare()
    launched = log.read_text(encoding="utf-8").splitlines()[-1]
    end = "timeout --kill-after=5 330 python -m legacy.stack"
    own = f"-e PYTHONPATH=/room -w /room --rootfs {tmp_path} {end}"
    assert launched.endswith(f"{witness.image} {end}" if copies else own)


def test_our_own_pins_do_not_reach_the_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pip installs versions of another decade, for which our constraints have no room; the user's mirrors stay."""
    monkeypatch.setenv("PIP_CONSTRAINT", "constraints.txt")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("PYTHONPATH", "ours")
    assert not {"PIP_CONSTRAINT", "PYTHONPATH"} & set(witness_interpreter._clean())
    assert witness_interpreter._clean()["PIP_INDEX_URL"] == "https://index.example/simple"


def test_the_probe_of_an_interpreter_runs_on_this_one() -> None:
    """The few lines every candidate is asked are sound: this interpreter answers with its version or a reason."""
    answer = subprocess.run(
        [sys.executable, "-c", witness_interpreter.PROBE],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    assert (answer.stdout.strip() or answer.stderr.strip().splitlines()[-1]) in (
        sys.version.split()[0],
        "its header Python.h is missing",
    )


def test_recorded_traces_are_of_no_other_program(tmp_path: Path) -> None:
    """Another's original needs a witness that runs."""
    (tmp_path / "original.py").write_text("", encoding="utf-8")
    with pytest.raises(WitnessError, match=r"recorded: its traces are of this project's original, not of original\.py"):
        witness.find("recorded", program=tmp_path / "original.py")


def test_a_program_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Before anything is made."""
    with pytest.raises(WitnessError, match=r"there is no program .*absent\.py; give the file"):
        witness.find("recorded", program=tmp_path / "absent.py")


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


def test_an_engine_that_cannot_be_started_is_passed_over(path: Path) -> None:
    """Its file is there, but what should run it is not."""
    (path / "podman").write_text("#!/nowhere/sh\n", encoding="utf-8")
    (path / "podman").chmod(0o755)
    with pytest.raises(WitnessError, match=r"podman: \[Errno 2\] No such file .*docker: not installed"):
        working_engine()


def test_an_engine_that_says_nothing_is_told_by_its_exit_code(path: Path) -> None:
    """There is no last line to tell."""
    program(path / "podman", "exit 125")
    with pytest.raises(WitnessError, match="podman: exit code 125; docker: not installed"):
        working_engine()


def test_another_base_image_is_built_from(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the registry of the Dockerfile's own is out of reach; the image then has another name."""
    log = path.parent / "log"
    program(path / "docker", f'[ "$1" = build ] || exit 1; echo "$@" >> {log}')
    monkeypatch.delenv("LEGACY_BASE_IMAGE", raising=False)
    own = ContainerWitness(engine="docker").image
    monkeypatch.setenv("LEGACY_BASE_IMAGE", "mirror.example/debian:11")
    other = ContainerWitness(engine="docker")
    other._make()
    assert "--build-arg BASE=mirror.example/debian:11" in log.read_text(encoding="utf-8")
    assert own != other.image


ENGINE = """
echo "$@" >> {log}
[ "$1" = run ] || exit 0
for word; do
  case $word in
    *:/exchange) exchange=${{word%:/exchange}} ;;
    /exchange/*.npz) answer=$exchange/${{word#/exchange/}} ;;
  esac
done
{answer}
"""
"""A podman whose containers answer with the last file that they are told of."""


@pytest.fixture
def engine(path: Path, tmp_path: Path, recorded: RecordedWitness, monkeypatch: pytest.MonkeyPatch) -> ContainerWitness:
    """A container's witness that has been started once, and of whose request a trace lies ready."""
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    monkeypatch.setattr("os.getuid", lambda: 1000)
    script = ENGINE.format(log=tmp_path / "log", answer=f'cp {recorded.directory / "any.npz"} "$answer"')
    program(path / "podman", script)
    witness = ContainerWitness(engine="podman")
    (witness._home() / "stack.json").write_text("{}", encoding="utf-8")
    witness.prepare()
    return witness


def test_a_container_is_told_its_own_paths(engine: ContainerWitness, tmp_path: Path) -> None:
    """Request and trace lie in its exchange, which is mounted; the trace comes back from there."""
    engine.record([(tmp_path / "request.npz", tmp_path / "out.npz")])
    launched = (tmp_path / "log").read_text(encoding="utf-8").splitlines()[-1]
    assert launched.endswith("python -m legacy.record /exchange/000-request.npz /exchange/000.npz")
    assert (tmp_path / "out.npz").read_bytes() == (tmp_path / "recorded" / "any.npz").read_bytes()


def test_another_program_is_mounted_for_a_container(engine: ContainerWitness, tmp_path: Path) -> None:
    """Its folder, which it may not write; a trace that does not tell it is refused."""
    (tmp_path / "theirs").mkdir()
    engine.program = tmp_path / "theirs" / "lenet.py"
    engine.program.write_text("", encoding="utf-8")
    with pytest.raises(WitnessError, match=r"tells .*'program': None.*expected .*'program': 'lenet\.py'"):
        engine.record([(tmp_path / "request.npz", tmp_path / "out.npz")])
    launched = (tmp_path / "log").read_text(encoding="utf-8").splitlines()[-1]
    assert f"-v {tmp_path / 'theirs'}:/program:ro" in launched
    assert "python -m legacy.observe /program/lenet.py /exchange/000-request.npz" in launched


def test_a_container_that_hangs_is_removed(engine: ContainerWitness, path: Path, tmp_path: Path) -> None:
    """Killing the engine's client leaves the container running, so that it is removed by its name."""
    program(path / "podman", ENGINE.format(log=tmp_path / "log", answer="sleep 600"))
    with pytest.raises(WitnessError, match="container: 1 requests: no end after 1 s"):
        engine.record([(tmp_path / "request.npz", tmp_path / "out.npz")], timeout_s=1.0)
    started, removed = (tmp_path / "log").read_text(encoding="utf-8").splitlines()[-2:]
    assert removed == f"rm -f {started.split('--name ')[1].split()[0]}"


def test_what_its_owner_alone_reads_is_not_given_to_a_container(
    engine: ContainerWitness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where root calls, another user runs in it."""
    monkeypatch.setattr("os.getuid", lambda: 0)
    engine.program = tmp_path / "lenet.py"
    engine.program.touch(mode=0o600)
    with pytest.raises(
        WitnessError, match=r"lenet\.py can be read by its owner alone, not by a container's user; chmod"
    ):
        engine.record([(tmp_path / "request.npz", tmp_path / "out.npz")])


def test_an_engine_that_tells_nothing_of_an_image_is_refused(
    engine: ContainerWitness, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where root is shown the image itself, podman must say what it is."""
    program(path / "podman", 'case "$1" in info) echo "vfs [memory pids]" ;; *) echo "[]" ;; esac')
    monkeypatch.setattr("os.getuid", lambda: 0)
    monkeypatch.setattr("os.chown", lambda *_, **__: None)
    with pytest.raises(WitnessError, match=r"container: podman says '\[\]' of .*; build it again"):
        engine.record([(tmp_path / "request.npz", tmp_path / "out.npz")])


PYTHON = """
case "$*" in
  "-c"*) echo {version} ;;
  "-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  "-m pip"*) echo "$@" >> {log}; {pip} ;;
  "-m legacy.stack"*) echo '{{"python": "3.9.2"}}' ;;
  "-m legacy.record"*) cp {trace} "$4"; echo "$@" >> {log} ;;
esac
"""
"""A Python 3.9 that makes environments of itself, and testifies with a trace that lies ready."""


@pytest.fixture
def python(
    path: Path, tmp_path: Path, recorded: RecordedWitness, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """A function that puts such an interpreter, and a compiler, on the path; `pip` is what its pip does."""
    monkeypatch.setenv("PATH", f"{path}:/usr/bin:/bin")
    manifest = dict(read_trace(recorded.directory / "any.npz").manifest)
    told = {name: value for name, value in manifest.items() if name not in ("format", "order", "content_sha256")}
    write_trace(tmp_path / "ready.npz", told | {"witness": "interpreter"}, {"loss": np.zeros(1)})
    program(path / "g++", "exit 0")

    def made(pip: str = "true") -> Path:
        script = PYTHON.format(version="3.9.2", log=tmp_path / "log", pip=pip, trace=tmp_path / "ready.npz")
        return program(path / "python3.9", script)

    return made


def test_an_interpreter_testifies_from_an_environment_of_its_own(python: Callable[..., Path], tmp_path: Path) -> None:
    """It is made once, of pinned versions by their hashes; the trace is what that environment wrote."""
    python()
    lines: list[str] = []
    found = witness.find("interpreter", say=lines.append)
    assert (found.name, found.description) == ("interpreter", "interpreter (python 3.9.2)")
    assert lines[0].startswith("making an environment on ")
    found.record([(tmp_path / "request.npz", tmp_path / "out.npz")])
    assert (tmp_path / "out.npz").read_bytes() == (tmp_path / "ready.npz").read_bytes()
    *installed, recorded = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    assert [line.split()[-1].rpartition("/")[2] for line in installed] == [
        "requirements-build.txt", "requirements-interpreter.txt"
    ]  # fmt: skip
    assert all("--require-hashes" in line and "--no-deps" in line for line in installed)
    assert recorded.startswith("-m legacy.record /")
    witness.find("interpreter", say=lines.append)
    assert sum(line.startswith("making") for line in lines) == 1


def test_an_environment_is_there_whole_or_not_at_all(python: Callable[..., Path]) -> None:
    """Where its pip fails nothing is left in its place, nor beside it."""
    python(pip="echo 'no matching distribution'; exit 1")
    with pytest.raises(WitnessError, match="interpreter: pip install: exit code 1; it wrote last: no matching"):
        witness.find("interpreter")
    assert list(cache().iterdir()) == []


def test_the_faster_of_two_processes_makes_the_environment(python: Callable[..., Path]) -> None:
    """What another has made meanwhile stays."""
    found = witness_interpreter.InterpreterWitness(python=python(), version="3.9.2")
    python(pip=f"mkdir -p {found._home()}/bin; touch {found._home()}/theirs")
    found._make()
    assert [path.name for path in cache().iterdir()] == [found._home().name]
    assert (found._home() / "theirs").is_file()


def test_another_program_has_its_own_path_for_an_interpreter(tmp_path: Path) -> None:
    """It stands where it stands: nothing is mounted."""
    found = witness_interpreter.InterpreterWitness(program=tmp_path / "lenet.py")
    assert found._module() == ["legacy.observe", str(tmp_path / "lenet.py")]


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
