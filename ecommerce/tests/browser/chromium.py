"""A headless Chromium of the system's, that can reach this machine and nothing else."""

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVERS = ("chromedriver",)
HEIGHT = 900
PHONE_WIDTH = 600
"""Narrower ones are phones."""
OWN_PAGES = ("data:", "chrome:", "about:", "blob:")
LOOPBACK = {"127.0.0.1", "localhost"}


def installed(names: Sequence[str]) -> str | None:
    """The path of the first of these programs that there is."""
    return next((path for name in names if (path := shutil.which(name))), None)


@contextmanager
def chromium(*, width: int, language: str = "en") -> Iterator[webdriver.Chrome]:
    """A fresh browser of so many pixels, that prefers a language. A narrow one is a phone's."""
    options = webdriver.ChromeOptions()
    options.binary_location = installed(BROWSERS) or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",  # root, in a container
        "--disable-dev-shm-usage",
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        # Whatever is asked for, nothing leaves the machine.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
        f"--window-size={width},{HEIGHT}",
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"intl.accept_languages": language})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # The driver is named, or Selenium would look for one to download.
    driver = webdriver.Chrome(options=options, service=Service(installed(DRIVERS)))
    try:
        metrics = {
            "width": width,
            "height": HEIGHT,
            "deviceScaleFactor": 1,
            "mobile": width < PHONE_WIDTH,
        }
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()


def complaints(driver: webdriver.Chrome) -> list[str]:
    """What the console has said since it was last asked, below an error as well.

    Not that a field was not focused because the browser had focused another one: that depends on
    which of the two was quicker.
    """
    return [
        f"{entry['level']}: {entry['message']}"
        for entry in driver.get_log("browser")
        if "Autofocus processing was blocked" not in entry["message"]
    ]


def foreign_requests(driver: webdriver.Chrome) -> tuple[list[str], int]:
    """The addresses beyond this machine that were asked for since, and how many there were."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]
    foreign = [
        url
        for url in urls
        if not url.startswith(OWN_PAGES) and urlsplit(url).hostname not in LOOPBACK
    ]
    return foreign, len(urls)
