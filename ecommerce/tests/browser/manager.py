"""A shop manager at work in a browser."""

from collections.abc import Callable
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from ecommerce.tests.browser.chromium import complaints, foreign_requests
from ecommerce.tests.browser.clients import Shop

PATIENCE_SECONDS = 20
T = TypeVar("T")


class Manager:
    """Reads and presses what is on the pages, by what people see or by the fields' names."""

    def __init__(self, driver: webdriver.Chrome, shop: Shop) -> None:
        self.driver = driver
        self.shop = shop

    # --- Going somewhere ------------------------------------------------------------------------

    def open(self, path: str) -> None:
        self.driver.get(self.shop.url(path))

    def sign_in(self, username: str, password: str) -> None:
        self.open("/admin/")
        self.fill(username=username, password=password)
        self.press("Log in")

    @property
    def path(self) -> str:
        return self.driver.current_url.removeprefix(self.shop.url())

    # --- Doing something ------------------------------------------------------------------------

    def field(self, name: str) -> WebElement:
        return self.driver.find_element(By.NAME, name)

    def fill(self, **values: str) -> None:
        """Fill in fields by their names."""
        for name, value in values.items():
            field = self.field(name)
            if field.tag_name == "select":
                Select(field).select_by_value(value)
            elif field.get_attribute("type") == "file":
                field.send_keys(value)
            else:
                field.clear()
                field.send_keys(value)

    def press(self, text: str) -> None:
        """Press the button or link of this text; returns when the next page is there."""
        self.driver.execute_script("document.documentElement.dataset.left = 'yes'")
        self.button(text).click()
        self.wait(lambda: not self._is_still_there(), f"the page after {text!r}")

    def button(self, text: str) -> WebElement:
        """The button or link that says this; if several do, the one that says the least else.

        On a phone the actions of a page are in a menu, which is opened if need be.
        """
        shown = self._shown(text)
        if not shown and (menu := self._shown("more_horiz")):
            menu[0].click()
            shown = self.wait(lambda: self._shown(text), f"{text!r} in the menu")
        assert shown, f"no button {text!r} on {self.path}: {self.text[:2000]}"
        best = min(shown, key=lambda one: len(one.text))
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", best)
        return best

    def _shown(self, text: str) -> list[WebElement]:
        xpath = f"//*[self::button or self::a][contains(normalize-space(.), '{text}')]"
        return [one for one in self.driver.find_elements(By.XPATH, xpath) if one.is_displayed()]

    def _is_still_there(self) -> bool:
        script = (
            "return document.documentElement.dataset.left === 'yes'"
            " || document.readyState !== 'complete'"
        )
        return bool(self.driver.execute_script(script))

    # --- Reading --------------------------------------------------------------------------------

    @property
    def text(self) -> str:
        """What the page says."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def figure(self, name: str) -> str:
        """A figure of the live sale page."""
        return self.driver.find_element(By.CSS_SELECTOR, f"[data-figure={name}]").text

    def wait(self, condition: Callable[[], T], what: str) -> T:
        """Wait until the condition holds, and return what it returned."""
        patience = WebDriverWait(
            self.driver,
            PATIENCE_SECONDS,
            poll_frequency=0.1,
            ignored_exceptions=[StaleElementReferenceException],
        )
        return patience.until(lambda _driver: condition(), f"{what} did not come: {self.path}")

    def fits(self) -> bool:
        """Whether nothing has to be scrolled sideways to be read."""
        script = "return document.documentElement.scrollWidth <= window.innerWidth"
        return bool(self.driver.execute_script(script))

    def leaves_no_trace(self) -> None:
        """Fails if the console complained, or if anything beyond this machine was asked for."""
        foreign, requests = foreign_requests(self.driver)
        said = complaints(self.driver)
        assert not said, f"the console said {said}"
        assert not foreign, f"it asked beyond this machine: {foreign}"
        assert requests > 0
