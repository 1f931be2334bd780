"""Weights go over whole: every parameter once, bit for bit, and each layer lays them down as the original does."""

from collections.abc import Callable
from pathlib import Path

import pytest

from parity.certificate import Certificate, Ruling, certify
from parity.judgement import Files
from parity.orientation import NO_BIAS, RIGHT
from parity.probe import write_probe
from parity.trace import read_trace
from parity_tests.probes import CHANNELS, Case
from parity_tests.proceedings import Proceedings, run_port

Transfer = Callable[..., dict[str, Certificate]]


@pytest.fixture
def transfer(proceedings: Proceedings, tmp_path: Path) -> Transfer:
    """A function that certifies the port's transfer of the weights of cases, all in one process of the port."""

    def transferred(cases: list[Case], *, mutant: str = "") -> dict[str, Certificate]:
        assert cases
        assert proceedings.comparisons  # so that the witness has testified
        probes = {case: Files.within(tmp_path / case.id, tmp_path / case.id / "request.npz") for case in cases}
        legacy = {case: read_trace(proceedings.files(case).legacy) for case in cases}
        for case, probe in probes.items():
            write_probe(legacy[case], probe)
        files = [path for probe in probes.values() for path in (probe.request, probe.port)]
        module = ["parity_tests.wrong_port", mutant] if mutant else ["port", "record"]
        run_port([*files, *(f"--teacher={probe.legacy}" for probe in probes.values())], module=module)
        return {case.id: certify(legacy[case], probe) for case, probe in probes.items()}

    return transferred


def chosen(proceedings: Proceedings, *probes: str) -> list[Case]:
    """One case a variant with weights of one of these probe sets, or as many as the witness was asked."""
    found: dict[str, Case] = {}
    for case in proceedings.cases:
        if case.probe in probes and not case.scene and case.output == "linear":
            found.setdefault(case.variant, case)
    return list(found.values())


def test_weights_of_every_variant_are_certified(proceedings: Proceedings, transfer: Transfer) -> None:
    """Weights of trained scale, of all variants that the witness was asked."""
    cases = chosen(proceedings, "trained", "scaled")
    assert proceedings.witness.name == "recorded" or {case.variant for case in cases} == set(CHANNELS)
    for name, certificate in transfer(cases).items():
        assert certificate.ruling is Ruling.CERTIFIED, (name, certificate.lines)
        assert len(certificate.parameters) == 6
        assert len({parameter.port for parameter in certificate.parameters}) == 6


def test_original_start_is_refused(proceedings: Proceedings, transfer: Transfer) -> None:
    """Biases of 0 would not show that a port leaves them out; its filters are asymmetric and are certified."""
    for certificate in transfer(chosen(proceedings, "initial")[:1]).values():
        assert certificate.ruling is Ruling.REFUSED
        refused = [parameter.original for parameter in certificate.parameters if parameter.ruling is Ruling.REFUSED]
        assert refused == [f"weight/conv{number}/b" for number in (1, 2, 3)]


def test_filters_that_are_not_flipped_are_named(proceedings: Proceedings, transfer: Transfer) -> None:
    """A port that copies filters as they are holds every number, and lays them down turned half round."""
    cases = [case for case in chosen(proceedings, "scaled", "trained") if case.variant == "SOPTIIp"]
    (certificate,) = transfer(cases, mutant="filters-not-flipped").values()
    assert certificate.ruling is Ruling.FAILED
    for parameter in certificate.parameters[::2]:
        assert parameter.reason == "laid down otherwise: turned half round"
        assert parameter.orientation is not None
        assert RIGHT not in parameter.orientation.fits
        assert NO_BIAS not in parameter.orientation.fits


def test_one_layer_flipped_twice_is_named(proceedings: Proceedings, transfer: Transfer) -> None:
    """Only conv2 is blamed."""
    cases = [case for case in chosen(proceedings, "scaled", "trained") if case.variant == "SOPTIIp"]
    (certificate,) = transfer(cases, mutant="conv2-filters-flipped-again").values()
    failed = {parameter.original: parameter.reason for parameter in certificate.parameters if parameter.reason}
    assert failed == {"weight/conv2/W": "laid down otherwise: turned half round"}
