"""The data path's requests: whole scenes, from GeoTIFF to GeoTIFF, as the published scripts run them.

A request carries the bytes of a scene's files, a permutation in place of the original's unseeded shuffle, and the
settings; both programs unpack, read, choose patches, train a little, predict the test region and write a raster.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from parity.trace import write_request
from parity_tests.probes import CHANNELS, STORED, Case, as_float32_values, scaled_weights
from parity_tests.scenes import AWKWARD, write_awkward_scene
from port.synthetic import write_synthetic_scene

TEST_CHANNELS: Mapping[str, tuple[int, ...]] = {
    "SAR": (0, 1),
    "SARp": (0, 1, 8),
    "OPTI": (6,),
    "OPTII": (6, 7),
    "SOPTI": (0, 1, 2, 3, 6),
    "SOPTIp": (0, 1, 2, 3, 6, 8),
    "SOPTII": (0, 1, 2, 3, 5, 4, 6, 7),
    "SOPTIIp": (0, 1, 2, 3, 5, 4, 6, 7, 8),
}
"""What the published test scripts feed: date t-1 for SAR and SAR+, VH before VV at t+1."""
ORIGINAL_START = {"seed": 20160914, "deviation": 0.001}
LONGEST_LIST = 1024
"""Patches that a permutation can shuffle; both sides use those of its numbers that are below their own count."""


@dataclass(frozen=True)
class Job:
    """How a scene is used: the region kept for testing, how many patches are clear, the split, the training.

    `limit` is asked; `training` and `validation` are what it must come to, found by the original's shares. A limit
    below `clear` tells whether the list is shuffled before it ends there.
    """

    test_region: tuple[int, int, int, int]
    clear: int
    limit: int
    training: int
    validation: int
    batch_size: int
    epochs: int = 2
    recorded: tuple[int, ...] = (1,)
    suffix: str = ""
    first_date: int = 1
    side: int = 33
    divisor: float = STORED
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Further entries of the request's `training`."""


JOBS: Mapping[str, Job] = {
    # 100 x 100 px, no cloud
    "hesbaye_s_2021-06_2021-08": Job((60, 100, 0, 100), clear=36, limit=36, training=29, validation=7, batch_size=6),
    # 64 x 64 px, clouds at t+1
    "herne_2019-05-11_2019-07-20": Job((44, 64, 44, 64), clear=8, limit=8, training=6, validation=2, batch_size=2),
    # 64 x 64 px, clouds at t-1 and t+1, the region at an edge
    "wervik_2018-07-08_2018-09-01": Job((0, 20, 44, 64), clear=8, limit=8, training=6, validation=2, batch_size=2),
    # 82 x 74 px: of 7 x 6 patches 3 x 4 touch the region, those of column 17 with their last column, and 3 have a cloud
    "awkward": Job(
        (58, 82, 49, 74), clear=27, limit=23, training=18, validation=5, batch_size=4, suffix=AWKWARD.suffix,
        first_date=AWKWARD.first_date, recorded=(1, 2),
    ),
    # the whole method: the original's own start, 20 epochs of 22 updates, which leave its plateau of some 300 updates
    "synthetic": Job((110, 160, 0, 160), clear=110, limit=110, training=88, validation=22, batch_size=4, epochs=20),
}  # fmt: skip
REAL = tuple(name for name in JOBS if "_20" in name)
TRAINED = Case("SOPTIIp", "original", "float64", scene="synthetic")
"""Recipe `original` trained through both sides."""
PATH_CASES = (
    *(Case(variant, "scaled", "float64", scene=scene) for scene in (*REAL, "awkward") for variant in CHANNELS),
    *(Case(variant, "scaled", "float32", scene="awkward") for variant in CHANNELS),
    TRAINED,
)


def data_directory() -> Path:
    """Where the real scenes are: $SAR2NDVI_DATA, else shared/data beside the project.

    Raises:
        FileNotFoundError: they are not there; says how to point to them.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    directory = Path(os.environ.get("SAR2NDVI_DATA") or beside)
    missing = [name for name in REAL if not (directory / name).is_dir()]
    if missing:
        raise FileNotFoundError(f"{directory} has no {missing[0]}; point SAR2NDVI_DATA to the folder of real scenes")
    return directory


def scene_folder(name: str, directory: Path) -> Path:
    """The folder of a scene; a synthetic one is made below `directory` where it is not there yet."""
    if name in REAL:
        return data_directory() / name
    folder = directory / "scenes" / name
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        if name == "awkward":
            write_awkward_scene(folder)
        else:
            write_synthetic_scene(folder, size_px=(160, 160), seed=3)
    return folder


def make_path_request(case: Case, path: Path, directory: Path) -> None:
    """Write the request of a case on a scene; scenes that are made lie below `directory`."""
    job = JOBS[case.scene]
    make_pipeline_request(
        path,
        scene_folder(case.scene, directory),
        job,
        variant=case.variant,
        dtype=case.dtype,
        output=case.output,
        initialisation=ORIGINAL_START if case.probe == "original" else None,
        probe=case.probe,
    )


def make_pipeline_request(
    path: Path,
    folder: Path,
    job: Job,
    *,
    variant: str,
    dtype: str,
    output: str = "linear",
    initialisation: Mapping[str, float] | None = None,
    probe: str = "scaled",
    weights: Mapping[str, np.ndarray] | None = None,
    permutation: Sequence[int] | None = None,
) -> None:
    """Write a request for a whole scene.

    Args:
        path: where the request goes.
        folder: the scene's GeoTIFFs, in the original's layout.
        job: how the scene is used.
        variant: whose channels.
        dtype: float64 or float32.
        output: linear or rectify.
        initialisation: {seed, deviation} of the original's own start; None for given weights.
        probe: the name of the weights.
        weights: weight/conv1/W, ... in Lasagne's orientation; scaled ones where None.
        permutation: the shuffle of the patches; one drawn from the variant where None.
    """
    seed = sorted(CHANNELS).index(variant)
    random = np.random.RandomState(1000 + seed)
    arrays: dict[str, np.ndarray] = {}
    if initialisation is None:
        scaled = scaled_weights(random, len(CHANNELS[variant]))
        arrays = {name: as_float32_values(array) for name, array in (weights or scaled).items()}
    drawn = random.permutation(LONGEST_LIST)
    arrays["split/permutation"] = np.array(drawn if permutation is None else permutation, dtype=np.int64)
    for name in _file_names(job):
        arrays[f"files/{name}"] = np.frombuffer((folder / name).read_bytes(), np.uint8)
    manifest = {
        "kind": "pipeline",
        "probe": probe,
        "variant": variant,
        "channels": list(CHANNELS[variant]),
        "test_channels": list(TEST_CHANNELS[variant]),
        "dtype": dtype,
        "divisor": job.divisor,
        "output": output,
        "seed": seed,
        "scene": {"suffix": job.suffix, "first_date": job.first_date},
        "test_region": list(job.test_region),
        "patches": {"side": job.side, "stride": 8, "origin": 1, "limit": job.limit},
        "initialisation": None if initialisation is None else dict(initialisation),
        "training": {
            "epochs": job.epochs,
            "batch_size": job.batch_size,
            "learning_rate": 0.005,
            "momentum": 0.9,
            "recorded": list(job.recorded),
            "rate_changes": [],
            "restarts": [],
            **job.settings,
        },
    }  # fmt: skip
    write_request(path, manifest, arrays)


def _file_names(job: Job) -> list[str]:
    """The 13 files of a triple, as the original names them."""
    dates = range(job.first_date, job.first_date + 3)
    dated = [f"{date:03d}_{kind}{job.suffix}.tif" for date in dates for kind in ("VH", "VV", "NDVI", "MASK")]
    return [*dated, f"DEM{job.suffix}.tif"]
