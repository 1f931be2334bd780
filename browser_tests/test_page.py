"""The page is opened, clicked and read as a person would, by pointer and by keyboard."""

import json
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from browser_tests.browser import Browser
from browser_tests.conftest import HOSTILE
from browser_tests.questions import FAINT, FIRST_CELL, INTRUDER, OPEN_STAGE, SHOW_CASE, UNFOLD, UNNAMED
from parity.report_folder import write_page

ZOO = {
    "mutations": [
        {"id": "a", "title": "A", "caught": True, "right_stage": True, "stage": "loss", "share": float("inf"),
         "known": "bias-dropped", "names": ["bias-dropped"], "diagnosed": True},
        {"id": "b", "title": "B", "caught": False, "right_stage": False, "stage": "", "share": None, "known": "",
         "names": [], "diagnosed": False},
    ],
    "doses": [{"id": "d", "title": "D", "unit": "part", "dtype": "float64", "smallest_caught": 0.0625,
               "largest_missed": None, "stage": "loss"}],
    "alarms": [], "sound": {"comparisons": 1000, "alarms": 0},
}  # fmt: skip
GATE = {"held": 1, "failed": 0, "not_gated": 1, "rows": [
    {"id": "numbers", "value": "86", "measured": "86", "verdict": "held"},
    {"id": "seed", "value": "", "measured": "", "verdict": "not gated"},
]}  # fmt: skip
SECTIONS = ["chain", "shares", "losses", "cases", "ledger", "versions"]


def tile(stage: str) -> str:
    """The selector of a stage's button."""
    return f'[data-stage="{stage}"]'


def test_passing_page_says_so(browser: Browser, passing: Path) -> None:
    """Title, headline, witness; no stage to blame, no diagnosis."""
    browser.open(passing)
    assert browser.driver.title == "PASS: parity report"
    assert browser.one("h1").text == "Port and original are equivalent"
    assert "small pair" in browser.one(".kicker").text
    assert browser.all(".blame") == []
    assert not browser.one("#diagnosis").is_displayed()
    assert [name for name in SECTIONS if not browser.one(f"#{name}").is_displayed()] == []


def test_failing_page_names_the_stage_to_blame(browser: Browser, failing: Path) -> None:
    """And opens it: its message is the judge's own."""
    browser.open(failing)
    assert browser.one("h1").text == "Port and original are not equivalent"
    browser.one(".blame button").click()
    assert browser.one("#stage-name").text == "conv2/pre"
    told = json.loads((failing.parent / "parity.json").read_text(encoding="utf-8"))["comparisons"]["case-0"]
    messages = {each["id"]: each["message"] for each in told["findings"]}
    for line in browser.all(".checks li"):
        assert messages[line.get_attribute("data-id")] in line.text
    assert "conv2/pre" in browser.one("#diagnosis").text


def test_every_stage_opens(browser: Browser, failing: Path) -> None:
    """Each tile shows its own stage, with what its checks say and its errors."""
    browser.open(failing)
    names = [each.get_attribute("data-stage") for each in browser.all(".tile")]
    assert len(names) == len(set(names)) > 20
    for name in names:
        browser.run("document.querySelector(arguments[0]).click()", tile(name))
        assert browser.one("#stage-name").text == name
        assert browser.one("#stage").text.count("Where the errors are") == 1


def test_numbers_are_the_exhibits(browser: Browser, failing: Path) -> None:
    """The worst element's index and values, and the share of the bound, as they stand in the JSON."""
    browser.open(failing)
    browser.one(tile("conv2/pre")).click()
    exhibit = json.loads((failing.parent / "exhibits.json").read_text(encoding="utf-8"))["exhibits"]["case-0"]
    (stage,) = (each for each in exhibit["stages"] if each["stage"] == "conv2/pre")
    row = stage["views"][0]["worst"][0]
    cells = [cell.text for cell in browser.all("#errors tbody tr:first-child td")]
    assert cells[0] == f"({', '.join(map(str, row['index']))})"
    assert [float(cell) for cell in cells[1:3]] == [row["legacy"], row["port"]]
    assert float(cells[3]) == pytest.approx(row["measure"], rel=5e-3)


def test_error_map_has_the_colour_of_a_failure(browser: Browser, failing: Path) -> None:
    """A canvas with as many cells as the layer has, red where the error is over its bound."""
    browser.open(failing)
    browser.one(tile("conv2/pre")).click()
    width, height, colour = browser.run(FIRST_CELL)
    assert (width, height) == (4, 5)
    assert colour[0] > 1.5 * max(colour[1:3])


def test_other_view_is_shown(browser: Browser, failing: Path) -> None:
    """Port minus original, signed."""
    browser.open(failing)
    browser.one(tile("conv2/pre")).click()
    browser.all("input[name=view]")[1].click()
    assert browser.one("#errors thead th:last-child").text == "port \N{MINUS SIGN} original"


def test_stages_by_keyboard(browser: Browser, failing: Path) -> None:
    """One stop of Tab for all tiles; arrows move, Enter opens, Escape closes and gives the focus back."""
    browser.open(failing)
    browser.tab_to(".tile")
    assert browser.focus.get_attribute("data-stage") == "conv2/pre"
    browser.press(Keys.ARROW_RIGHT)
    after = browser.focus.get_attribute("data-stage")
    assert after != "conv2/pre"
    browser.press(Keys.ENTER)
    assert browser.one("#stage-name").text == after
    assert browser.focus.get_attribute("id") == "stage-name"
    browser.press(Keys.ESCAPE)
    assert not browser.one("#stage").is_displayed()
    assert browser.focus.get_attribute("data-stage") == after
    browser.press(Keys.HOME)
    first = browser.focus.get_attribute("data-stage")
    browser.press(Keys.ARROW_LEFT)
    assert browser.focus.get_attribute("data-stage") == first == browser.all(".tile")[0].get_attribute("data-stage")
    browser.press(Keys.TAB)
    assert "tile" not in (browser.focus.get_attribute("class") or "")


def test_skip_link_comes_first(browser: Browser, passing: Path) -> None:
    """It is seen when it has the focus, and leads past the contents."""
    browser.open(passing)
    browser.press(Keys.TAB)
    assert browser.focus.text == "Skip to the stages"
    assert browser.focus.location["x"] >= 0
    browser.press(Keys.ENTER)
    assert browser.focus.get_attribute("id") == "main"


def test_focus_is_visible(browser: Browser, passing: Path) -> None:
    """Whatever Tab reaches has an outline of 3 px."""
    browser.open(passing)
    for _ in range(15):
        browser.press(Keys.TAB)
        widths = browser.run(
            "const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth]"
        )
        assert widths == ["solid", "3px"]


def test_swipe_moves_by_keyboard(browser: Browser, passing: Path) -> None:
    """The slider says what it shows, and the port's map is cut there."""
    browser.open(passing)
    browser.run(SHOW_CASE, "case-1")
    slider = browser.one("#swipe")
    assert slider.get_attribute("aria-valuetext") == "original 50 %, port 50 %"
    slider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert slider.get_attribute("aria-valuetext") == "original 52 %, port 48 %"
    cut = "return document.querySelectorAll('.stack canvas')[1].style.clipPath"
    assert "52%" in browser.run(cut)
    slider.send_keys(Keys.HOME)
    assert "0%" in browser.run(cut)


def test_case_is_chosen(browser: Browser, failing: Path) -> None:
    """The whole scene has stages from raster to GeoTIFF, and maps, where the network has none."""
    browser.open(failing)
    assert not browser.one("#maps").is_displayed()
    browser.all("#cases button")[1].click()
    assert browser.one("#maps").is_displayed()
    groups = [each.text for each in browser.all(".chain h3")]
    assert (groups[0], groups[-1]) == ("raster", "geotiff")


def test_zoo_and_gate_are_told(browser: Browser, passing: Path) -> None:
    """Their scores, and every wrong port and every number behind them."""
    beside = passing.parent.parent.parent
    for name, content in (("zoo", ZOO), ("gate", GATE)):
        (beside / name).mkdir(exist_ok=True)
        (beside / name / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    page = write_page(passing.parent, passing.with_name("with_zoo.html"))
    for name in ("zoo", "gate"):
        (beside / name / f"{name}.json").unlink()
    browser.open(page)
    browser.run(UNFOLD)
    said = browser.one("#zoo").text
    assert [part for part in ("1 of 2", "0 in 1 000", "survived", "bias-dropped", "0.0625") if part not in said] == []
    assert browser.one("#zoo tbody tr td:nth-child(5)").text == "\N{INFINITY}"
    assert [each.text for each in browser.all("#gate dd")] == ["1", "0", "1"]
    assert "86" in browser.one("#gate tbody").text


@pytest.mark.parametrize("kind", ["passing", "failing"])
def test_phone_does_not_scroll_sideways(browser: Browser, kind: str, request: pytest.FixtureRequest) -> None:
    """At 360 px, every case and a stage open."""
    browser.open(request.getfixturevalue(kind), width=360)
    for case in ("case-0", "case-1"):
        change = (
            "const s = document.getElementById('case'); s.value = arguments[0]; s.dispatchEvent(new Event('change'))"
        )
        browser.run(change, case)
        browser.run("document.querySelector('.tile.FAIL, .tile').click()")
        browser.run(UNFOLD)
        assert browser.run("return [document.documentElement.scrollWidth, window.innerWidth]") == [360, 360]


def test_tiles_are_large_enough_to_touch(browser: Browser, passing: Path) -> None:
    """24 px at least, either way."""
    browser.open(passing, width=360)
    assert all(min(each.size.values()) >= 24 for each in browser.all(".tile"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("kind", ["passing", "failing"])
def test_text_can_be_read(browser: Browser, kind: str, dark: bool, request: pytest.FixtureRequest) -> None:
    """Every text has a contrast of 4.5 at least with what is behind it, with all details open."""
    browser.open(request.getfixturevalue(kind), dark=dark)
    browser.run(UNFOLD)
    browser.run("document.querySelector('.tile.FAIL, .tile').click()")
    assert browser.run(FAINT) == []


def test_dark_mode_is_dark(browser: Browser, passing: Path) -> None:
    """The page behind is dark, and light otherwise."""
    read = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)"
    browser.open(passing)
    light = browser.run(read)
    browser.open(passing, dark=True)
    dark = browser.run(read)
    assert min(light) > 230
    assert max(dark) < 40


def test_motion_stops_where_it_is_not_wanted(browser: Browser, passing: Path) -> None:
    """Scrolling is smooth only for those who do not mind."""
    for still, behaviour in ((False, "smooth"), (True, "auto")):
        browser.open(passing, still=still)
        assert browser.run("return getComputedStyle(document.documentElement).scrollBehavior") == behaviour


def test_colour_is_never_alone(browser: Browser, failing: Path) -> None:
    """Tiles of two verdicts have marks of another shape, and names that say the verdict."""
    browser.open(failing)
    shapes, said = {}, {}
    for verdict in ("PASS", "FAIL"):
        shapes[verdict] = browser.one(f".tile.{verdict} .back").get_attribute("d")
        said[verdict] = browser.one(f".tile.{verdict}").get_attribute("aria-label")
    assert shapes["PASS"] != shapes["FAIL"]
    assert "pass" in said["PASS"]
    assert "fail" in said["FAIL"]


def test_everything_has_a_name(browser: Browser, failing: Path) -> None:
    """Buttons, fields, pictures and charts, for those who hear the page."""
    browser.open(failing)
    browser.one(tile("conv2/pre")).click()
    assert browser.run(UNNAMED) == []


def test_hostile_trace_is_only_text(browser: Browser, hostile: Path) -> None:
    """Its names are shown as they are; none has become an element, and none has run."""
    browser.open(hostile)
    names = [each.get_attribute("data-stage") for each in browser.all(".tile")]
    assert HOSTILE in names
    browser.run(OPEN_STAGE, HOSTILE)
    assert browser.one("#stage-name").text == HOSTILE
    assert HOSTILE in browser.one("#versions").text
    assert browser.all("img") == []
    assert len(browser.all("script")) == 2
    assert browser.driver.title == "FAIL: parity report"


def test_policy_stops_a_script_that_got_in(browser: Browser, passing: Path) -> None:
    """Even one put into the page by hand does not run: only the page's own has the right hash."""
    browser.open(passing)
    browser.run(INTRUDER)
    assert browser.driver.title == "PASS: parity report"
    (refused,) = browser.said()
    assert "Content Security Policy" in refused
