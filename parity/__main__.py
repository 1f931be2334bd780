"""The judge's command line: `python -m parity COMMAND`.

Exit codes: 0 pass, 1 fail, 2 vacuous or not exercised, 3 the witness could not run.
"""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from parity import witness
from parity.certificate import certify
from parity.compare import compare as judge
from parity.diagnosis import diagnose
from parity.errors import ParityError, WitnessError
from parity.integrity import Programs
from parity.judgement import PORT, Files, port_file, record_both, record_port
from parity.ledger import read_ledger
from parity.probe import write_probe
from parity.report import conclusion, table
from parity.report_folder import Sides, newest, write_comparison, write_page
from parity.rooms import ROOMS
from parity.trace import read_request, read_trace
from parity.whole_file import write_text

FAILED, NO_WITNESS = 1, 3
LEDGER = ROOMS / "parity_tests" / "ledger.toml"

app = typer.Typer(
    name="parity",
    help="Judge whether a port computes what the original computes, from two traces of one request.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Judged(SystemExit):
    """The end of a comparison, with its verdict's exit code."""


@app.command()
def compare(
    legacy: Annotated[Path, typer.Argument(help="The original's trace, .npz.")],
    port: Annotated[Path, typer.Argument(help="The port's trace, .npz.")],
    request: Annotated[Path | None, typer.Option(help="The request both should come from.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for JSON, JUnit, SARIF and an HTML page.")] = None,
    legacy_program: Annotated[Path | None, typer.Option(help="Where the original is another's: its program.")] = None,
    port_program: Annotated[Path | None, typer.Option(help="Where the port is another's: its program.")] = None,
) -> None:
    """Compare two traces stage by stage; exit 0 pass, 1 fail, 2 vacuous or not exercised."""
    _conclude(legacy, port, request, report, _programs(legacy_program, port_program))


@app.command(name="diagnose")
def diagnose_traces(
    legacy: Annotated[Path, typer.Argument(help="The original's trace, .npz.")],
    port: Annotated[Path, typer.Argument(help="The port's trace, .npz.")],
    request: Annotated[Path | None, typer.Option(help="The request both should come from.")] = None,
    report: Annotated[Path | None, typer.Option(help="Folder for diagnosis.json.")] = None,
    legacy_program: Annotated[Path | None, typer.Option(help="Where the original is another's: its program.")] = None,
    port_program: Annotated[Path | None, typer.Option(help="Where the port is another's: its program.")] = None,
) -> None:
    """Say which known mistake, or pair, explains each stage to blame; exit codes as of compare."""
    sides = Sides(read_trace(legacy), read_trace(port), read_request(request) if request else None)
    programs = _programs(legacy_program, port_program)
    comparison = judge(sides.legacy, sides.port, request=sides.request, programs=programs)
    console = Console()
    found = diagnose(sides.legacy, sides.port, comparison, request=sides.request)
    console.print(conclusion(comparison))
    for sentence in found.sentences:
        console.print(sentence, soft_wrap=True, markup=False)
    if report is not None:
        write_text(report / "diagnosis.json", json.dumps(found.as_json(), indent=2, allow_nan=False) + "\n")
        console.print(f"wrote {report / 'diagnosis.json'}", soft_wrap=True, markup=False)
    raise Judged(comparison.verdict.exit_code)


@app.command(name="judge")
def judge_request(
    request: Annotated[Path, typer.Argument(help="What both sides are to compute, .npz.")],
    name: Annotated[str, typer.Option("--witness", help="container, interpreter, period, recorded or best.")] = "best",
    port: Annotated[str, typer.Option(help="The port's recorder: takes REQUEST TRACE --teacher=LEGACY.")] = PORT,
    report: Annotated[Path | None, typer.Option(help="Folder for the report and for both traces.")] = None,
    program: Annotated[Path | None, typer.Option(help="Another's original: a Lasagne program.")] = None,
    port_program: Annotated[
        Path | None, typer.Option(help="The port's program, where it is another's and its recorder names no .py file.")
    ] = None,
) -> None:
    """Record both sides of a request, each in a process of its own, and compare them; exit codes as of compare."""
    read_request(request)
    found = _witness(name, program)
    programs = _programs(program, port_program or port_file(port))
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        files = Files.within(report or Path(folder), request)
        record_both(files, found, port=port)
        _conclude(files.legacy, files.port, request, report, programs)


def _conclude(legacy: Path, port: Path, request: Path | None, report: Path | None, programs: Programs) -> NoReturn:
    """Compare two traces, print and write what was found, explain it, and end with the exit code."""
    sides = Sides(read_trace(legacy), read_trace(port), read_request(request) if request else None)
    comparison = judge(sides.legacy, sides.port, request=sides.request, programs=programs)
    console = Console()
    console.print(table(comparison))
    for sentence in diagnose(sides.legacy, sides.port, comparison, request=sides.request).sentences:
        console.print(f"diagnosis: {sentence}", soft_wrap=True, markup=False)
    if report is not None:
        page = write_comparison(report, comparison, sides)
        console.print(f"wrote {page}, and beside it the same as JSON, JUnit and SARIF", soft_wrap=True, markup=False)
    raise Judged(comparison.verdict.exit_code)


def _programs(legacy: Path | None, port: Path | None) -> Programs:
    """By side the programs that are given."""
    return {side: program for side, program in (("legacy", legacy), ("port", port)) if program is not None}


def _witness(name: str, program: Path | None) -> witness.Witness:
    """The witness asked for, with what is said on the way to it."""
    console = Console(stderr=True)
    say = partial(console.print, soft_wrap=True, markup=False, highlight=False)
    found = witness.find(name, say=say, program=program)
    for reason in found.reasons:
        console.print(reason, soft_wrap=True, markup=False)
    return found


@app.command()
def record(
    request: Annotated[Path, typer.Argument(help="What to compute, .npz.")],
    trace: Annotated[Path, typer.Argument(help="Where the original's trace goes, .npz.")],
    name: Annotated[str, typer.Option("--witness", help="container, interpreter, period, recorded or best.")] = "best",
    program: Annotated[Path | None, typer.Option(help="Another's original: a Lasagne program.")] = None,
) -> None:
    """Run the original on a request, in the best place found; exit 3 if it cannot run."""
    read_request(request)
    found = _witness(name, program)
    found.record([(request, trace)])
    Console(stderr=True).print(f"{found.name} witness wrote {trace}", soft_wrap=True, markup=False)


@app.command(name="certify")
def certify_weights(
    legacy: Annotated[Path, typer.Argument(help="The original's trace of given weights and patches, .npz.")],
    port: Annotated[str, typer.Option(help="The port's recorder: takes REQUEST TRACE --teacher=LEGACY.")] = PORT,
    out: Annotated[Path | None, typer.Option(help="Where the certificate goes, .json.")] = None,
) -> None:
    """Prove that each weight is mapped once and laid down rightly; exit 0 certified, 1 failed, 2 refused."""
    trace = read_trace(legacy)
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        probe = Files.within(Path(folder), Path(folder) / "request.npz")
        write_probe(trace, probe)
        record_port(probe, port=port)
        certificate = certify(trace, probe)
    console = Console()
    for line in certificate.lines:
        console.print(line, soft_wrap=True, markup=False, highlight=False)
    if out is not None:
        write_text(out, certificate.text())
        console.print(f"wrote {out}", soft_wrap=True, markup=False)
    raise Judged(certificate.ruling.exit_code)


@app.command()
def report(
    folder: Annotated[
        Path | None, typer.Argument(help="A run's folder; the newest below reports/parity when left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where the page goes; into the folder when left out.")] = None,
) -> None:
    """Make a run's HTML page again, with the zoo's score and the gate's result as they are now."""
    page = write_page(folder or newest(), out)
    Console().print(f"wrote {page}", soft_wrap=True, markup=False)


@app.command()
def ledger(
    path: Annotated[Path, typer.Option("--ledger", help="The entries, .toml.", show_default=False)] = LEDGER,
) -> None:
    """Print every intended difference between port and original: its switch, and the first stage that shows it."""
    headers = ("id", "original", "port", "switch: as the original, own", "stage")
    grid = Table(title="intended differences", show_lines=True)
    for header in headers:
        grid.add_column(header, overflow="fold")  # a name is shown whole, at any width
    for entry in read_ledger(path):
        switch = f"{entry.switch}: {entry.as_original}, {entry.own}"
        grid.add_row(*map(Text, (entry.id, entry.original, entry.port, switch, entry.stage)))
    Console().print(grid)


def main() -> None:
    """Run a command; an error is one paragraph, and never mistaken for exit code 2, which is a verdict."""
    try:
        app()
    except Judged:
        raise
    except SystemExit as end:  # help, or a usage error, which typer has shown and calls 2
        sys.exit(FAILED if end.code or sys.argv[1:] == [] else 0)  # older clicks call no command at all a success
    except WitnessError as error:
        Console(stderr=True).print(f"no witness: {error}", style="bold red", soft_wrap=True, markup=False)
        sys.exit(NO_WITNESS)
    except (ParityError, OSError) as error:
        Console(stderr=True).print(f"FAIL: {error}", style="bold red", soft_wrap=True, markup=False)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
