"""An observer is told how a run goes; the silent one is for callers that do not care."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Observer(Protocol):
    """Told of steps and remarks as they come."""

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """`done` of `total` steps of a stage are over; `word` says what the last one gave."""
        ...

    def remark(self, text: str) -> None:
        """Something the user should know."""
        ...


class Silent:
    """Tells nobody."""

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """Ignore a step."""

    def remark(self, text: str) -> None:
        """Ignore a remark."""
