"""After many steps: 1e-12 in float64; in float32 no farther from the truth than twice a sound run, or one rounding.

The float32 cases put the legacy and the port at chosen distances from the truth, all far above what float32 rounds.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from judged_pair import BACKWARD, CURVE, FORWARD, GIVEN, NODES, PARAMETERS, STEPS, TRAINING, given_entries

from parity import bounds
from parity.errors import ParityError
from parity.findings import Check, Finding, Verdict
from parity.graph import Node
from parity.trace import Record
from parity.training import Training
from parity.trajectories import group, judge_trajectory, one_rounding, true_trajectory

Values = dict[str, np.ndarray]
STAGES = [node.stage for node in (*STEPS, *CURVE)]
GROUPS = [
    "loss/curve",
    "step/0001/velocity",
    "step/0001/weight",
    "step/0004/velocity",
    "step/0004/weight",
]
EACH_GROUP = pytest.mark.parametrize("group", GROUPS)
APART = 1e-3
"""The legacy's distance from the truth, as a part of the truth: 1000 times what its float32 rounds."""


def record(values: Mapping[str, np.ndarray], dtype: str) -> Record:
    """A trace with the given entries, and these after steps."""
    arrays = {name: np.asarray(value, dtype) for name, value in (given_entries() | dict(values)).items()}
    manifest = {"dtype": dtype, "training": TRAINING, "graph": [node.as_json() for node in NODES]}
    return Record(Path("t.npz"), manifest, arrays, "")


TRUTH = true_trajectory(record({}, "float64"))
NO_ERRORS = {"loss": np.array(0.0)} | {
    f"grad/{name}": np.zeros(TRUTH[f"step/0001/weight/{name}"].shape) for name in PARAMETERS
}


def members(group: str) -> list[str]:
    """The stages that are judged together: all losses, or the velocities or weights of a step."""
    return [stage for stage in STAGES if stage.startswith(group) or (group == "loss/curve" and stage.endswith("/loss"))]


def farther(part: float, stages: Collection[str] = STAGES) -> Values:
    """The truth, with these stages larger by some part of it."""
    return {stage: value * (1 + part * (stage in stages)) for stage, value in TRUTH.items()}


@dataclass(frozen=True)
class Judged:
    """The findings about one pair."""

    findings: list[Finding]

    def about(self, stage: str, check: Check) -> Finding:
        """The one of a stage."""
        (found,) = [each for each in self.findings if (each.stage, each.check) == (stage, check)]
        return found

    @property
    def failed(self) -> set[str]:
        """Ids of what fails."""
        return {each.id for each in self.findings if each.verdict is Verdict.FAIL}


def judge(
    legacy: Values, port: Values, *, dtype: str = "float32", errors: Mapping[str, np.ndarray] = NO_ERRORS
) -> Judged:
    """The findings about two sides' stages after steps."""
    sides = record(legacy, dtype), record(port, dtype)
    return Judged([*judge_trajectory(*sides, truth=TRUTH, errors=errors)])


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("part", "verdict"), [(0.9e-12, Verdict.PASS), (1.2e-12, Verdict.FAIL)], ids=["in", "over"])
def test_float64_port_is_within_1e_12_of_the_maximum(stage: str, part: float, verdict: Verdict) -> None:
    """The largest element of any stage may be off by 1e-12 of itself, and by no more."""
    found = judge(TRUTH, farther(part, [stage]), dtype="float64")
    assert found.about(stage, Check.TRAJECTORY).verdict is verdict
    assert found.failed == ({f"{stage}:trajectory"} if verdict is Verdict.FAIL else set())


@pytest.mark.parametrize("stage", STAGES)
def test_float64_legacy_is_held_to_the_truth(stage: str) -> None:
    """Two sides that agree on another training fail by the third opinion."""
    wrong = farther(1e-11, [stage])
    assert judge(wrong, wrong, dtype="float64").failed == {f"{stage}:truth"}


@EACH_GROUP
def test_float32_port_within_twice_the_legacys_distance_passes(group: str) -> None:
    """As far again as the legacy is allowed."""
    opposite = farther(-1.99 * APART)
    found = judge(farther(APART), farther(APART) | {stage: opposite[stage] for stage in members(group)})
    finding = found.about(group, Check.TRUTH)
    assert found.failed == set()
    assert finding.share is not None
    assert abs(finding.share - 0.995) < 0.005


@EACH_GROUP
def test_float32_port_beyond_twice_the_legacys_distance_fails(group: str) -> None:
    """A little farther is not, and only that group fails."""
    beyond = farther(2.02 * APART)
    port = farther(APART) | {stage: beyond[stage] for stage in members(group)}
    assert judge(farther(APART), port).failed == {f"{group}:truth"}


@pytest.mark.parametrize("stage", STAGES)
def test_float32_group_names_its_farthest(stage: str) -> None:
    """Of velocities or weights that are judged together the one that is wrong."""
    (group,) = (group for group in GROUPS if stage in members(group))
    message = judge(farther(APART), farther(100 * APART, [stage])).about(group, Check.TRUTH).message
    assert f"(most in {stage}); allowed" in message


def test_float32_distance_is_over_all_parameters() -> None:
    """A bias that alone is three times as far off as the legacy's passes where the rest makes up for it."""
    port = farther(APART) | {"step/0004/weight/conv2/b": TRUTH["step/0004/weight/conv2/b"] * (1 + 3 * APART)}
    assert judge(farther(APART), port).failed == set()


def disturbed(error: float, seed: int) -> Values:
    """A run whose gradients err by a sixth of `error`, every step alike, as the judge's own runs do."""
    normal = np.random.default_rng(seed).standard_normal
    rounding = {name: np.asarray(error / 6 * normal(value.shape)) for name, value in NO_ERRORS.items()}
    return true_trajectory(record({}, "float32"), disturbance=rounding)


def test_float32_legacy_that_was_lucky_is_not_the_measure() -> None:
    """Where the legacy is the truth itself, a port as far as a sound run of the judge's passes, and is told so."""
    found = judge(TRUTH, disturbed(1e-2, seed=7), errors=errors_of(1e-2))
    assert found.failed == set()
    assert "disturbed" in found.about("step/0004/weight", Check.TRUTH).message


def test_float32_port_beyond_twice_the_own_runs_fails() -> None:
    """Ten times as far as a sound run is too far."""
    port = {stage: TRUTH[stage] + 10 * (run - TRUTH[stage]) for stage, run in disturbed(1e-2, seed=7).items()}
    assert "step/0004/weight:truth" in judge(TRUTH, port, errors=errors_of(1e-2)).failed


def floor_of(stage: str, error: float, u: float) -> np.ndarray:
    """What one rounding explains of a stage, where the first loss and gradients err by so much."""
    if stage.endswith("loss") or stage == "loss/curve":
        return np.full(TRUTH[stage].shape, error)
    gradient = TRAINING["learning_rate"] * error
    if "/velocity/" in stage:  # the same error every step adds up as the velocity itself does
        return np.full(TRUTH[stage].shape, gradient / (1 - TRAINING["momentum"]))
    return bounds.sum_factor(int(stage[5:9])) * u * np.abs(TRUTH[stage]) + gradient


def errors_of(error: float) -> Values:
    """The loss and every gradient erring by so much."""
    return {name: np.full(value.shape, error) for name, value in NO_ERRORS.items()}


@EACH_GROUP
@pytest.mark.parametrize(("times", "passes"), [(0.99, True), (20.0, False)], ids=["in", "over"])
def test_float32_port_within_one_rounding_passes(group: str, times: float, passes: bool) -> None:
    """However near the legacy came, what one rounding explains is allowed; what many do not explain is not."""
    moved = {stage: TRUTH[stage] + times * floor_of(stage, 1e-3, 2.0**-24) for stage in members(group)}
    assert judge(TRUTH, TRUTH | moved, errors=errors_of(1e-3)).failed == (set() if passes else {f"{group}:truth"})


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("times", "passes"), [(0.99, True), (1.02, False)], ids=["in", "over"])
def test_float64_port_within_one_rounding_passes(stage: str, times: float, passes: bool) -> None:
    """Where one rounding explains more than 1e-12 of the maximum, that is allowed, and no more."""
    moved = {stage: TRUTH[stage] + times * floor_of(stage, 1e-8, 2.0**-53)}
    failed = judge(TRUTH, TRUTH | moved, dtype="float64", errors=errors_of(1e-8)).failed
    assert failed == (set() if passes else {f"{stage}:trajectory"})


@pytest.mark.parametrize("stage", STAGES)
def test_error_that_is_not_a_number_allows_nothing(stage: str) -> None:
    """Where the errors before training could not be told, no stage after it passes."""
    found = judge(TRUTH, TRUTH, dtype="float64", errors=errors_of(np.nan))
    assert found.about(stage, Check.TRAJECTORY).verdict is Verdict.FAIL


@EACH_GROUP
def test_float32_bound_as_large_as_the_truth_is_vacuous(group: str) -> None:
    """A legacy that is off by as much as half the thing itself proves nothing of the port."""
    found = judge(farther(0.6, members(group)), TRUTH)
    assert found.about(group, Check.TRUTH).verdict is Verdict.VACUOUS
    assert found.failed == set()


@pytest.mark.parametrize("part", [0.4, 0.6], ids=["below", "above"])
def test_float32_weights_that_may_err_by_their_whole_change_are_vacuous(part: float) -> None:
    """What is allowed, twice the legacy's distance, is held against the update; weights are large before it."""
    group = "step/0004/weight"
    given = given_entries()
    off = {stage: part * (TRUTH[stage] - given[stage.removeprefix("step/0004/")]) for stage in members(group)}
    found = judge(TRUTH | {stage: TRUTH[stage] + error for stage, error in off.items()}, TRUTH)
    length = np.sqrt(sum(np.sum(TRUTH[stage] ** 2) for stage in off))
    assert 2 * np.sqrt(sum(np.sum(error**2) for error in off.values())) < length / 10
    assert found.about(group, Check.TRUTH).verdict is (Verdict.PASS if part < 0.5 else Verdict.VACUOUS)
    assert found.failed == set()


def test_float32_stage_without_a_number_is_vacuous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was looked at, so that nothing is sound."""
    empty = TRUTH | {"loss/curve": np.zeros(0)}
    monkeypatch.setitem(TRUTH, "loss/curve", np.zeros(0))
    found = judge(empty, empty)
    assert found.about("loss/curve", Check.TRAJECTORY).verdict is Verdict.VACUOUS
    assert found.failed == set()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
@pytest.mark.parametrize("stage", STAGES)
def test_what_is_no_number_fails(stage: str, value: float, dtype: str) -> None:
    """NaN or infinity in any stage of the port fails it, also where both sides have it."""
    broken = TRUTH | {stage: np.full(TRUTH[stage].shape, value)}
    assert f"{stage}:trajectory" in judge(TRUTH, broken, dtype=dtype).failed
    with np.errstate(invalid="ignore"):  # inf / inf, a share of an infinite distance
        assert f"{stage}:trajectory" in judge(broken, broken, dtype=dtype).failed


@EACH_GROUP
def test_float32_group_with_a_nan_fails_as_a_whole(group: str) -> None:
    """No distance can be told, so none is allowed."""
    stage = members(group)[0]
    broken = TRUTH | {stage: np.full(TRUTH[stage].shape, np.nan)}
    assert f"{group}:truth" in judge(farther(APART), broken).failed


def test_constant_losses_after_steps_are_not_vacuous_alone() -> None:
    """Single stages are only looked at for soundness in float32: how far they are is judged by groups."""
    found = judge(farther(APART), farther(APART))
    alone = [each for each in found.findings if each.check is Check.TRAJECTORY]
    assert [each.stage for each in alone] == STAGES
    assert all((each.verdict, each.share) == (Verdict.PASS, None) for each in alone)


def test_trace_without_training_has_nothing_to_judge() -> None:
    """A graph without trajectory stages gives no truth and no finding."""
    nodes: list[Node] = [*GIVEN, *FORWARD, *BACKWARD, Node("metrics/valid", "valid")]
    manifest = {"dtype": "float32", "graph": [node.as_json() for node in nodes]}
    sides = [Record(Path("t.npz"), manifest, record({}, "float32").arrays, "") for _ in range(2)]
    assert true_trajectory(sides[0]) == {}
    assert [*judge_trajectory(*sides, truth={}, errors={})] == []


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "mistake",
    [{"momentum": 0.0}, {"learning_rate": 0.00501}, {"batches": 1}],
    ids=["momentum forgotten", "learning rate", "first batch again"],
)
def test_wrong_training_fails(mistake: dict[str, float], dtype: str) -> None:
    """Four steps by another rule are farther off than rounding: the last velocity and weights tell."""
    side = record({}, dtype)
    wrong = Record(side.path, side.manifest | {"training": TRAINING | mistake}, side.arrays, "")
    check = "truth" if dtype == "float32" else "trajectory"
    group = "step/0004/weight" if dtype == "float32" else "step/0004/weight/conv1/W"
    failed = judge(true_trajectory(side, dtype), true_trajectory(wrong, dtype), dtype=dtype).failed
    assert f"{group}:{check}" in failed
    assert f"{group}:{check}".replace("weight", "velocity", 1) in failed


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(
    ("jump", "part", "verdict"),
    [
        (1e-3, 1.5e-3, Verdict.VACUOUS),
        (1e-3, 3e-3, Verdict.FAIL),
        (1e-11, 1.5e-11, Verdict.FAIL),
        (1e-3, 0.0, Verdict.PASS),
    ],
    ids=["as far", "farther", "no jump", "right"],
)
def test_float64_port_is_unproven_where_sound_runs_jump(
    stage: str, jump: float, part: float, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where rounding decides a gate sound runs jump: a port as far proves nothing, one farther fails."""
    monkeypatch.setattr(
        "parity.trajectories.true_trajectory",
        lambda *_, **__: {name: np.asarray(value) for name, value in farther(jump).items()},
    )
    found = judge(TRUTH, farther(part, [stage]), dtype="float64")
    assert found.about(stage, Check.TRAJECTORY).verdict is verdict


@pytest.mark.parametrize(("jump", "verdict"), [(0.9997e-9, Verdict.FAIL), (1.0003e-9, Verdict.VACUOUS)])
def test_a_jump_is_a_thousand_times_the_bound(jump: float, verdict: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1e-12 of the maximum; less is rounding that grew, and excuses nothing."""
    runs = {name: np.asarray(value) for name, value in farther(jump).items()}
    monkeypatch.setattr("parity.trajectories.true_trajectory", lambda *_, **__: runs)
    found = judge(TRUTH, farther(1.5 * jump, ["step/0004/weight/conv1/W"]), dtype="float64")
    assert found.about("step/0004/weight/conv1/W", Check.TRAJECTORY).verdict is verdict


def test_own_runs_err_by_a_sixth_of_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three of them, each with a draw of its own for every gradient, of a sixth of its bound in standard deviation."""
    drawn: list[Values] = []

    def noted(_: Record, *, disturbance: Values) -> Values:
        drawn.append(disturbance)
        return TRUTH

    monkeypatch.setattr("parity.trajectories.true_trajectory", noted)
    wide = {name: np.full((5000,), 6.0) for name in NO_ERRORS}
    monkeypatch.setattr("parity.trajectories.one_rounding", lambda *_: np.zeros(1))
    judge(TRUTH, farther(APART), errors=wide)
    assert [sorted(draw) for draw in drawn] == [sorted(f"grad/{name}" for name in PARAMETERS)] * 3
    parts = [part for draw in drawn for part in draw.values()]
    assert all(abs(part.std() - 1) < 0.05 and abs(part.mean()) < 0.06 for part in parts)
    assert len({part[0] for part in parts}) == len(parts)


def told_truth(monkeypatch: pytest.MonkeyPatch, values: Mapping[str, np.ndarray]) -> None:
    """Let these be the truth of some stages, and every sound run the truth."""
    for stage, value in values.items():
        monkeypatch.setitem(TRUTH, stage, value)
    monkeypatch.setattr("parity.trajectories.true_trajectory", lambda *_, **__: TRUTH)


LOSSES = {stage: np.ones(TRUTH[stage].shape) for stage in STAGES if stage.endswith(("/loss", "loss/curve"))}


@pytest.mark.parametrize(("part", "share"), [(0.0, 0.0), (0.25, np.inf)])
def test_nothing_is_allowed_where_nothing_may_differ(
    part: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses without an error, which the legacy has exactly: the same numbers pass, others are infinitely far off."""
    told_truth(monkeypatch, LOSSES)
    port = TRUTH | {stage: value + part for stage, value in LOSSES.items()}
    found = judge(TRUTH, port).about("loss/curve", Check.TRUTH)
    assert found.share == share
    assert found.verdict is (Verdict.FAIL if part else Verdict.PASS)
    assert ("disturbed" in found.message) is bool(part)


def test_float32_bound_exactly_as_large_as_the_truth_is_vacuous(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses of 1 that the legacy has as 1.5: twice its distance is their length."""
    told_truth(monkeypatch, LOSSES)
    legacy = TRUTH | {stage: value + 0.5 for stage, value in LOSSES.items()}
    for part in (0.0, 1.0):  # exactly as far as is allowed is no failure
        port = TRUTH | {stage: value + part for stage, value in LOSSES.items()}
        assert judge(legacy, port).about("loss/curve", Check.TRUTH).verdict is Verdict.VACUOUS


def test_float32_port_exactly_twice_as_far_as_the_legacy_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses of 1: the legacy has 1.25, the port 1.5."""
    told_truth(monkeypatch, LOSSES)
    legacy, port = (TRUTH | {stage: value + part for stage, value in LOSSES.items()} for part in (0.25, 0.5))
    found = judge(legacy, port).about("loss/curve", Check.TRUTH)
    assert (found.verdict, found.share) == (Verdict.PASS, 1)


def test_float32_distance_that_gates_explain_to_the_last_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rate of 1/4 and a momentum of 1/2 hold a gradient once, so that a velocity may be off by all of it."""
    group = "step/0004/velocity"
    told_truth(monkeypatch, {stage: np.zeros(TRUTH[stage].shape) for stage in members(group)})
    monkeypatch.setattr("parity.trajectories.undecided", lambda *_: {"grad/conv2/b": np.ones(1)})
    port = TRUTH | {f"{group}/conv2/b": np.ones(1)}
    sides = [record(values, "float32") for values in (TRUTH, port)]
    for side in sides:
        side.manifest["training"] = TRAINING | {"learning_rate": 0.25, "momentum": 0.5}
    found = Judged([*judge_trajectory(*sides, truth=TRUTH, errors=NO_ERRORS)]).about(group, Check.TRUTH)
    assert found.verdict is Verdict.VACUOUS


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_stage_of_another_shape_than_training_gives_is_refused(dtype: str) -> None:
    """The legacy's own trace contradicts its graph: no distance could be told."""
    with pytest.raises(ParityError, match=r"loss/curve: recorded with shape \(3,\), its graph gives \(4,\)"):
        judge(TRUTH | {"loss/curve": np.ones(3)}, TRUTH, dtype=dtype)


@pytest.mark.parametrize("losses", [3, 5])
def test_curve_without_a_loss_for_each_step_is_refused(losses: int) -> None:
    """Before as many steps are made, which may be more than anybody waits for."""
    with pytest.raises(ParityError, match=rf"loss/curve: recorded with shape \({losses},\), its graph gives \(4,\)"):
        true_trajectory(record({"loss/curve": np.zeros(losses)}, "float64"))


def test_means_of_losses_are_judged_each_alone() -> None:
    """Of epochs and of validation; the losses of the batches, of single steps and of the curve, stand together."""
    told = {"loss/curve": "loss", "step/0004/loss": "loss", "loss/epochs": "epochs", "loss/validation": "validation"}
    groups = [group(Node(stage, "trajectory", (), {"of": of})) for stage, of in told.items()]
    assert groups == ["loss/curve", "loss/curve", "loss/epochs", "loss/validation"]


LOSS_ERRORS = NO_ERRORS | {"loss": np.array(2.0**-10)}


@pytest.mark.parametrize(
    ("jump", "port", "verdict"),
    [
        (1000 / 1024, 1.5, Verdict.FAIL),
        (2.0, 4.0, Verdict.VACUOUS),
        (2.0, 4.001, Verdict.FAIL),
    ],
    ids=["no jump", "as far", "farther"],
)
def test_float64_edges_of_what_sound_runs_excuse(
    jump: float, port: float, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Losses that may err by 2^-10: a run 1000 times as far has not jumped; twice as far as a run is excused."""
    told_truth(monkeypatch, LOSSES)
    runs = TRUTH | {"loss/curve": LOSSES["loss/curve"] + jump}
    monkeypatch.setattr("parity.trajectories.true_trajectory", lambda *_, **__: runs)
    sides = TRUTH, TRUTH | {"loss/curve": LOSSES["loss/curve"] + port}
    found = judge(*sides, dtype="float64", errors=LOSS_ERRORS).about("loss/curve", Check.TRAJECTORY)
    assert found.verdict is verdict
    told = f"; sound runs differ by {2 * jump:.3g} too: rounding decides gates here"  # four losses, each by the jump
    assert found.message.endswith(told) is (verdict is Verdict.VACUOUS)


@pytest.mark.parametrize("fault", ["shape", "bound"])
def test_float64_port_without_a_distance_is_not_excused(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losses of another shape, or bounds that are no number, fail however far sound runs jump."""
    runs = {name: np.asarray(value) for name, value in farther(1.0).items()}
    monkeypatch.setattr("parity.trajectories.true_trajectory", lambda *_, **__: runs)
    port = TRUTH | {"loss/curve": TRUTH["loss/curve"][:3] if fault == "shape" else TRUTH["loss/curve"] + 1e-3}
    errors = NO_ERRORS if fault == "shape" else NO_ERRORS | {"loss": np.array(np.nan)}
    found = judge(TRUTH, port, dtype="float64", errors=errors).about("loss/curve", Check.TRAJECTORY)
    assert found.verdict is Verdict.FAIL


U = 2.0**-24
ONE_ROUNDING = {
    "loss": ("loss", "lasagne", 0.5),
    "mean of losses": ("epochs", "lasagne", 0.5 + 4 * U * 8),
    "mean of validation losses": ("validation", "lasagne", 0.5 + 4 * U * 8),
    "velocity": ("velocity/conv1/W", "lasagne", 3 + 2 * U * 8 * 4),
    "velocity without the rate": ("velocity/conv1/W", "torch", 4 * 3 + 2 * U * 8 * 4),
    "weight": ("weight/conv1/W", "lasagne", 4 * U * 8 + 0.25 * 3),
}


@pytest.mark.parametrize("case", ONE_ROUNDING)
def test_one_rounding_written_out(case: str) -> None:
    """Of -8 after 4 steps of 4 batches an epoch; rate 1/4, momentum 3/4; a loss may err by 1/2, a gradient by 3."""
    of, form, expected = ONE_ROUNDING[case]
    told = TRAINING | {"learning_rate": 0.25, "momentum": 0.75, "batches": 4, "momentum_form": form}
    training = Training.from_manifest({"training": told}, where="here")
    node = Node("stage", "trajectory", (), {"of": of, "step": 4})
    errors = {"loss": np.array(0.5), "grad/conv1/W": np.full(2, 3.0)}
    found = one_rounding(node, np.full(2, -8.0), errors, training, np.dtype("float32"))
    assert found.tolist() == [expected, expected]


@pytest.mark.parametrize(
    ("form", "of", "times"),
    [
        ("lasagne", "velocity", 2 * 0.005 / 0.1),
        ("torch", "velocity", 2 / 0.1),
        ("torch", "weight", 2 * 0.005 / 0.1),
    ],
    ids=["lasagne velocity", "torch velocity", "torch weight"],
)
@pytest.mark.parametrize(("part", "verdict"), [(0.9, Verdict.VACUOUS), (1.1, Verdict.FAIL)], ids=["in", "over"])
def test_float32_gates_of_the_first_step_leave_it_open(
    form: str, of: str, times: float, part: float, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gradient that rounding may move is held by the momentum's form: PyTorch's velocities are without the rate."""
    moved = np.full(TRUTH["step/0004/weight/conv2/b"].shape, 50.0)
    monkeypatch.setattr("parity.trajectories.undecided", lambda *_: {"grad/conv2/b": moved})
    monkeypatch.setattr("parity.trajectories.true_trajectory", lambda *_, **__: TRUTH)
    group = f"step/0004/{of}"
    port = TRUTH | {f"{group}/conv2/b": TRUTH[f"{group}/conv2/b"] + part * times * moved}
    sides = [record(values, "float32") for values in (TRUTH, port)]
    for side in sides:
        side.manifest["training"] = TRAINING | {"momentum_form": form}
    found = Judged([*judge_trajectory(*sides, truth=TRUTH, errors=NO_ERRORS)]).about(group, Check.TRUTH)
    assert found.verdict is verdict
    assert found.message.endswith("rounding decides gates of the first step") is (verdict is Verdict.VACUOUS)
