"""A run's record is its config.json: all that its numbers depend on, so that it can be resumed, or done again.

It is written when the run begins, with what is asked; again once the scene is read, with its content's digest; and at
the end, with the engine that was used.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from port.checkpoints import recorded_recipe
from port.digests import scene_digest
from port.errors import SceneError, SettingError
from port.files import write_text
from port.regions import Region
from port.scenes import Scene
from port.settings import Settings
from port.splits import Split

NAME = "config.json"
SYNTHETIC = "scene"
"""In place of a scene's folder: the one within the run's own."""
_ASKED = ("variant", "seed", "data", "first_date", "test_region", "force", "engine", "recipe", "threads", "versions")


def asked(settings: Settings, conditions: Mapping[str, Any]) -> dict[str, Any]:
    """What can be recorded before the scene is read."""
    return {
        "variant": settings.variant,
        "seed": settings.seed,
        "data": SYNTHETIC if settings.data is None else str(settings.data.absolute()),
        "first_date": settings.first_date,
        "test_region": None if settings.test_region is None else str(settings.test_region),
        "force": settings.force,
        "engine": settings.engine,
        **conditions,
        "recipe": asdict(settings.recipe),
    }


def of_scene(record: Mapping[str, Any], scene: Scene) -> dict[str, Any]:
    """The record with the scene's content.

    Raises:
        SceneError: the scene holds other pixels than those recorded.
    """
    digest = scene_digest(scene)
    if record.get("scene_sha256", digest) != digest:
        raise SceneError(
            f"{scene.directory} holds another scene (sha256 {digest[:16]}...) than the run was begun with "
            f"({record['scene_sha256'][:16]}...); put that one back, or begin a new run"
        )
    dates = [day.isoformat() if day else None for day in scene.dates]
    return {**record, "scene_sha256": digest, "dates": dates, "scene_shape_px": scene.shape}


def planned(record: Mapping[str, Any], region: Region, split: Split) -> dict[str, Any]:
    """The record with what is tested and trained on."""
    return {
        **record,
        "test_region": str(region),
        "patches": {"training": len(split.training), "validation": len(split.validation), "note": split.note},
    }


def write(folder: Path, record: Mapping[str, Any]) -> None:
    """Put the record into a run's folder, in place of the one that is there."""
    write_text(folder / NAME, json.dumps(record, indent=2) + "\n")


def read(folder: Path) -> dict[str, Any]:
    """The record in a run's folder.

    Raises:
        SettingError: there is none, or not one of a run that can be done again.
    """
    path = folder / NAME
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        absent = [name for name in _ASKED if name not in record]
    except FileNotFoundError:
        raise SettingError(
            f"{folder} holds no {NAME}: it is no run, or was stopped before anything was recorded; give a run's "
            "folder, or begin a new run"
        ) from None
    except (OSError, ValueError, TypeError) as problem:
        raise SettingError(f"{path} cannot be read ({problem}); give the folder of another run") from problem
    if absent:
        raise SettingError(
            f"{path} does not tell {', '.join(absent)}: it is of another version of this program, or no run's; begin a "
            "new run"
        )
    found: dict[str, Any] = record
    return found


def settings_of(record: Mapping[str, Any], out: Path) -> Settings:
    """What was asked for, as recorded; with runs in `out`.

    Raises:
        WeightsError, RegionError, SettingError: the record was changed to what no run can be asked for.
    """
    return Settings(
        variant=record["variant"],
        recipe=recorded_recipe(record["recipe"]),
        data=None if record["data"] == SYNTHETIC else Path(record["data"]),
        test_region=None if record["test_region"] is None else Region.parse(record["test_region"]),
        first_date=record["first_date"],
        seed=record["seed"],
        out=out,
        force=record["force"],
        engine=record["engine"],
    )


def check_given(record: Mapping[str, Any], given: Mapping[str, Any], run: Path) -> None:
    """See that what is given beside a run is what the run was begun with; by the record's names.

    Raises:
        SettingError: at the first that contradicts it.
    """
    recorded = {**record["recipe"], **record, "recipe": record["recipe"]["name"]}
    for name, value in given.items():
        if recorded[name] != value:
            raise SettingError(
                f"--{name.replace('_', '-')} {value} contradicts run {run}, which was begun with {recorded[name]}; "
                "leave the option away, for a resumed run takes all from its record, or begin a new run"
            )
