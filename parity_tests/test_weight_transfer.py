"""Weights go over whole: every parameter once, bit for bit, and each layer lays them down as the original does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from parity.certificate import Certificate, Ruling
from parity.judgement import Files
from parity_tests.judging import ask_for_weights, certify_weights
from parity_tests.planting import record_planted
from parity_tests.probes import CHANNELS, Case
from parity_tests.proceedings import Proceedings

Transfer = Callable[..., Certificate]


@pytest.fixture
def transfer(proceedings: Proceedings, tmp_path: Path) -> Transfer:
    """A function that certifies the port's transfer of a case's weights, with a mistake planted or without."""

    def transferred(case: Case, *, mistake: str = "") -> Certificate:
        legacy, workshop = proceedings.answered(case), proceedings.workshop
        probe = Files.within(tmp_path / case.id, tmp_path / case.id / "request.npz")
        workshop.judge("weights: are asked for", ask_for_weights, legacy, probe)
        workshop.port("weights: the port takes them", record_planted, mistake, probe.request, probe.port, probe.legacy)
        return workshop.judge("weights: are certified", certify_weights, legacy, probe)

    return transferred


def chosen(proceedings: Proceedings, *probes: str) -> list[Case]:
    """One case a variant with weights of the first of these probe sets that the witness was asked."""
    found: dict[str, Case] = {}
    for probe in probes:
        for case in proceedings.cases:
            if case.probe == probe and not case.scene and case.output == "linear":
                found.setdefault(case.variant, case)
    return list(found.values())


def test_weights_of_every_variant_are_certified(proceedings: Proceedings, transfer: Transfer) -> None:
    """Weights of trained scale, of all variants that the witness was asked; side by side."""
    cases = chosen(proceedings, "trained", "scaled")
    assert proceedings.witness.name == "recorded" or {case.variant for case in cases} == set(CHANNELS)
    assert cases
    begun = {case: proceedings.workshop.later(transfer, case) for case in cases}
    for case, future in begun.items():
        certificate = future.result()
        assert certificate.ruling is Ruling.CERTIFIED, (case.id, certificate.lines)
        assert len({parameter.port for parameter in certificate.parameters}) == 6


def test_original_start_is_refused(proceedings: Proceedings, transfer: Transfer) -> None:
    """Biases of 0 would not show that a port leaves them out; its filters are asymmetric and are certified."""
    certificate = transfer(chosen(proceedings, "initial")[0])
    assert certificate.ruling is Ruling.REFUSED
    refused = [parameter.original for parameter in certificate.parameters if parameter.ruling is Ruling.REFUSED]
    assert refused == [f"weight/conv{number}/b" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("mistake", "layers", "reason"),
    [
        ("filters-not-flipped", (1, 2, 3), "laid down otherwise: turned half round"),
        ("conv2-filters-not-flipped", (2,), "laid down otherwise: turned half round"),
        ("filters-transposed", (1, 2, 3), "laid down otherwise: transposed and turned half round"),
        ("filters-flipped-in-rows-only", (1, 2, 3), "laid down otherwise: cols flipped"),
    ],
    ids=["none flipped", "one not flipped", "transposed", "rows only"],
)
def test_filters_laid_down_otherwise_are_named(
    proceedings: Proceedings, transfer: Transfer, mistake: str, layers: tuple[int, ...], reason: str
) -> None:
    """A port that holds every number and lays filters down otherwise fails at those layers, and the way is named."""
    case = next(case for case in chosen(proceedings, "trained", "scaled") if case.variant == "SOPTIIp")
    certificate = transfer(case, mistake=mistake)
    failed = {parameter.original: parameter.reason for parameter in certificate.parameters if parameter.reason}
    assert certificate.ruling is Ruling.FAILED
    assert failed == {f"weight/conv{number}/W": reason for number in layers}
