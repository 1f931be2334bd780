"""The witness in a container: how its image is made and named, how it is confined, what it is given."""

import re
from pathlib import Path

import pytest
from shell_programs import program

from parity import witness_container
from parity.errors import WitnessError
from parity.witness_container import ContainerWitness
from parity.witness_recorded import RecordedWitness


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
    with pytest.raises(WitnessError, match="container: 1 requests: no end after 3 s"):
        engine.record([(tmp_path / "request.npz", tmp_path / "out.npz")], timeout_s=3.0)
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
