"""Take the pictures of the manager's guide, in both languages: `make pictures`.

A demo shop is made, sold from and looked at in a headless Chromium, page by page; what is seen is
written into docs/img/admin, in few colours, so that all of them together stay small. Names given
as arguments of `python -m ecommerce.tests.browser.pictures` pick some of them.
"""

import io
import os
import secrets
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import django
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
os.environ.setdefault("SECRET_KEY", secrets.token_hex(32))
django.setup()

from benchmarks.stack import Database, database, manage, server  # noqa: E402
from ecommerce.seeding.demo import ADMIN_PASSWORD, ADMIN_USERNAME  # noqa: E402
from ecommerce.tests.browser.chromium import PHONE_WIDTH, chromium  # noqa: E402
from ecommerce.tests.browser.clients import Shop, members_of  # noqa: E402
from ecommerce.tests.browser.manager import Manager  # noqa: E402

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "img" / "admin"
LANGUAGES = ("en", "ko")
COLOURS = 64
WIDE, PHONE = 1280, 390

FILE = """상품코드,상품명,가격,재고,재고조정
{sku},,{price},,+50
{tea}-100,유기농 녹차 100g,12900,40,
{tea}-200,유기농 홍차 100g,13900,30,
"""
CAMPAIGN = {
    "name": "겨울맞이 3,000원 할인",
    "discount_value": "3000",
    "min_order_amount": "30000",
    "total_quantity": "100",
    "valid_days": "14",
    "issue_starts_at_0": "2026-12-01",
    "issue_starts_at_1": "12:00",
    "issue_ends_at_0": "2026-12-03",
    "issue_ends_at_1": "12:00",
}


@dataclass(frozen=True)
class Picture:
    """A page as the guide shows it; `{order}` and the like in its path are ids."""

    name: str
    path: str
    width: int = WIDE
    height: int = 900
    dark: bool = False
    act: Callable[[Manager, Path], None] = lambda manager, folder: None
    """What is done on the page before it is taken."""


def search(manager: Manager, folder: Path) -> None:
    manager.driver.find_element(By.TAG_NAME, "body").send_keys(Keys.CONTROL, "k")
    field = manager.driver.find_element(By.ID, "search-input-command")
    manager.wait(field.is_displayed, "the search everywhere")
    field.send_keys("텀블러")
    found = (By.CSS_SELECTOR, "#command-results a")
    manager.wait(lambda: manager.driver.find_elements(*found), "what is found")


def fill_campaign(manager: Manager, folder: Path) -> None:
    manager.fill(**CAMPAIGN)
    manager.driver.switch_to.active_element.send_keys(Keys.TAB)


def preview(manager: Manager, folder: Path, day: int = 2) -> None:
    """Send the file of another day than the one that was imported."""
    manager.fill(import_file=str(folder / f"{day}.csv"), import_name=f"12월 {day}일 입고")
    send(manager, "import_name")
    manager.wait(
        lambda: manager.driver.find_elements(By.CSS_SELECTOR, "[name=import_key]"), "the preview"
    )


def do_import(manager: Manager, folder: Path) -> None:
    preview(manager, folder, 1)
    send(manager, "import_key")
    manager.wait(lambda: manager.path.endswith("/products/product/"), "the end of the import")


def send(manager: Manager, name: str) -> None:
    """Send the form that has a field of this name."""
    manager.driver.execute_script("arguments[0].form.requestSubmit()", manager.field(name))


PICTURES = [
    Picture("dashboard", "/admin/", height=1250),
    Picture("dashboard-dark", "/admin/?period=7", height=700, dark=True),
    Picture("dashboard-phone", "/admin/", width=PHONE),
    Picture("search", "/admin/orders/order/", height=620, act=search),
    Picture("history", "/admin/orders/order/{order}/history/", height=520),
    Picture("adjustment-undo", "/admin/products/stockadjustment/{adjustment}/undo/", height=520),
    Picture("coupons", "/admin/coupons/coupon/", height=640),
    Picture("coupon-form", "/admin/coupons/coupon/add/", height=1150, act=fill_campaign),
    Picture("live-sale", "/admin/coupons/coupon/{coupon}/live/", height=960),
    Picture("live-sale-phone", "/admin/coupons/coupon/{coupon}/live/", width=PHONE, dark=True),
    Picture("products", "/admin/products/product/", height=760),
    Picture("products-phone", "/admin/products/product/", width=PHONE),
    Picture("product", "/admin/products/product/{product}/change/", height=1300),
    Picture("import", "/admin/products/product/import/", height=860),
    Picture("import-preview", "/admin/products/product/import/", height=480, act=preview),
    Picture("import-undo", "/admin/products/importfile/{import}/undo/", height=860),
    Picture("member", "/admin/users/user/{member}/change/", height=1300),
    Picture("balance", "/admin/users/user/{member}/adjust_balance/", height=560),
    Picture("orders", "/admin/orders/order/", height=640),
    Picture("order", "/admin/orders/order/{order}/change/", height=900),
    Picture("order-cancel", "/admin/orders/order/{order}/cancel/", height=560),
    Picture("audit", "/admin/ecommerce/auditrun/start/", height=520),
    Picture("log", "/admin/admin/logentry/", height=640),
    Picture("group", "/admin/auth/group/1/change/", height=760),
]


@contextmanager
def busy_shop(folder: Path) -> Iterator[tuple[Shop, dict[str, object]]]:
    """A demo shop in which coupons leave and a file was imported, and the ids of what is shown."""
    with database("sqlite") as db:
        manage(db, "migrate", "--verbosity=0")
        manage(db, "seed")
        manage(db, "seed", "--members=60")
        manage(db, "audit")
        with server(db, THREADS="8", STATIC_ROOT=str(folder / "none")) as running:
            shop = Shop(running, db, members_of(db))
            coupon = one(db, "SELECT id FROM coupons_coupon WHERE name LIKE '지금 바로%'")
            product, sku = row(db, "SELECT id, sku FROM products_product ORDER BY id LIMIT 1")
            for day, tea in ((1, "TEA"), (2, "HERB")):
                file = FILE.format(sku=sku, price=21_900 - day * 500, tea=tea)
                (folder / f"{day}.csv").write_text(file, encoding="utf-8-sig")
            body = {"items": [{"product": product, "quantity": 2}]}
            for member in shop.members[:3]:
                shop.ask(member, "POST", "wallets/me/charge/", {"amount": 100_000})
            placed = shop.post_as_each(shop.members[:3], "orders/", body)
            shop.post_as_each(shop.members[-24:], f"coupons/{coupon}/issue/")
            with signed_in(shop, WIDE, "ko") as manager:
                manager.open("/admin/products/product/import/")
                do_import(manager, folder)
            yield (
                shop,
                {
                    "coupon": coupon,
                    "product": product,
                    "order": max(answer["id"] for status, answer in placed if status == 201),
                    "member": shop.members[0],
                    "adjustment": one(db, "SELECT max(id) FROM products_stockadjustment"),
                    "import": one(db, "SELECT id FROM products_importfile"),
                },
            )


def row(db: Database, sql: str) -> Sequence[object]:
    connection = sqlite3.connect(db.url.removeprefix("sqlite:///"))
    try:
        found: Sequence[object] = connection.execute(sql).fetchone()
        return found
    finally:
        connection.close()


def one(db: Database, sql: str) -> object:
    return row(db, sql)[0]


@contextmanager
def signed_in(shop: Shop, width: int, language: str) -> Iterator[Manager]:
    with chromium(width=width, language=language) as driver:
        manager = Manager(driver, shop)
        manager.open("/admin/")
        manager.fill(username=ADMIN_USERNAME, password=ADMIN_PASSWORD)
        send(manager, "password")
        manager.wait(
            lambda: manager.path == "/admin/" and not driver.find_elements(By.NAME, "password"),
            "the dashboard",
        )
        yield manager


def take(
    manager: Manager, picture: Picture, ids: Mapping[str, object], folder: Path
) -> Image.Image:
    driver = manager.driver
    metrics = {
        "width": picture.width,
        "height": picture.height,
        "deviceScaleFactor": 1,
        "mobile": picture.width < PHONE_WIDTH,
    }
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    theme = "dark" if picture.dark else "light"
    driver.execute_script(f"localStorage.setItem('adminTheme', '\"{theme}\"')")
    manager.open(picture.path.format(**ids))
    picture.act(manager, folder)
    driver.execute_async_script("""
        const done = arguments[0];
        document.fonts.ready.then(() => setTimeout(done, 1500));  // charts come to rest
    """)
    seen = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    driver.execute_script(
        "window.onbeforeunload = null; document.querySelector('.warn-unsaved-form')?.remove()"
    )
    return seen.quantize(COLOURS, dither=Image.Dither.NONE)


def main(names: Sequence[str]) -> None:
    chosen = [one for one in PICTURES if not names or one.name in names]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with busy_shop(folder) as (shop, ids):
            for language in LANGUAGES:
                for width in sorted({picture.width for picture in chosen}):
                    with signed_in(shop, width, language) as manager:
                        for picture in chosen:
                            if picture.width == width:
                                file = FOLDER / f"{picture.name}.{language}.png"
                                take(manager, picture, ids, folder).save(file, optimize=True)
                                print(file.name, file.stat().st_size)  # noqa: T201  a command


if __name__ == "__main__":
    main(sys.argv[1:])
