"""What runs in a worker of a cluster: each task once it is known that the worker is as its client.

The only file that imports Dask at its top; it is loaded where a cluster is used, and by the workers.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from distributed import Worker, WorkerPlugin, get_worker

from port.digests import code_digest
from port.errors import ClusterError
from port.heap import keep_freed
from port.versions import versions

CODE = code_digest()
"""The digest of the product as this process loaded it, which in an old worker is not what lies on the disk now."""


@dataclass(frozen=True)
class Identity:
    """What numbers depend on in a process beside its task: the digest of the code, versions by package name."""

    code: str
    versions: Mapping[str, str]

    def differences(self, other: "Identity") -> list[str]:
        """What another process has that this one has not, in words."""
        found = [] if other.code == self.code else [f"code {other.code[:12]} instead of {self.code[:12]}"]
        names = sorted(self.versions.keys() | other.versions.keys())
        pairs = {name: (other.versions.get(name), self.versions.get(name)) for name in names}
        return found + [f"{name} {theirs} instead of {own}" for name, (theirs, own) in pairs.items() if theirs != own]


@cache
def identity() -> Identity:
    """This process's."""
    return Identity(CODE, versions())


class Shared(WorkerPlugin):  # type: ignore[misc]
    """Something that every worker holds, those too that join later: sent to each once, by the scheduler."""

    def __init__(self, content: object) -> None:
        self.content = content


def shared(name: str) -> Any:
    """What the client shares under this name; in a task only."""
    return get_worker().plugins[name].content


def address() -> str:
    """The worker's; in a task only."""
    return str(get_worker().address)


def scratch() -> str:
    """The worker's own folder for what is temporary, which Dask removes; in a task only."""
    return str(get_worker().local_directory)


def unlike(expected: Identity, dask_worker: Worker) -> list[str]:
    """Why the worker cannot work for a client of this identity; nothing if it can.

    A second thread would share PyTorch's number of threads, on which the last digits of a run depend.
    """
    threads = dask_worker.state.nthreads
    found = (
        [] if threads == 1 else [f"{threads} threads instead of 1 (start it with --nthreads 1 --nworkers {threads})"]
    )
    return expected.differences(identity()) + found


def checked(task: Callable[[], Any], expected: Identity) -> Any:
    """What a task gives, in a worker that joined at any time; its heap keeps what it freed, as Dask's would not.

    Raises:
        ClusterError: the worker is unlike its client.
    """
    worker = get_worker()
    if found := unlike(expected, worker):
        raise ClusterError(told({str(worker.address): found}))
    keep_freed()
    return task()


def told(found: Mapping[str, list[str]]) -> str:
    """Which workers are unlike their client, and what to do."""
    first = next(iter(found))
    return (
        f"{len(found)} of the cluster's workers would not give the same numbers as this process; first {first} has "
        f"{', '.join(found[first])}: install the same release of everything there, start the workers again"
    )
