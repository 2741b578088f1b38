"""WCAG 2.2 AA, checked by axe-core on each page, light and dark; and what only a keyboard finds.

Each page fits its screen as well, and breaks no Content-Security-Policy: the console is empty.
"""

from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ecommerce.tests.browser.chromium import chromium, complaints
from ecommerce.tests.browser.manager import Manager

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN = """
const done = arguments[arguments.length - 1];
axe.run({runOnly: arguments[0]}).then(result => done(result.violations.map(violation => [
  violation.id, violation.nodes.map(node => node.html.slice(0, 200) + " " + node.failureSummary),
])));
"""
AT_ONCE = """
const still = new CSSStyleSheet();
still.replaceSync("* { transition: none !important; animation: none !important }");
document.adoptedStyleSheets = [still];
"""
CHOOSE = "document.documentElement.classList.toggle('dark', arguments[0])"
NOTHING = {"light": [], "dark": []}
NOWHERE = "/admin/nothing/"
PAGES = [
    *("/admin/", "/admin/?period=today", NOWHERE, "/admin/password_change/"),
    *("/admin/products/product/", "/admin/products/product/?q=nothing"),
    *("/admin/products/product/add/", "/admin/products/product/1/change/"),
    *("/admin/products/product/1/adjust_stock/", "/admin/products/product/import/"),
    *("/admin/products/category/", "/admin/products/category/1/delete/"),
    *("/admin/products/stockadjustment/", "/admin/stats/dailyproductsales/"),
    *("/admin/coupons/coupon/", "/admin/coupons/coupon/add/", "/admin/coupons/coupon/1/change/"),
    *("/admin/coupons/coupon/1/live/", "/admin/coupons/issuedcoupon/"),
    *("/admin/orders/order/", "/admin/orders/order/1/change/", "/admin/orders/order/1/cancel/"),
    *("/admin/orders/order/1/history/", "/admin/orders/orderitem/"),
    *("/admin/users/user/", "/admin/users/user/add/", "/admin/users/user/2/change/"),
    *("/admin/users/user/2/password/", "/admin/users/user/2/adjust_balance/"),
    *("/admin/users/wallet/", "/admin/users/wallettransaction/", "/admin/users/session/"),
    *("/admin/auth/group/", "/admin/auth/group/1/change/", "/admin/admin/logentry/"),
    *("/admin/ecommerce/auditrun/", "/admin/ecommerce/auditrun/start/"),
    *("/admin/products/importfile/", "/admin/events/endpoint/add/", "/admin/events/delivery/"),
]


def violations(manager: Manager, axe: str) -> Any:
    """By theme: a page is opened once, and looked at in both, without the ways between them."""
    manager.driver.execute_script(axe)
    manager.driver.execute_script(AT_ONCE)
    found = {}
    for theme in ("light", "dark"):
        manager.driver.execute_script(CHOOSE, theme == "dark")
        found[theme] = manager.driver.execute_async_script(RUN, RULES)
    return found


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_fits_and_breaks_no_policy(
    manager: Manager, axe: str, path: str
) -> None:
    manager.open(path)
    assert (manager.path, manager.fits()) == (path, True)
    said = [one for one in complaints(manager.driver) if one.startswith("SEVERE")]
    assert ["404" in one for one in said] == [True] * (path == NOWHERE)
    assert violations(manager, axe) == NOTHING


def test_axe_finds_nothing_at_errors_and_messages(manager: Manager, axe: str) -> None:
    manager.open("/admin/products/product/1/change/")
    manager.fill(price="-1")
    manager.press("Save")
    assert violations(manager, axe) == NOTHING
    manager.driver.execute_script("document.querySelector('.warn-unsaved-form').remove()")
    manager.open("/admin/products/product/")
    manager.fill(**{"form-0-price": "12,90"})
    manager.press("Save")
    assert "Enter a whole number." in manager.text
    assert violations(manager, axe) == NOTHING


def test_the_theme_that_was_chosen_is_kept(manager: Manager) -> None:
    choose = "localStorage.setItem('adminTheme', JSON.stringify(arguments[0]))"
    dark = "return document.documentElement.classList.contains('dark')"
    for theme in ("dark", "light"):
        manager.driver.execute_script(choose, theme)
        manager.open("/admin/")
        assert manager.driver.execute_script(dark) is (theme == "dark")


def test_axe_finds_nothing_at_the_login(shop: Any, width: int, axe: str) -> None:
    with chromium(width=width) as driver:
        visitor = Manager(driver, shop)
        visitor.open("/admin/")
        assert violations(visitor, axe) == NOTHING
        visitor.sign_in("nobody", "wrong")
        assert violations(visitor, axe) == NOTHING


def focused(manager: Manager) -> Any:
    return manager.driver.switch_to.active_element


def test_the_keyboard_skips_the_menu(manager: Manager) -> None:
    manager.open("/admin/orders/order/")
    manager.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    link = focused(manager)
    assert (link.text, link.get_attribute("href").split("#")[1]) == ("To the content", "main")
    link.send_keys(Keys.ENTER)
    inside = "return document.querySelector('#main').contains(document.activeElement)"
    focused(manager).send_keys(Keys.TAB)
    assert manager.driver.execute_script(inside)


def test_the_menu_of_a_row_opens_and_closes_by_the_keyboard(manager: Manager) -> None:
    manager.open("/admin/products/product/")
    menu = manager.driver.find_element(By.CSS_SELECTOR, ".field-actions_holder [role=button]")
    assert menu.get_attribute("aria-label") == "More actions"
    menu.send_keys(Keys.ENTER)
    manager.wait(lambda: focused(manager).text.endswith("Adjust stock"), "the menu")
    focused(manager).send_keys(Keys.ESCAPE)
    manager.wait(lambda: focused(manager) == menu, "the way back")
    menus = "return [...document.querySelectorAll('body > nav')].some(menu => menu.offsetParent)"
    manager.wait(lambda: not manager.driver.execute_script(menus), "its end")
    menu.send_keys(Keys.ENTER)
    manager.wait(lambda: focused(manager).text.endswith("Adjust stock"), "the menu again")
    focused(manager).send_keys(Keys.ENTER)
    manager.wait(lambda: manager.path.endswith("/adjust_stock/"), "the page")


def test_on_a_phone_four_cards_are_seen_at_once(manager: Manager, width: int) -> None:
    for path in ("products/product/", "orders/order/", "users/user/", "coupons/issuedcoupon/"):
        manager.open(f"/admin/{path}")
        script = """
            return [...document.querySelectorAll('#result_list tr.data-row')].filter(
                row => row.getBoundingClientRect().bottom <= window.innerHeight).length
        """
        assert int(manager.driver.execute_script(script)) >= 4, path
