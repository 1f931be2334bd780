"""What a request asks for: recipe `original` with the request's settings, single switches replaced."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from parity.errors import TraceError
from parity.trace import Record
from port.bands import Band
from port.normalisation import divisors
from port.recipes import Recipe, Scaling, recipe

KINDS = ("network", "pipeline")
"""A list of patches; a whole scene."""
_SCALINGS: Mapping[float, Scaling] = {1000.0: "all-by-1000", 1.0: "none"}


def requested_recipe(request: Record, switches: Mapping[str, Any] | None = None) -> Recipe:
    """Recipe `original` with the request's settings, then with the switches given.

    Raises:
        TraceError: another kind of request, or a divisor that the original never used.
        SettingError: an unknown switch or value.
    """
    settings = request.manifest
    for name, allowed in (("kind", KINDS), ("divisor", _SCALINGS)):
        if settings.get(name) not in allowed:
            raise TraceError(
                f"{request.path}: {name} is {settings.get(name)!r}, expected one of {list(allowed)}; write the request "
                "again"
            )
    training = settings["training"]
    asked = recipe(
        "original",
        scaling=_SCALINGS[settings["divisor"]],
        output=settings["output"],
        precision=settings["dtype"],
        learning_rate=training["learning_rate"],
        momentum=training["momentum"],
        batch_size=training["batch_size"],
        **(_data_path(settings) if settings["kind"] == "pipeline" else {}),
    )
    given = {name: value for name, value in (switches or {}).items() if value is not None}
    checked = recipe("original", **given)
    return replace(asked, **{name: getattr(checked, name) for name in given})


def _data_path(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The switches that only a whole scene needs."""
    patches = settings["patches"]
    return {
        "test_bands": "published",
        "patch_side_px": patches["side"],
        "stride_px": patches["stride"],
        "patch_origin_px": patches["origin"],
        "patch_limit": patches["limit"],
        "epochs": settings["training"]["epochs"],
    }


def division(scaling: Scaling) -> tuple[str, dict[str, Any]]:
    """How the nine channels are divided: the judge's operation, and its attributes."""
    found = divisors(scaling, tuple(Band)).tolist()
    if len(set(found)) == 1:
        return "divide", {"divisor": found[0]}
    return "divide_channels", {"axis": 1, "divisors": found}
