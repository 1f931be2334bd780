"""A recipe is every choice that separates one way of running the method from another, as one frozen dataclass.

The paper's fixed facts (filter sizes) stand in `port.network`; what changed between the published program, the method
as described, the corrected port and what goes beyond the paper stands here, each value with its source or reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, get_args, get_type_hints

from port.errors import SettingError

Scaling = Literal["per-channel", "all-by-1000", "none"]
Output = Literal["linear", "rectify"]
Initialisation = Literal["normal-0.001", "pytorch"]
Momentum = Literal["lasagne", "torch"]
Split = Literal["random", "blocks"]
LastBatch = Literal["drop", "keep"]
Border = Literal["crop", "halo"]
TestBands = Literal["published", "training"]
Augmentation = Literal["none", "dihedral"]
Schedule = Literal["constant", "cosine"]
Predicts = Literal["ndvi", "change"]
Precision = Literal["float32", "float64"]
Filters = Literal["flipped", "as-stored"]
Georeference = Literal["bare", "scene"]
OptimiserState = Literal["lost", "kept"]
Nodata = Literal["ignored", "masked"]
Batching = Literal["patches", "blocks"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Named set of switches; every field can be replaced alone (`replace`, or the option of its name)."""

    name: str
    # --- what the network sees and gives
    scaling: Scaling  # deviation 2
    output: Output  # deviation 3
    rectify_gradient_at_zero: float  # deviation 6
    predicts: Predicts  # "change": the network's output is added to the interpolation (F- + F+)/2
    initialisation: Initialisation  # deviation 8
    precision: Precision  # deviation 17
    filters: Filters = "flipped"  # deviation 1: of the original's files; as-stored: of a layer that does not flip them
    nodata: Nodata  # pixels that hold their file's declared no-data value
    # --- patches
    patch_side_px: int = 33  # paper: 33 x 33 in, 17 x 17 out
    stride_px: int = 8  # public program
    patch_origin_px: int  # deviation 11
    patch_limit: int | None  # public program: the first 19000
    split: Split  # deviation 9
    validation_fraction: float = 0.2  # public program: 15200 of 19000 train
    # --- training
    learning_rate: float = 0.5e-2  # paper and public program
    momentum: float = 0.9  # public program: plain, although a comment says Nesterov
    momentum_form: Momentum  # deviation 7
    batch_size: int
    batching: Batching = "patches"  # "blocks": batches of whole blocks of the patch grid, computed densely
    epochs: int
    last_batch: LastBatch  # deviation 10
    reshuffle: bool  # deviation 10
    augmentation: Augmentation
    schedule: Schedule
    optimiser_state: OptimiserState  # deviation 16
    # --- prediction
    border: Border  # deviation 12
    test_bands: TestBands  # deviations 4 and 5
    georeference: Georeference  # deviation 13


_ORIGINAL = Recipe(
    name="original",
    scaling="all-by-1000",  # every channel divided by 1000, SAR and DEM included
    output="linear",  # the paper's network ends linear
    rectify_gradient_at_zero=0.5,  # Lasagne's rectify is 0.5 (x + |x|)
    predicts="ndvi",
    initialisation="normal-0.001",  # weights N(0, 0.001), biases 0
    nodata="ignored",  # MASK alone tells what is invalid
    precision="float32",  # floatX as run on a GPU; Theano's own default is float64
    patch_origin_px=1,  # range(1, H - 33 + 1, 8)
    patch_limit=19000,
    split="random",  # one shuffle of overlapping patches
    momentum_form="lasagne",  # v = m v - lr g; w += v
    batch_size=128,
    epochs=1500,
    last_batch="drop",
    reshuffle=False,
    augmentation="none",
    schedule="constant",
    optimiser_state="lost",  # a checkpoint holds the weights alone
    border="crop",  # the region is cut out first, its 8-pixel border is lost
    test_bands="training",
    georeference="bare",  # a float TIFF without CRS, transform, no-data and tags
)
_PUBLISHED = replace(
    _ORIGINAL,
    name="published",
    scaling="none",  # the public files show none: the program expects NDVI in [-1, 1]
    output="rectify",  # the public code names no nonlinearity, so Lasagne's default applies
    test_bands="published",  # the public test script's channel order and date
)
_CORRECTED = replace(
    _ORIGINAL,
    name="corrected",
    scaling="per-channel",  # NDVI / 1000; sigma0 and DEM as they are
    rectify_gradient_at_zero=0.0,  # PyTorch's own; matters only where a pre-activation is exactly 0
    initialisation="pytorch",  # N(0, 0.001) sits on a plateau for tens of epochs
    nodata="masked",  # a fill value is no measurement
    patch_origin_px=0,  # the first row and column are used
    patch_limit=None,  # all patches
    split="blocks",  # overlapping patches leak from training into validation
    momentum_form="torch",  # same path while the learning rate is constant
    batch_size=8,  # a scene of 100 x 100 px has 36 patches; the original's 128 would leave none
    epochs=150,  # 36 patches of a real scene: MAE 0.070 to 0.076 on five seeds; batch 16, 300 epochs: 0.068 to 0.078
    schedule="cosine",  # a constant rate ends on a random step: one of four seeds (batch 8, 300 epochs) at MAE 0.103
    last_batch="keep",
    reshuffle=True,
    optimiser_state="kept",  # so that training goes on as if never stopped
    border="halo",  # all pixels of the region, from 8 more around it
    georeference="scene",  # so that the prediction can be laid over any other map
)
_TUNED = replace(
    _CORRECTED,
    name="tuned",
    predicts="change",  # starts at interpolation, so it need only learn where interpolation is wrong
    augmentation="dihedral",  # flips and rotations: no direction is preferred; with `predicts` there 0.056 to 0.067
)

RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {recipe.name: recipe for recipe in (_ORIGINAL, _PUBLISHED, _CORRECTED, _TUNED)}
)


def recipe(name: str = "corrected", **switches: Any) -> Recipe:
    """A named recipe with single switches replaced; a switch given as None keeps the recipe's value.

    The patch limit is taken away by "none".

    Raises:
        SettingError: unknown recipe or switch, or a value the switch does not take.
    """
    if name not in RECIPES:
        raise SettingError(f"unknown recipe {name!r}; choose one of {', '.join(RECIPES)}")
    given = {switch: value for switch, value in switches.items() if value is not None}
    unknown = sorted(set(given) - set(Recipe.__dataclass_fields__))
    if unknown:
        raise SettingError(
            f"recipe {name!r} has no switch {unknown[0]!r}; it has {', '.join(Recipe.__dataclass_fields__)}"
        )
    if given.get("patch_limit") == "none":
        given["patch_limit"] = None
    values = {switch: given.get(switch, getattr(RECIPES[name], switch)) for switch in Recipe.__dataclass_fields__}
    _check(values)
    return Recipe(**values)


def _check(values: Mapping[str, Any]) -> None:
    """Raise SettingError for a value outside its switch's range."""
    for switch, hint in get_type_hints(Recipe).items():
        allowed = get_args(hint)
        if allowed and isinstance(allowed[0], str) and values[switch] not in allowed:
            raise SettingError(f"{switch} is {values[switch]!r}; choose one of {', '.join(allowed)}")
    for switch in ("stride_px", "batch_size", "epochs", "learning_rate"):
        if not values[switch] > 0:
            raise SettingError(f"{switch} is {values[switch]}; it must be above 0")
    if values["patch_side_px"] < 17:
        raise SettingError(
            f"patch_side_px is {values['patch_side_px']}; the network needs at least 17 (it loses 8 on each side)"
        )
    for switch in ("validation_fraction", "momentum"):
        if not 0 <= values[switch] < 1:
            raise SettingError(f"{switch} is {values[switch]}; it must be at least 0 and below 1")
    if values["patch_origin_px"] < 0:
        raise SettingError(f"patch_origin_px is {values['patch_origin_px']}; it must be at least 0")
    if values["patch_limit"] is not None and values["patch_limit"] < 1:
        raise SettingError(f"patch_limit is {values['patch_limit']}; it must be above 0")
