"""The recording of a list of patches: what the product did, told as it was, switch by switch."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.errors import TraceError
from parity.trace import Record, read_trace, write_request
from port.errors import SettingError
from port.lasagne_weights import expected_shapes
from port.record import record

BATCH, SIDE = 2, 18
PARAMETERS = [f"conv{number}/{kind}" for number in (1, 2, 3) for kind in "Wb"]

Recorded = Callable[..., Record]


def write_network_request(path: Path, settings: Mapping[str, Any], training: Mapping[str, Any]) -> None:
    """Five patches of noise for variant OPTII, so that the last batch is incomplete; three steps, all recorded."""
    random = np.random.default_rng(4)
    shapes = dict(zip(PARAMETERS, expected_shapes("OPTII"), strict=True))
    arrays = {f"weight/{name}": random.normal(0, 0.05, shape) for name, shape in shapes.items()}
    arrays["patches/raw"] = random.normal(0, 500, (5, 9, SIDE, SIDE))
    arrays["targets/raw"] = random.normal(0, 500, (5, 1, SIDE - 16, SIDE - 16))
    steps = {"steps": 3, "recorded": [1, 2, 3], "batch_size": BATCH, "learning_rate": 0.01, "momentum": 0.9}
    manifest = {
        "kind": "network", "probe": "noise", "variant": "OPTII", "channels": [6, 7], "dtype": "float64",
        "divisor": 1000.0, "output": "linear", "seed": 5, **settings, "training": {**steps, **training},
    }  # fmt: skip
    write_request(path, manifest, arrays)


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A function that records such a request, with its settings and the recipe's switches as given."""

    def run(switches: Mapping[str, Any] | None = None, *, training: Mapping[str, Any] = {}, **settings: Any) -> Record:
        write_network_request(tmp_path / "request.npz", settings, training)
        record(tmp_path / "request.npz", tmp_path / "trace.npz", None, switches)
        return read_trace(tmp_path / "trace.npz")

    return run


def operations(trace: Record) -> dict[str, str]:
    """Each stage's operation."""
    return {node.stage: node.operation for node in trace.graph}


def test_trace_tells_what_was_given(recorded: Recorded) -> None:
    """Weights in Lasagne's orientation, patches, two whole batches, and the training as it was asked for."""
    trace = recorded()
    written = np.random.default_rng(4).normal(0, 0.05, (48, 2, 9, 9))
    assert np.array_equal(trace["weight/conv1/W"], written)
    assert trace.manifest["training"] == {**trace.manifest["request"]["training"], "batches": 2}
    assert np.array_equal(trace["batch/selected"], trace["patches/raw"][:BATCH, 6:8] / 1000)


def test_losses_follow_the_list(recorded: Recorded) -> None:
    """The third of two batches is the first again: its loss is that of the weights two steps on."""
    trace = recorded()
    assert trace["loss/curve"].shape == (3,)
    assert trace["loss/curve"][0] == trace["step/0001/loss"]
    assert trace["loss/curve"][0] == pytest.approx(float(trace["loss"]), rel=1e-14)
    assert trace["loss/curve"][2] != trace["loss/curve"][0]


def test_weights_move_by_the_velocity(recorded: Recorded) -> None:
    """W after a step is W before plus the velocity, to a rounding of each; so for every parameter."""
    trace = recorded()
    for name in PARAMETERS:
        before, after = trace[f"step/0001/weight/{name}"], trace[f"step/0002/weight/{name}"]
        apart = np.abs(before + trace[f"step/0002/velocity/{name}"] - after)
        assert apart.max() <= 2**-52 * np.abs(after).max()


def test_a_restart_forgets_the_velocity(recorded: Recorded) -> None:
    """Through the original's .npz weights go on and velocities from 0: without, the next one is m v more."""
    through, restarted = recorded(), recorded(training={"restarts": [1]})
    for name in PARAMETERS:
        assert np.array_equal(through[f"step/0001/velocity/{name}"], restarted[f"step/0001/velocity/{name}"])
        kept, fresh = through[f"step/0002/velocity/{name}"], restarted[f"step/0002/velocity/{name}"]
        apart = np.abs(fresh + 0.9 * through[f"step/0001/velocity/{name}"] - kept)
        assert apart.max() <= 4e-16 * np.abs(kept).max() + 4e-16 * np.abs(fresh).max()
        assert not np.array_equal(kept, fresh)


@pytest.mark.parametrize("form", ["lasagne", "torch"])
def test_kept_state_goes_on_as_if_never_stopped(form: str, recorded: Recorded) -> None:
    """Through a checkpoint of ours nothing changes, to the last bit (deviation 16)."""
    switches = {"optimiser_state": "kept", "momentum_form": form}
    through, restarted = recorded(switches), recorded(switches, training={"restarts": [1, 2]})
    for stage in through.arrays:
        assert np.array_equal(through[stage], restarted[stage]), stage


def test_a_changed_rate_holds_from_its_step_on(recorded: Recorded) -> None:
    """At rate 0 from step 2 on Lasagne's velocity is m times the last, at step 3 m times that (deviation 7)."""
    trace = recorded(training={"rate_changes": [[2, 0.0]]})
    for name in PARAMETERS:
        first, second, third = (trace[f"step/000{step}/velocity/{name}"] for step in (1, 2, 3))
        assert np.array_equal(second, 0.9 * first)
        assert np.array_equal(third, 0.9 * second)


def test_torch_s_momentum_takes_a_rate_at_once(recorded: Recorded) -> None:
    """PyTorch's buffer sums gradients, so at rate 0 no weight moves, though the buffer does."""
    trace = recorded({"momentum_form": "torch"}, training={"rate_changes": [[2, 0.0]]})
    for name in PARAMETERS:
        assert np.array_equal(trace[f"step/0002/weight/{name}"], trace[f"step/0001/weight/{name}"])
        assert not np.array_equal(trace[f"step/0002/velocity/{name}"], trace[f"step/0001/velocity/{name}"])


def test_unflipped_filters_are_told(recorded: Recorded) -> None:
    """Read as stored, W is the same array, each convolution a correlation, and the result another."""
    flipped, stored = recorded(), recorded({"filters": "as-stored"})
    assert np.array_equal(stored["weight/conv1/W"], flipped["weight/conv1/W"])
    changed = {stage for stage, name in operations(stored).items() if name != operations(flipped)[stage]}
    layers = {f"conv{number}/pre" for number in (1, 2, 3)} | {f"grad/conv{number}/W" for number in (1, 2, 3)}
    assert changed == layers | {"grad/conv1/out", "grad/conv2/out", "grad/input"}
    assert all(
        operations(stored)[stage] == operations(flipped)[stage].replace("convolution", "correlation")
        for stage in changed
    )
    windows = np.lib.stride_tricks.sliding_window_view(stored["batch/selected"], (9, 9), axis=(2, 3))
    correlated = np.einsum("ncyxij,fcij->nfyx", windows, stored["weight/conv1/W"])
    assert np.abs(correlated + stored["weight/conv1/b"][:, None, None] - stored["conv1/pre"]).max() < 1e-14


def test_own_divisors_are_told(recorded: Recorded) -> None:
    """With a divisor for each channel the node names all nine; NDVI is as before, radar stays as stored."""
    trace = recorded({"scaling": "per-channel"})
    node = trace.graph["batch/normalised"]
    assert node.operation == "divide_channels"
    assert node.attributes == {"axis": 1, "divisors": [1.0] * 6 + [1000.0, 1000.0, 1.0]}
    assert np.array_equal(trace["batch/normalised"][:, 0], trace["batch/raw"][:, 0])
    assert trace.graph["target/normalised"].attributes == {"divisor": 1000.0}


@pytest.mark.parametrize(
    ("switches", "settings", "error", "message"),
    [
        ({"seeded": "mine"}, {}, SettingError, "seeded is 'mine'; choose one of given, own"),
        ({"colour": "red"}, {}, SettingError, "recipe 'original' has no switch 'colour'"),
        ({"filters": "turned"}, {}, SettingError, "filters is 'turned'; choose one of flipped, as-stored"),
        ({}, {"kind": "film"}, TraceError, r"kind is 'film', expected one of \['network', 'pipeline'\]"),
        ({}, {"divisor": 500.0}, TraceError, r"divisor is 500.0, expected one of \[1000.0, 1.0\]"),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    switches: dict[str, Any], settings: dict[str, Any], error: type[Exception], message: str, recorded: Recorded
) -> None:
    """The message names the setting and what it may be."""
    with pytest.raises(error, match=message):
        recorded(switches, **settings)


def test_teacher_of_another_dtype_teaches_nothing(recorded: Recorded, tmp_path: Path) -> None:
    """A run in a precision of its own is recorded whole, without forced values; the judge tells that they differ."""
    recorded()
    (tmp_path / "trace.npz").rename(tmp_path / "teacher.npz")
    for precision, forced in (("float64", True), ("float32", False)):
        files = [tmp_path / f"{name}.npz" for name in ("request", "trace", "teacher")]
        record(*files, {"precision": precision})
        trace = read_trace(tmp_path / "trace.npz")
        assert bool(trace.forced) is forced
        assert trace["output"].dtype == precision


@pytest.mark.parametrize("engine", ["eager", "channels-last"])
def test_engine_is_told_and_computes_the_same(engine: str, tmp_path: Path) -> None:
    """The manifest names it; layers, gradients and steps are those of the modules, to 1e-12 of their maximum."""
    write_network_request(tmp_path / "request.npz", {}, {})
    record(tmp_path / "request.npz", tmp_path / "as-is.npz")
    record(tmp_path / "request.npz", tmp_path / "by.npz", engine=engine)
    expected, actual = read_trace(tmp_path / "as-is.npz"), read_trace(tmp_path / "by.npz")
    assert (expected.manifest.get("engine"), actual.manifest["engine"]) == (None, engine)
    assert expected.arrays.keys() == actual.arrays.keys()
    for name, array in expected.arrays.items():
        assert np.abs(actual[name] - array).max() <= 1e-12 * np.abs(array).max(), name


def test_bfloat16_shows_in_every_layer_and_step(tmp_path: Path) -> None:
    """An engine that rounds more gives other numbers wherever it multiplies: layers, gradients and weights."""
    write_network_request(tmp_path / "request.npz", {"dtype": "float32"}, {})
    record(tmp_path / "request.npz", tmp_path / "as-is.npz")
    record(tmp_path / "request.npz", tmp_path / "by.npz", engine="bfloat16")
    expected, actual = read_trace(tmp_path / "as-is.npz"), read_trace(tmp_path / "by.npz")
    stages = [f"{kind}conv{number}/{what}" for kind, what in (("", "pre"), ("grad/", "W"), ("step/0001/weight/", "W"))
              for number in (1, 2, 3)]  # fmt: skip
    assert [stage for stage in stages if np.array_equal(expected[stage], actual[stage])] == []


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        ("fastest", "unknown engine 'fastest'; choose one of eager"),
        ("bfloat16", "multiplies in 8 bits of mantissa, but precision is float64"),
    ],
)
def test_engine_that_cannot_compute_is_refused(engine: str, message: str, tmp_path: Path) -> None:
    """An unknown one, and one that has not the request's precision; no trace is written."""
    write_network_request(tmp_path / "request.npz", {}, {})
    with pytest.raises(SettingError, match=message):
        record(tmp_path / "request.npz", tmp_path / "trace.npz", engine=engine)
    assert not (tmp_path / "trace.npz").exists()
