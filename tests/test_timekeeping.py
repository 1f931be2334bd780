"""Where the time of a court goes is counted by kind of work, and told."""

import time

from parity_tests.timekeeping import ORIGINAL, Clock, timed

LINE = "3/93 002-SAR-trained-float64.npz: started 1.25 s, network 0.50 s, 200 steps 2.00 s"


def test_what_a_witness_tells_is_counted() -> None:
    """A line of progress gives the seconds of starting, compiling and running."""
    clock = Clock()
    clock.hear(LINE)
    clock.hear(LINE)
    told = "\n".join(clock.lines(2))
    assert all(f"{kind} (2 times)" in told for kind in ORIGINAL)
    assert [line.split()[0] for line in clock.lines(2)[1:]] == ["4.0", "2.5", "1.0"]


def test_other_lines_are_not_counted() -> None:
    """What a witness says besides is no time."""
    clock = Clock()
    clock.hear("building the image (minutes, once)")
    assert len(clock.lines(2)) == 1


def test_longest_comes_first_with_its_part() -> None:
    """Each kind has its seconds, its part of all and how often it was done."""
    clock = Clock()
    for kind, seconds in (("short", 1.0), ("long", 2.0), ("long", 1.0), ("none", 0.0)):
        clock.add(kind, seconds)
    first, *kinds = clock.lines(2)
    assert "4 s of 2 processors" in first
    assert kinds == ["     3.0 s  75%  long (2 times)", "     1.0 s  25%  short (1 times)"]


def test_waiting_is_no_work() -> None:
    """A thread's own time is that of the processor, not the clock's."""
    clock = Clock()
    with clock.own("waiting"):
        time.sleep(0.2)
    assert "waiting" not in "".join(clock.lines(1)) or float(clock.lines(1)[1].split()[0]) < 0.1


def test_work_is_timed_where_it_is_done() -> None:
    """A piece of work gives its answer, and the processor's seconds."""
    answer, seconds = timed(sum, range(3_000_000))
    assert answer == 3_000_000 * 2_999_999 // 2
    assert 0 < seconds < 60
