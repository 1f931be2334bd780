"""The witness in a container: an image of Dockerfile.legacy, run without network by podman or docker."""

import json
import math
import os
import resource
import shutil
import stat
import subprocess
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from parity.archive import SIZE_LIMIT_BYTES
from parity.errors import WitnessError
from parity.witness_live import MEMORY_MB, ROOT, LiveWitness, cache, key, not_a_file
from parity.witness_process import run

ENGINES = ("podman", "docker")
BUILD_S, ANSWER_S = 3600.0, 60.0
ABLE = {
    "podman": "{{.Store.GraphDriverName}} {{.Host.CgroupControllers}}",
    "docker": "{{.Driver}} {{if .MemoryLimit}}memory{{end}} {{if .PidsLimit}}pids{{end}}",
}
"""What an engine's `info` is asked: how it keeps images, and what of a container's use it can bound."""
SECURITY = ("no-new-privileges", "label=disable")
"""A witness gains no rights; SELinux, where it is on, lets it read what is mounted."""
BOUNDS = {"memory": ("--memory", f"{MEMORY_MB}m", "--memory-swap", f"{MEMORY_MB}m"), "pids": ("--pids-limit", "256")}
"""By what can be bounded: a compiler takes some processes, a witness less than 2 GB."""
LIMITS = {"nofile": 1024, "nproc": 4096, "core": 0, "fsize": SIZE_LIMIT_BYTES}
"""Open files, the user's processes, no core, no file larger than a trace may be."""
TEMPORARY = "/tmp:rw,nosuid,nodev,size=512m,mode=1777"
"""In memory, gone with the container; the compiler works there."""
WITNESS_UID = 1000
"""The user whom Dockerfile.legacy makes: who a witness is where the caller is root."""
COMPILED = "compiled"
"""Where in the exchange Theano keeps what it compiles."""
GRACE_S = 30
"""So much later than it should have ended it ends itself, should nobody be left to end it."""
PIP_ARGUMENTS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")
"""The user's pip settings that a build follows where they are set."""


@dataclass
class ContainerWitness(LiveWitness):
    """Debian bullseye: Theano-PyMC on Python 3.9 (target pymc), or Theano 0.8.2 on Python 2.7 (target period).

    Attributes:
        engine: podman or docker, found to work.
        target: the stage of Dockerfile.legacy.
    """

    engine: str = "podman"
    target: str = "pymc"

    @property
    def name(self) -> str:
        """'container', or 'period'."""
        return "container" if self.target == "pymc" else self.target

    @property
    def image(self) -> str:
        """The tag: the target, and the hash of all that the image is made from."""
        sources = [ROOT / "Dockerfile.legacy", *sorted((ROOT / "legacy").glob("requirements-*.txt"))]
        return f"sar2ndvi-legacy-{self.target}:{key(*sources, self.target, os.environ.get('LEGACY_BASE_IMAGE', ''))}"

    def _home(self) -> Path:
        return _directory(cache() / self.image.replace(":", "-"))

    def _make(self) -> None:
        inspected = subprocess.run([self.engine, "image", "inspect", self.image], capture_output=True, check=False)
        if inspected.returncode != 0:
            self.say(f"building {self.image} with {self.engine} (minutes, once)")
            run(self._build(), what=f"{self.name}: {self.engine} build", timeout_s=BUILD_S, say=self.say)

    def _build(self) -> list[str]:
        """The build: with the host's network and pip settings; podman isolates by chroot, which needs no privileges."""
        podman = ["--network", "host", "--isolation", "chroot"] if self.engine == "podman" else []
        given = {name: os.environ[name] for name in PIP_ARGUMENTS if os.environ.get(name)}
        if os.environ.get("LEGACY_BASE_IMAGE"):
            given["BASE"] = os.environ["LEGACY_BASE_IMAGE"]
        arguments = [part for name, value in given.items() for part in ("--build-arg", f"{name}={value}")]
        certificate = os.environ.get("PIP_CERT")
        secret = ["--secret", f"id=pip_cert,src={certificate}"] if certificate else []
        where = ["--target", self.target, "-t", self.image, "-f", str(ROOT / "Dockerfile.legacy"), str(ROOT)]
        return [self.engine, "build", *podman, *secret, *arguments, *where]

    def _inside(self, exchange: Path, name: str) -> str:
        return f"/exchange/{name}"

    def _program(self, program: Path) -> str:
        return f"/program/{program.name}"

    def _launch(self, module: Sequence[str], exchange: Path, *, what: str, timeout_s: float) -> list[str]:
        container = f"sar2ndvi-{uuid.uuid4().hex[:12]}"
        spelling = "blas__ldflags" if self.target == "pymc" else "blas.ldflags"
        settings = self._settings(self._inside(exchange, COMPILED), f"{spelling}=-lopenblas")
        self._give(exchange)
        command = [
            self.engine, "run", "--rm", "--name", container, "--hostname", "witness", *self._confined(),
            *(part for source, target in self._mounts(exchange).items() for part in ("-v", f"{source}:{target}")),
            *(part for name, value in settings.items() for part in ("-e", f"{name}={value}")),
            *self._root(), "timeout", "--kill-after=5", f"{math.ceil(timeout_s) + GRACE_S}", "python", "-m", *module,
        ]  # fmt: skip
        return run(command, what=what, timeout_s=timeout_s, say=self.say, stop=lambda: self._remove(container))

    def _confined(self) -> list[str]:
        """No network, no rights, an ordinary user, nothing to write but its folders, bounded memory and processes."""
        options = [
            "--network",
            "none",
            "--ipc",
            "none",
            *self._user(),
            "--cap-drop",
            "all",
            "--read-only",
            "--tmpfs",
            TEMPORARY,
        ]
        if self.engine == "podman":
            options.append("--read-only-tmpfs=false")  # else it could write to /run and /var/tmp too
        options += [part for option in SECURITY for part in ("--security-opt", option)]
        options += [part for name, most in LIMITS.items() for part in ("--ulimit", _limit(name, most))]
        return options + [part for name, parts in BOUNDS.items() if name in self._able for part in parts]

    def _mounts(self, exchange: Path) -> dict[str, str]:
        """What of this machine the container sees: code to read, and the one folder that it can write to."""
        mounts = {f"{ROOT / 'legacy'}": "/room/legacy:ro", f"{exchange}": "/exchange"}
        if self.program is not None:
            mounts[str(self.program.resolve().parent)] = "/program:ro"
        return mounts

    def _give(self, exchange: Path) -> None:
        """Where the caller is root, the exchange and what is in it become the ordinary user's."""
        if os.getuid() != 0:
            return
        for path in (ROOT / "legacy", *([self.program.resolve()] if self.program else [])):
            if not path.stat().st_mode & stat.S_IROTH:
                raise WitnessError(
                    f"{path} can be read by its owner alone, not by a container's user; chmod -R o+rX it"
                )
        for path in (exchange, *exchange.rglob("*")):
            os.chown(path, WITNESS_UID, WITNESS_UID, follow_symlinks=False)

    def _root(self) -> list[str]:
        """What the container's files are: the image.

        Podman's vfs copies all of it for each container, a gigabyte and seconds of a processor: there root is shown the
        image itself, which nothing in the container can write. It then is told what the image says of itself.
        """
        if self.engine != "podman" or os.getuid() != 0 or "vfs" not in self._able:
            return [self.image]
        told = self._asked("image", "inspect", "--format", "{{json .Config}}", self.image)
        try:
            image = json.loads(told)
            settings, directory = [part for setting in image["Env"] for part in ("-e", setting)], image["WorkingDir"]
        except (ValueError, KeyError, TypeError) as error:
            raise WitnessError(f"{self.name}: podman says {told[:200]!r} of {self.image}; build it again") from error
        layer = Path(self._asked("image", "mount", self.image))
        layer.chmod(0o755)  # vfs keeps the image's / to root; nobody else gets to where it lies
        return [*settings, "-w", directory, "--rootfs", str(layer)]

    @cached_property
    def _able(self) -> frozenset[str]:
        """What the engine says it is and can."""
        words = self._asked("info", "--format", ABLE[self.engine]).replace("[", " ").replace("]", " ")
        able = frozenset(words.split())
        if lacking := [name for name in BOUNDS if name not in able]:
            self.say(
                f"{self.engine} cannot bound {' and '.join(lacking)} here; the address space is bounded all the same"
            )
        return able

    def _asked(self, *question: str) -> str:
        """The last line that the engine answers."""
        answer = run([self.engine, *question], what=f"{self.name}: {self.engine} {question[0]}", timeout_s=ANSWER_S)
        return answer[-1] if answer else ""

    def _user(self) -> list[str]:
        """The caller's own user, to whom the mounted directories belong; never root: where that calls, the image's."""
        if os.getuid() == 0:
            return ["--user", f"{WITNESS_UID}:{WITNESS_UID}"]
        user = ["--user", f"{os.getuid()}:{os.getgid()}"]
        return [*user, "--userns", "keep-id"] if self.engine == "podman" else user

    @contextmanager
    def _exchange(self) -> Iterator[Path]:
        """An exchange with a copy of what Theano compiled before, of the same program alone, by the same user.

        What it compiles anew is kept once it ended well: what one program leaves there runs in no other's name.
        """
        program = f"-{key(self.program)}" if self.program else ""
        kept = _directory(self._home() / f"compiled-{os.getuid() or WITNESS_UID}{program}")
        with super()._exchange() as exchange:
            shutil.copytree(kept, exchange / COMPILED)
            yield exchange
            _keep_compiled(exchange / COMPILED, kept)

    def _remove(self, container: str) -> None:
        subprocess.run([self.engine, "rm", "-f", container], capture_output=True, check=False, timeout=60)


def working_engine() -> str:
    """The first of podman and docker that answers; a client without an engine does not count.

    Raises:
        WitnessError: none does; says why for each.
    """
    reasons = []
    for engine in ENGINES:
        reason = _refusal(engine)
        if reason is None:
            return engine
        reasons.append(f"{engine}: {reason}")
    raise WitnessError(f"no container engine works ({'; '.join(reasons)}); install podman, or choose another witness")


def _limit(name: str, most: int) -> str:
    """A limit as the engines take it, no higher than the caller's own, above which he may not set any."""
    own = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))[1]
    least = most if own == resource.RLIM_INFINITY else min(most, own)
    return f"{name}={least}:{least}"


def _refusal(engine: str) -> str | None:
    """Why the engine cannot be used; None when it can."""
    if shutil.which(engine) is None:
        return "not installed"
    try:
        answer = subprocess.run([engine, "info"], capture_output=True, encoding="utf-8", check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = answer.stderr.strip().splitlines()
    return None if answer.returncode == 0 else (lines[-1] if lines else f"exit code {answer.returncode}")


def _keep_compiled(compiled: Path, kept: Path) -> None:
    """Move what was compiled anew to what is kept: each library once, in a folder named as Theano did, files alone."""
    for library in compiled.glob("*/*/*.so"):
        module = library.parent
        place = kept / module.relative_to(compiled)
        with suppress(OSError):  # not for us to read: it is compiled again
            plain = all(not_a_file(path) is None and os.access(path, os.R_OK) for path in module.iterdir())
            if plain and module.resolve() == module and not any(place.parent.glob(f"*/{library.name}")):
                place.parent.mkdir(mode=0o700, exist_ok=True)
                module.rename(place)


def _directory(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
