"""The product's one family of errors: each message is one paragraph that says what, where, both values, what to do."""

LETTERS = 3900
"""Of a message."""


class Sar2NdviError(Exception):
    """Any input or setting the product refuses; the command line prints it without a traceback, exit code 2.

    What a file or an option put into the message is shown as far as it can be: it steers no terminal.
    """

    def __init__(self, message: str) -> None:
        shown = (
            letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in message
        )
        super().__init__("".join(shown)[:LETTERS])


class SceneError(Sar2NdviError):
    """A scene folder or raster that cannot be used."""


class RegionError(Sar2NdviError):
    """A pixel region that is malformed or outside its scene."""


class PatchError(Sar2NdviError):
    """Too few patches: a scene too small, all masked, or fewer patches than a batch."""


class SettingError(Sar2NdviError):
    """An unknown or contradictory variant, recipe or option."""


class DivergenceError(SettingError):
    """A loss that is no longer a finite number: the training can never go on."""


class WeightsError(Sar2NdviError):
    """A checkpoint or Lasagne weight file of another kind, shape or order."""


class OutputError(Sar2NdviError):
    """A result that cannot be written where asked."""


class LostProcessError(Sar2NdviError):
    """One of the processes that train together is gone."""


class ClusterError(Sar2NdviError):
    """A cluster that cannot be used: no scheduler, no worker left, another code there, a scene that is not seen."""
