"""The figure of load: memory while many predict side by side; memory, open files and threads over a long training."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from port.files import replacing

LOAD = Path(__file__).resolve().parent.parent / "docs" / "load.png"
"""Where the documents look for it."""
_DPI = 110


def load_figure(path: Path, results: dict[str, Any]) -> None:
    """Write it as PNG.

    Raises:
        OutputError: the file cannot be written.
    """
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    many, training = results["predictions"], results["training"]
    seconds, alive, memory = zip(*many["together"]["looks"], strict=True)
    left.fill_between(seconds, [value / 1e9 for value in memory], color="#56b4e9", alpha=0.6)
    left.set(xlabel="seconds", ylabel="GB in all (PSS)", xlim=(0, None), ylim=(0, None))
    left.set_title(f"{many['count']} predictions side by side on {many['cores']} cores", fontsize=10)
    beside = left.twinx()
    beside.plot(seconds, alive, color="#d55e00", drawstyle="steps-post")
    beside.set_ylabel("still running", color="#d55e00")
    beside.set_ylim(0)
    epochs, resident, files, threads = zip(*training["looks"], strict=True)
    right.plot(epochs, [value / 1e6 for value in resident], color="#0072b2", label="resident memory (MB)")
    right.plot(epochs, files, color="#009e73", label="open files")
    right.plot(epochs, threads, color="#cc79a7", label="threads")
    right.set(xlabel="epoch", xlim=(0, None))
    right.set_yscale("log")
    right.legend(fontsize=8, loc="center right")
    right.set_title(f"a training of {training['epochs']} epochs", fontsize=10)
    for axes in (left, right):
        axes.grid(visible=True, linewidth=0.3)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)
