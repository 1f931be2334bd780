"""An audit is told in tables, what is stored, what the network is fed, what it makes of it, and in one JSON file."""

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Any

from port.audit import Audit, Channel

STORED_COLUMNS = ("", "channel", "masked", "lowest", "1 %", "median", "99 %", "highest")
FED_COLUMNS = ("", "channel", "by", "1 %", "median", "99 %", "share of\n1st layer")
INFLUENCE_COLUMNS = ("", "channel", "MAE rises by", "spread", "estimates move by")
_RANGE = ("minimum", "low", "median", "high", "maximum")


def stored_rows(found: Audit) -> list[tuple[str, ...]]:
    """A row for each channel and the target: share masked and range, in stored units."""
    return [
        (
            *_name(channel),
            f"{100 * channel.stored.masked:.1f} %",
            *(f"{getattr(channel.stored, name):.3g}" for name in _RANGE),
        )
        for channel in found.channels
    ]


def fed_rows(found: Audit) -> list[tuple[str, ...]]:
    """A row for each channel of the variant and the target: range as fed, share of the first layer's variance."""
    rows = []
    for channel in found.channels:
        if channel.share is None and channel.number is not None:
            continue
        fed = _normalised(channel)
        row = (*_name(channel), f"/{channel.divisor:g}", *(f"{fed[name]:.2g}" for name in _RANGE[1:-1]))
        row += ("" if channel.share is None else _percent(channel.share),)
        rows.append(row)
    return rows


def influence_rows(found: Audit) -> list[tuple[str, ...]]:
    """A row for each channel that the trained network is fed; none without one."""
    return [
        (*_name(channel), f"{of.rise:+z.5f}", f"{of.spread:.5f}", f"{of.movement:.5f}")
        for channel in found.channels
        if (of := channel.influence) is not None
    ]


def as_json(found: Audit) -> dict[str, Any]:
    """All of it, unrounded; null for what is not a number."""
    content = {
        "scene": str(found.scene),
        "variant": found.variant,
        "recipe": asdict(found.recipe),
        "region": None if found.region is None else str(found.region),
        "mae": found.mae,
        "channels": [asdict(channel) | {"normalised": _normalised(channel)} for channel in found.channels],
        "findings": [asdict(finding) for finding in found.findings],
    }
    told: dict[str, Any] = _without_nan(content)
    return told


def _name(channel: Channel) -> tuple[str, str]:
    """Number and name; the target has no number."""
    return "target" if channel.number is None else str(channel.number), channel.name


def _normalised(channel: Channel) -> dict[str, float]:
    """The range as the network is fed it."""
    return {name: getattr(channel.stored, name) / channel.divisor for name in _RANGE}


def _percent(share: float) -> str:
    """Three digits, down to a thousandth of a percent."""
    return "<0.001 %" if 0 < share < 1e-5 else f"{100 * share:.3g} %"


def _without_nan(value: Any) -> Any:
    """The same, with None for NaN and infinities: JSON has neither."""
    if isinstance(value, Mapping):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not isfinite(value) else value
