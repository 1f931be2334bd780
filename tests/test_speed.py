"""What is read out of a race: ratios, spreads, claims, tables; nothing here takes a time."""

import copy
import json
import os
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import speed, speed_original, speed_port
from benchmarks.loader import Stopwatch
from benchmarks.speed_figures import growth_figure, speed_figure
from benchmarks.speed_machine import FLAGS, facts, seconds_a_call
from benchmarks.speed_original import Original, find_original, make_problem
from benchmarks.speed_port import ENGINES, ONNX, blocks_batch, contenders, errors, flop, make_network, step_flop
from benchmarks.speed_ratios import ORIGINAL, TUNED, Spread, best, claims, file_name, gemm, newest, ratio, share_of_gemm
from benchmarks.speed_tables import claims_of, machine_of, scenes_of, speed_of
from parity.errors import WitnessError
from parity.trace import read_request
from port.lasagne_weights import from_state
from port.training import mean_absolute_error

PROBLEM = make_problem(2, 19, (40, 30))


@pytest.fixture
def results() -> dict[str, Any]:
    """A run of two rounds, the second at half the speed: all claims hold, the processor has AMX."""

    def rounds(seconds: float) -> list[float]:
        return [seconds, 2 * seconds]

    engines = {"eager": 2.0, "channels-last": 1.0, "bfloat16": 0.25}
    originals = {ORIGINAL: rounds(6), TUNED: rounds(3)}
    predicting = {**originals, **{n: rounds(s) for n, s in engines.items()}, ONNX: rounds(1.5)}
    kernels = {"auditions": {"detected": {"step": 18.0}, "Zen": {"step": 9.0}}, "kernels": {"forward": "Zen"}}
    return {
        "date": "2026-05-04",
        "rounds": 2,
        "batch": 128,
        "machine": {"cpu": "Some CPU", "threads": 2, "flags": ["avx2", "amx_bf16"], "versions": {"torch": "2.13"}},
        "original": {"witness": "container", "stack": {"theano": "1.1.2"}, **kernels},
        "flop": {"forward": 200e9, "region": 200e9, "step": 500e9, "blocks": 100e9},
        "rates": {
            "gemm float32 512": [100.0, 50.0],
            "gemm float32 1024": [250.0, 125.0],
            "gemm bfloat16 512": [1000.0, 500.0],
            **{f"memory {what}": [10.0, 5.0] for what in ("read", "copy", "triad")},
        },
        "seconds": {
            "forward": dict(predicting),
            "region": dict(predicting),
            "step": {"original": rounds(18), TUNED: rounds(9), **{n: rounds(2.5 * s) for n, s in engines.items()}},
            "blocks": {n: rounds(0.5 * s) for n, s in engines.items()},
        },
        "errors": {
            **{name: {"output": 1e-6, "gradient": 2e-6} for name in ("original", TUNED, "eager", "channels-last")},
            "bfloat16": {"output": 5e-3, "gradient": 2e-3},
            ONNX: {"output": 1e-6},
        },
        "loader": [
            {"recipe": "original", "batching": "patches", "engine": "channels-last", "share": 0.04},
            {"recipe": "original", "batching": "patches", "engine": "bfloat16", "share": 0.06},
        ],
    }


def held(results: dict[str, Any], word: str) -> bool | None:
    """Whether the one claim with that word holds."""
    (claim,) = [claim for claim in claims(results) if word in claim.text]
    return claim.holds


def test_a_ratio_is_taken_within_its_round() -> None:
    """A round in which both are slow says the same as one in which both are fast."""
    assert ratio([6.0, 12.0, 24.0], [1.0, 2.0, 4.0]) == Spread(6.0, 6.0, 6.0)


def test_a_spread_is_median_lowest_and_highest() -> None:
    """It is written so too."""
    spread = Spread.of([4.0, 1.0, 2.0])
    assert spread == Spread(2.0, 1.0, 4.0)
    assert f"{spread:.1f}" == "2.0 (1.0 to 4.0)"


def test_the_machine_is_held_to_its_best_size(results: dict[str, Any]) -> None:
    """The share is of the matrices that are multiplied fastest, round by round."""
    assert gemm(results, "float32") == [250.0, 125.0]
    assert share_of_gemm(results, "forward", "channels-last") == Spread(0.8, 0.8, 0.8)


def test_the_best_is_the_ports_and_in_float32(results: dict[str, Any]) -> None:
    """Neither an original nor bfloat16 is chosen, however fast."""
    results["seconds"]["forward"].update({ORIGINAL: [0.1, 0.1], TUNED: [0.1, 0.1]})
    assert best(results, "forward") == "channels-last"


def test_all_claims_hold_where_all_are_met(results: dict[str, Any]) -> None:
    """With six, 7.2, five and four times."""
    assert [claim.holds for claim in claims(results)] == [True] * len(claims(results))


@pytest.mark.parametrize(
    ("word", "path", "value"),
    [
        ("batch of patches", ("seconds", "forward", "original"), [4.9, 9.8]),
        ("test region", ("seconds", "region", "original"), [4.9, 9.8]),
        ("patch by patch", ("seconds", "step", "original"), [14.9, 29.8]),
        ("blocks at least 4.5", ("seconds", "blocks", "channels-last"), [0.6, 1.2]),
        ("float32 for prediction", ("seconds", "region", "bfloat16"), [0.35, 0.7]),
        ("float32 for a training step", ("seconds", "step", "bfloat16"), [0.9, 1.8]),
        ("same as float64", ("errors", ONNX, "output"), 2e-4),
        ("data loader", ("loader", 0, "share"), 0.06),
    ],
    ids=["batch", "region", "step", "blocks", "bfloat16 prediction", "bfloat16 step", "errors", "loader"],
)
def test_each_claim_can_fail(results: dict[str, Any], word: str, path: tuple[Any, ...], value: Any) -> None:
    """Where its own number is a little short, it alone does not hold."""
    place = results
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    assert held(results, word) is False
    assert [claim.holds for claim in claims(results)].count(False) == 1


def test_bfloat16_is_not_asked_of_a_processor_without_its_units(results: dict[str, Any]) -> None:
    """What it does is told all the same, beside the machine's own matrix products."""
    results["machine"]["flags"] = ["avx512_bf16"]
    (claim, _) = [claim for claim in claims(results) if "bfloat16" in claim.text]
    assert claim.holds is None
    products = "3.2 (3.2 to 3.2) x the machine's float32 matrix products"
    assert claim.found.startswith(f"4.0 (4.0 to 4.0) x, {products}; not asked")


def test_the_loaders_share_by_bfloat16_is_told_beside(results: dict[str, Any]) -> None:
    """It is larger, for the epoch is shorter; what is claimed is the default's."""
    (claim,) = [claim for claim in claims(results) if "data loader" in claim.text]
    assert claim.found == "4.0 % (original, patches); 6.0 % of an epoch by bfloat16"
    assert claim.holds


def test_the_loader_is_judged_only_where_it_was_measured(results: dict[str, Any]) -> None:
    """An older file has no such row."""
    del results["loader"]
    assert not [claim for claim in claims(results) if "data loader" in claim.text]


def test_the_table_tells_ratio_share_and_error(results: dict[str, Any]) -> None:
    """One row a contender, a dash for what it does not do."""
    lines = speed_of(results).splitlines()
    assert lines[2] == "| original | 1 | 13 % | 1 | 13 % | 1 | 11 % | - | 1e-06 | 2e-06 |"
    assert lines[3].startswith(f"| {TUNED} | 2.0 (2.0 to 2.0) | 27 % | 2.0 (2.0 to 2.0) | 27 % | 2.0 (2.0 to 2.0) |")
    assert lines[5] == (
        "| channels-last | 6.0 (6.0 to 6.0) | 80 % | 6.0 (6.0 to 6.0) | 80 % | 7.2 (7.2 to 7.2) | 80 % "
        "| 36.0 (36.0 to 36.0) | 1e-06 | 2e-06 |"
    )
    assert lines[7] == f"| {ONNX} | 4.0 (4.0 to 4.0) | 53 % | 4.0 (4.0 to 4.0) | 53 % | - | - | - | 1e-06 | - |"


def test_the_table_of_claims_says_what_does_not_hold(results: dict[str, Any]) -> None:
    """In bold, with the number that was measured."""
    results["seconds"]["region"]["original"] = [4.0, 8.0]
    line = claims_of(results).splitlines()[2]
    found = "4.0 (4.0 to 4.0) x with channels-last; 3.0 (3.0 to 3.0) x against the tuned original"
    assert line == f"| prediction of the paper's test region at least 5 x the original, in float32 | {found} | **no** |"


def test_the_table_of_the_machine_names_what_ran(results: dict[str, Any]) -> None:
    """Day, processor, rates, versions, kernels."""
    text = machine_of(results)
    for part in (
        "2026-05-04, 2 rounds",
        "Some CPU, 2 threads",
        "float32 188, bfloat16 750",
        "triad 7.5",
        "| original, tuned | forward Zen |",
        "detected 18.00, Zen 9.00",
    ):
        assert part in text


def test_results_are_kept_by_day(tmp_path: Path, results: dict[str, Any]) -> None:
    """The newest file is the one read; other files beside it are not."""
    assert file_name(date(2026, 5, 4)) == "speed-2026-05-04.json"
    for day in ("2026-05-04", "2026-11-01", "2025-12-31"):
        (tmp_path / f"speed-{day}.json").write_text(json.dumps({**results, "date": day}), encoding="utf-8")
    (tmp_path / "speed-notes.json").write_text("{}", encoding="utf-8")
    assert newest(tmp_path)["date"] == "2026-11-01"


def test_scenes_that_are_not_measured_are_those_of_before(
    tmp_path: Path, results: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the day they were measured; a run that measures them replaces them; the figures are drawn of both."""
    for name in ("SPEED", "GROWTH"):
        monkeypatch.setattr(speed, name, tmp_path / f"{name}.png")
    speed.write({**results, "scenes": [scene(4000)], "scenes_date": results["date"]}, tmp_path)
    speed.write({**results, "date": "2026-06-01"}, tmp_path)
    assert (newest(tmp_path)["scenes"], newest(tmp_path)["scenes_date"]) == ([scene(4000)], "2026-05-04")
    speed.write({**results, "date": "2026-06-01", "scenes": [scene(5000)], "scenes_date": "2026-06-01"}, tmp_path)
    assert (newest(tmp_path)["scenes"], newest(tmp_path)["scenes_date"]) == ([scene(5000)], "2026-06-01")
    assert (tmp_path / "GROWTH.png").is_file()


def test_no_results_are_told(tmp_path: Path) -> None:
    """With the command that makes them."""
    with pytest.raises(FileNotFoundError, match="run python -m benchmarks"):
        newest(tmp_path)


def scene(side_px: int, **told: Any) -> dict[str, Any]:
    """A whole scene's entry, within both claims."""
    usual = {"compression": "none", "engine": "channels-last", "tile_px": 192, "seconds": 2.0, "peak_bytes": 1e9}
    ratios = {"ratio": 1.25, "processor_ratio": 1.125, "arithmetic_s": 1.6}
    return {"size_px": [side_px, side_px], "pixels": side_px**2, **usual, **ratios, **told}


@pytest.mark.parametrize(
    ("told", "time", "memory"),
    [({}, True, True), ({"ratio": 1.31}, False, True), ({"peak_bytes": 1.21e9}, True, False)],
    ids=["both hold", "slow", "large"],
)
def test_whole_scenes_are_held_to_time_and_memory(
    told: dict[str, Any], time: bool, memory: bool, results: dict[str, Any]
) -> None:
    """The large ones in time, all in memory; neither a compressed one nor bfloat16 counts."""
    others = [scene(5000, compression="deflate", ratio=2.0), scene(5000, engine="bfloat16", peak_bytes=2e9)]
    results["scenes"] = [scene(1000, ratio=5.0), scene(5000), scene(9000, **told), *others]
    assert (held(results, "GeoTIFF to GeoTIFF"), held(results, "whatever its size")) == (time, memory)


def test_the_table_of_scenes(results: dict[str, Any]) -> None:
    """A row a scene."""
    results["scenes"] = [scene(5000), scene(5000, compression="deflate")]
    lines = scenes_of(results).splitlines()
    assert lines[2] == "| 5000 x 5000 | uncompressed | channels-last | 192 | 1.25 | 1.12 | 12.50 | 1.00 GB |"
    assert len(lines) == 4


def test_the_figures_are_drawn(tmp_path: Path, results: dict[str, Any]) -> None:
    """Both are PNG files."""
    speed_figure(tmp_path / "speed.png", results)
    growth_figure(tmp_path / "growth.png", [scene(1000), scene(4000, seconds=8.0), scene(1000, compression="deflate")])
    for name in ("speed.png", "growth.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_operations_of_a_batch_are_counted() -> None:
    """128 patches take 10 GFLOP forward; a step takes thrice that, less the gradient of the first layer's input."""
    assert flop(128, 33, 33) == pytest.approx(9.993e9, rel=1e-4)
    first = 2 * 128 * 25**2 * 48 * 9 * 81
    assert step_flop(128, 33, 33) == 3 * flop(128, 33, 33) - first


def test_a_batch_of_blocks_holds_as_many_patches() -> None:
    """Two blocks of 8 x 8 patches, all there."""
    batch: Any = blocks_batch(128)
    assert batch.patches == 128
    assert tuple(batch.inputs.shape) == (2, 9, 89, 89)


def test_every_engine_races(monkeypatch: pytest.MonkeyPatch) -> None:
    """In prediction of a batch and of a region, in a step by patches and by blocks; ONNX Runtime in prediction only."""
    monkeypatch.setattr(speed_port, "predicting", lambda *_: None)
    monkeypatch.setattr(speed_port, "training", lambda *_: None)
    found = [(one.work, one.name) for one in contenders(PROBLEM, 1)]
    engines = [(work, name) for name in ENGINES for work in ("forward", "region", "step", "blocks")]
    assert found == [*engines, ("forward", ONNX), ("region", ONNX)]


@pytest.fixture
def answer() -> dict[str, np.ndarray]:
    """What a sound original answers: by way of the port in float32, written as Lasagne has it."""
    network = make_network(PROBLEM)
    output = network(torch.from_numpy(PROBLEM.inputs))
    mean_absolute_error(output, torch.from_numpy(PROBLEM.targets)).backward()
    state = {name: -PROBLEM.learning_rate * value.grad for name, value in network.named_parameters()}
    velocities = zip(PROBLEM.weights, from_state(state), strict=True)
    return {"output": output.detach().numpy(), **{n.replace("weight/", "velocity/"): v for n, v in velocities}}


@pytest.fixture
def few_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that need no compiler."""
    monkeypatch.setattr(speed_port, "ENGINES", ("channels-last", "bfloat16"))


def test_errors_are_small_in_float32_only(few_engines: None, answer: dict[str, np.ndarray]) -> None:
    """bfloat16 is told apart from round-off; ONNX Runtime gives no gradient."""
    found = errors(PROBLEM, {ORIGINAL: [answer]})
    for name in (ORIGINAL, "channels-last"):
        assert max(found[name].values()) < 1e-5
    assert 1e-4 < found["bfloat16"]["output"] < 0.05
    assert found[ONNX].keys() == {"output"}


def test_an_original_that_computes_something_else_is_seen(few_engines: None, answer: dict[str, np.ndarray]) -> None:
    """One wrong answer of two is enough, and nobody else's name stands for it."""
    wrong = copy.deepcopy(answer)
    wrong["velocity/conv2/W"] = wrong["velocity/conv2/W"][..., ::-1]
    found = errors(PROBLEM, {ORIGINAL: [answer], TUNED: [answer, wrong]})
    assert found[TUNED]["gradient"] > 1e-2
    assert found[ORIGINAL]["gradient"] < 1e-5


class FakeWitness:
    """A witness that is fast with some kernels, dies with others."""

    name = "container"
    threads = 2
    stack: dict[str, str] = {}  # noqa: RUF012 - nobody writes to it

    def die(self, *_: object) -> None:
        """As of kernels that the processor has no instructions for."""
        raise WitnessError("illegal instruction")

    def ask(self, module: str, request: Path, answer: Path) -> None:
        """Answer by the kernels that the environment names."""
        kernels = os.environ["OPENBLAS_CORETYPE"]
        if kernels == "Future":
            self.die()
        forward, step = {"detected": (4.0, 5.0), "Slow": (2.0, 1.0), "Fast": (1.0, 3.0)}[kernels]
        works = read_request(request).manifest["timing"]["works"]
        told = {"seconds/forward": np.array([forward, 9.0]), "seconds/step": np.array([step])}
        seconds = {name: value for name, value in told.items() if name.removeprefix("seconds/") in works}
        manifest = np.frombuffer(json.dumps({"stack": {"blas_kernels": kernels}}).encode(), np.uint8)
        np.savez(answer, manifest=manifest, output=np.zeros(1), **seconds)


def fake_original() -> Original:
    """The original before it."""
    live: Any = FakeWitness()
    return Original(live, PROBLEM, 0.0)


def test_the_original_races_as_it_is_and_with_its_fastest_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chosen for each work by itself; kernels that die have lost; the environment is left as it was."""
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    original = fake_original()
    original.audition(["detected", "Slow", "Future", "Fast"])
    assert original.chosen == {"forward": "Fast", "step": "Slow", "region": "Fast"}
    assert original.round() == {
        ORIGINAL: {"forward": 4.0, "step": 5.0, "region": 4.0},
        TUNED: {"forward": 1.0, "step": 1.0, "region": 1.0},
    }
    assert {name: len(answers) for name, answers in original.raced().items()} == {ORIGINAL: 1, TUNED: 2}
    assert original.told()["stack"] == {"blas_kernels": "detected"}
    assert original.told()["failures"] == {"Future": "illegal instruction"}
    assert "OPENBLAS_CORETYPE" not in os.environ


def test_an_original_that_does_not_run_as_it_is_is_no_opponent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own reason is told."""
    monkeypatch.setattr(FakeWitness, "ask", FakeWitness.die)
    with pytest.raises(WitnessError, match="illegal instruction"):
        fake_original().audition(["detected", "Fast"])


def test_recorded_traces_cannot_be_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A witness must run."""
    monkeypatch.setattr(speed_original.witness, "find", lambda *_, **__: SimpleNamespace(name="recorded"))
    with pytest.raises(WitnessError, match="recorded: traces cannot be timed"):
        find_original("best", PROBLEM, threads=1, minimum_s=0.0)


def test_a_call_is_repeated_until_time_is_up() -> None:
    """At least once; the mean is given."""
    calls: list[int] = []
    assert seconds_a_call(lambda: calls.append(1), 0.0) > 0
    assert calls == [1]
    seconds_a_call(lambda: calls.append(1), 0.001)
    assert len(calls) > 2


def test_the_machine_tells_its_instructions() -> None:
    """Only those that matter, in their order."""
    told = facts(3)
    assert told["threads"] == 3
    assert told["flags"] == [flag for flag in FLAGS if flag in told["flags"]]
    assert told["versions"]["torch"]


def test_a_stopwatch_passes_items_on() -> None:
    """All of them, in order."""
    watch = Stopwatch()
    assert list(watch.over(range(3))) == [0, 1, 2]
    assert watch.seconds > 0
