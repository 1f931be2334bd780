"""Turn the case study into slides: `python docs/slides.py OUT.html` writes one file that needs no network.

Headings begin slides; lists, figures and tables are shown; paragraphs are the speaker's notes.
"""

import sys
from pathlib import Path

import pypandoc

DOCS = Path(__file__).resolve().parent


def main(out: Path) -> None:
    """Write the slides."""
    out.parent.mkdir(parents=True, exist_ok=True)
    pypandoc.convert_file(
        str(DOCS / "case-study.md"),
        "dzslides",
        format="markdown-implicit_figures",
        outputfile=str(out),
        extra_args=[
            "--standalone",
            "--embed-resources",
            "--slide-level=2",
            f"--resource-path={DOCS}",
            f"--lua-filter={DOCS / 'slides.lua'}",
            f"--css={DOCS / 'slides.css'}",
        ],
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
