"""Actions on chosen products, and what a product's page and list tell of its sales."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from rest_framework.test import APIClient

from ecommerce.tests.expectations import count_statements, nothing_changes
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.staff import errors_on, logged, member_buys, staff_client
from products.errors import CategoryHasChanged, PriceHasChanged, PriceOfNothing
from products.models import PRICE_MAX, Category, Product
from products.services import (
    PriceRule,
    adjust_stock,
    change_prices,
    change_product,
    move_products,
    set_products_active,
)

LIST = "/admin/products/product/"


def run(browser: Client, action: str, products: list[Product], **form: Any) -> HttpResponse:
    chosen = {"action": action, "_selected_action": [product.pk for product in products]}
    return browser.post(LIST, chosen | form, follow=True)


def seen(products: list[Product]) -> str:
    return ",".join(f"{product.pk}:{product.price}" for product in products)


def messages_on(page: HttpResponse) -> list[str]:
    return [str(message) for message in page.context["messages"]]


@pytest.fixture
def three(make_product: Callable[..., Product]) -> list[Product]:
    prices = {"A": 1_000, "B": 1_005, "C": 0}
    return [make_product(sku=sku, name=sku, price=price) for sku, price in prices.items()]


def prices() -> dict[str, int]:
    return dict(Product.objects.values_list("sku", "price"))


# --- Prices by percent --------------------------------------------------------------------------


def test_prices_are_shown_first_and_then_changed(
    admin_client: Client, three: list[Product]
) -> None:
    rule = {"percent": "10", "round_to": "10", "reason": "인상"}
    with nothing_changes():
        asked = run(admin_client, "change_price", three)
        assert (asked.context["confirm"], len(asked.context["table"].rows)) == (False, 3)
        shown = run(admin_client, "change_price", three, step="preview", **rule)
    assert [row[2:] for row in shown.context["table"].rows] == [
        ("₩1,000", "₩1,100"),
        ("₩1,005", "₩1,110"),
        ("₩0", "₩0"),
    ]
    assert "Half is rounded up" in shown.content.decode()
    sent = {"step": "confirm", "seen": shown.context["seen"], **rule}
    assert messages_on(run(admin_client, "change_price", three, **sent)) == ["Prices changed: 2."]
    assert prices() == {"A": 1_100, "B": 1_110, "C": 0}
    assert sorted(logged()) == [
        ("admin", "Price (won): 1,000 → 1,100 (인상)"),
        ("admin", "Price (won): 1,005 → 1,110 (인상)"),
    ]
    with nothing_changes():  # a second click
        again = run(admin_client, "change_price", three, **sent)
    assert "Prices have changed since you looked." in errors_on(again)["__all__"][0]


@pytest.mark.parametrize(
    ("percent", "round_to", "old", "new"),
    [("50", 1, 1, 2), ("-50", 1, 1, 1), ("0.1", 1, 1_000, 1_001), ("-100", 1, 9_900, 0),
     ("10", 100, 950, 1_000), ("-33.33", 1, 100, 67), ("12.5", 10, 1_000, 1_130)],
)  # fmt: skip
def test_half_is_rounded_up(percent: str, round_to: int, old: int, new: int) -> None:
    assert PriceRule(Decimal(percent), round_to).new_price(old) == new


@pytest.mark.parametrize(
    ("form", "errors"),
    [
        ({"percent": "0"}, {"percent": ["It must not be 0."]}),
        ({"percent": "-100"},
         {"percent": ["Everything would cost 0 won, and anybody might have it for nothing."]}),
        ({"percent": "-100.00"},
         {"percent": ["Everything would cost 0 won, and anybody might have it for nothing."]}),
        ({"percent": "-101"}, {"percent": ["Ensure this value is greater than or equal to -100."]}),
        ({"percent": "1001"}, {"percent": ["Ensure this value is less than or equal to 1000."]}),
        ({"percent": "NaN"}, {"percent": ["Enter a number."]}),
        ({"percent": "1.234"},
         {"percent": ["Ensure that there are no more than 2 decimal places."]}),
        ({"round_to": "7"}, {"round_to": ["Select a valid choice. 7 is not one of the available"
                                          " choices."]}),
        ({"reason": ""}, {"reason": ["This field is required."]}),
    ],
)  # fmt: skip
def test_a_price_change_that_makes_no_sense_is_refused(
    admin_client: Client, three: list[Product], form: dict[str, str], errors: dict[str, list[str]]
) -> None:
    good = {"step": "confirm", "percent": "10", "round_to": "1", "reason": "r", "seen": seen(three)}
    with nothing_changes():
        answer = run(admin_client, "change_price", three, **(good | form))
    assert errors_on(answer) == errors


@pytest.mark.parametrize("what", ["", "x", "1:1", "9:1000,10:5"])
def test_only_prices_that_were_seen_are_changed(
    admin_client: Client, three: list[Product], what: str
) -> None:
    form = {"step": "confirm", "percent": "10", "round_to": "1", "reason": "r", "seen": what}
    with nothing_changes():
        answer = run(admin_client, "change_price", three, **form)
    assert "Prices have changed" in errors_on(answer)["__all__"][0]


def test_a_price_changed_by_a_colleague_meanwhile_stops_all(three: list[Product]) -> None:
    old_prices = {product.pk: product.price for product in three}
    change_product(product_id=three[1].pk, price=7)
    with nothing_changes(), pytest.raises(PriceHasChanged):
        change_prices(old_prices=old_prices, rule=PriceRule(Decimal(10)))


def test_a_product_that_is_gone_by_now_stops_all(three: list[Product]) -> None:
    old_prices = {product.pk: product.price for product in three}
    gone = three[2].pk + 1_000
    with nothing_changes(), pytest.raises(PriceHasChanged):
        change_prices(old_prices=old_prices | {gone: 1_000}, rule=PriceRule(Decimal(10)))


def test_a_price_may_become_the_highest_there_is(make_product: Callable[..., Product]) -> None:
    half = make_product(price=PRICE_MAX // 2)
    change_prices(old_prices={half.pk: half.price}, rule=PriceRule(Decimal(100)))
    half.refresh_from_db()
    assert half.price == PRICE_MAX


def test_a_price_beyond_its_limit_stops_all(
    admin_client: Client, three: list[Product], make_product: Callable[..., Product]
) -> None:
    dear = [*three, make_product(name="요트", price=PRICE_MAX)]
    form = {"step": "confirm", "percent": "1", "round_to": "1", "reason": "r", "seen": seen(dear)}
    with nothing_changes():
        answer = run(admin_client, "change_price", dear, **form)
    assert errors_on(answer) == {
        "__all__": ["A price would exceed its limit. Nothing was changed. (요트)"]
    }


@pytest.mark.parametrize(("percent", "round_to"), [("-99.99", "1"), ("-95.1", "100")])
def test_a_price_that_would_be_rounded_to_nothing_stops_all(
    admin_client: Client, three: list[Product], percent: str, round_to: str
) -> None:
    form = {"step": "confirm", "percent": percent, "round_to": round_to, "reason": "r"}
    with nothing_changes():
        answer = run(admin_client, "change_price", three, **form, seen=seen(three))
    assert errors_on(answer) == {
        "__all__": ["A price would become 0 won. Nothing was changed. (A, B)"]
    }


def test_what_is_given_away_already_stays_so(admin_client: Client, three: list[Product]) -> None:
    form = {"step": "confirm", "percent": "-95", "round_to": "100", "reason": "r"}
    done = run(admin_client, "change_price", three, **form, seen=seen(three))
    assert messages_on(done) == ["Prices changed: 2."]
    assert prices() == {"A": 100, "B": 100, "C": 0}


def test_services_change_no_price_to_nothing_either(three: list[Product]) -> None:
    old_prices = {product.pk: product.price for product in three}
    for percent in (-100, -101, -1_000):
        with nothing_changes(), pytest.raises(PriceOfNothing):
            change_prices(old_prices=old_prices, rule=PriceRule(Decimal(percent)))


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.django_db(transaction=True)
def test_a_price_change_whose_commit_was_lost_is_made_once(
    three: list[Product], happened: bool
) -> None:
    old_prices = {product.pk: product.price for product in three}
    with lost_commits(happened=happened):
        done = change_prices(old_prices=old_prices, rule=PriceRule(Decimal(10)))
    assert len(done) == 2
    assert prices() == {"A": 1_100, "B": 1_106, "C": 0}


# --- On sale or not -----------------------------------------------------------------------------


def test_products_are_withdrawn_and_put_on_sale_again(
    admin_client: Client, three: list[Product], make_product: Callable[..., Product]
) -> None:
    chosen = [*three, make_product(is_active=False)]
    with nothing_changes():
        asked = run(admin_client, "withdraw", chosen)
        refused = run(admin_client, "withdraw", chosen, step="confirm")
    assert asked.context["confirm"] is True
    assert errors_on(refused) == {"reason": ["This field is required."]}
    answer = run(admin_client, "withdraw", chosen, step="confirm", reason="단종")
    assert messages_on(answer) == ["Withdrawn from sale: 3; the others were so already."]
    assert not Product.objects.filter(is_active=True).exists()
    assert logged() == [("admin", "Withdrawn from sale (단종)")] * 3
    run(admin_client, "put_on_sale", chosen, step="confirm", reason="재입고")
    assert Product.objects.filter(is_active=True).count() == 4


def test_the_statements_dont_grow_with_the_products_chosen(
    db: None, make_product: Callable[..., Product]
) -> None:
    ids = [make_product().pk for _ in range(40)]
    few = count_statements(set_products_active, product_ids=ids[:2], is_active=False)
    assert count_statements(set_products_active, product_ids=ids, is_active=False) == few
    rule = PriceRule(Decimal(10))
    few = count_statements(change_prices, old_prices=dict.fromkeys(ids[:2], 1_000), rule=rule)
    many = count_statements(change_prices, old_prices=dict.fromkeys(ids[2:], 1_000), rule=rule)
    assert many == few


def test_too_many_products_at_once_are_refused(
    admin_client: Client, three: list[Product], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("common.admin.pages.SELECTION_MAX", 2)
    with nothing_changes():
        answer = run(admin_client, "withdraw", three, step="confirm", reason="r")
    assert messages_on(answer) == ["Choose at most 2 at once."]
    answer = run(admin_client, "withdraw", three[:2], step="confirm", reason="r")
    assert messages_on(answer) == ["Withdrawn from sale: 2; the others were so already."]


# --- What sold ----------------------------------------------------------------------------------


def test_the_list_tells_what_sold_in_seven_days(
    admin_client: Client, client: APIClient, three: list[Product]
) -> None:
    member_buys(client, three[0], 3)
    member_buys(client, three[0], 1)
    rows = {row.sku: row.sold_lately for row in admin_client.get(LIST).context["cl"].result_list}
    assert rows == {"A": 4, "B": 0, "C": 0}


def test_a_products_page_has_its_adjustments_sales_and_orders(
    admin_client: Client, client: APIClient, product: Product
) -> None:
    adjust_stock(product_id=product.pk, quantity=-2, reason="파손")
    member_buys(client, product, 3)
    page = admin_client.get(f"{LIST}{product.pk}/change/")
    tables = {str(table.title): table for table in page.context["related_tables"]}
    cells = {title: [str(cell) for cell in table.rows[0]] for title, table in tables.items()}
    assert cells["stock adjustments"][1:] == ["-2", "8", "파손", "–"]
    assert cells["sales per day"][1:] == ["3", "₩3,000"]
    assert cells["latest orders"][2:] == ["minji", "3", "paid"]
    rows = {
        title: len(admin_client.get(table.more_url).context["cl"].result_list)
        for title, table in tables.items()
    }
    assert rows == {"stock adjustments": 2, "sales per day": 1, "latest orders": 1}


# --- Categories ---------------------------------------------------------------------------------


def category_of(sku: str) -> str | None:
    return Product.objects.values_list("category__name", flat=True).get(sku=sku)


def test_products_change_their_category(
    admin_client: Client, three: list[Product], kitchen: Category
) -> None:
    change_product(product_id=three[2].pk, category=kitchen)
    with nothing_changes():
        asked = run(admin_client, "change_category", three)
    assert [row[2] for row in asked.context["table"].rows] == ["–", "–", "주방"]
    sent = {"step": "confirm", "seen": asked.context["seen"], "reason": "개편"}
    answer = run(admin_client, "change_category", three, **sent, category=kitchen.pk)
    assert messages_on(answer) == ["주방: 2; the others were so already."]
    assert [category_of(sku) for sku in "ABC"] == ["주방"] * 3
    assert logged() == [("admin", "category: – → 주방 (개편)")] * 2

    again = run(admin_client, "change_category", three[:1])
    sent = {"step": "confirm", "seen": again.context["seen"], "reason": "폐지", "category": ""}
    assert messages_on(run(admin_client, "change_category", three[:1], **sent)) == [
        "without a category: 1; the others were so already."
    ]
    assert category_of("A") is None


@pytest.mark.parametrize("meanwhile", ["moved", "none seen", "others seen", "nonsense"])
def test_a_category_that_nobody_has_seen_is_not_changed(
    admin_client: Client, three: list[Product], kitchen: Category, meanwhile: str
) -> None:
    other = Category.objects.create(name="다른", slug="other")
    told = {
        "moved": run(admin_client, "change_category", three).context["seen"],
        "none seen": "",
        "others seen": f"{three[0].pk}:0",
        "nonsense": "a:b,c",
    }[meanwhile]
    change_product(product_id=three[1].pk, category=other)
    sent = {"step": "confirm", "seen": told, "reason": "개편", "category": kitchen.pk}
    with nothing_changes():
        answer = run(admin_client, "change_category", three, **sent)
    (error,) = errors_on(answer)["__all__"]
    assert error.startswith("Categories have changed since you looked. Nothing was changed;")


def test_a_category_that_is_gone_moves_nothing(
    admin_client: Client, three: list[Product], kitchen: Category
) -> None:
    gone = kitchen.pk
    kitchen.delete()
    asked = run(admin_client, "change_category", three)
    sent = {"step": "confirm", "seen": asked.context["seen"], "reason": "개편", "category": gone}
    with nothing_changes():
        answer = run(admin_client, "change_category", three, **sent)
    assert list(errors_on(answer)) == ["category"]
    with nothing_changes(), pytest.raises(CategoryHasChanged):
        move_products(old_categories={three[0].pk: None}, category_id=gone)


def test_who_may_not_change_products_moves_none(three: list[Product], kitchen: Category) -> None:
    browser = staff_client("products.view_product")
    sent = {"step": "confirm", "reason": "개편", "category": kitchen.pk}
    with nothing_changes():
        run(browser, "change_category", three, **sent)


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.django_db(transaction=True)
def test_a_move_whose_commit_was_lost_is_done_once(
    three: list[Product], kitchen: Category, happened: bool
) -> None:
    old = {product.pk: None for product in three}
    with lost_commits(happened=happened):
        moved = move_products(old_categories=old, category_id=kitchen.pk)
    assert [product.sku for product in moved] == ["A", "B", "C"]
    assert {category_of(sku) for sku in "ABC"} == {"주방"}
