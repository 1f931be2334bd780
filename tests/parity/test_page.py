"""The page is one file that asks nothing of any network, and takes no data for markup."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from parity.page import HERE, SCRIPTS, inert_json, page

HOSTILE = "</script><img src=x onerror=alert(1)><!-- <script> & \u2028 %STYLE% %DATA%"
CONTENT = {
    "witness": HOSTILE, "verdict": "FAIL", "tensors": 1, "numbers": 2, "unproven": [HOSTILE], "cases": [],
    "exhibits": {HOSTILE: {"stages": [{"stage": HOSTILE}]}}, "written": "now", "diagnosis": None, "ledger": [],
    "zoo": None, "gate": None,
}  # fmt: skip
ADDRESS = re.compile(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}|url\(|@import|\bfetch\(|XMLHttpRequest|WebSocket|import\(")


class Elements(HTMLParser):
    """Every element of a page with its attributes, and the text of its scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self._within = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.found.append((tag, dict(attrs)))
        self._within = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        """What follows is the page's own text."""
        self._within = False

    def handle_data(self, data: str) -> None:
        """Keep the text of what the browser runs or applies, and of the data."""
        if self._within:
            self.texts.append(data)


@pytest.fixture(scope="module")
def html() -> str:
    """A page whose every text is hostile."""
    return page(CONTENT)


def test_hostile_text_adds_no_element(html: str) -> None:
    """The page has the elements of its template: two scripts, no image."""
    tags = [tag for tag, _ in Elements(html).found]
    assert (tags.count("script"), tags.count("style"), tags.count("img")) == (2, 1, 0)


def test_data_comes_back_as_it_was(html: str) -> None:
    """Escaped for HTML, the same for JSON; marks of the template within it are only text."""
    data = Elements(html).texts[1]
    assert json.loads(data) == CONTENT
    assert not set(data) & set("<>&")


@pytest.mark.parametrize("text", ["<", ">", "&", "\u2028", "</script>", "<!--", "]]>"])
def test_nothing_that_ends_a_script_is_left(text: str) -> None:
    """JSON in an element that ends at the first `</script`."""
    assert text not in inert_json({text: [text]})
    assert json.loads(inert_json({text: [text]})) == {text: [text]}


def test_policy_allows_this_style_and_this_script_alone(html: str) -> None:
    """Both by the hash of what stands in the page, and nothing else at all."""
    elements = Elements(html)
    (policy,) = (meta["content"] for tag, meta in elements.found if tag == "meta" and "http-equiv" in meta)
    style, _, script = elements.texts
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )


def test_page_names_no_address(html: str) -> None:
    """But that of SVG's namespace, which nothing fetches."""
    assert ADDRESS.findall(html.replace("http://www.w3.org/2000/svg", "")) == []
    loaded = [attrs for tag, attrs in Elements(html).found if tag == "link" or "src" in attrs]
    assert loaded == []


def test_addresses_are_found() -> None:
    """The rule above can fail."""
    assert len(ADDRESS.findall("https://example.org //example.org url(x) fetch('x')")) == 4


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_makes_no_markup_of_text(name: str) -> None:
    """Text enters as text nodes; no part of the script can write markup, or run a text."""
    script = (HERE / name).read_text(encoding="utf-8")
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|setTimeout\(\"", script)
        == []
    )
