"""What a shop manager does while the shop sells."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

import pytest
from selenium.webdriver.common.by import By

from ecommerce.seeding.demo import ADMIN_PASSWORD, ADMIN_USERNAME
from ecommerce.tests.browser.chromium import chromium, complaints, foreign_requests
from ecommerce.tests.browser.manager import Manager

PRODUCTS = "/admin/products/product/"
COUPONS = "/admin/coupons/coupon/"
BUYERS = slice(0, 20)
"""Which of the members order; the others press for coupons."""
_serial = count(1)


@pytest.fixture
def named(width: int) -> Iterator[Any]:
    """Names that nothing else in the shop has, of the browser's width."""
    return lambda text: f"{text} {width}-{next(_serial)}"


def product_of(manager: Manager, name: str, *, price: int, stock: int) -> int:
    """Make a product by its form and return its id."""
    manager.open(PRODUCTS + "add/")
    manager.fill(name=name, price=str(price), opening_stock=str(stock))
    manager.press("Save")
    assert "was added successfully" in manager.text
    manager.open(f"{PRODUCTS}?q={name}")
    row = manager.driver.find_element(By.CSS_SELECTOR, "#result_list [name=_selected_action]")
    return int(row.get_attribute("value") or 0)


def test_log_in(shop: Any, width: int) -> None:
    with chromium(width=width) as driver:
        visitor = Manager(driver, shop)
        visitor.sign_in(ADMIN_USERNAME, "wrong")
        assert "Please enter the correct username and password" in visitor.text
        visitor.sign_in(ADMIN_USERNAME, ADMIN_PASSWORD)
        assert visitor.path == "/admin/"
        for block in ("Revenue", "Best sellers", "Coupons being issued now", "low in stock"):
            assert block in visitor.text
        assert visitor.fits()
        assert complaints(driver) == []
        assert foreign_requests(driver)[0] == []


def test_import_a_csv(manager: Manager, named: Any, tmp_path: Path, width: int) -> None:
    name = named("수입 과자")
    old = product_of(manager, named("있던 과자"), price=1_000, stock=5)
    shop = manager.shop
    sku = f"BR-{width}"
    manager.open(f"{PRODUCTS}{old}/change/")
    old_sku = manager.field("sku").get_attribute("value")
    file = tmp_path / "과자.csv"
    lines = [
        "sku,name,price,stock,stock_adjustment",
        f"{sku}-1,{name},2500,12,",
        f"{sku}-2,,90,,",
        f"{old_sku},,1200,,20",
    ]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")

    manager.open(PRODUCTS + "import/")
    manager.fill(import_file=str(file), import_name=f"납품 {width}")
    manager.press("Preview")
    assert "Lines with errors: 1" in manager.text
    assert "Line 3" in manager.text

    file.write_text("\n".join([*lines[:2], lines[3]]) + "\n", encoding="utf-8-sig")
    manager.fill(import_file=str(file), import_name=f"납품 {width}")
    manager.press("Preview")
    assert "1 new, 1 changed, 0 as they are. Nothing is written yet." in manager.text
    manager.press("Import")
    assert "Imported: 1 new, 1 changed, 0 as they were." in manager.text

    found = shop.ask(shop.members[0], "GET", f"products/?search={quote(name)}")[1]["results"]
    assert [(one["name"], one["price"], one["stock"]) for one in found] == [(name, 2_500, 12)]
    changed = shop.ask(shop.members[0], "GET", f"products/{old}/")[1]
    assert (changed["price"], changed["stock"]) == (1_200, 25)


def test_adjust_stock_while_orders_come_in(manager: Manager, named: Any) -> None:
    shop = manager.shop
    pk = product_of(manager, named("인기 상품"), price=100, stock=100)
    body = {"items": [{"product": pk, "quantity": 1}]}
    with ThreadPoolExecutor(1) as background:
        orders = background.submit(
            lambda: [
                answer
                for _ in range(4)
                for answer in shop.post_as_each(shop.members[BUYERS], "orders/", body)
            ]
        )
        for pieces in ("5", "-2", "10"):
            manager.open(f"{PRODUCTS}{pk}/adjust_stock/")
            manager.fill(quantity=pieces, reason="입고")
            manager.press("Adjust stock")
            assert f"Stock adjusted by {int(pieces):+} to " in manager.text
        answers = orders.result()
    assert [status for status, _body in answers] == [201] * 80
    assert shop.ask(shop.members[0], "GET", f"products/{pk}/")[1]["stock"] == 100 + 13 - 80
    assert "No violations." in shop.audit()


def test_open_a_coupon_and_watch_it_sell_out(manager: Manager, named: Any) -> None:
    shop = manager.shop
    name = named("선착순 30명")
    manager.open(COUPONS + "add/")
    manager.fill(name=name, discount_type="fixed", discount_value="1000", total_quantity="30")
    manager.fill(issue_starts_at_0="2026-01-01", issue_starts_at_1="00:00:00")
    manager.fill(issue_ends_at_0="2036-01-01", issue_ends_at_1="00:00:00", valid_days="7")
    manager.press("Save")
    assert "was added successfully" in manager.text
    coupons = shop.ask(shop.members[0], "GET", "coupons/?page_size=100")[1]["results"]
    (pk,) = (coupon["id"] for coupon in coupons if coupon["name"] == name)

    manager.open(f"{COUPONS}{pk}/live/")
    manager.wait(lambda: manager.figure("remaining") == "30", "the figures")
    assert manager.figure("state") == "open"
    manager.driver.execute_script("window.notLoadedAgain = true")

    first, others = shop.members[:12], shop.members[12:62]
    assert {answer[0] for answer in shop.post_as_each(first, f"coupons/{pk}/issue/")} == {201}
    manager.wait(lambda: manager.figure("remaining") == "18", "twelve fewer")
    answers = shop.post_as_each(others, f"coupons/{pk}/issue/")
    assert sorted(status for status, _body in answers) == [201] * 18 + [409] * 32
    manager.wait(lambda: manager.figure("state") == "sold out", "the end")
    assert (manager.figure("remaining"), manager.figure("issued")) == ("0", "30")
    assert manager.figure("per_minute") == "30"
    rows = manager.driver.find_elements(By.CSS_SELECTOR, "#live-last li")
    assert [row.text.split()[0] for row in rows] == [f"#{number}" for number in range(30, 20, -1)]
    assert manager.driver.execute_script("return window.notLoadedAgain") is True
    assert manager.fits()


def test_the_live_page_says_when_the_server_is_away(manager: Manager) -> None:
    manager.open(f"{COUPONS}1/live/")
    manager.wait(lambda: manager.figure("remaining") not in ("", "–"), "the figures")
    manager.driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    manager.driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    manager.wait(lambda: "The server can't be reached" in manager.text, "the trouble")
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    manager.driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)
    manager.wait(lambda: "The server can't be reached" not in manager.text, "the end of it")
    assert all("ERR_INTERNET_DISCONNECTED" in line for line in complaints(manager.driver))


def test_the_live_page_rests_while_nobody_looks(manager: Manager) -> None:
    manager.open(f"{COUPONS}1/live/")
    manager.wait(lambda: manager.figure("remaining") not in ("", "–"), "the figures")
    show = (
        "Object.defineProperty(document, 'hidden', {{value: {}, configurable: true}});"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    asked = (
        "return performance.getEntriesByType('resource').filter(e => /figures/.test(e.name)).length"
    )

    def times() -> int:
        return int(manager.driver.execute_script(asked))

    first = times()
    manager.wait(lambda: times() > first, "the next question")
    manager.driver.execute_script(show.format("true"))
    resting = times()
    until = monotonic() + 2.5  # it asks every two seconds
    while monotonic() < until:
        manager.shop.ask(manager.shop.members[0], "GET", "products/")
    assert times() - resting <= 1  # one may have been under way
    resting = times()
    manager.driver.execute_script(show.format("false"))
    manager.wait(lambda: times() > resting, "the question after the rest")


def test_the_language_is_switched(manager: Manager) -> None:
    manager.open("/admin/")
    switch = "document.querySelector('input[name=language][value={}]').form.submit()"
    for code, title in (("ko", "대시보드"), ("en", "Dashboard")):
        manager.driver.execute_script(switch.format(code))
        manager.wait(lambda title=title: title in manager.driver.title, title)
        assert manager.path == "/admin/"
