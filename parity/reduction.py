"""Reduction: the smallest request that still fails where the whole one did, found by trying smaller ones in rounds.

What a smaller request is, the caller knows: it gives a list of `Shrink`, one for each direction in which its requests
can be made smaller. A round is judged at once, so that a witness starts once a round.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parity.trace import Record, content_sha256, write_request

WRITTEN = ("format", "order", "content_sha256")
"""What the writer tells in a request's manifest."""
SECONDS = 120.0
A_ROUND = 6
"""Requests judged together: a witness compiles each, and the smallest that fails is all that is wanted."""


@dataclass(frozen=True)
class Request:
    """What is asked: a manifest, without what the writer adds, and the arrays."""

    manifest: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, record: Record) -> "Request":
        """The request that a file holds."""
        told = {name: value for name, value in record.manifest.items() if name not in WRITTEN}
        return cls(told, dict(record.arrays))

    def write(self, path: Path) -> None:
        """Write it as a file that both sides can be asked."""
        write_request(path, self.manifest, self.arrays)

    @property
    def size(self) -> int:
        """The numbers that it holds."""
        return sum(array.size for array in self.arrays.values())


Shrink = Callable[[Request], Iterable[Request]]
"""Smaller requests in one direction, the smallest first; none where it is as small there as it can be."""
Judge = Callable[[Sequence[Request]], Sequence[str | None]]
"""For each request the stage to blame; None where it passes, proves nothing or is refused."""


@dataclass(frozen=True)
class Reduced:
    """The end of a reduction.

    Attributes:
        request: the smallest that was seen to fail at the same stage; the whole one where none was.
        tried: how many were judged.
        complete: whether no smaller one of those there are fails so; else time was up.
    """

    request: Request
    tried: int
    complete: bool


def reduce(
    request: Request,
    stage: str,
    *,
    judge: Judge,
    shrinks: Sequence[Shrink],
    seconds: float = SECONDS,
    clock: Callable[[], float] = time.monotonic,
) -> Reduced:
    """Shrink a failing request as long as it fails at the same stage; no round begins that would end too late.

    Args:
        request: it fails.
        stage: what is to blame, as `judge` tells it.
        judge: runs both sides.
        shrinks: each direction in which a request can be smaller.
        seconds: a round is begun only if one as long as the longest so far ends within them.
        clock: in seconds.
    """
    started, longest, tried = clock(), 0.0, 0
    seen = {_key(request)}
    rounds = _rounds(request, shrinks, seen)
    while candidates := next(rounds, None):
        begun = clock()
        if begun - started + longest > seconds:
            return Reduced(request, tried, complete=False)
        found = judge(candidates)
        tried += len(candidates)
        longest = max(longest, clock() - begun)
        failing = [one for one, blamed in zip(candidates, found, strict=True) if blamed == stage]
        if failing:
            request = failing[0]
            rounds = _rounds(request, shrinks, seen)
    return Reduced(request, tried, complete=True)


def _rounds(request: Request, shrinks: Sequence[Shrink], seen: set[str]) -> Iterator[list[Request]]:
    """All smaller requests that were not seen before, the smallest first, a round of them at a time."""
    steps = [step for shrink in shrinks for step in shrink(request)]
    folds = [_fold(request, shrinks), *(_fold(request, _without(shrinks, index)) for index in range(len(shrinks)))]
    keyed = {_key(one): one for one in sorted([*folds, *steps], key=lambda one: one.size)}
    while waiting := [key for key in keyed if key not in seen][:A_ROUND]:
        seen.update(waiting)
        yield [keyed[key] for key in waiting]


def _fold(request: Request, shrinks: Iterable[Shrink]) -> Request:
    """As small as it can be in all of these directions at once."""
    for shrink in shrinks:
        request = next(iter(shrink(request)), request)
    return request


def _without(shrinks: Sequence[Shrink], index: int) -> list[Shrink]:
    return [*shrinks[:index], *shrinks[index + 1 :]]


def _key(request: Request) -> str:
    """A name for all that is asked."""
    return json.dumps(request.manifest, sort_keys=True) + content_sha256(request.arrays)
