"""The time left is told at the rate so far."""

from port.remaining import Remaining


def test_time_left_is_that_of_the_rest_at_the_rate_so_far() -> None:
    """A quarter in 30 seconds leaves 90; nothing is said before the first part and at the end."""
    seconds = iter([100.0, 130.0, 160.0])
    remaining = Remaining(0, clock=lambda: next(seconds))
    assert remaining.told(0, 400) == ""
    assert remaining.told(100, 400) == "0:01:30 left"
    assert remaining.told(300, 400) == "0:00:20 left"
    assert remaining.told(400, 400) == ""


def test_what_was_done_before_took_no_time() -> None:
    """Begun at 200 of 400: 100 in 10 seconds leave 10."""
    seconds = iter([0.0, 10.0])
    assert Remaining(200, clock=lambda: next(seconds)).told(300, 400) == "0:00:10 left"
