"""A container engine that runs no container: a program of that name, whose witness does as told with its exchange."""

import os
from collections.abc import Mapping
from pathlib import Path

ENGINE = """#!{python}
import json, os, shutil, signal, sys, time
words = sys.argv[1:]
if words[:1] == ["info"]:
    print("overlay [memory pids]")
elif words[0] == "run" and "legacy.stack" in words:
    print('{{"python": "3.9.2"}}')
elif words[0] == "run":
    (exchange,) = [word.split(":")[0] for word in words if word.endswith(":/exchange")]
    requests = [os.path.join(exchange, word.split("/")[-1]) for word in words if word.startswith("/exchange/")][::2]
    traces = [os.path.join(exchange, word.split("/")[-1]) for word in words if word.startswith("/exchange/")][1::2]
    recorded = {recorded!r}
    for request, trace in zip(requests, traces):
{deed}
"""
DEEDS: Mapping[str, tuple[str, str]] = {
    "hangs": ("time.sleep(600)", "no end after"),
    "is killed": ("sys.exit(137)", r"exit code 137 \(SIGKILL, as where memory ends\)"),
    "dies": ("os.abort()", r"exit code -6 \(SIGABRT\)"),
    "floods": ("[os.write(1, b'x' * 60_000) for _ in range(10**6)]", "it wrote more than 2097152 letters, last xxx"),
    "writes nothing": ("pass", "No such file or directory"),
    "writes half": ("open(trace, 'wb').write(open(recorded, 'rb').read()[:5000])", "cannot be read as a trace"),
    "writes text": ("open(trace, 'w').write('a trace')", "File is not a zip file"),
    "answers another": ("shutil.copy(recorded, trace)", "request_sha256"),
    "changes what it was asked": (
        "shutil.copy(recorded, trace); shutil.copy(recorded, request)",
        "request_sha256",
    ),
    "links elsewhere": ("os.symlink(recorded, trace)", "is a link to .*, which is not followed"),
    "leaves a pipe": ("os.mkfifo(trace)", "is a folder, pipe or device"),
    "leaves a folder": ("os.mkdir(trace)", "is a folder, pipe or device"),
    "writes too much": ("open(trace, 'wb').truncate(5 << 30)", "over the limit of"),
    "packs too much": (
        "import zipfile; a = zipfile.ZipFile(trace, 'w', zipfile.ZIP_DEFLATED); "
        "a.writestr('loss.npy', bytes(300 << 20)); a.close()",
        "over the limit of",
    ),
}
"""What a witness may do, in Python, and what is said of it."""


def make_engine(folder: Path, deed: str, *, python: str, recorded: Path) -> dict[str, str]:
    """Write the engine; gives the environment in which it is the only one, with a cache of its own."""
    folder.mkdir(parents=True)
    engine = folder / "podman"
    engine.write_text(
        ENGINE.format(python=python, recorded=str(recorded), deed=f"        {DEEDS[deed][0]}"), encoding="utf-8"
    )
    engine.chmod(0o755)
    cache = folder / "cache"
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "SAR2NDVI_CACHE": str(cache)}
