"""The band stack is the scene's ten layers, on disk while in use and gone afterwards."""

import resource
import tempfile
from pathlib import Path

import numpy as np
import pytest

from port.errors import OutputError, SceneError
from port.scenes import Scene
from port.stacks import TARGET_INDEX, BandStack
from tests.conftest import Alter


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder where temporary files go."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_stack_holds_channels_and_target(synthetic_scene: Scene) -> None:
    """Layers 0 to 8 are the channels, layer 9 the target, in stored units."""
    with BandStack(synthetic_scene) as stack:
        assert np.array_equal(stack.pixels[:TARGET_INDEX], synthetic_scene.channels(synthetic_scene.region))
        assert np.array_equal(stack.pixels[TARGET_INDEX], synthetic_scene.target(synthetic_scene.region))


def test_file_has_no_name(synthetic_scene: Scene, temporary: Path) -> None:
    """The copy is a mapped file, not memory, that a process killed in use cannot leave behind."""
    with BandStack(synthetic_scene) as stack:
        assert isinstance(stack.pixels, np.memmap)
        mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if str(temporary) in line]
        assert mapped
        assert all(line.endswith("(deleted)") for line in mapped)
        assert list(temporary.iterdir()) == []


def test_nan_in_a_band_leaves_no_file(altered: Alter, temporary: Path) -> None:
    """A scene that cannot be copied raises its own error and leaves nothing."""

    def hole(stored: np.ndarray) -> np.ndarray:
        stored[100, 7] = np.nan
        return stored

    scene = Scene.open(altered("DEM.tif", hole))
    with pytest.raises(SceneError, match=r"DEM\.tif has 1 NaN .* row 100, column 7"), BandStack(scene):
        pass
    assert list(temporary.iterdir()) == []


def test_no_space_is_refused(synthetic_scene: Scene, temporary: Path) -> None:
    """The error names the scene, the space needed and the variable to set."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        message = r"cannot hold a copy of .* \(0\.5 MiB\): .*TMPDIR"
        with pytest.raises(OutputError, match=message), BandStack(synthetic_scene):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(temporary.iterdir()) == []
