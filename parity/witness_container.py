"""The witness in a container: an image of Dockerfile.legacy, run without network by podman or docker."""

import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parity.errors import WitnessError
from parity.witness_live import ROOT, LiveWitness, cache, key
from parity.witness_process import run

ENGINES = ("podman", "docker")
BUILD_S, ANSWER_S = 3600.0, 60.0
DRIVER = "{{.Store.GraphDriverName}}"
"""How podman keeps images, as its `info` names it."""
SECURITY = ("no-new-privileges", "label=disable")
"""A witness gains no rights; SELinux, where it is on, lets it read what is mounted."""
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
        mounts = {f"{ROOT / 'legacy'}": "/room/legacy:ro", f"{exchange}": "/exchange", f"{self._compiled()}": "/cache"}
        if self.program is not None:
            mounts[str(self.program.resolve().parent)] = "/program:ro"
        spelling = "blas__ldflags" if self.target == "pymc" else "blas.ldflags"
        settings = self._settings("/cache", f"{spelling}=-lopenblas")
        command = [
            self.engine, "run", "--rm", "--name", container, "--hostname", "witness", "--network", "none",
            *self._user(), "--cap-drop", "all", *(part for option in SECURITY for part in ("--security-opt", option)),
            *(part for source, target in mounts.items() for part in ("-v", f"{source}:{target}")),
            *(part for name, value in settings.items() for part in ("-e", f"{name}={value}")),
            *self._root(), "python", "-m", *module,
        ]  # fmt: skip
        return run(command, what=what, timeout_s=timeout_s, say=self.say, stop=lambda: self._remove(container))

    def _root(self) -> list[str]:
        """What the container's files are: the image.

        Podman's vfs copies all of it for each container, a gigabyte and seconds of a processor: there root is shown the
        image itself, which nothing in the container can write. It then is told what the image says of itself.
        """
        if self.engine != "podman" or os.getuid() != 0 or self._asked("info", "--format", DRIVER) != "vfs":
            return [self.image]
        told = json.loads(self._asked("image", "inspect", "--format", "{{json .Config}}", self.image))
        settings = [part for setting in told["Env"] for part in ("-e", setting)]
        layer = self._asked("image", "mount", self.image)
        return [*settings, "-w", told["WorkingDir"], "--read-only", "--rootfs", layer]

    def _asked(self, *question: str) -> str:
        """The last line that the engine answers."""
        answer = run([self.engine, *question], what=f"{self.name}: {self.engine} {question[0]}", timeout_s=ANSWER_S)
        return answer[-1] if answer else ""

    def _user(self) -> list[str]:
        """The caller's own user, to whom the mounted directories belong; all capabilities are dropped besides."""
        user = ["--user", f"{os.getuid()}:{os.getgid()}"]
        return [*user, "--userns", "keep-id"] if self.engine == "podman" and os.getuid() != 0 else user

    def _compiled(self) -> Path:
        """Where Theano keeps compiled code between runs."""
        return _directory(self._home() / "compiled")

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


def _directory(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
