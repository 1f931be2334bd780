"""The table of docs/bad-scenes.md: what can be wrong with an input, and the error that says so."""

from collections.abc import Callable, Mapping

from tests.bad_scenes import CASES


def bad_scenes() -> str:
    """Every bad input with the command that meets it and its error; `N` stands for a number of bytes."""
    lines = ["| what is wrong | command | error |", "|---|---|---|"]
    for section, cases in CASES.items():
        lines.append(f"| **{section}** | | |")
        for case in cases:
            error = case.error.replace("{bytes}", "N").replace("|", "\\|")
            lines.append(f"| {case.name} | {case.command.split()[0]} | `` {error} `` |")
    return "\n".join(lines)


TABLES: Mapping[str, Callable[[], str]] = {"bad-scenes": bad_scenes}
