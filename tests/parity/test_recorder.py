"""A recorder keeps what a program names, asks for what is missing, and its trace is judged as any other."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parity.compare import Comparison, compare
from parity.errors import ParityError
from parity.findings import Verdict
from parity.integrity import check_pair
from parity.question import probe_images, probe_weights, write_question
from parity.recorder import Recorder
from parity.trace import read_request, read_trace

TRAINING = {"steps": 3, "recorded": [1, 3], "batch_size": 2, "learning_rate": 0.5, "momentum": 0.5}
LISTS = {"features": np.ones((5, 2)), "targets": np.ones((5, 2))}
WEIGHTS = ("weight/dense1/W", "weight/dense1/b")


@pytest.fixture
def question(tmp_path: Path) -> Path:
    """A dense layer of two features and two results, five rows, five targets."""
    random = np.random.RandomState(1)
    given = probe_weights({"dense1": (2, 2)}, random)
    given |= {"features": random.normal(size=(5, 2)), "targets": random.normal(size=(5, 2))}
    write_question(tmp_path / "q.npz", given, dtype="float64", **TRAINING)
    return tmp_path / "q.npz"


def program(folder: Path, side: str) -> Path:
    """A file that stands for the program that ran."""
    path = folder / side / f"{side}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"# {side}\n", encoding="utf-8")
    return path


def gradients(x: np.ndarray, output: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
    """Those of the mean absolute error, by stage."""
    delta = np.sign(output - target) / target.size
    return {"grad/output": delta, "grad/dense1/W": x.T @ delta, "grad/dense1/b": delta.sum(axis=0)}


OPERATIONS = {
    "weight/dense1/W": ("given", []),
    "weight/dense1/b": ("given", []),
    "output": ("dense", ["batch/features", *WEIGHTS]),
    "loss": ("mean_absolute_error", ["output", "batch/targets"]),
    "grad/output": ("mean_absolute_error_gradient", ["output", "batch/targets"]),
    "grad/dense1/W": ("dense_gradient_weights", ["batch/features", "grad/output"]),
    "grad/dense1/b": ("bias_gradient", ["grad/output"]),
}


def run(recorder: Recorder, *, told: bool, transposed: bool = False, again: bool = False) -> None:
    """Record the layer and its training; with every operation told, or as the original tells them."""
    weight = {name: recorder.given(name) for name in WEIGHTS}
    velocity = dict.fromkeys(WEIGHTS, np.zeros(()))
    for step, (x, target) in enumerate(recorder.batches(np.array)):
        W = weight[WEIGHTS[0]].T if transposed else weight[WEIGHTS[0]]
        output = x @ W + weight[WEIGHTS[1]]
        found = gradients(x, output, target)
        seen = weight | {"output": output, "loss": np.abs(output - target).mean()} | found
        for name, value in seen.items() if step == 0 else ():
            operation, inputs = OPERATIONS[name]
            if told:
                recorder.stage(name, value, operation=operation, inputs=inputs)
            else:
                forced = (lambda x, W, b: x @ W + b) if again and name == "output" else None
                recorder.stage(name, value, again=forced)
        for name in WEIGHTS:
            velocity[name] = 0.5 * velocity[name] - 0.5 * found[name.replace("weight", "grad")]
            weight = weight | {name: weight[name] + velocity[name]}
        recorder.step(seen["loss"], velocity, weight)


@pytest.fixture
def original(question: Path, tmp_path: Path) -> Path:
    """The original's trace, by the recorder too."""
    recorder = Recorder(question, tmp_path / "legacy.npz", side="legacy")
    run(recorder, told=True)
    recorder.write(program(tmp_path, "legacy"))
    return tmp_path / "legacy.npz"


def judged(question: Path, original: Path, folder: Path, **how: bool) -> Comparison:
    """The port recorded, and compared with the original as if another process had written it."""
    recorder = Recorder(question, folder / "port.npz", original)
    run(recorder, told=False, **how)
    recorder.write(program(folder, "port"), "numpy")
    legacy, port = read_trace(original), read_trace(folder / "port.npz")
    port.manifest["process"]["id"] = "another"
    programs = {side: program(folder, side) for side in ("legacy", "port")}
    return compare(legacy, port, request=read_request(question), programs=programs)


def failures(comparison: Comparison) -> list[str]:
    """What fails."""
    return [finding.message for finding in comparison.findings if finding.verdict is Verdict.FAIL]


@pytest.mark.parametrize("again", [False, True], ids=["alone", "taught"])
def test_two_recorded_programs_are_judged(question: Path, original: Path, tmp_path: Path, again: bool) -> None:
    """A sound port does not fail, with or without a stage computed again from the original's inputs."""
    assert failures(judged(question, original, tmp_path, again=again)) == []


def test_wrong_program_is_blamed(question: Path, original: Path, tmp_path: Path) -> None:
    """A dense W that is not transposed, where its shape does not tell."""
    found = judged(question, original, tmp_path, transposed=True)
    assert found.first_bad is not None
    assert found.first_bad.stage == "output"


def test_missing_stages_are_named(question: Path, original: Path, tmp_path: Path) -> None:
    """What the original recorded must be recorded."""
    recorder = Recorder(question, tmp_path / "port.npz", original)
    with pytest.raises(ParityError, match=r"\d+ stages were not recorded: weight/dense1/W, weight/dense1/b, output, "):
        recorder.write(program(tmp_path, "port"))


def test_unknown_stage_is_refused(question: Path, original: Path, tmp_path: Path) -> None:
    """A misspelt name is not swallowed."""
    with pytest.raises(ParityError, match=r"outptu: the original has no such stage; name it as the original does: "):
        Recorder(question, tmp_path / "port.npz", original).stage("outptu", 1.0)


def test_stage_that_nobody_tells_is_refused(question: Path, tmp_path: Path) -> None:
    """Without an original the program says what each stage is."""
    with pytest.raises(ParityError, match="output: no original tells its operation; give operation="):
        Recorder(question, tmp_path / "legacy.npz", side="legacy").stage("output", 1.0)


@pytest.mark.parametrize("words", [[], ["q.npz", "t.npz"], ["q.npz", "t.npz", "o.npz"]], ids=["none", "two", "bare"])
def test_other_words_are_refused(words: list[str]) -> None:
    """A port is asked as `parity judge` asks."""
    with pytest.raises(ParityError, match="a port is asked REQUEST TRACE --teacher=ORIGINAL, not"):
        Recorder.asked(words)


def test_gradients_are_those_that_the_original_tells(question: Path, original: Path, tmp_path: Path) -> None:
    """A weight's gradient leaves out `weight/`."""
    expected = {"grad/output": "output", "grad/dense1/W": WEIGHTS[0], "grad/dense1/b": WEIGHTS[1]}
    assert Recorder(question, tmp_path / "port.npz", original).gradients == expected


@pytest.mark.parametrize(
    ("told", "changed", "message"),
    [
        (("legacy",), False, r"port.npz tells program 'port.py', this side's is not given \(--port-program\)"),
        (
            ("legacy", "port"),
            True,
            r"port.npz is stale: a .py file in .*port, or below, is new, gone or changed \(hash ",
        ),
    ],
    ids=["not given", "stale"],
)
def test_program_must_be_the_one_that_ran(
    question: Path, original: Path, tmp_path: Path, told: tuple[str, ...], changed: bool, message: str
) -> None:
    """A trace of a program that nobody shows, or that was changed since, proves nothing."""
    judged(question, original, tmp_path)
    if changed:
        (tmp_path / "port" / "helper.py").write_text("# new\n", encoding="utf-8")
    sides = read_trace(original), read_trace(tmp_path / "port.npz")
    sides[1].manifest["process"]["id"] = "another"
    programs = {side: tmp_path / side / f"{side}.py" for side in told}
    (finding,) = check_pair(*sides, request=read_request(question), programs=programs)
    assert finding.verdict is Verdict.FAIL
    assert re.search(message, finding.message)


@pytest.mark.parametrize(
    ("side", "path", "stale"),
    [("port", "net/deep/acts.py", True), ("port", ".venv/a.py", False), ("legacy", "net/acts.py", False)],
    ids=["port's package", "hidden", "original's package"],
)
def test_package_of_the_port_is_its_code_too(
    question: Path, original: Path, tmp_path: Path, side: str, path: str, stale: bool
) -> None:
    """What it imports from below its folder; of the original the folder's own files, as its recorder hashes them."""
    judged(question, original, tmp_path)
    added = tmp_path / side / path
    added.parent.mkdir(parents=True)
    added.write_text("# new\n", encoding="utf-8")
    sides = read_trace(original), read_trace(tmp_path / "port.npz")
    sides[1].manifest["process"]["id"] = "another"
    programs = {side: tmp_path / side / f"{side}.py" for side in ("legacy", "port")}
    assert [finding.stage for finding in check_pair(*sides, programs=programs)] == ["code_sha256"] * stale


def test_program_that_did_not_run_is_refused(question: Path, original: Path, tmp_path: Path) -> None:
    """A file of another name stands for nothing."""
    judged(question, original, tmp_path)
    sides = read_trace(original), read_trace(tmp_path / "port.npz")
    sides[1].manifest["process"]["id"] = "another"
    programs = {"legacy": tmp_path / "legacy" / "legacy.py", "port": tmp_path / "port" / "other.py"}
    (finding,) = check_pair(*sides, programs=programs)
    assert "tells program 'port.py'" in finding.message


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"recorded": [1, 9]}, "recorded is [1, 9], expected a list of rising step numbers from 1 to 3, the steps"),
        ({"recorded": [3, 1]}, "recorded is [3, 1], expected a list of rising"),
        ({"recorded": 3}, "recorded is 3, expected a list of rising"),
        ({"steps": 0}, "steps is 0, expected a whole number from 1 on"),
        ({"steps": 2.0}, "steps is 2.0, expected a whole number from 1 on"),
        ({"batch_size": True}, "batch_size is True, expected a whole number from 1 on"),
        ({"batch_size": 6}, "the length of features is 5, expected at least a batch of 6"),
        ({"learning_rate": -1}, "learning_rate is -1, expected a finite number from 0 on"),
        ({"learning_rate": float("inf")}, "learning_rate is inf, expected a finite number from 0 on"),
        ({"learning_rate": "0.1"}, "learning_rate is '0.1', expected a finite number from 0 on"),
        ({"momentum": 1.0}, "momentum is 1.0, expected a number from 0 on and below 1"),
        ({"momentum": False}, "momentum is False, expected a number from 0 on and below 1"),
        ({"dtype": "float16"}, "dtype is 'float16', expected float32 or float64"),
    ],
    ids=str,
)
def test_question_that_no_side_can_answer_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    """At once, where it is written: the entry, both values, and what to do; no file is left."""
    with pytest.raises(ParityError, match=f"^write_question: {re.escape(message)}.*; change it and write the question"):
        write_question(tmp_path / "q.npz", LISTS, **{"dtype": "float64", **TRAINING, **changed})
    assert not (tmp_path / "q.npz").exists()


@pytest.mark.parametrize("recorded", [[], (1, 3)], ids=str)
def test_question_may_record_any_steps(tmp_path: Path, recorded: Sequence[int]) -> None:
    """None, or a tuple of some, which JSON has no other form for than a list."""
    write_question(tmp_path / "q.npz", LISTS, dtype="float64", **{**TRAINING, "recorded": recorded})
    assert read_request(tmp_path / "q.npz").manifest["training"]["recorded"] == list(recorded)


@pytest.mark.parametrize("entry", TRAINING)
def test_question_without_a_setting_is_refused(tmp_path: Path, entry: str) -> None:
    """Both sides are asked the same: nothing is left to either's default."""
    told = {name: value for name, value in TRAINING.items() if name != entry}
    with pytest.raises(ParityError, match=f"^write_question: {entry} is missing, expected it among the arguments; "):
        write_question(tmp_path / "q.npz", LISTS, dtype="float64", **told)


def test_question_without_a_list_is_refused(tmp_path: Path) -> None:
    """Weights alone are no question."""
    with pytest.raises(ParityError, match="the list of images is missing, expected it among what is given"):
        write_question(tmp_path / "q.npz", {"weight/dense1/b": [1.0]}, dtype="float64", **TRAINING)


def test_probe_weights_have_a_dead_unit_in_each_layer_but_the_last() -> None:
    """The last filter and the last column; the other biases differ."""
    given = probe_weights({"conv1": (3, 2, 2, 2), "dense1": (5, 4), "dense2": (4, 2)}, np.random.RandomState(0))
    assert not given["weight/conv1/W"][-1].any()
    assert not given["weight/dense1/W"][:, -1].any()
    assert given["weight/dense2/W"].all()
    assert [given[f"weight/{layer}/b"][-1] == 0 for layer in ("conv1", "dense1", "dense2")] == [True, True, False]
    assert len(np.unique(given["weight/dense1/b"])) == 4


def test_probe_images_have_a_ramp_and_a_single_pixel() -> None:
    """And noise."""
    images = probe_images((4, 2, 6, 5), np.random.RandomState(0))
    assert (np.ptp(np.diff(images[0], axis=1), axis=(1, 2)) < 1e-12).all()
    assert (images[1] != 0).sum(axis=(1, 2)).tolist() == [1, 1]
    assert (images[2:] != 0).all()


def test_port_is_recorded_as_it_is_asked(question: Path, original: Path, tmp_path: Path) -> None:
    """The teacher is the original's trace, whose stages it then has to name."""
    asked = Recorder.asked([str(question), str(tmp_path / "port.npz"), f"--teacher={original}"])
    assert asked.gradients.keys() == {"grad/output", "grad/dense1/W", "grad/dense1/b"}


@pytest.mark.parametrize("again", [False, True], ids=["alone", "taught"])
def test_first_batch_is_observed_and_later_ones_are_not(
    question: Path, original: Path, tmp_path: Path, again: bool
) -> None:
    """Every stage that was seen, the gradient of each that the original tells one of, and what is computed again."""
    recorder = Recorder(question, tmp_path / "port.npz", original)
    weight = {name: recorder.given(name) for name in WEIGHTS}
    velocity = dict.fromkeys(WEIGHTS, np.zeros(()))
    for number, (x, target) in enumerate(recorder.batches(np.array)):
        output = x @ weight[WEIGHTS[0]] + weight[WEIGHTS[1]]
        found = gradients(x, output, target)
        seen = weight | {"output": output, "loss": np.abs(output - target).mean()}
        by_value = {id(seen[of]): found[name] for name, of in recorder.gradients.items()}
        taught = {"output": lambda x, W, b: x @ W + b} if again else None
        recorder.observe(seen, lambda value, by=by_value: by[id(value)], taught)
        for name in WEIGHTS:
            velocity[name] = 0.5 * velocity[name] - 0.5 * found[name.replace("weight", "grad")]
            weight = weight | {name: weight[name] + velocity[name]}
        recorder.step(seen["loss"] + number * 0, velocity, weight)
    recorder.write(program(tmp_path, "port"))
    legacy, port = read_trace(original), read_trace(tmp_path / "port.npz")
    port.manifest["process"]["id"] = "another"
    assert list(port.forced) == ["output"] * again
    programs = {side: program(tmp_path, side) for side in ("legacy", "port")}
    assert failures(compare(legacy, port, request=read_request(question), programs=programs)) == []
