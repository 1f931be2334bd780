"""Every switch of a recipe is an option of the command line, made from the recipe's own fields."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Annotated, Any, get_args, get_type_hints

import typer

from port.recipes import Recipe

HELP: Mapping[str, str] = MappingProxyType(
    {
        "scaling": "What stored channels are divided by.",
        "output": "Nonlinearity after the last convolution.",
        "rectify_gradient_at_zero": "Gradient of the rectifier at exactly 0: 0 (PyTorch) or 0.5 (Lasagne).",
        "predicts": "NDVI itself, or its change against interpolation.",
        "initialisation": "How weights start.",
        "precision": "Of weights and arithmetic.",
        "filters": "Whether the original's .npz holds filters of a true convolution, to be flipped.",
        "nodata": "Pixels of declared no-data: read as stored, or as 0 and masked.",
        "patch_side_px": "Side of a training patch.",
        "stride_px": "Distance between training patches.",
        "patch_origin_px": "First row and column of patches.",
        "patch_limit": "At most this many patches.",
        "split": "Validation by lot, or by spatial blocks that share no pixel with training.",
        "validation_fraction": "Share of patches kept for validation.",
        "learning_rate": "Step size of gradient descent.",
        "momentum": "Share of the last step kept.",
        "momentum_form": "Whose formula of momentum.",
        "batch_size": "Patches in one update.",
        "batching": "Patches one by one, or whole blocks of overlapping ones in one dense pass: the same loss, sooner.",
        "epochs": "Passes over the training patches.",
        "last_batch": "Whether an incomplete last batch is used.",
        "reshuffle": "Whether each epoch has an order of its own.",
        "augmentation": "Flips and rotations of training patches.",
        "schedule": "Learning rate over the epochs.",
        "optimiser_state": "Whether checkpoints keep the velocities.",
        "border": "Cut the region out first, or read 8 more pixels around it.",
        "test_bands": "Bands fed at prediction: as trained, or as in the public test script.",
        "georeference": "A bare TIFF, or one with the scene's CRS and transform, and tags.",
    }
)
PREDICTION_SWITCHES = (
    *("scaling", "output", "predicts", "precision", "filters", "nodata", "border", "test_bands", "georeference"),
)
"""Those that matter once the weights are trained."""

Command = Callable[..., None]


def with_switches(*switches: str) -> Callable[[Command], Command]:
    """Give a command an option for each of these switches, all of them if none is named; it gets them as `switches`.

    A command that has a parameter `named` gets there which of its options the command line names.
    """

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters
        added = [_option(switch) for switch in switches or HELP]
        parameters = [parameter for name, parameter in own.items() if name not in ("switches", "named")] + added
        parameters += [_CONTEXT] if "named" in own else []

        @wraps(command)
        def wrapped(**given: Any) -> None:
            if "named" in own:
                given["named"] = _named(given.pop(_CONTEXT.name))
            command(switches={option.name: given.pop(option.name) for option in added}, **given)

        _sign(wrapped, parameters)
        return wrapped

    return decorate


_CONTEXT = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)


def _named(context: Any) -> list[str]:
    """The options that the command line names."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def _sign(command: Command, parameters: Sequence[inspect.Parameter]) -> None:
    """Make typer see these parameters."""
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del command.__wrapped__  # type: ignore[attr-defined]


def _option(switch: str) -> inspect.Parameter:
    """A keyword that is None unless given, so that the recipe's value stays."""
    hint = get_type_hints(Recipe)[switch]
    arguments = get_args(hint)
    choices = arguments if arguments and isinstance(arguments[0], str) else ()
    kind = str if choices else arguments[0] if arguments else hint
    flag = switch.replace("_", "-")
    names = [f"--{flag}/--no-{flag}"] if kind is bool else [f"--{flag}"]
    limit = type(None) in arguments
    option = typer.Option(
        *names,
        help=HELP[switch],
        metavar="|".join(choices) or ("N|none" if limit else None),
        parser=_limit if limit else None,
        rich_help_panel="Recipe switches",
    )
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(switch, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _limit(text: str) -> int | str:
    """A number, or "none" to take a recipe's limit away."""
    return text if text == "none" else int(text)
