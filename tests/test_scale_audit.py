"""Each planted mistake is named, it alone, in its own files; sound scenes, real and synthetic, have no finding."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio

from port.band_statistics import survey
from port.bands import NDVI_SCALE, VARIANTS
from port.findings import Finding, told
from port.recipes import recipe
from port.scale_audit import scale_findings
from port.scenes import Scene
from port.synthetic import write_synthetic_scene

REAL = (
    *(
        f"herne_{dates}"
        for dates in (
            "2018-09-18_2018-11-17",
            "2019-02-15_2019-04-21",
            "2019-04-21_2019-06-20",
            "2019-05-11_2019-07-20",
            "2019-06-30_2019-08-24",
        )
    ),
    *(f"hesbaye_s_2021-{month:02d}_2021-{month + 2:02d}" for month in range(2, 9)),
    *(
        f"wervik_{dates}"
        for dates in (
            "2017-09-23_2017-11-22",
            "2018-02-25_2018-04-26",
            "2018-04-26_2018-06-28",
            "2018-07-08_2018-09-01",
            "2018-09-01_2018-11-17",
        )
    ),
)
"""The seventeen real scenes: two months of acquisitions, or three monthly composites."""
SAR = ("001_VH.tif", "001_VV.tif", "002_VH.tif", "002_VV.tif", "003_VH.tif", "003_VV.tif")
NDVI = ("001_NDVI.tif", "002_NDVI.tif", "003_NDVI.tif")
Change = Callable[[np.ndarray], np.ndarray]


def findings(folder: Path, *, variant: str = "SOPTIIp", **switches: str) -> list[Finding]:
    """What the scale audit finds in a scene."""
    scene = Scene.open(folder)
    return scale_findings(scene, survey(scene), variant=variant, recipe=recipe(**switches))


def rewrite(path: Path, change: Change, nodata: float | None = None) -> None:
    """Store other pixels in a file."""
    with rasterio.open(path) as file:
        profile, tags, pixels = file.profile, file.tags(), change(file.read())
    with rasterio.open(path, "w", **profile | {"dtype": pixels.dtype.name, "nodata": nodata}) as file:
        file.write(pixels)
        file.update_tags(**tags)


def exchange(folder: Path, dates: tuple[int, ...]) -> None:
    """Let VH and VV of these dates change names."""
    for date in dates:
        vh, vv, other = (folder / f"00{date}_{kind}.tif" for kind in ("VH", "VV", "other"))
        vh.rename(other)
        vv.rename(vh)
        other.rename(vv)


def first_rows(value: float, share: float) -> Change:
    """The first rows hold one value."""

    def change(stored: np.ndarray) -> np.ndarray:
        changed = stored.copy()
        changed[:, : round(share * stored.shape[1])] = value
        return changed

    return change


def metres(stored: np.ndarray) -> np.ndarray:
    """Heights of the flattest real scene: 35 to 47 m."""
    return (35 + 12 * stored).astype(np.float32)


MISTAKES: dict[str, tuple[str, tuple[str, ...], Change]] = {
    "SAR / 1000": ("sar-divided-by-1000", SAR, lambda stored: stored / np.float32(1000)),
    "one SAR band / 1000": ("sar-divided-by-1000", ("002_VV.tif",), lambda stored: stored / np.float32(1000)),
    "SAR in dB": ("sar-in-db", SAR, lambda stored: 10 * np.log10(stored)),
    "one SAR band in dB": ("sar-in-db", ("003_VH.tif",), lambda stored: 10 * np.log10(stored)),
    "SAR as digital numbers": ("sar-too-large", SAR, lambda stored: np.sqrt(stored * 3e5).astype(np.uint16)),
    "NDVI in [-1, 1]": ("ndvi-unscaled", NDVI, lambda stored: (stored / NDVI_SCALE).astype(np.float32)),
    "target in [-1, 1]": ("ndvi-unscaled", ("002_NDVI.tif",), lambda stored: (stored / 1e3).astype(np.float32)),
    "NDVI x 100": ("ndvi-out-of-range", NDVI, lambda stored: (stored // 10).astype(np.int16)),
    "NDVI x 10000": ("ndvi-out-of-range", NDVI, lambda stored: stored * np.int16(10)),
    "DEM in metres": ("dem-in-metres", ("DEM.tif",), metres),
    "DEM standardised": ("dem-out-of-range", ("DEM.tif",), lambda stored: 4 * stored - 2),
    "constant DEM": ("constant-band", ("DEM.tif",), lambda stored: np.full_like(stored, 0.5)),
    "constant SAR": ("constant-band", ("002_VH.tif",), lambda stored: np.full_like(stored, 0.02)),
    "target all 0": ("constant-band", ("002_NDVI.tif",), np.zeros_like),
    "mostly masked": ("mostly-masked-band", ("002_MASK.tif",), first_rows(1, 0.6)),
    "fill in NDVI": ("fill-values", ("001_NDVI.tif",), first_rows(-9999, 0.1)),
    "fill in SAR": ("fill-values", ("002_VV.tif",), first_rows(-32768, 0.1)),
    "fill in DEM": ("fill-values", ("DEM.tif",), first_rows(-3.4e38, 0.1)),
    "swath edge": ("fill-values", ("003_VV.tif",), first_rows(0, 0.1)),
    "wide swath edge": ("fill-values", ("003_VV.tif",), first_rows(0, 0.7)),
    "negative sigma0": ("sar-negative", ("001_VH.tif",), first_rows(-0.001, 0.02)),
}
"""What is planted: the finding expected, the files in which, and the change of their pixels."""
WARNINGS = {"NDVI x 100", "DEM standardised", "mostly masked", "swath edge", "wide swath edge", "negative sigma0"}
BASES = ("hesbaye_s_2021-06_2021-08", "wervik_2017-09-23_2017-11-22", "synthetic")


@pytest.fixture
def copied(request: pytest.FixtureRequest, synthetic_folder: Path, real_scenes: Path, tmp_path: Path) -> Path:
    """A copy of the scene named by the parameter."""
    name = request.param
    return Path(shutil.copytree(synthetic_folder if name == "synthetic" else real_scenes / name, tmp_path / name))


every_base = pytest.mark.parametrize("copied", BASES, indirect=True)


def test_all_real_scenes_are_audited(real_scenes: Path) -> None:
    """The list above leaves none out."""
    assert sorted(path.name for path in real_scenes.iterdir() if path.is_dir()) == sorted(REAL)


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize("variant", ["SOPTIIp", "SAR"])
def test_sound_real_scene_has_no_finding(name: str, variant: str, real_scenes: Path) -> None:
    """Nothing is wrong with it."""
    assert findings(real_scenes / name, variant=variant) == []


@pytest.mark.parametrize("name", REAL)
def test_all_by_1000_hides_sar_and_dem_of_every_real_scene(name: str, real_scenes: Path) -> None:
    """The original's scaling makes seven channels invisible, none by a sure error, and NDVI stays visible."""
    found = findings(real_scenes / name, scaling="all-by-1000")
    assert {(finding.id, finding.severity) for finding in found} == {("channel-invisible", "warning")}
    sar = {f"{kind} at {date}" for kind in ("VH", "VV") for date in ("t-1", "t", "t+1")}
    assert {finding.where for finding in found} == sar | {"DEM"}


@pytest.mark.parametrize("name", REAL)
def test_sar_alone_is_invisible_too(name: str, real_scenes: Path) -> None:
    """Without a strong channel beside them, two weak ones are measured against the target."""
    found = findings(real_scenes / name, variant="SAR", scaling="all-by-1000")
    assert [(finding.id, finding.where) for finding in found] == [
        ("channel-invisible", "VH at t"),
        ("channel-invisible", "VV at t"),
    ]


@pytest.mark.parametrize(
    ("seed", "size", "looks"),
    [(0, (128, 128), 20.0), (1, (64, 64), 20.0), (2, (64, 96), 4.4), (3, (33, 33), 4.4), (4, (96, 64), 1.0)],
)
def test_sound_synthetic_scene_has_no_finding(seed: int, size: tuple[int, int], looks: float, tmp_path: Path) -> None:
    """Any seed, size and speckle."""
    folder = write_synthetic_scene(tmp_path / "scene", size_px=size, seed=seed, looks=looks)
    assert findings(folder) == []


@every_base
@pytest.mark.parametrize("mistake", MISTAKES)
def test_planted_mistake_is_named(mistake: str, copied: Path) -> None:
    """By its id, in all the files it was planted in, and nothing else is."""
    name, files, change = MISTAKES[mistake]
    for file in files:
        rewrite(copied / file, change)
    found = findings(copied)
    assert {finding.id for finding in found} == {name}
    assert sorted(finding.where for finding in found) == sorted(files)
    assert {finding.severity for finding in found} == {"warning" if mistake in WARNINGS else "error"}


@every_base
@pytest.mark.parametrize("dates", [(1, 2, 3), (1,), (2,), (3,)])
def test_exchanged_vv_and_vh_are_named(dates: tuple[int, ...], copied: Path) -> None:
    """At all dates, or at the one date at which they are."""
    exchange(copied, dates)
    found = findings(copied)
    assert [(finding.id, finding.where) for finding in found] == [
        ("vv-vh-exchanged", f"00{date}_VH.tif") for date in dates
    ]
    assert all(f"00{date}_VV.tif" in finding.text for date, finding in zip(dates, found, strict=True))


@every_base
def test_ndvi_in_its_own_unit_suits_scaling_none(copied: Path) -> None:
    """The public program's convention: nothing to find; stored x 1000 it is a sure error in all three files."""
    wrong = findings(copied, scaling="none")
    assert [(finding.id, finding.where) for finding in wrong] == [
        ("ndvi-scaled", name) for name in (*NDVI[::2], NDVI[1])
    ]
    for file in NDVI:
        rewrite(copied / file, lambda stored: (stored / NDVI_SCALE).astype(np.float32))
    assert findings(copied, scaling="none") == []


@every_base
def test_scene_without_a_valid_date_is_a_sure_error(copied: Path) -> None:
    """A mask that hides all is no cloud."""
    rewrite(copied / "002_MASK.tif", np.ones_like)
    assert [(finding.id, finding.severity, finding.where) for finding in findings(copied)] == [
        ("mostly-masked-band", "error", "002_MASK.tif")
    ]


@every_base
def test_declared_fill_is_no_finding(copied: Path) -> None:
    """-9999 under a no-data tag is masked; where it covers most of the file, that file is named."""
    rewrite(copied / "001_NDVI.tif", first_rows(-9999, 0.1), nodata=-9999)
    assert findings(copied) == []
    rewrite(copied / "001_NDVI.tif", first_rows(-9999, 0.7), nodata=-9999)
    assert [(finding.id, finding.where) for finding in findings(copied)] == [("mostly-masked-band", "001_NDVI.tif")]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("copied", ["synthetic"], indirect=True)
def test_file_that_is_not_used_gives_warnings_only(variant: str, copied: Path) -> None:
    """A scene without a real DEM may hold a constant one for variants without it."""
    rewrite(copied / "DEM.tif", np.zeros_like)
    (found,) = findings(copied, variant=variant)
    assert (found.id, found.where) == ("constant-band", "DEM.tif")
    uses = variant.endswith("p")
    assert found.severity == ("error" if uses else "warning")
    assert (f"variant {variant} does not use it" in found.text) == (not uses)


@pytest.mark.parametrize("copied", ["synthetic"], indirect=True)
def test_ndvi_of_all_dates_matters_to_every_variant(copied: Path) -> None:
    """The baselines need it where the network does not."""
    rewrite(copied / "003_NDVI.tif", lambda stored: (stored / NDVI_SCALE).astype(np.float32))
    assert [finding.severity for finding in findings(copied, variant="SAR")] == ["error"]


@pytest.mark.parametrize("copied", ["synthetic"], indirect=True)
def test_unused_exchange_is_a_warning(copied: Path) -> None:
    """VH and VV at t+1 are not among the channels of SAR."""
    exchange(copied, (3,))
    assert [finding.severity for finding in findings(copied, variant="SAR")] == ["warning"]


@pytest.mark.parametrize("copied", ["synthetic"], indirect=True)
def test_text_tells_what_where_both_values_and_what_to_do(copied: Path) -> None:
    """The median found, the one expected, and how to mend it; several files share one sentence."""
    for file in SAR:
        rewrite(copied / file, lambda stored: stored / np.float32(1000))
    (text,) = told(findings(copied))
    assert text.startswith("sar-divided-by-1000: 001_VH.tif has a median of ")
    assert "expected linear sigma0 with a median above 0.0003 (-35 dB" in text
    assert "store it as measured" in text
    assert all(name in text for name in SAR)


def test_several_mistakes_are_all_named(synthetic_folder: Path, tmp_path: Path) -> None:
    """One does not hide the other, and errors come before warnings."""
    folder = Path(shutil.copytree(synthetic_folder, tmp_path / "scene"))
    rewrite(folder / "001_MASK.tif", first_rows(1, 0.6))
    rewrite(folder / "DEM.tif", metres)
    exchange(folder, (2,))
    found = findings(folder)
    assert [finding.id for finding in found] == ["dem-in-metres", "vv-vh-exchanged", "mostly-masked-band"]
