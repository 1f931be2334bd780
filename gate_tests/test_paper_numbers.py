"""The port has the numbers of the paper and of its public program."""

from gate_tests.verdicts import Verdicts
from parity_tests import paper
from parity_tests.measured import CHECKS
from parity_tests.paper import Number


def test_port_has_the_number(number: Number, verdicts: Verdicts) -> None:
    """Asked of the port's own code, it is the paper's."""
    with verdicts.gated(number.id, number.value, number.source) as line:
        line.actual = paper.judge(number, CHECKS)
