"""Two traces that may not be compared fail before anything is compared, and the field to blame is named."""

from collections.abc import Callable

import numpy as np
import pytest
from judged_pair import FORWARD, GIVEN, NODES, MakePair, Pair

from parity.findings import Check, Verdict
from parity.graph import Node
from parity.integrity import check_pair
from parity.trace import code_sha256, read_request, read_trace


def doubts(pair: Pair, *, with_request: bool = True) -> list[tuple[str, str]]:
    """Fields in doubt and the messages."""
    legacy, port = map(read_trace, pair.write())
    request = read_request(pair.request) if with_request else None
    found = check_pair(legacy, port, request=request, rooms=pair.rooms)
    assert all((finding.check, finding.verdict) == (Check.INTEGRITY, Verdict.FAIL) for finding in found)
    assert all(finding.message.startswith(f"{finding.stage}: ") for finding in found)
    return [(finding.stage, finding.message) for finding in found]


def blamed(pair: Pair) -> str:
    """The message of the one doubt, without its field's name; the comparison fails for it and measures nothing."""
    found = doubts(pair)
    assert len(found) == 1, found
    comparison = pair.judge()
    assert comparison.verdict is Verdict.FAIL
    assert comparison.first_bad is not None
    assert (comparison.first_bad.stage, comparison.elements) == (found[0][0], 0)
    return found[0][1]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("forced", [False, True], ids=["own", "forced"])
def test_sound_pair_is_not_in_doubt(make: MakePair, dtype: str, forced: bool) -> None:
    """Two sides of one request, in two processes, by today's code."""
    assert doubts(make(dtype=dtype, forced=forced)) == []


def test_request_need_not_be_at_hand(pair: Pair) -> None:
    """Two traces that tell one request's hash agree on it."""
    assert doubts(pair, with_request=False) == []


@pytest.mark.parametrize("side", ["legacy", "port"])
@pytest.mark.parametrize("told", ["0" * 64, None])
def test_another_request_is_a_doubt(pair: Pair, side: str, told: str | None) -> None:
    """A side that computed something else, or does not tell what, is not compared."""
    right = pair.legacy.manifest["request_sha256"]
    getattr(pair, side).manifest["request_sha256"] = told
    message = blamed(pair)
    assert f"{side} {told}" in message
    assert f"request {right}" in message


def test_both_from_another_request_is_a_doubt(pair: Pair) -> None:
    """Two sides that agree on another request than the one at hand are not compared."""
    for side in (pair.legacy, pair.port):
        side.manifest["request_sha256"] = "1" * 64
    assert f"legacy {'1' * 64}, port {'1' * 64}, request " in blamed(pair)


def test_no_request_hash_on_either_side_is_a_doubt(pair: Pair) -> None:
    """Two hashes that are missing are not equal."""
    for side in (pair.legacy, pair.port):
        del side.manifest["request_sha256"]
    assert [field for field, _ in doubts(pair, with_request=False)] == ["request_sha256"]


def test_same_process_is_a_doubt(pair: Pair) -> None:
    """Two traces of one process may be one program's."""
    pair.port.manifest["process"] = {"id": "one"}
    assert "both traces were written by process one" in blamed(pair)


@pytest.mark.parametrize("side", ["legacy", "port"])
@pytest.mark.parametrize("process", [None, {}, {"id": None}, "one", 7], ids=str)
def test_unknown_process_is_a_doubt(pair: Pair, side: str, process: object) -> None:
    """A trace that does not name its process may be the other's."""
    getattr(pair, side).manifest["process"] = process
    assert "a trace must name the process that wrote it" in blamed(pair)


@pytest.mark.parametrize("side", ["legacy", "port"])
def test_stale_code_is_a_doubt(pair: Pair, side: str) -> None:
    """A trace of yesterday's code says nothing of today's; both hashes are told."""
    room = pair.rooms / side
    (room / "network.py").write_text("# changed\n", encoding="utf-8")
    message = blamed(pair)
    assert f"{side}.npz is stale" in message
    assert code_sha256(room) in message
    assert getattr(pair, side).manifest["code_sha256"] in message


def test_new_file_makes_code_stale(pair: Pair) -> None:
    """A file that was not there when the trace was recorded counts too."""
    (pair.rooms / "port" / "extra.py").write_text("", encoding="utf-8")
    assert "port.npz is stale" in blamed(pair)


@pytest.mark.parametrize("told", [None, 7], ids=str)
def test_code_that_is_not_told_is_a_doubt(pair: Pair, told: object) -> None:
    """A trace must say what ran."""
    pair.port.manifest["code_sha256"] = told
    assert "does not tell the code that ran" in blamed(pair)


@pytest.mark.parametrize("side", ["elsewhere", "../rooms/port", ".", "network.py"])
def test_side_without_a_room_is_a_doubt(pair: Pair, side: str) -> None:
    """A trace whose code stands nowhere is as good as stale."""
    pair.port.manifest["side"] = side
    assert f"tells side {side!r}, but" in blamed(pair)


def test_two_traces_of_one_side_are_a_doubt(pair: Pair) -> None:
    """The port compared with the port proves nothing of the original."""
    pair.legacy.manifest |= {key: pair.port.manifest[key] for key in ("side", "code_sha256")}
    assert "legacy tells 'port', port 'port'" in blamed(pair)


@pytest.mark.parametrize("forced", ["0" * 64, None])
def test_another_teacher_is_a_doubt(make: MakePair, forced: str | None) -> None:
    """A port forced by another trace, or by one it does not tell, was not judged on this legacy's inputs."""
    pair = make(forced=True)
    pair.port.manifest["teacher_sha256"] = forced
    assert f"the port was forced by {forced}, the legacy is " in blamed(pair)


def test_teacher_of_a_port_that_was_not_forced_is_a_doubt(pair: Pair) -> None:
    """A teacher that is told must be this legacy, though nothing was forced."""
    pair.port.manifest["teacher_sha256"] = "0" * 64
    assert "the port was forced by 0000" in blamed(pair)


@pytest.mark.parametrize("dtype", [None, "float16", "int64", "banana"], ids=str)
def test_dtype_without_a_bound_is_a_doubt(pair: Pair, dtype: str | None) -> None:
    """Bounds are derived for two types; both sides agreeing on a third does not help."""
    for side in (pair.legacy, pair.port):
        side.manifest["dtype"] = dtype
    assert f"legacy.npz tells {dtype!r}, expected float32 or float64" in blamed(pair)


def test_dtype_that_the_numbers_do_not_have_is_a_doubt(pair: Pair) -> None:
    """Numbers in float64 are not judged by the bounds of float32, even if both sides tell so."""
    for side in (pair.legacy, pair.port):
        side.manifest["dtype"] = "float32"
    assert "legacy.npz tells float32, its entry weight/conv1/W is float64" in blamed(pair)


@pytest.mark.parametrize("side", ["legacy", "port"])
@pytest.mark.parametrize(
    ("change", "told"),
    [({"dtype": "float32"}, "dtype float32 against float64"), ({"probe": "trained"}, "probe trained against None")],
    ids=["another value", "one more"],
)
def test_other_settings_than_the_requests_are_a_doubt(pair: Pair, side: str, change: dict[str, str], told: str) -> None:
    """What a side says that it was asked is what the request at hand asks."""
    getattr(pair, side).manifest["request"] |= change
    assert blamed(pair) == f"request: {side} {told} of the request; both must run the same network"


@pytest.mark.parametrize("told", [{"dtype": "float32"}, {}, None], ids=str)
def test_same_wrong_settings_on_both_sides_are_a_doubt(pair: Pair, told: dict[str, str] | None) -> None:
    """Two sides that agree on other settings, or on telling none, are not compared."""
    for side in (pair.legacy, pair.port):
        side.manifest["request"] = told
    assert [field for field, _ in doubts(pair)] == ["request", "request"]
    assert pair.judge().verdict is Verdict.FAIL


def test_settings_of_two_requests_are_a_doubt(pair: Pair) -> None:
    """Without the request at hand the port is held to what the legacy was asked."""
    pair.port.manifest["request"] |= {"probe": "trained"}
    assert [message for _, message in doubts(pair, with_request=False)] == [
        "request: port probe trained against None of the legacy; both must run the same network"
    ]


OTHER_GRAPH = [node.as_json() | ({"operation": "identity"} if node.stage == "conv1/out" else {}) for node in NODES]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("training", {"steps": 5}, "legacy batch_size 2 against None of port"),
        ("request", {}, "port content_sha256 None against "),
        ("request", None, "port None against {"),
        ("graph", OTHER_GRAPH, "'operation': 'identity'"),
        (
            "graph",
            [node.as_json() for node in NODES[:-1]],
            f"legacy has {len(NODES)} entries against {len(NODES) - 1} of port",
        ),
    ],
    ids=["training", "request", "no request", "graph", "shorter graph"],
)
def test_another_network_is_a_doubt(pair: Pair, field: str, value: object, told: str) -> None:
    """Both sides must have run the same graph, with the same settings; the first difference is told."""
    pair.port.manifest[field] = value
    assert told in blamed(pair)


TRAINING_FIELDS = ("steps", "batch_size", "batches", "learning_rate", "momentum")


@pytest.mark.parametrize("field", TRAINING_FIELDS)
def test_training_that_lacks_a_field_is_a_doubt(pair: Pair, field: str) -> None:
    """Two sides that agree on a training which cannot be followed are not compared; the field is named."""
    for side in (pair.legacy, pair.port):
        side.manifest["training"] = {k: v for k, v in side.manifest["training"].items() if k != field}
    assert f"the manifest's training lacks '{field}'; record it again" in blamed(pair)


@pytest.mark.parametrize(
    ("training", "told"),
    [
        (None, "it is None, expected an object"),
        ([], "it is [], expected an object"),
        ({"steps": 0}, "steps is 0, expected a whole number from 1 on"),
        ({"batches": 1.5}, "batches is 1.5, expected a whole number from 1 on"),
        ({"batch_size": True}, "batch_size is True, expected"),
        ({"momentum": "much"}, "could not convert string to float"),
        ({"momentum": 1.0}, "momentum is 1.0, expected a number from 0 on and below 1; record it again"),
        ({"momentum": -0.1}, "momentum is -0.1, expected a number from 0 on and below 1"),
        ({"rate_changes": [3]}, "cannot unpack"),
        ({"momentum_form": "nesterov"}, "momentum_form is 'nesterov', expected one of lasagne, torch"),
    ],
    ids=str,
)
def test_malformed_training_is_a_doubt(pair: Pair, training: dict | list | None, told: str) -> None:
    """So are two that agree on nonsense."""
    for side in (pair.legacy, pair.port):
        side.manifest["training"] = side.manifest["training"] | training if isinstance(training, dict) else training
    assert told in blamed(pair)


def test_another_dtype_in_the_manifest_is_a_doubt(pair: Pair) -> None:
    """A side that tells another type has done another run."""
    pair.port.manifest["dtype"] = "float32"
    assert "legacy float64 against float32 of port" in blamed(pair)


def drop(arrays: dict[str, np.ndarray]) -> None:
    """Remove an entry."""
    del arrays["conv2/pre"]


def add(arrays: dict[str, np.ndarray]) -> None:
    """One entry more."""
    arrays["conv3/pre"] = np.ones(2)


def add_forced(arrays: dict[str, np.ndarray]) -> None:
    """A teacher-forced entry of no stage."""
    arrays["forced/conv3/pre"] = np.ones(2)


@pytest.mark.parametrize("side", ["legacy", "port"])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (drop, "conv2/pre: missing in the {}'s trace (1 in all: conv2/pre)"),
        (add, "conv3/pre: extra in the {}'s trace (1 in all: conv3/pre)"),
        (add_forced, "forced/conv3/pre: extra in the {}'s trace (1 in all: forced/conv3/pre)"),
    ],
    ids=["missing", "extra", "extra forced"],
)
def test_missing_or_extra_entry_is_a_doubt(
    make: MakePair, side: str, change: Callable[[dict[str, np.ndarray]], None], told: str
) -> None:
    """Nothing is left out and nothing put in; only the intersection is never compared."""
    pair = make(forced=True)
    change(getattr(pair, side).arrays)
    if side == "legacy":
        pair.port.manifest.pop("teacher_sha256", None)
    assert blamed(pair) == told.format(side)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("stage", ["patches/raw", "conv1/pre", "loss", "forced/conv1/pre", "step/0004/weight/conv1/W"])
@pytest.mark.parametrize(
    "change",
    [lambda values: values.ravel()[1:], lambda values: values[None], lambda values: values.astype("float16")],
    ids=["shorter", "one axis more", "dtype"],
)
def test_another_shape_or_dtype_is_a_doubt(
    make: MakePair, stage: str, dtype: str, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    """An entry of another shape or type fails before anything is computed from it; both are told."""
    pair = make(forced=True, dtype=dtype)
    expected = pair.port.arrays[stage]
    pair.spoil(stage, change)
    actual = pair.port.arrays[stage]
    sides = f"legacy is {expected.shape} {dtype}, port is {actual.shape} {actual.dtype}"
    assert blamed(pair) == f"{stage}: {sides}"


@pytest.mark.parametrize("side", ["legacy", "port"])
def test_renamed_entry_is_missing_and_extra(pair: Pair, side: str) -> None:
    """Entries are paired by name, never by position."""
    arrays = getattr(pair, side).arrays
    renamed = {("Conv1/pre" if name == "conv1/pre" else name): array for name, array in arrays.items()}
    arrays.clear()
    arrays.update(renamed)
    assert [field for field, _ in doubts(pair)] == ["conv1/pre", "Conv1/pre"]


def test_no_stage_at_all_is_a_doubt(make: MakePair) -> None:
    """Two empty graphs are equal, and prove nothing."""
    assert blamed(make(nodes=())) == "graph: it has no stage; nothing would be compared"


def test_stages_without_numbers_fail(make: MakePair) -> None:
    """A graph whose entries hold no number compares nothing, and that is a failure."""
    pair = make(nodes=(Node("patches/raw", "given"),))
    pair.give("patches/raw", lambda patches: patches[:0])
    comparison = pair.judge()
    assert comparison.verdict is Verdict.FAIL
    assert [finding.message for finding in comparison.findings if finding.verdict is Verdict.FAIL] == [
        "trace: nothing was compared"
    ]


def test_doubts_are_all_told(pair: Pair) -> None:
    """The first doubt does not hide the next."""
    pair.port.manifest |= {"request_sha256": "0", "process": {"id": "one"}, "code_sha256": None}
    assert [field for field, _ in doubts(pair)] == ["request_sha256", "process", "code_sha256"]


def test_pair_without_training_needs_to_tell_none(make: MakePair) -> None:
    """What has no stage after training steps can be judged without the training's settings."""
    pair = make(nodes=[*GIVEN, *FORWARD])
    for side in (pair.legacy, pair.port):
        del side.manifest["training"]
    assert check_pair(*map(read_trace, pair.write()), rooms=pair.rooms) == []
