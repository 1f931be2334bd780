"""What may have many right values is judged by what must hold; each way to break that is seen."""

import numpy as np
import pytest

from parity.errors import ParityError
from parity.graph import Graph, Node
from parity.properties import blocks, uniform, why_unsound

SIDE = 4
INDEX = np.array([(row, col) for row in range(1, 40, 2) for col in range(1, 40, 2)])
LEFT, RIGHT = INDEX[INDEX[:, 1] < 12], INDEX[INDEX[:, 1] > 15]


def test_blocks_apart_are_sound() -> None:
    """In any order."""
    assert blocks(LEFT[::-1], [RIGHT], INDEX, side=SIDE) == ""


def test_empty_part_is_seen() -> None:
    """Whichever of the two it is."""
    assert blocks(LEFT, [RIGHT[:0]], INDEX, side=SIDE) == "a part has no patch"
    assert blocks(RIGHT[:0], [LEFT], INDEX, side=SIDE) == "a part has no patch"


def test_patches_dropped_for_nothing_are_seen() -> None:
    """Two patches far apart leave most of the index unused."""
    assert "dropped patches share no pixel with those of any part" in blocks(LEFT[:1], [RIGHT[-1:]], INDEX, side=SIDE)


def test_numbers_that_were_not_drawn_are_seen() -> None:
    """An even spread, but one filter 48 times, or one ramp over all."""
    ramp = np.linspace(-LIMIT, LIMIT, UNIFORM.size).reshape(SHAPE)
    equal = np.broadcast_to(np.linspace(-LIMIT, LIMIT, 81).reshape(9, 3, 3), SHAPE).copy()
    assert "goes with the one before it" in uniform(ramp, [], limit=LIMIT, shape=SHAPE)
    assert "numbers are repeated, allowed 0" in uniform(equal, [], limit=LIMIT, shape=SHAPE)


def test_patches_that_touch_share_no_pixel() -> None:
    """A patch that begins where another ends is apart; one column nearer it is not."""
    for apart in ([0, 4], [4, 0], [4, 4]):
        index = np.array([[0, 0], [2, 2], apart])
        assert blocks(index[:1], [np.array([apart])], index, side=SIDE) == ""
    for near in ([0, 3], [3, 3]):
        index = np.array([[0, 0], near])
        assert "1 of 1 patches share pixels" in blocks(index[:1], [np.array([near])], index, side=SIDE)


def test_one_shared_pixel_is_seen() -> None:
    """Whichever of the parts is asked, the patches that share are counted."""
    corner = np.array([[1 + SIDE - 1, 1 + SIDE - 1]])
    index = np.concatenate([INDEX, corner])
    assert blocks(INDEX[:1], [corner], index, side=SIDE).startswith("1 of 1 patches share")
    assert blocks(corner, [INDEX[:1]], index, side=SIDE).startswith("1 of 1 patches share")


def test_loops_agree_on_who_shares() -> None:
    """Random parts: the count is that of comparing every pair."""
    random = np.random.default_rng(4)
    for _ in range(20):
        corners = np.unique(random.integers(0, 30, (30, 2)), axis=0)
        one, other = corners[::2], corners[1::2]
        near = [any((abs(a - b) < SIDE).all() for b in other) for a in one]
        told = blocks(one, [other], corners, side=SIDE)
        assert told == (f"{sum(near)} of {len(one)} patches share pixels with another part's" if any(near) else "")


def test_random_split_of_neighbours_is_not_sound() -> None:
    """What the original does leaks."""
    shuffled = np.random.default_rng(0).permutation(INDEX)
    assert "share pixels" in blocks(shuffled[:300], [shuffled[300:]], INDEX, side=SIDE)


def test_patch_that_is_not_in_the_index_is_seen() -> None:
    """The first is told."""
    moved = LEFT + np.array([0, 1])
    assert blocks(moved, [], INDEX, side=SIDE) == (
        f"{len(LEFT)} of {len(LEFT)} patches are not in the index, the first at [1, 2]"
    )


def test_patch_that_stands_twice_is_seen() -> None:
    """However far apart in the list."""
    twice = np.concatenate([LEFT, LEFT[:2]])
    assert blocks(twice, [], INDEX, side=SIDE) == f"2 of {len(twice)} patches stand twice"


def test_what_is_no_list_of_corners_is_seen() -> None:
    """Three numbers are no corner."""
    assert "is not a list of corners" in blocks(np.zeros((3, 3), int), [], INDEX, side=SIDE)


LIMIT, SHAPE = 1 / 27, [48, 9, 3, 3]
UNIFORM = np.random.default_rng(1).uniform(-LIMIT, LIMIT, SHAPE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("seed", range(20))
def test_uniform_samples_are_sound(seed: int, dtype: str) -> None:
    """Of any seed, large and small."""
    random = np.random.default_rng(seed)
    for shape in (SHAPE, [32], [1]):
        assert uniform(random.uniform(-LIMIT, LIMIT, shape).astype(dtype), [], limit=LIMIT, shape=shape) == ""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.full(SHAPE, 0.5 * LIMIT), "from an even spread"),
        (np.zeros(SHAPE), "from an even spread"),
        (UNIFORM / 2, "from an even spread"),
        (np.abs(UNIFORM), "from an even spread"),
        (np.clip(np.random.default_rng(1).normal(0, LIMIT / 3, SHAPE), -LIMIT, LIMIT), "from an even spread"),
        (np.random.default_rng(1).normal(0, LIMIT, SHAPE), "is over the limit of"),
        (np.random.default_rng(1).normal(0, 0.001, SHAPE), "from an even spread"),
        (UNIFORM * 1.01, "is over the limit of"),
        (UNIFORM[0], "shape (9, 3, 3), its graph gives (48, 9, 3, 3)"),
        (np.full(SHAPE, np.nan), "nan is over the limit of"),
    ],
    ids=["constant", "zeros", "half", "positive", "normal", "wide normal", "original", "larger", "shape", "nan"],
)
def test_what_is_not_uniform_is_told(value: np.ndarray, told: str) -> None:
    """A constant, half the range, one side of it, a normal sample, too wide a one."""
    assert told in uniform(value, [], limit=LIMIT, shape=SHAPE)


def test_parts_of_one_whole_are_found_in_the_graph() -> None:
    """Stages of the same operation on the same inputs; others are no part."""
    nodes = [
        Node("index", "given"),
        Node("one", "blocks", ("index",), {"side": SIDE}),
        Node("two", "blocks", ("index",), {"side": SIDE}),
        Node("other", "rows", ("index",), {"start": 0, "stop": 3}),
    ]
    values = {"index": INDEX, "one": LEFT, "two": RIGHT, "other": LEFT[:3]}
    assert [why_unsound(node, Graph(tuple(nodes)), values) for node in nodes[1:3]] == ["", ""]
    leaking = values | {"two": np.concatenate([RIGHT, LEFT[:1]])}
    assert all("share pixels" in why_unsound(node, Graph(tuple(nodes)), leaking) for node in nodes[1:3])


def test_attributes_of_another_operation_are_refused() -> None:
    """The stage is named."""
    node = Node("weight/conv1/W", "uniform", (), {"limit": 1.0})
    with pytest.raises(ParityError, match=r"^weight/conv1/W: uniform cannot be judged with {'limit': 1.0}"):
        why_unsound(node, Graph((node,)), {"weight/conv1/W": UNIFORM})


def test_where_no_patch_is_dropped_none_is_idle() -> None:
    """Two parts that use all of the index."""
    index = np.concatenate([LEFT, RIGHT])
    assert blocks(LEFT, [RIGHT], index, side=SIDE) == ""
