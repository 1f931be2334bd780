"""The page: one HTML file that shows a report and asks nothing of any network.

Style, script and data stand in it. Its policy allows just this style and this script, by their hashes; data is JSON
in an element that no browser runs, with <, > and & escaped, and reaches the page as text.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SCRIPTS = (
    "page_dom.js",
    "page_chain.js",
    "page_stage.js",
    "page_charts.js",
    "page_maps.js",
    "page_results.js",
    "page.js",
)
"""The parts of the script, in the order they stand in it."""
_MARK = re.compile("%([A-Z_]+)%")
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def page(content: Mapping[str, Any]) -> str:
    """The HTML of a report.

    Args:
        content: witness, verdict, tensors, numbers, unproven, cases, exhibits, written; diagnosis, ledger, zoo and
            gate, each None where there is none.
    """
    style = "\n" + _read("page.css")
    script = "(() => {\n" + "\n".join(map(_read, SCRIPTS)) + "})();\n"  # its names stay its own
    parts = {"STYLE": style, "SCRIPT": script, "STYLE_HASH": _hash(style), "SCRIPT_HASH": _hash(script)}
    parts["DATA"] = inert_json(content)
    return _MARK.sub(lambda found: parts[found[1]], _read("page.html"))


def inert_json(content: Mapping[str, Any]) -> str:
    """JSON that no HTML parser can take for markup: it has no <, > or & in it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda found: _ESCAPED[found[0]], text)


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """A source of a content security policy: the hash of an inline element's text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
