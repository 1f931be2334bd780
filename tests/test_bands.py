"""The bands stand in the paper's order, and each variant holds what its name says."""

import pytest

from port.bands import (
    PAPER_NAMES,
    SOURCES,
    TARGET_SOURCE,
    VARIANTS,
    Band,
    Source,
    published_test_bands,
    variant_bands,
)
from port.errors import SettingError

# The method's table: variant, its channels (0-based positions in training order).
PAPER_CHANNELS = {
    "SAR": [2, 3],
    "SARp": [2, 3, 8],
    "OPTI": [6],
    "OPTII": [6, 7],
    "SOPTI": [0, 1, 2, 3, 6],
    "SOPTIp": [0, 1, 2, 3, 6, 8],
    "SOPTII": [0, 1, 2, 3, 4, 5, 6, 7],
    "SOPTIIp": [0, 1, 2, 3, 4, 5, 6, 7, 8],
}


@pytest.mark.parametrize("variant", PAPER_CHANNELS)
def test_variant_holds_the_papers_channels(variant: str) -> None:
    """A variant's bands are the table's channel numbers."""
    assert [int(band) for band in variant_bands(variant)] == PAPER_CHANNELS[variant]


def test_every_variant_is_in_the_table() -> None:
    """Eight variants, each with the paper's name."""
    assert set(VARIANTS) == set(PAPER_CHANNELS) == set(PAPER_NAMES)


def test_channels_after_t_are_vv_then_vh() -> None:
    """Training order at t+1 is VV, VH: channels 4 and 5."""
    assert [SOURCES[Band(channel)] for channel in (4, 5)] == [Source("VV", 2), Source("VH", 2)]


def test_target_is_no_input() -> None:
    """NDVI at t is never fed to the network."""
    assert Source("NDVI", 1) == TARGET_SOURCE
    assert TARGET_SOURCE not in SOURCES.values()


@pytest.mark.parametrize("variant", ["OPTI", "SOPTI", "SOPTIp"])
def test_causal_variants_hold_nothing_from_after_t(variant: str) -> None:
    """Optical/C and its like stop at t."""
    assert 2 not in {SOURCES[band].date_offset for band in variant_bands(variant)}


@pytest.mark.parametrize("variant", ["SOPTII", "SOPTIIp"])
def test_published_test_script_exchanges_channels_4_and_5(variant: str) -> None:
    """The public test script feeds VH, VV at t+1 where training had VV, VH."""
    bands = list(published_test_bands(variant))
    assert [int(band) for band in bands[:8]] == [0, 1, 2, 3, 5, 4, 6, 7]
    assert sorted(bands) == list(variant_bands(variant))


@pytest.mark.parametrize("variant", ["SAR", "SARp"])
def test_published_test_script_feeds_the_date_before(variant: str) -> None:
    """The public test script feeds SAR of t-1 to a network trained on t."""
    assert published_test_bands(variant)[:2] == (Band.VH_BEFORE, Band.VV_BEFORE)


@pytest.mark.parametrize("function", [variant_bands, published_test_bands])
def test_unknown_variant_is_named_with_the_choice(function: object) -> None:
    """The error holds the wrong name and the right ones."""
    with pytest.raises(SettingError, match=r"unknown variant 'SOPT'; choose one of SAR, SARp, .*SOPTIIp"):
        function("SOPT")  # type: ignore[operator]
