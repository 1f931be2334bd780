"""The witnesses agree: where several testify, they all say the same. Collected only then."""

from parity.compare import compare
from parity.findings import Verdict
from parity.trace import read_trace
from parity.trajectories import true_trajectory
from parity_tests.probes import Case
from parity_tests.proceedings import Proceedings


def test_witnesses_agree(two: tuple[Proceedings, Proceedings], either: Case) -> None:
    """Two witnesses' traces of one request are as equal as the port's must be."""
    for proceedings in two:
        assert either in proceedings.comparisons
    first, second = (read_trace(proceedings.files(either).legacy) for proceedings in two)
    judged = compare(first, second, truth=true_trajectory(first))
    failed = [finding.message for finding in judged.findings if finding.verdict is Verdict.FAIL]
    assert not failed, "\n".join(failed)
    assert judged.tensors
