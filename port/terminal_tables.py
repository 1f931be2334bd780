"""What a command shows as tables: accuracies, an audit, an ablation."""

from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table

from port import ablation_table, audit_table
from port.ablation_table import Row
from port.audit import Audit
from port.evaluation import Comparison
from port.findings import errors, told, warnings
from port.summary import COLUMNS, table_sections
from port.terminal import out, plain


def print_accuracies(comparisons: Mapping[str, Comparison]) -> None:
    """The accuracies, a section for each kind of pixel; 80 columns wide."""
    table = Table(
        title="Accuracy of NDVI at t in the test region",
        box=SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
    )
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right", no_wrap=True)
    for section in table_sections(comparisons):
        for row in section:
            table.add_row(*row)
        table.add_section()
    out.print(table)


def print_audit(found: Audit) -> None:
    """What is stored, what the network makes of it, and a line for each finding."""
    fed = f"Fed to variant {found.variant}: scaling {found.recipe.scaling} (recipe {found.recipe.name})"
    print_rows(f"Stored in {found.scene.name}", audit_table.STORED_COLUMNS, audit_table.stored_rows(found))
    print_rows(fed, audit_table.FED_COLUMNS, audit_table.fed_rows(found))
    if found.mae is not None:
        heading = f"Channels shuffled one by one; MAE {found.mae:.5f} in {found.region}"
        print_rows(heading, audit_table.INFLUENCE_COLUMNS, audit_table.influence_rows(found))
    for kind, style in ((errors(found.findings), "red"), (warnings(found.findings), "yellow")):
        for text in told(kind):
            plain(out, f"{kind[0].severity} {text}", style=style)


def print_ablation(rows: Sequence[Row]) -> None:
    """Mean and spread of MAE, and of what is gained in it, a table for each scene."""
    for scene, lines in ablation_table.sections(rows).items():
        table = Table(title=f"{scene}: MAE of NDVI at t in the test region", box=SIMPLE_HEAD, pad_edge=False)
        for column in ablation_table.COLUMNS:
            table.add_column(column, justify="left" if column == ablation_table.COLUMNS[0] else "right", no_wrap=True)
        for cells in lines:
            table.add_row(*cells)
        out.print(table)


def print_rows(heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table whose first two columns are names."""
    table = Table(title=heading, box=SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    out.print(table)
