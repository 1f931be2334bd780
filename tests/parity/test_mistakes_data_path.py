"""Each known mistake from masks to the file, made in a path written in loops, is named; what has no name is unknown."""

from collections.abc import Callable
from pathlib import Path

import naive_path as path
import numpy as np
import pytest
from path_pair import graph, make_path_pair
from stage_calls import called

from parity.diagnosis import Explanation, diagnose, explain
from parity.graph import Graph
from parity.mistakes import Call
from parity.trace import read_request, read_trace

Change = Callable[[np.ndarray], np.ndarray]
SOUND = path.Program("float64").run()
DRAWN = np.array([[5, 0], [1, 4], [2, 3], [0, 3], [1, 2], [4, 5]])
REGION = (slice(path.REGION[0], path.REGION[1]), slice(path.REGION[2], path.REGION[3]))


def explained(stage: str, change: Change) -> Explanation:
    """What is known of a stage whose sound value was changed."""
    stages, sound = Graph(tuple(graph("float64"))), SOUND[stage]
    call = Call(stages[stage], SOUND, np.dtype(np.float64), sound.dtype, stages)
    return explain(call, np.asarray(change(sound.copy()), sound.dtype))


def corners(origin: int = path.ORIGIN, stride: int = path.STRIDE, margin: int = 0, masks: str = "123") -> Change:
    """Corners of patches, looked at one by one."""

    def change(_: np.ndarray) -> np.ndarray:
        found = []
        for row in range(origin, path.ROWS - path.SIDE + 1, stride):
            for col in range(origin, path.COLS - path.SIDE + 1, stride):
                inner = (slice(row + margin, row + path.SIDE - margin), slice(col + margin, col + path.SIDE - margin))
                if not any(SOUND[f"mask/00{date}"][inner].any() for date in masks):
                    found.append((row, col))
        return np.array(found)

    return change


def stored(mask: np.ndarray) -> np.ndarray:
    """The mask at t-1 as it is stored, without the region."""
    return (SOUND["raster/001_MASK"] != 0).astype(mask.dtype)


def _other_half(mask: np.ndarray) -> np.ndarray:
    found = (SOUND["raster/001_MASK"] == 0).astype(mask.dtype)
    found[REGION] = 1
    return found


def _region_alone(mask: np.ndarray) -> np.ndarray:
    found = np.zeros_like(mask)
    found[REGION] = 1
    return found


def _without_first_line(mask: np.ndarray) -> np.ndarray:
    """The region begins a row and a column later."""
    found = (SOUND["raster/001_MASK"] != 0).astype(mask.dtype)
    found[path.REGION[0] + 1 : path.REGION[1], path.REGION[2] + 1 : path.REGION[3]] = 1
    return found


def _by_columns(listed: np.ndarray) -> np.ndarray:
    return np.array(sorted(listed.tolist(), key=lambda corner: corner[::-1]))


def _unsquared(_: np.ndarray) -> np.ndarray:
    return np.asarray(((SOUND["metrics/estimate"] - SOUND["metrics/truth"]) ** 2).mean())


def _signed(_: np.ndarray) -> np.ndarray:
    return np.asarray((SOUND["metrics/estimate"] - SOUND["metrics/truth"]).mean())


def _by_parts(_: np.ndarray) -> np.ndarray:
    parts = zip(*(np.array_split(SOUND[f"metrics/{side}"], 3) for side in ("estimate", "truth")), strict=True)
    return np.asarray(np.mean([np.corrcoef(one, other)[0, 1] for one, other in parts]))


def _masked_as_0(pixels: np.ndarray) -> np.ndarray:
    return np.where(SOUND["metrics/valid"] != 0, pixels, 0).astype(pixels.dtype)


KNOWN: dict[str, tuple[str, Change, str]] = {
    "mask not read": ("mask/001", _region_alone, "mask-ignored"),
    "region not excluded": ("mask/001", stored, "region-not-excluded"),
    "mask inverted": ("mask/001", _other_half, "mask-inverted"),
    "mask and region inverted": ("mask/001", lambda mask: 1 - mask, "mask-inverted"),
    "region opens late": ("mask/001", _without_first_line, "region-open"),
    "no row of the split": ("split/validation", lambda _: SOUND["split/shuffled"][: path.VALIDATION], "other-split"),
    "permutation backwards": ("split/shuffled", lambda listed: listed[::-1].copy(), "other-order"),
    "not shuffled": ("split/shuffled", lambda _: SOUND["patches/index"], "not-shuffled"),
    "batches backwards": ("split/order", lambda _: np.array([[4, 5], [2, 3], [0, 1]] * 2), "other-order"),
    "batches drawn": ("split/order", lambda _: DRAWN, "reshuffled"),
    "clouds for clear pixels": ("metrics/valid", lambda valid: 1 - valid, "mask-inverted"),
    "rmse": ("metrics/rmse", _unsquared, "rmse-without-root"),
    "mae": ("metrics/mae", _signed, "signs-cancel"),
    "cc": ("metrics/cc", _by_parts, "parts-averaged"),
    "cc squared": ("metrics/cc", lambda value: value**2, "correlation-squared"),
    "psnr": ("metrics/psnr", lambda value: value + 20 * np.log10(255 / path.PEAK), "other-peak"),
    "psnr of powers": ("metrics/psnr", lambda value: value / 2, "power-as-amplitude"),
    "no-data declared": ("geotiff/header", lambda header: np.r_[header[:3], 1, header[4:]], "header-field"),
    "clouds as 0": ("geotiff/pixels", _masked_as_0, "nodata-as-zero"),
    "upside down": ("geotiff/pixels", lambda pixels: pixels[::-1].copy(), "mirrored"),
    "clipped": ("geotiff/pixels", lambda pixels: np.maximum(pixels, 0), "clipped"),
    "stored units": ("geotiff/pixels", lambda pixels: pixels * np.float32(1000), "scaled"),
}  # fmt: skip
RESHAPED: dict[str, tuple[str, Change, str]] = {
    "origin": ("patches/index", corners(origin=0), "origin"),
    "stride": ("patches/index", corners(stride=4), "stride"),
    "one mask": ("patches/index", corners(masks="2"), "only-one-mask"),
    "no mask": ("patches/index", corners(masks=""), "mask-ignored"),
    "clear inside": ("patches/index", corners(margin=2), "margin"),
    "by columns": ("patches/index", _by_columns, "other-order"),
    "kept": (
        "split/order",
        lambda _: np.array([[0, 1], [2, 3], [4, 5], [6, -1]] * 2),
        "partial-batch-kept",
    ),
}


@pytest.mark.parametrize(("stage", "change", "name"), [*KNOWN.values(), *RESHAPED.values()], ids=[*KNOWN, *RESHAPED])
def test_known_mistake_is_named(stage: str, change: Change, name: str) -> None:
    """The stage is explained by the mistake that was made, and by no other."""
    found = explained(stage, change)
    assert {candidate.names for candidate in found.candidates} == {(name,)}, found.sentence


def test_sound_path_has_no_diagnosis(tmp_path: Path) -> None:
    """Where nothing fails nothing is explained."""
    pair = make_path_pair(tmp_path, dtype="float64")
    legacy, port = map(read_trace, pair.write())
    assert diagnose(legacy, port, pair.judge(), request=read_request(pair.request)).explanations == ()


def test_mistake_made_on_the_way_is_named_where_it_was_made(tmp_path: Path) -> None:
    """What follows from a split that is wrong is no mistake of its own."""
    first = {"split/validation": lambda _: SOUND["split/shuffled"][: path.VALIDATION]}
    pair = make_path_pair(tmp_path, dtype="float64", mistakes=first)
    legacy, port = map(read_trace, pair.write())
    found = diagnose(legacy, port, pair.judge(), request=read_request(pair.request)).explanations
    assert [(one.stage, one.certain, one.candidates[0].names) for one in found] == [
        ("split/validation", True, ("other-split",))
    ]


UNKNOWN: dict[str, tuple[str, Change]] = {
    "a pixel masked": ("mask/001", lambda mask: np.where(np.arange(mask.size).reshape(mask.shape) == 5, 1, mask)),
    "a corner off": ("patches/index", lambda listed: listed + np.eye(len(listed), 2, dtype=int)),
    "an order with a patch twice": ("split/order", lambda order: np.where(order == 3, 2, order)),
    "a score of another program": ("metrics/mae", lambda value: value * 1.01),
}


@pytest.mark.parametrize(("stage", "change"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_mistake_is_told_as_unknown(stage: str, change: Change) -> None:
    """No name is given to what no known mistake does."""
    found = explained(stage, change)
    assert (found.candidates, found.certain) == ((), False)


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        (lambda apart: (apart**2).mean(), "rmse-without-root"),
        (lambda apart: np.sqrt((apart**2).mean()), "root-mean-square-error"),
        (lambda apart: np.abs(apart).sum(), "sum-for-mean"),
    ],
)
def test_mistake_of_a_score_is_not_named_as_one_of_a_loss(formula: Change, name: str) -> None:
    """Each is one mistake, by the name that scores have for it."""
    apart = SOUND["metrics/estimate"] - SOUND["metrics/truth"]
    found = explained("metrics/mae", lambda _: np.asarray(formula(apart)))
    assert [candidate.names for candidate in found.candidates] == [(name,)]


def test_what_cannot_be_told_apart_is_not_certain() -> None:
    """A mask that holds one value besides 0 tells nothing of reading that value alone or leaving out another date's."""
    found = explained("patches/index", lambda listed: listed - 1)
    assert {candidate.names for candidate in found.candidates} >= {("shifted",)}


def test_one_of_two_masks_is_named() -> None:
    """Of two masks none can be left out but by asking the other alone."""
    masks = [SOUND[f"mask/00{date}"] for date in "12"]
    told = {"side": path.SIDE, "stride": path.STRIDE, "origin": path.ORIGIN}
    call = called("clear_patches", *masks, dtype="int64", **told)
    found = explain(call, corners(masks="2")(masks[0]))
    assert {candidate.names for candidate in found.candidates} == {("only-one-mask",)}
    assert found.cause == "input/1 alone is asked"


def test_batches_that_keep_the_incomplete_last_one_are_not_said_to_keep_it() -> None:
    """Where that is told it is no mistake; the order backwards still is one."""
    call = called("batch_order", np.zeros((6, 2), int), dtype="int64", batch_size=2, epochs=2, keep=True)
    found = explain(call, np.array([[4, 5], [2, 3], [0, 1]] * 2))
    assert {candidate.names for candidate in found.candidates} == {("other-order",)}


def test_order_of_a_single_epoch_is_not_said_to_be_its_own() -> None:
    """Whether each epoch has another cannot be told of one."""
    call = called("batch_order", np.zeros((7, 2), int), dtype="int64", batch_size=2, epochs=1)
    assert explain(call, np.array([[3, 1], [0, 2], [5, 4]])).candidates == ()


def test_region_beside_is_named_where_it_is_selected() -> None:
    """The stages before it are right: what was cropped for the selection alone lies a row higher."""
    row0, row1, col0, col1 = path.REGION
    names = [path.INPUTS[number] for number in path.SELECTED]
    higher = np.stack([SOUND[f"raster/{name}"][row0 - 1 : row1 - 1, col0:col1] for name in names])[None].astype(float)
    found = explained("predict/selected", lambda _: higher / path.DIVISOR)
    assert {candidate.names for candidate in found.candidates} == {("shifted",)}
    assert found.cause == "shifted by 1 rows and 0 columns"


@pytest.mark.parametrize("change", [lambda header: header[:9], lambda header: header.astype("f4")], ids=["short", "f4"])
def test_header_of_another_kind_is_unknown(change: Change) -> None:
    """Fields are compared one by one: there must be as many, and one must differ."""
    stages = Graph(tuple(graph("float64")))
    header = SOUND["geotiff/header"]
    call = Call(stages["geotiff/header"], SOUND, np.dtype(np.float64), header.dtype, stages)
    assert explain(call, change(header)).candidates == ()


def test_raster_that_is_read_otherwise_is_named(tmp_path: Path) -> None:
    """What is decoded stands in no request: the original's raster is the right one."""
    pair = make_path_pair(tmp_path, dtype="float64")
    pair.spoil("raster/DEM", lambda stored: np.roll(stored, 1, axis=0))
    legacy, port = map(read_trace, pair.write())
    found = diagnose(legacy, port, pair.judge(), request=read_request(pair.request)).explanations
    assert (found[0].stage, found[0].cause) == ("raster/DEM", "shifted by 1 rows and 0 columns (round the edge)")
