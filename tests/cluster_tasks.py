"""Tasks small enough to test a cluster with; workers import them by this file's name."""

import os
import time
from dataclasses import dataclass

from port.cluster_worker import shared
from port.errors import SceneError


@dataclass(frozen=True)
class Square:
    """Gives the square of a number, after a while."""

    number: int
    seconds: float = 0.0

    def __call__(self) -> int:
        """The square."""
        time.sleep(self.seconds)
        return self.number**2


@dataclass(frozen=True)
class Told:
    """Gives what is shared under a name, and the worker's process."""

    name: str
    number: int

    def __call__(self) -> tuple[object, int]:
        """Both."""
        return shared(self.name), os.getpid()


@dataclass(frozen=True)
class Refusal:
    """Raises an error of ours."""

    def __call__(self) -> None:
        """Raise it."""
        raise SceneError("no such field")


@dataclass(frozen=True)
class Defect:
    """Raises another error."""

    def __call__(self) -> None:
        """Raise it."""
        raise ZeroDivisionError("by zero")


@dataclass(frozen=True)
class End:
    """Ends its worker, as the system does where memory is short."""

    def __call__(self) -> None:
        """End it."""
        os._exit(1)

    def __str__(self) -> str:
        return "the end"
