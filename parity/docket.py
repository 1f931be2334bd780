"""A docket: comparisons of one program on several probe sets, which together must prove every stage.

One probe set may be unable to show something (zero biases prove nothing of a bias, no tie ever falls with trained
weights). A stage passes where it fails in no probe set and is proven by at least one; a branch is exercised where at
least one reaches it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from parity.compare import Comparison
from parity.findings import Check, Finding, Verdict, worst


@dataclass(frozen=True)
class Docket:
    """Comparisons by name."""

    comparisons: Mapping[str, Comparison]

    @property
    def stages(self) -> dict[str, Verdict]:
        """The verdict of every check of every stage, by the finding's id."""
        verdicts: dict[str, list[Verdict]] = {}
        for comparison in self.comparisons.values():
            for finding in comparison.findings:
                if finding.check is not Check.COVERAGE:
                    verdicts.setdefault(finding.id, []).append(finding.verdict)
        return {id: _joint(seen) for id, seen in verdicts.items()} | self._branches()

    def _branches(self) -> dict[str, Verdict]:
        """Each branch by its stage and name: PASS where any probe set reached it."""
        reached: dict[str, int] = {}
        for comparison in self.comparisons.values():
            for stage, counts in comparison.coverage.items():
                for branch, count in counts.items():
                    name = f"{stage}:{Check.COVERAGE}:{branch}"
                    reached[name] = reached.get(name, 0) + count
        return {name: Verdict.PASS if count else Verdict.NOT_EXERCISED for name, count in reached.items()}

    @property
    def verdict(self) -> Verdict:
        """The worst of all stages and branches; FAIL for an empty docket."""
        return worst(self.stages.values())

    @property
    def unproven(self) -> dict[str, Verdict]:
        """Stages, checks and branches that do not pass, by id."""
        return {id: verdict for id, verdict in self.stages.items() if verdict is not Verdict.PASS}

    @property
    def tensors(self) -> int:
        """How many tensors were compared."""
        return sum(comparison.tensors for comparison in self.comparisons.values())

    @property
    def elements(self) -> int:
        """How many numbers were compared."""
        return sum(comparison.elements for comparison in self.comparisons.values())

    def largest(self, *checks: Check) -> tuple[str, Finding] | None:
        """The comparison's name and the finding nearest to, or farthest over, its bound."""
        found = ((name, comparison.largest(*checks)) for name, comparison in self.comparisons.items())
        measured = [(name, finding) for name, finding in found if finding is not None]
        return max(measured, key=lambda pair: pair[1].share or 0.0, default=None)


def _joint(verdicts: Iterable[Verdict]) -> Verdict:
    """FAIL if any fails, else PASS if any proves it, else the worst of what is left."""
    seen = list(verdicts)
    if Verdict.FAIL in seen:
        return Verdict.FAIL
    return Verdict.PASS if Verdict.PASS in seen else worst(seen)
