"""docs/examples/sale.html in a real browser on another origin, while 200 members press."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from benchmarks.stack import REPOSITORY, database, manage, server
from ecommerce.tests.browser.chromium import BROWSERS, DRIVERS, chromium, installed
from ecommerce.tests.browser.clients import Shop, members_of

MEMBERS = 200
COUPONS = 30
WAIT_SECONDS = 60

CAMPAIGN = """
from datetime import timedelta
from django.utils import timezone
from coupons.services.campaigns import create_coupon
now = timezone.now()
print("campaign", create_coupon(
    name="추석 🎑", discount_type="fixed", discount_value=1000, total_quantity={total},
    issue_starts_at=now + timedelta(seconds={opens_in}), issue_ends_at=now + timedelta(hours=1),
).pk)
"""


class Files(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def origin():
    """Where the page is: not where the shop is."""
    handler = partial(Files, directory=str(REPOSITORY / "docs" / "examples"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as pages:
        threading.Thread(target=pages.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{pages.server_port}"
        pages.shutdown()


@pytest.fixture(scope="module")
def shop(origin):
    if not (installed(BROWSERS) and installed(DRIVERS)):
        pytest.skip("no Chromium with its driver is installed")
    with database("sqlite") as db:
        manage(db, "migrate", "--verbosity=0")
        manage(db, "seed")
        manage(db, "seed", f"--members={MEMBERS}")
        with server(db, CORS_ALLOWED_ORIGINS=origin) as running:
            yield Shop(running, db, members_of(db))


@pytest.fixture
def browser(shop):
    with chromium(width=390) as driver:
        yield driver


def campaign(shop, *, opens_in, total=COUPONS):
    """A campaign that opens in so many seconds; its id."""
    code = CAMPAIGN.format(opens_in=opens_in, total=total)
    return int(manage(shop.database, "shell", "-c", code).rpartition("campaign ")[2])


def sign_in(browser, shop, origin, coupon):
    browser.get(f"{origin}/sale.html?shop={shop.url()}&coupon={coupon}")
    browser.find_element(By.NAME, "username").send_keys("demo")
    browser.find_element(By.NAME, "password").send_keys("demo-pass-2026")
    browser.find_element(By.CSS_SELECTOR, "#sign-in button").click()
    WebDriverWait(browser, WAIT_SECONDS).until(lambda page: page.find_element(By.ID, "name").text)


def press(browser):
    browser.find_element(By.ID, "press").click()


def wait_for(browser, start):
    """What the page says once it begins so."""
    WebDriverWait(browser, WAIT_SECONDS, poll_frequency=0.05).until(
        lambda page: page.find_element(By.ID, "said").text.startswith(start)
    )
    return browser.find_element(By.ID, "said").text


def test_who_waits_for_the_opening_gets_a_number_once(browser, shop, origin):
    coupon = campaign(shop, opens_in=12)
    sign_in(browser, shop, origin, coupon)
    assert browser.find_element(By.ID, "name").text == "추석 🎑"

    press(browser)
    assert wait_for(browser, "It opens in ").endswith(" s.")
    assert wait_for(browser, "You have number ") == "You have number 1."

    answers = shop.post_as_each(shop.members[-MEMBERS:], f"coupons/{coupon}/issue/")
    press(browser)
    assert wait_for(browser, "You have number ") == "You have number 1."
    numbers = sorted(body["issue_number"] for status, body in answers if status == 201)
    assert numbers == list(range(2, COUPONS + 1))
    refused = {body["errors"][0]["code"] for status, body in answers if status != 201}
    assert refused == {"coupon_sold_out"}
    shop.audit()


def test_who_comes_after_200_others_is_told_that_all_are_gone(browser, shop, origin):
    coupon = campaign(shop, opens_in=-1)
    sign_in(browser, shop, origin, coupon)
    answers = shop.post_as_each(shop.members[-MEMBERS:], f"coupons/{coupon}/issue/")
    assert [status for status, _ in answers].count(201) == COUPONS

    press(browser)

    assert wait_for(browser, "All ") == "All of these coupons are gone."
    shop.audit()
