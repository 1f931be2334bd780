"""The witnesses agree: where several testify, they all say the same. Collected only then."""

from parity.findings import Verdict
from parity_tests.probes import Case
from parity_tests.proceedings import Proceedings


def test_witnesses_agree(two: tuple[Proceedings, Proceedings], either: Case) -> None:
    """Two witnesses' traces of one request are as equal as the port's must be."""
    first, second = two
    judged = first.agreement(second)[either].result()
    failed = [finding.message for finding in judged.findings if finding.verdict is Verdict.FAIL]
    assert not failed, "\n".join(failed)
    assert judged.tensors
