"""A browser: the system's Chromium, without a window, and all that it says and asks for."""

import json
import shutil
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

ALONE = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


class BrowserError(Exception):
    """No browser, or a page that is not as it should be."""


def _program(*names: str) -> str:
    """The first of these programs that is there."""
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        raise BrowserError(f"none of {', '.join(names)} is on the path; install Debian's chromium and chromium-driver")
    return found


class Browser:
    """One window; a page is opened at a width, in light or dark mode."""

    def __init__(self) -> None:
        options = ChromeOptions()
        options.binary_location = _program("chromium", "chromium-browser", "google-chrome")
        for argument in ALONE:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = Chrome(options=options, service=Service(_program("chromedriver")))

    def open(self, page: Path, *, width: int = 1200, dark: bool = False, still: bool = True) -> None:
        """Open a file, by default without motion; what was said and asked for before is forgotten."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        told = {"prefers-color-scheme": "dark" if dark else "light"}
        told["prefers-reduced-motion"] = "reduce" if still else "no-preference"
        features = [{"name": name, "value": value} for name, value in told.items()]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        for log in ("browser", "performance"):
            self.driver.get_log(log)
        self.driver.get(page.as_uri())

    def run(self, script: str, *arguments: Any) -> Any:
        """The value of a script."""
        return self.driver.execute_script(script, *arguments)

    def one(self, selector: str) -> WebElement:
        """The one element of a selector."""
        return self.driver.find_element("css selector", selector)

    def all(self, selector: str) -> list[WebElement]:
        """Every element of a selector."""
        return self.driver.find_elements("css selector", selector)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    @property
    def focus(self) -> WebElement:
        """What has the focus."""
        return self.driver.switch_to.active_element

    def tab_to(self, selector: str, most: int = 60) -> None:
        """Press Tab until an element has the focus.

        Raises:
            BrowserError: it is not reached.
        """
        for _ in range(most):
            self.press(Keys.TAB)
            if self.run("return document.activeElement.matches(arguments[0])", selector):
                return
        raise BrowserError(f"{selector} is not reached by {most} times Tab")

    def said(self) -> list[str]:
        """What stands in the console, except what the driver itself says."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def asked(self) -> list[str]:
        """Every address that was asked for."""
        events = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [each["params"]["request"]["url"] for each in events if each["method"] == "Network.requestWillBeSent"]

    def close(self) -> None:
        """End the browser."""
        self.driver.quit()
