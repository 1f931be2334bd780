"""What SAR, the DEM and the second date are worth: `python -m benchmarks.ablation DIR` measures the README's table.

Runs go to DIR, where those that are done are not done again (`port.ablation`); the table's rows go to
benchmarks/results/ablation.json with the recipe of each, the figure to docs/ablation.png.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.accuracy import DATA
from port.ablation import SYNTHETIC, Ablation, Study, ablate
from port.ablation_figure import ablation_figure
from port.recipes import RECIPES, Recipe, recipe

RESULTS = Path(__file__).parent / "results" / "ablation.json"
FIGURE = Path(__file__).parent.parent / "docs" / "ablation.png"
HESBAYE = ("2021-06_2021-08", "2021-02_2021-04", "2021-04_2021-06")
SMALL = ("herne_2019-04-21_2019-06-20", "wervik_2018-04-26_2018-06-28")
STUDIES = {
    "hesbaye": Study(data=[str(DATA / f"hesbaye_s_{months}") for months in HESBAYE], recipe=recipe()),
    # of 64 x 64 px: at stride 8 too few patches for a batch, and no clear one of 33 px above wervik's test region
    "small": Study(data=[str(DATA / name) for name in SMALL], recipe=recipe(patch_side_px=25, stride_px=2)),
    SYNTHETIC: Study(data=[SYNTHETIC], recipe=recipe(), seeds=3),
}


def recipe_name(chosen: Recipe) -> str:
    """A recipe's name and the switches that are not its own."""
    own = RECIPES[chosen.name]
    changed = (switch for switch in Recipe.__dataclass_fields__ if getattr(chosen, switch) != getattr(own, switch))
    return ", ".join([chosen.name, *(f"{switch} {getattr(chosen, switch)}" for switch in changed)])


def entries(folder: Path, study: Study) -> list[dict[str, Any]]:
    """The rows of a study as it wrote them, each with its recipe."""
    rows = json.loads((folder / "ablation.json").read_text(encoding="utf-8"))
    return [{**row, "recipe": recipe_name(study.recipe)} for row in rows]


def main() -> None:
    """Do what is missing of every study, then keep the rows and draw them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where done runs and each study's tables go")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    given = parser.parse_args()
    listed: list[dict[str, Any]] = []
    done: list[Ablation] = []
    for name, study in STUDIES.items():
        done.append(ablate(study, given.folder / name, jobs=given.jobs, observer=Lines()))
        listed += entries(given.folder / name, study)
    lines = ",\n".join(json.dumps(entry) for entry in listed)
    RESULTS.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    ablation_figure(FIGURE, [row for study in done for row in study.rows])


class Lines:
    """Writes a line for each run."""

    def step(self, stage: str, done: int, total: int, word: str) -> None:
        """One more is done."""
        sys.stderr.write(f"{stage} {done}/{total} {word}\n")

    def remark(self, text: str) -> None:
        """What the audit says."""
        sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    main()
