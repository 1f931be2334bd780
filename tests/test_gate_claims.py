"""A gain is gated where it stands clear of the spread: what does not gain then fails, with both figures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from gate_outcomes import RECORD, ROW, outcome

from gate_tests.chosen import held_claims
from gate_tests.claims import EVERY, Claim, Exemption, Gain, claims, gains, judge
from gate_tests.errors import GateError
from gate_tests.record_files import recorded
from gate_tests.records import Methods, Record

CLAIM = Claim(ROW, ("mae", "cc"), "paper", ())


def gain(metric: str, runs: list[Methods]) -> Gain:
    """The gain over interpolation."""
    return next(
        found for found in gains(CLAIM, RECORD, runs) if (found.metric, found.over) == (metric, "interpolation")
    )


@pytest.mark.parametrize("metric", ["mae", "cc"])
def test_clear_gain_holds(metric: str) -> None:
    """Smaller errors and larger correlations are gains."""
    found = gain(metric, [outcome(0.072), outcome(0.074)])
    judge(found)
    assert found.gain == pytest.approx(0.017)
    assert found.needed == pytest.approx(2 * 0.00158, rel=1e-2)


@pytest.mark.parametrize("metric", ["mae", "cc"])
@pytest.mark.parametrize("mae", [0.0872, 0.09, 0.095, float("nan")])
def test_gain_that_is_not_clear_fails(metric: str, mae: float) -> None:
    """Within two spreads, none, a loss, or no number."""
    with pytest.raises(
        GateError, match=rf"place SOPTII corrected: {metric} .*, interpolation 0\.9?\d+: a gain of .*to exceed"
    ):
        judge(gain(metric, [outcome(mae)]))


def test_every_baseline_is_asked_for() -> None:
    """In every metric of the claim."""
    runs = [outcome(0.07, causal=0.1, regressor=0.08)]
    found = gains(CLAIM, Record(ROW, runs * 3), runs)
    assert [(one.metric, one.over) for one in found] == [
        (metric, over) for metric in ("mae", "cc") for over in ("interpolation", "causal", "regressor")
    ]


def test_baseline_that_was_not_recorded_fails() -> None:
    """A new baseline cannot stay out of the claim."""
    with pytest.raises(GateError, match="reports the baselines interpolation, new, recorded interpolation; record it"):
        list(gains(CLAIM, RECORD, [outcome(0.07, new=0.08)]))


def test_exemption_of_nothing_fails() -> None:
    """A claim cannot exempt a baseline that is not there."""
    claim = replace(CLAIM, exemptions=(Exemption("mae", "regresor", "reason"),))
    with pytest.raises(GateError, match="exempts 'regresor', expected one of interpolation or 'every baseline'"):
        list(gains(claim, RECORD, [outcome(0.07)]))


def test_exemption_is_for_its_metric_and_baseline() -> None:
    """Of a metric, over one baseline or every one."""
    claim = replace(CLAIM, exemptions=(Exemption("mae", "causal", "weak"), Exemption("cc", EVERY, "flat")))
    assert claim.reason("mae", "causal") == "weak"
    assert claim.reason("mae", "interpolation") == ""
    assert claim.reason("cc", "interpolation") == "flat"


ENTRY = {
    "scene": "place", "variant": "OPTII", "recipe": "tuned", "seeds": [0, 1], "metrics": ["mae"], "source": "paper",
    "not_gated": [{"metric": "mae", "over": "causal", "reason": "weak"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sorce": "x"}, "claim: sorce missing, empty or unknown"),
        ({"source": ""}, "claim: source missing"),
        ({"not_gated": [{"metric": "mae", "over": "causal"}]}, "claim on place, not_gated: reason missing"),
        ({"not_gated": [{"metric": "mae", "over": "causal", "reason": ""}]}, "not_gated: reason missing"),
    ],
)
def test_wrong_claim_is_refused(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    """Its fields are all needed, no others known, no reason empty."""
    path = tmp_path / "paper.toml"
    path.write_text(tomli_w.dumps({"claim": [ENTRY]}), encoding="utf-8")
    (claim,) = claims(path)
    assert claim.reason("mae", "causal") == "weak"
    path.write_text(tomli_w.dumps({"claim": [ENTRY | changed]}), encoding="utf-8")
    with pytest.raises(GateError, match=message):
        claims(path)


def test_what_is_claimed_was_recorded_clear() -> None:
    """At four standard deviations or more; each gain that is exempt below, and the number told is the record's."""
    for claim in held_claims():
        record = recorded(claim.row)
        assert len(record.runs) == 5
        for found in gains(claim, record, record.runs):
            spreads, reason = found.gain / record.spread(found.metric), claim.reason(found.metric, found.over)
            assert (spreads >= 4) != bool(reason), found
            verb = "gains" if spreads > 0 else "loses"
            told = f"it {verb} {abs(spreads):.1f} standard deviations over five seeds"
            assert reason.removesuffix(": not clear") in ("", told), found
