"""POST /api/v1/orders/: what products, coupon, stock and money refuse, and in which order."""

from datetime import UTC, datetime, timedelta
from itertools import combinations

import pytest

from conftest import client_of
from coupons.models import IssuedCoupon
from coupons.services import revoke_issued_coupon
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from orders.tests.conftest import URL, buy

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # in Seoul
HUGE = [2**63 - 1, 2**63, 10**30, -1, 0, -(2**63), -(10**30)]

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


# --- Products -----------------------------------------------------------------------------------


@pytest.mark.parametrize("product_id", HUGE)
def test_a_product_that_cannot_exist_does_not_exist(client, product, product_id):
    with nothing_changes():
        answer = buy(client, (product.pk, 1), (product_id, 1))

    assert refusal(answer) == refused(400, "does_not_exist", "items.1.product")


def test_each_line_of_an_unknown_or_inactive_product_is_named(client, make_product):
    on_sale, withdrawn = make_product(), make_product(is_active=False)
    unknown = withdrawn.pk + 1

    with nothing_changes():
        answer = buy(
            client,
            (withdrawn.pk, 1),
            (on_sale.pk, 1),
            (unknown, 1),
            (-5, 1),
            (withdrawn.pk, 2),
            (10**30, 1),
        )

    assert refusal(answer) == (
        400,
        "validation_error",
        [("does_not_exist", f"items.{line}.product") for line in (0, 2, 3, 4, 5)],
    )


# --- The coupon ---------------------------------------------------------------------------------


@pytest.mark.parametrize("coupon_id", HUGE)
def test_a_coupon_that_cannot_exist_does_not_exist(client, product, coupon_id):
    with nothing_changes():
        answer = buy(client, (product.pk, 1), coupon=coupon_id)

    assert refusal(answer) == refused(400, "does_not_exist", "coupon")


def test_anothers_coupon_does_not_exist(client, product, make_member, issue):
    anothers = issue(to=make_member())

    with nothing_changes():
        answer = buy(client, (product.pk, 1), coupon=anothers.pk)

    assert refusal(answer) == refused(400, "does_not_exist", "coupon")


def test_a_campaigns_id_is_not_a_coupons(client, product, issue, make_coupon):
    issue()
    campaign = make_coupon()
    assert not IssuedCoupon.objects.filter(pk=campaign.pk).exists()

    with nothing_changes():
        answer = buy(client, (product.pk, 1), coupon=campaign.pk)

    assert refusal(answer) == refused(400, "does_not_exist", "coupon")


def used(issued, client, product, time_machine):
    assert buy(client, (product.pk, 1), coupon=issued.pk).status_code == 201


def expired(issued, client, product, time_machine):
    time_machine.move_to(issued.expires_at)


def revoked(issued, client, product, time_machine):
    revoke_issued_coupon(issued_id=issued.pk)


@pytest.mark.parametrize("spoil", [used, expired, revoked])
def test_a_coupon_that_is_used_expired_or_revoked_is_not_usable(
    member, product, issue, time_machine, spoil
):
    issued = issue()
    spoil(issued, client_of(member), product, time_machine)

    with nothing_changes():
        answer = buy(client_of(member), (product.pk, 1), coupon=issued.pk)

    assert refusal(answer) == refused(409, "coupon_not_usable")
    assert answer.json()["errors"][0]["detail"] == f"This coupon is {spoil.__name__}."


def test_a_coupon_is_usable_until_the_moment_before_its_expiry(
    member, product, issue, time_machine
):
    issued = issue()
    time_machine.move_to(issued.expires_at - timedelta(microseconds=1))

    assert buy(client_of(member), (product.pk, 1), coupon=issued.pk).status_code == 201


def test_a_coupon_is_not_usable_below_its_minimum(client, make_product, issue):
    product = make_product(price=3_333)
    issued = issue(min_order_amount=10_000)

    with nothing_changes():
        answer = buy(client, (product.pk, 3), coupon=issued.pk)

    assert refusal(answer) == refused(409, "coupon_not_usable")
    assert buy(client, (product.pk, 4), coupon=issued.pk).status_code == 201


# --- Stock --------------------------------------------------------------------------------------


def test_each_product_that_is_short_is_named_at_its_first_line(client, make_product):
    plenty, few, none = make_product(stock=10), make_product(stock=3), make_product(stock=0)

    with nothing_changes():
        answer = buy(client, (plenty.pk, 5), (few.pk, 2), (none.pk, 1), (few.pk, 2), (plenty.pk, 5))

    assert refusal(answer) == (
        409,
        "client_error",
        [("out_of_stock", "items.1.quantity"), ("out_of_stock", "items.2.quantity")],
    )


def test_lines_of_one_product_are_added_together_before_stock_is_checked(client, product):
    with nothing_changes():
        answer = buy(client, (product.pk, 6), (product.pk, 5))

    assert refusal(answer) == refused(409, "out_of_stock", "items.0.quantity")


# --- Money --------------------------------------------------------------------------------------


def test_a_balance_that_is_one_won_short_is_insufficient(make_member, product):
    client = client_of(make_member(balance=2_999))

    with nothing_changes():
        answer = buy(client, (product.pk, 2), (product.pk, 1))

    assert refusal(answer) == refused(409, "insufficient_balance")


def test_only_the_total_must_be_there_not_the_subtotal(make_member, product, issue):
    poor = make_member(balance=2_000)

    answer = buy(client_of(poor), (product.pk, 3), coupon=issue(to=poor).pk)

    assert answer.status_code == 201
    assert answer.json()["total"] == 2_000


def test_a_member_who_never_charged_has_no_money(make_member, product):
    answer = buy(client_of(make_member()), (product.pk, 1))

    assert refusal(answer) == refused(409, "insufficient_balance")


# --- The first cause wins -----------------------------------------------------------------------

CAUSES = {  # in the contract's order, with the refusal of each
    "validation": refused(400, "unknown_field", "price"),
    "products": refused(400, "does_not_exist", "items.1.product"),
    "anothers coupon": refused(400, "does_not_exist", "coupon"),
    "coupon": refused(409, "coupon_not_usable"),
    "stock": refused(409, "out_of_stock", "items.0.quantity"),
    "money": refused(409, "insufficient_balance"),
}
COMBINATIONS = [
    causes
    for size in range(1, len(CAUSES) + 1)
    for causes in combinations(CAUSES, size)
    if not {"anothers coupon", "coupon"} <= set(causes)
]


@pytest.mark.parametrize("causes", COMBINATIONS, ids=", ".join)
def test_of_several_causes_the_first_one_is_named(make_member, make_product, issue, causes):
    member = make_member(balance=10_000 if "money" in causes else 20_000)
    product = make_product(price=2_000, stock=9 if "stock" in causes else 10)
    body = {"items": [{"product": product.pk, "quantity": 10}]}
    if "validation" in causes:
        body["price"] = 1
    if "products" in causes:
        body["items"].append({"product": make_product(is_active=False).pk, "quantity": 1})
    if "anothers coupon" in causes:
        body["coupon"] = issue().pk
    if "coupon" in causes:
        body["coupon"] = issue(to=member, min_order_amount=1_000_000).pk

    with nothing_changes():
        answer = client_of(member).post(URL, body)

    assert refusal(answer) == CAUSES[causes[0]]
