"""A mutation is a wrong port: one known mistake, planted in the imported product for as long as a context stands."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

Plant = Callable[[], AbstractContextManager[Any]]
"""Plants a mistake when entered, and takes it out again in the end."""


@dataclass(frozen=True, kw_only=True)
class Mutation:
    """One mistake of a port, and what the judge must say of it.

    Attributes:
        id: "conv1-filters-not-flipped".
        rows: rows of the published list of mistakes: ("Z01",); () for one of ours.
        title: one sentence: what the wrong port does.
        case: key of `zoo_cases.ZOO_CASES`: the request before which it stands.
        stage: the first stage that shows it.
        known: the catalogue's name that the diagnosis must give at that stage; "" where it need not be known.
        plant: plants it in the imported port, undone at the end.
        survives: why its request cannot show it; "" where it must be caught.
    """

    id: str
    rows: tuple[str, ...]
    title: str
    case: str
    stage: str
    known: str
    plant: Plant
    survives: str = ""


def replaced(owner: object, name: str, make: Callable[[Any], Any]) -> Plant:
    """A plant that puts `make(original)` in place of an attribute of a module or class.

    Raises:
        AttributeError: when planted, where the owner has no such attribute: a mistake that can no more be made.
    """

    def plant() -> AbstractContextManager[Any]:
        return patch.object(owner, name, make(getattr(owner, name)))

    return plant


def wrapped(owner: object, name: str, wrong: Callable[..., Any]) -> Plant:
    """A plant that calls `wrong(original, *arguments, **keywords)` in place of a function or method."""

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def mutated(*arguments: Any, **keywords: Any) -> Any:
            return wrong(original, *arguments, **keywords)

        return mutated

    return replaced(owner, name, make)


def together(*plants: Plant) -> Plant:
    """A plant of several: one mistake that is made in more than one place."""

    @contextmanager
    def plant() -> Iterator[None]:
        with ExitStack() as stack:
            for each in plants:
                stack.enter_context(each())
            yield

    return plant
