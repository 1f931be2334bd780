"""The command line: `python -m port COMMAND`, also installed as `sar2ndvi`."""

import sys
import traceback
from typing import Annotated

import typer

from port.failures import failure, quiet_gdal
from port.file_commands import audit, convert, record, synth
from port.prediction_commands import evaluate, export, predict, predict_scenes
from port.terminal import err, plain
from port.training_commands import ablate, repeat, train

app = typer.Typer(
    help="NDVI under clouds from Sentinel-1 and Sentinel-2: the fusion network of Scarpa et al. (2018).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Failure:
    """Whether errors show their traceback."""

    debug = False


@app.callback()
def options(debug: Annotated[bool, typer.Option(help="Show the traceback of an error.")] = False) -> None:
    """Options before the command."""
    Failure.debug = debug


for command in (train, repeat, predict):
    app.command()(command)
app.command("predict-many")(predict_scenes)
for command in (evaluate, audit, ablate, synth, convert, export, record):
    app.command()(command)


def main() -> None:
    """Run a command; an error is one red paragraph, after its traceback with --debug.

    Exit code 2 for what the user can mend, 70 (EX_SOFTWARE) for a mistake of the program.
    """
    try:
        with quiet_gdal():
            typer.main.get_command(app)()  # calling app itself would take Python's hook for errors from quiet_gdal
    except Exception as error:  # the last resort of every command
        if Failure.debug:
            traceback.print_exc()
        text, code = failure(error)
        plain(err, f"error: {text}", style="red")
        sys.exit(code)


if __name__ == "__main__":
    main()
