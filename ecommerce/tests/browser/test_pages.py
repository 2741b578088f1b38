"""What the pages of the back office and the description run, and what they don't."""

import re
from time import monotonic
from typing import Any

import pytest

from ecommerce.tests.browser.chromium import chromium, complaints, foreign_requests
from ecommerce.tests.browser.manager import Manager


@pytest.mark.parametrize(
    ("path", "shown"), [("/api/docs/", "/api/v1/coupons/{id}/issue/"), ("/api/redoc/", "Sign up")]
)
def test_the_description_is_shown_and_loads_nothing_else(shop: Any, path: str, shown: str) -> None:
    with chromium(width=1280) as driver:
        driver.get(shop.url(path))
        until = monotonic() + 20
        while shown not in driver.find_element("tag name", "body").text:
            assert monotonic() < until, "the description is not shown"
        assert complaints(driver) == []
        assert foreign_requests(driver)[0] == []


def test_numbers_stand_apart_from_their_words(manager: Manager) -> None:
    manager.open("/admin/")
    assert re.search(r"\d yesterday by this time", manager.text)
    assert re.search(r"\d in the 14 days before", manager.text)


def test_a_script_from_elsewhere_is_not_run(manager: Manager) -> None:
    manager.open("/admin/")
    manager.driver.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'window.broken = true'; document.body.append(script)"
    )
    assert manager.driver.execute_script("return window.broken") is None
    assert ["Content Security Policy" in one for one in complaints(manager.driver)] == [True]
