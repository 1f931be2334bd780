"""A requirement on a comparison: such findings are there, and none of them fails."""

from collections.abc import Callable

from parity.compare import Comparison
from parity.findings import Check, Finding, Verdict


def of(*prefixes: str) -> Callable[[Finding], bool]:
    """Whether a finding is of a stage whose name begins so."""
    return lambda finding: finding.stage.startswith(prefixes)


def require(
    comparison: Comparison,
    *checks: Check,
    where: Callable[[Finding], bool] = lambda _: True,
    stages: int | None = None,
) -> None:
    """Raise AssertionError unless there are findings of these checks, of so many stages if told, and none fails."""
    found = [finding for finding in comparison.findings if finding.check in checks and where(finding)]
    assert found, [finding.id for finding in comparison.findings]
    failed = [finding.message for finding in found if finding.verdict is Verdict.FAIL]
    assert not failed, "\n".join(failed)
    named = {finding.stage for finding in found}
    assert stages in (None, len(named)), (stages, sorted(named))
