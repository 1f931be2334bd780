"""Whatever a trace, a ledger, a witness, the zoo or the gate says, the page shows it as text, and runs none of it."""

import json
from pathlib import Path

import pytest

from browser_tests.browser import Browser
from browser_tests.conftest import spoiled
from browser_tests.questions import OPEN_STAGE, UNFOLD
from parity import report_folder
from parity.docket import Docket
from parity.report_folder import Sides, write_court, write_page
from parity.trace import read_request, read_trace

RUN = "window.ran=(window.ran||0)+1"
PAYLOADS = {
    "script": f"</script><script>{RUN}</script>",
    "comment": f"<!--<script>--></script><script>{RUN}</script>",
    "image": f"<img src=x onerror={RUN}>",
    "quote": f'"><svg onload={RUN}>',
    "apostrophe": f"' onmouseover='{RUN}' autofocus onfocus='{RUN}'",
    "address": f"javascript:{RUN}",
    "frame": f"<iframe srcdoc='<script>parent.{RUN}</script>'>",
    "style": "</style><style>body{display:none}</style>",
    "refresh": "<meta http-equiv=refresh content='0;url=data:text/html,x'>",
    "base": "<base href='https://example.org/'><link rel=stylesheet href='//example.org/x.css'>",
    "lines": f"\u2028{RUN}\u2029//",
    "template": f"%DATA% %SCRIPT% ${{{RUN}}} {{{{{RUN}}}}}",
    "prototype": "__proto__",
    "entity": f"&lt;/script&gt;&#60;script&#62;{RUN}&#60;/script&#62;",
}
"""Each would run, load or hide something where it was taken for markup, for a script or for an address."""
STAGE = PAYLOADS["script"] + PAYLOADS["image"] + PAYLOADS["address"]
ZOO_ROW = {"caught": False, "right_stage": False, "share": None, "diagnosed": False}
LEFT = """
return [...document.querySelectorAll('*')].flatMap((e) => [...e.attributes]
  .filter((a) => a.name.startsWith('on') || /^(src|srcdoc|action|formaction|data|xlink:href)$/.test(a.name)
    || (a.name === 'href' && !a.value.startsWith('#')))
  .map((a) => `${e.tagName} ${a.name}=${a.value}`));
"""
"""Every attribute of the page that could run or load something."""


def ledger(path: Path) -> Path:
    """A ledger each of whose texts is hostile."""
    payloads = list(PAYLOADS.values())
    entries = []
    for number, text in enumerate(payloads):
        told = dict.fromkeys(("title", "original", "port", "reason", "differs", "case", "stage", "found"), text)
        told |= {"id": f"{number} {text}", "switch": text, "as_original": text, "own": f"own {text}"}
        lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
        entries.append(
            "\n".join(["[[deviation]]", *lines, "changes = []", 'node = {operation = "x", attributes = {}}'])
        )
    path.write_text("\n".join(entries), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def riddled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of which every text that comes from elsewhere is hostile."""
    folder = tmp_path_factory.mktemp("riddled")
    told = {f"{name} {text}": text for name, text in PAYLOADS.items()}
    pair = spoiled(folder / "network", STAGE, told)
    comparison, (legacy, port) = pair.judge(), map(read_trace, pair.write())
    name = " ".join(PAYLOADS.values())
    texts = list(PAYLOADS.values())
    zoo = {"mutations": [{**ZOO_ROW, "id": text, "title": text, "stage": text, "known": text, "names": [text]}
                         for text in texts],
           "doses": [{"id": text, "title": text, "unit": text, "dtype": text, "smallest_caught": text,
                      "largest_missed": text, "stage": text} for text in texts],
           "alarms": texts, "sound": {"comparisons": 1, "alarms": 0}}  # fmt: skip
    gate = {"held": 1, "failed": 1, "not_gated": 0,
            "rows": [{"id": text, "value": text, "measured": text, "verdict": text} for text in texts]}  # fmt: skip
    place = folder / "reports" / "parity" / "small"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report_folder, "LEDGER", ledger(folder / "ledger.toml"))
        shown = {name: lambda: Sides(legacy, port, read_request(pair.request))}
        write_court(place, Docket({name: comparison}), witness=name, shown=shown)
        for kind, content in (("zoo", zoo), ("gate", gate)):
            (folder / "reports" / kind).mkdir()
            (folder / "reports" / kind / f"{kind}.json").write_text(json.dumps(content), encoding="utf-8")
        return write_page(place)


def test_nothing_ran(browser: Browser, riddled: Path) -> None:
    """With everything unfolded and the stage open, no payload has run, and none has become an element."""
    browser.open(riddled)
    browser.run(UNFOLD)
    browser.run(OPEN_STAGE, STAGE)
    browser.run("document.querySelectorAll('button').forEach((each) => each.click())")
    assert browser.run("return window.ran") is None
    assert browser.driver.title == "FAIL: parity report"
    assert browser.all("img, iframe, object, embed, base, link, form, meta[http-equiv=refresh]") == []
    assert (len(browser.all("script")), len(browser.all("style"))) == (2, 1)
    assert browser.one("h1").is_displayed()


def test_nothing_is_left_to_run_or_load(browser: Browser, riddled: Path) -> None:
    """No attribute of any element runs a text, or leads out of the page."""
    browser.open(riddled)
    browser.run(UNFOLD)
    browser.run(OPEN_STAGE, STAGE)
    assert browser.run(LEFT) == []


@pytest.mark.parametrize("section", ["versions", "ledger", "zoo", "gate"])
def test_payloads_are_shown(section: str, browser: Browser, riddled: Path) -> None:
    """As the text that they are."""
    browser.open(riddled)
    browser.run(UNFOLD)
    text = browser.run("return document.getElementById(arguments[0]).textContent", section)
    assert [name for name, payload in PAYLOADS.items() if payload not in text] == []


def test_handlers_and_addresses_that_got_in_are_stopped(browser: Browser, riddled: Path) -> None:
    """Markup put into the page by hand does nothing either: the policy allows the page's own script alone."""
    browser.open(riddled)
    markup = PAYLOADS["image"] + PAYLOADS["frame"] + f'</iframe><a id=led href="{PAYLOADS["address"]}">x</a>'
    browser.run("document.body.insertAdjacentHTML('beforeend', arguments[0])", markup)
    browser.run("document.getElementById('led').click()")
    browser.run("return new Promise((done) => setTimeout(done, 300))")
    assert browser.run("return window.ran") is None
    assert [line for line in browser.said() if "Content Security Policy" in line]
