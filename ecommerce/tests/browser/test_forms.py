"""Forms of the back office in a browser: sent again, and two at one page."""

from itertools import count

import pytest

from ecommerce.tests.browser.manager import Manager
from ecommerce.tests.browser.test_selling import PRODUCTS, product_of

_serial = count(1)


@pytest.fixture
def product(manager: Manager, width: int) -> int:
    name = f"되돌리기 {width}-{next(_serial)}"
    return product_of(manager, name, price=1_000, stock=5)


def stock_of(manager: Manager, product: int) -> int:
    _status, answer = manager.shop.ask(manager.shop.members[0], "GET", f"products/{product}/")
    return int(answer["stock"])


def answer_is_lost(manager: Manager) -> None:
    """Send the form as it is, and never see what was answered."""
    manager.driver.execute_async_script(
        "const [done] = arguments, form = document.querySelector('#content-main form');"
        "fetch(location.href, {method: 'POST', body: new FormData(form), redirect: 'manual'})"
        ".then(() => done());"
    )


def test_who_goes_back_and_sends_the_form_again_is_told_what_it_did(
    manager: Manager, product: int
) -> None:
    manager.open(f"{PRODUCTS}{product}/adjust_stock/")
    manager.fill(quantity="7", reason="입고")
    for _ in range(3):
        manager.press("Adjust stock")
        assert manager.text.count("Stock adjusted by +7 to 12: 입고") == 1
        manager.driver.back()
        manager.wait(lambda: manager.path.endswith("/adjust_stock/"), "the form")
        assert manager.field("quantity").get_attribute("value") == "7"
    assert stock_of(manager, product) == 12


def test_who_goes_back_to_a_form_of_changes_is_told_what_it_did(
    manager: Manager, product: int
) -> None:
    url = f"{PRODUCTS}{product}/change/"
    manager.open(url)
    manager.fill(price="2000", reason="인상")
    manager.press("Save")
    manager.driver.back()
    manager.wait(lambda: manager.path == url, "the form")
    manager.press("Save")
    assert manager.text.count("was changed successfully") == 1


def test_who_sends_other_values_is_asked_to_send_them_once_more(
    manager: Manager, product: int
) -> None:
    manager.open(f"{PRODUCTS}{product}/adjust_stock/")
    manager.fill(quantity="7", reason="입고")
    answer_is_lost(manager)
    manager.fill(quantity="3")
    manager.press("Adjust stock")
    assert "This form was sent before, with other values" in manager.text
    assert manager.fits()
    manager.press("Adjust stock")
    assert "Stock adjusted by +3 to 15: 입고" in manager.text


def test_two_at_one_page_are_told_both_values(manager: Manager, product: int) -> None:
    url = f"{PRODUCTS}{product}/change/"
    manager.open(url)
    driver = manager.driver
    first = driver.current_window_handle
    driver.switch_to.new_window("tab")
    try:
        manager.open(url)
        manager.fill(price="2000", description="한 줄\n두 줄", reason="인상")
        manager.press("Save")
    finally:
        driver.close()
        driver.switch_to.window(first)
    manager.fill(price="3000", reason="더 인상")
    manager.press("Save")
    told = "this is “2,000” by now, not what your page showed, and you entered “3,000”"
    assert told in manager.text
    assert "Since you opened the page: admin, " in manager.text
    assert "Price (won): 1,000 → 2,000 (인상)" in manager.text
    assert manager.fits()
    manager.press("Save")
    manager.open(url)
    assert manager.field("price").get_attribute("value") == "3000"
    assert manager.field("description").get_attribute("value") == "한 줄\n두 줄"
