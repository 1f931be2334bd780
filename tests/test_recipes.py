"""Recipes: the past as it was, the corrections of the method's notes, and every switch settable alone."""

from dataclasses import fields, replace

import pytest

from port.errors import SettingError
from port.options import HELP
from port.recipes import RECIPES, Recipe, recipe


def differing(one: str, other: str) -> set[str]:
    """The switches in which two recipes differ."""
    return {
        field.name
        for field in fields(Recipe)
        if field.name != "name" and getattr(RECIPES[one], field.name) != getattr(RECIPES[other], field.name)
    }


def test_original_is_the_paper_s_and_the_program_s() -> None:
    """Every hyper-parameter that the paper or the public program states."""
    found = recipe("original")
    assert (found.patch_side_px, found.stride_px, found.patch_origin_px, found.patch_limit) == (33, 8, 1, 19000)
    assert (found.learning_rate, found.momentum, found.batch_size, found.epochs) == (0.5e-2, 0.9, 128, 1500)
    assert (found.initialisation, found.momentum_form, found.rectify_gradient_at_zero) == (
        "normal-0.001",
        "lasagne",
        0.5,
    )
    assert (found.last_batch, found.reshuffle, found.border, found.split) == ("drop", False, "crop", "random")
    assert round(19000 * (1 - found.validation_fraction)) == 15200


def test_published_differs_from_original_as_the_public_files_do() -> None:
    """No scaling, rectified output, the test script's channels; nothing else."""
    assert differing("published", "original") == {"scaling", "output", "test_bands"}


def test_corrected_keeps_what_the_paper_fixes() -> None:
    """Patch side, stride, learning rate, momentum, loss and network are the paper's; the notes' deviations are not."""
    kept = {"patch_side_px", "stride_px", "learning_rate", "momentum", "output", "predicts", "precision", "test_bands"}
    assert not kept & differing("corrected", "original")
    corrected = {"scaling", "initialisation", "split", "last_batch", "reshuffle", "border", "patch_origin_px"}
    assert corrected <= differing("corrected", "original")


def test_default_is_corrected() -> None:
    """What is asked for by no name."""
    assert recipe() == RECIPES["corrected"]


@pytest.mark.parametrize("name", RECIPES)
def test_names_are_their_own(name: str) -> None:
    """A recipe knows its name, and passes its own checks."""
    assert recipe(name).name == name


def test_one_switch_changes_alone() -> None:
    """A switch given replaces the recipe's value, one given as None does not."""
    found = recipe("corrected", scaling="all-by-1000", epochs=None)
    assert found == replace(RECIPES["corrected"], scaling="all-by-1000")


def test_limit_can_be_taken_away() -> None:
    """The original's limit of 19000 patches is given up by "none"."""
    assert recipe("original", patch_limit="none") == replace(RECIPES["original"], patch_limit=None)


def test_past_recipes_lose_what_the_original_lost() -> None:
    """Place on the ground and velocities are lost in both, kept in the others; filters are always the original's."""
    found = {name: (one.filters, one.georeference, one.optimiser_state) for name, one in RECIPES.items()}
    assert found["original"] == found["published"] == ("flipped", "bare", "lost")
    assert found["corrected"] == found["tuned"] == ("flipped", "scene", "kept")


def test_every_switch_is_an_option() -> None:
    """The command line offers each field but the name."""
    assert set(HELP) == {field.name for field in fields(Recipe)} - {"name"}


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"scaling": "by-1000"}, "scaling is 'by-1000'; choose one of per-channel, all-by-1000, none"),
        ({"border": "mirror"}, "border is 'mirror'; choose one of crop, halo"),
        ({"epochs": 0}, "epochs is 0; it must be above 0"),
        ({"learning_rate": -1.0}, r"learning_rate is -1.0; it must be above 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan; it must be above 0"),
        ({"batch_size": -4}, "batch_size is -4; it must be above 0"),
        ({"patch_side_px": 16}, "patch_side_px is 16; the network needs at least 17"),
        ({"validation_fraction": 1.0}, r"validation_fraction is 1.0; it must be at least 0 and below 1"),
        ({"momentum": 1.5}, r"momentum is 1.5; it must be at least 0 and below 1"),
        ({"patch_origin_px": -1}, "patch_origin_px is -1; it must be at least 0"),
        ({"patch_limit": 0}, "patch_limit is 0; it must be above 0"),
        ({"colour": "red"}, "recipe 'corrected' has no switch 'colour'; it has name, scaling"),
    ],
)
def test_values_out_of_range_are_errors(switches: dict[str, object], message: str) -> None:
    """The message names the switch, its value and what it takes."""
    with pytest.raises(SettingError, match=message):
        recipe(**switches)


def test_unknown_recipe_is_an_error() -> None:
    """The message lists the four."""
    with pytest.raises(
        SettingError, match="unknown recipe 'best'; choose one of original, published, corrected, tuned"
    ):
        recipe("best")
