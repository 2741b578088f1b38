"""Nothing that was typed is lost, and the way to what is wrong is short."""

from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from ecommerce.seeding.demo import ADMIN_PASSWORD, ADMIN_USERNAME
from ecommerce.tests.browser.chromium import chromium
from ecommerce.tests.browser.manager import Manager

PRODUCT = "/admin/products/product/1/change/"


def focused_name(manager: Manager) -> str | None:
    return manager.driver.switch_to.active_element.get_attribute("name")


def is_seen(manager: Manager, name: str) -> bool:
    script = """
        const place = arguments[0].getBoundingClientRect();
        return place.top >= 0 && place.bottom <= window.innerHeight;
    """
    return bool(manager.driver.execute_script(script, manager.field(name)))


def test_a_reason_that_lacks_is_scrolled_to(manager: Manager, width: int) -> None:
    manager.open(PRODUCT)
    label = manager.driver.find_element(By.CSS_SELECTOR, "label[for=id_reason]")
    assert label.text.endswith("*")
    manager.fill(price=f"{43_000 + width}")
    manager.press("Save")
    manager.wait(lambda: focused_name(manager) == "reason", "the field")
    assert is_seen(manager, "reason")
    link = manager.driver.find_element(By.CSS_SELECTOR, ".errornote a")
    assert link.text == "Reason for the change"
    manager.field("name").click()
    manager.driver.execute_script("arguments[0].click()", link)
    assert focused_name(manager) == "reason"
    manager.fill(reason="인상")
    manager.press("Save")
    assert "was changed successfully" in manager.text


def asks_before_leaving(manager: Manager) -> bool:
    """WebDriver itself answers the question, so the page is asked whether it would put it."""
    leave = "return !window.dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    return bool(manager.driver.execute_script(leave))


@pytest.mark.parametrize("path", [PRODUCT, "/admin/products/product/1/adjust_stock/"])
def test_who_leaves_a_changed_form_is_asked(manager: Manager, path: str) -> None:
    manager.open(path)
    assert not asks_before_leaving(manager)
    manager.fill(reason="입고")
    assert asks_before_leaving(manager)
    manager.open("/admin/")


def test_what_was_typed_outlives_the_session(shop: Any, width: int) -> None:
    with chromium(width=width) as driver:
        manager = Manager(driver, shop)
        manager.sign_in(ADMIN_USERNAME, ADMIN_PASSWORD)
        manager.open("/admin/products/product/add/")
        manager.fill(name="밤새 적은 상품 🍊", description="첫 줄\n둘째 줄", price="12300")
        manager.fill(opening_stock="7", category="2")
        driver.delete_cookie("sessionid")
        manager.press("Save")
        assert manager.path.startswith("/admin/login/")
        manager.fill(username=ADMIN_USERNAME, password=ADMIN_PASSWORD)
        manager.press("Log in")
        assert manager.path == "/admin/products/product/add/"
        assert "What you had typed is here again; nothing was saved yet." in manager.text
        for name, value in {
            "name": "밤새 적은 상품 🍊",
            "description": "첫 줄\n둘째 줄",
            "price": "12300",
            "opening_stock": "7",
            "category": "2",
        }.items():
            assert manager.field(name).get_attribute("value") == value
        manager.press("Save")
        assert "was added successfully" in manager.text
        manager.open("/admin/products/product/add/")
        assert manager.field("name").get_attribute("value") == ""  # it is kept for that once only


def test_what_a_colleague_did_outlives_what_was_typed(shop: Any, width: int) -> None:
    """Back after an expired session, or a sign-in in another tab, the form is as old as it was."""
    with chromium(width=width) as driver:
        manager = Manager(driver, shop)
        manager.sign_in(ADMIN_USERNAME, ADMIN_PASSWORD)
        for cookie, price, button in (
            ("sessionid", "41000", "Log in"),
            ("csrftoken", "42000", "Open it again"),
        ):
            manager.open("/admin/products/product/3/change/")
            driver.switch_to.new_window("tab")
            manager.open("/admin/products/product/3/change/")
            manager.fill(description=f"설명 {price} {width}", reason="동료")
            manager.press("Save and continue")
            driver.close()
            driver.switch_to.window(driver.window_handles[0])
            driver.delete_cookie(cookie)
            manager.fill(price=f"{price}", reason="인상")
            manager.press("Save and continue")
            if button == "Log in":
                manager.fill(username=ADMIN_USERNAME, password=ADMIN_PASSWORD)
            manager.press(button)
            assert "What you had typed is here again" in manager.text
            manager.press("Save and continue")
            assert "was changed successfully" in manager.text
            for name, value in {"price": price, "description": f"설명 {price} {width}"}.items():
                assert manager.field(name).get_attribute("value") == value


def test_no_password_is_kept(shop: Any, width: int) -> None:
    with chromium(width=width) as driver:
        manager = Manager(driver, shop)
        manager.sign_in(ADMIN_USERNAME, ADMIN_PASSWORD)
        manager.open("/admin/users/user/2/password/")
        manager.fill(password1="a secret of mine", password2="another secret")
        manager.press("Change password")
        kept = driver.execute_script("return JSON.stringify(sessionStorage)")
        assert "secret" not in kept


def test_an_empty_campaign_is_not_told_four_times_what_it_lacks(manager: Manager) -> None:
    manager.open("/admin/coupons/coupon/add/")
    sentence = manager.driver.find_element(By.ID, "campaign-sentence")
    manager.wait(lambda: "Still to be filled in" in sentence.text, "the sentence")
    assert "required" not in sentence.text
    assert manager.driver.find_elements(By.CSS_SELECTOR, ".errornote, .errorlist") == []


def test_moments_are_seouls_wherever_the_browser_is(shop: Any, width: int) -> None:
    with chromium(width=width) as driver:
        driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Europe/London"})
        manager = Manager(driver, shop)
        manager.sign_in(ADMIN_USERNAME, ADMIN_PASSWORD)
        manager.open("/admin/coupons/coupon/add/")
        shown = driver.find_elements(By.CSS_SELECTOR, ".timezonewarning")
        assert [one for one in shown if one.is_displayed()] == []
        assert manager.text.count("Date and time are Seoul's.") == 2


def price_of(manager: Manager, product: str) -> WebElement:
    css = f"[name^=form-][name$=-price][aria-label$=': {product}']"
    return manager.driver.find_element(By.CSS_SELECTOR, css)


def test_a_row_of_a_list_is_saved_by_enter_and_kept_through_the_login(
    manager: Manager, width: int
) -> None:
    prices = {"핸드크림 3종 세트": f"{20_000 + width:,}", "옻칠 수저 세트": f"{50_000 + width:,}"}
    mine, theirs = prices

    def fill(product: str) -> None:
        name = price_of(manager, product).get_attribute("name") or ""
        manager.fill(**{name: prices[product], "reason": "인상"})

    manager.open("/admin/products/product/?q=트")
    assert not asks_before_leaving(manager)
    manager.driver.switch_to.new_window("tab")
    manager.open("/admin/products/product/")
    fill(theirs)
    manager.press("Save")
    manager.driver.close()
    manager.driver.switch_to.window(manager.driver.window_handles[0])
    fill(mine)
    assert asks_before_leaving(manager)
    manager.driver.delete_cookie("sessionid")
    price_of(manager, mine).send_keys(Keys.ENTER)
    manager.wait(lambda: manager.path.startswith("/admin/login/"), "the login")
    # Other rows, and in another order.
    manager.open("/admin/login/?next=/admin/products/product/%3Fq=세트%26o=2")
    manager.fill(username=ADMIN_USERNAME, password=ADMIN_PASSWORD)
    manager.press("Log in")
    assert "Some rows are no longer on this page." in manager.text
    assert price_of(manager, mine).get_attribute("value") == prices[mine]
    assert manager.field("reason").get_attribute("value") == "인상"
    manager.press("Save")
    assert "was changed successfully" in manager.text
    for product, price in prices.items():
        assert price_of(manager, product).get_attribute("value") == price
