"""A coupon that was issued keeps what it promised: its discount, cap, minimum and validity.

The kind: what somebody was given is changed afterwards, by whatever way a campaign is written to.
"""

from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from conftest import client_of
from coupons.models import TERMS, Coupon, IssuedCoupon
from coupons.services import change_coupon, issue_coupon, revoke_issued_coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, filled_in, logged
from products.models import Product
from users.models import User

PROMISED = {
    "discount_type": "percent",
    "discount_value": 20,
    "max_discount": 5_000,
    "min_order_amount": 10_000,
    "valid_days": 30,
}
OTHERS = {
    "discount_type": "fixed",
    "discount_value": 90,
    "max_discount": None,
    "min_order_amount": 11_000,
    "valid_days": 1,
}
ERROR = (
    "1 of these coupons are out, and what they promise can't change any more."
    " For other terms, clone the campaign."
)


@pytest.fixture
def campaign(make_coupon: Callable[..., Coupon]) -> Coupon:
    return make_coupon(**PROMISED)


@pytest.fixture
def pen(make_product: Callable[..., Product]) -> Product:
    return make_product(price=10_000, stock=100)


def press(client: APIClient, campaign: Coupon) -> dict[str, Any]:
    answer = client.post(f"/api/v1/coupons/{campaign.pk}/issue/")
    assert answer.status_code == 201
    return answer.json()  # type: ignore[no-any-return]


def order(client: APIClient, product: Product, coupon: int, quantity: int = 1) -> Any:
    items = [{"product": product.pk, "quantity": quantity}]
    return client.post("/api/v1/orders/", {"items": items, "coupon": coupon})


def changed_in_the_database(campaign: Coupon, **terms: Any) -> None:
    """Past every service: terms that only a percentage has go with it."""
    if terms.get("discount_type") == "fixed":
        terms["max_discount"] = None
    Coupon.objects.filter(pk=campaign.pk).update(**terms)


# --- What a holder's order gets -----------------------------------------------------------------


@pytest.mark.parametrize("changed", [*([name] for name in TERMS), [*TERMS]], ids=str)
def test_an_order_gets_what_the_coupon_was_issued_with(
    client: APIClient, campaign: Coupon, pen: Product, changed: list[str]
) -> None:
    issued = press(client, campaign)
    changed_in_the_database(campaign, **{name: OTHERS[name] for name in changed})

    (mine,) = client.get("/api/v1/users/me/coupons/").json()["results"]
    assert mine == issued
    paid = order(client, pen, issued["id"])
    assert (paid.status_code, paid.json()["discount"], paid.json()["total"]) == (201, 2_000, 8_000)


def test_an_order_below_the_minimum_of_then_is_refused_though_it_was_lowered(
    client: APIClient, campaign: Coupon, make_product: Callable[..., Product]
) -> None:
    issued = press(client, campaign)
    changed_in_the_database(campaign, min_order_amount=0)
    cheap = make_product(price=9_999)
    with nothing_changes():
        answer = order(client, cheap, issued["id"])
    assert answer.json()["errors"] == [
        {
            "code": "coupon_not_usable",
            "detail": "This coupon needs an order of at least 10000 won.",
            "attr": None,
        }
    ]


def test_a_coupon_that_came_back_from_a_cancelled_order_gives_the_same_again(
    client: APIClient, campaign: Coupon, pen: Product
) -> None:
    issued = press(client, campaign)
    first = order(client, pen, issued["id"]).json()
    changed_in_the_database(campaign, discount_value=90, max_discount=None)
    cancelled = client.post(f"/api/v1/orders/{first['id']}/cancel/")
    assert cancelled.status_code == 200
    assert order(client, pen, issued["id"]).json()["discount"] == 2_000


def test_who_comes_later_gets_what_the_campaign_says_by_then(
    client: APIClient, campaign: Coupon, pen: Product, make_member: Callable[..., User]
) -> None:
    early = press(client, campaign)
    changed_in_the_database(campaign, discount_value=30)
    other = client_of(make_member(balance=100_000))
    late = press(other, campaign)
    assert order(client, pen, early["id"]).json()["discount"] == 2_000
    assert order(other, pen, late["id"]).json()["discount"] == 3_000


@pytest.mark.parametrize("bulk", [True, False])
def test_a_coupon_that_is_stored_without_a_service_has_its_terms_too(
    client: APIClient, campaign: Coupon, member: User, pen: Product, bulk: bool
) -> None:
    now = timezone.now()
    row = IssuedCoupon(
        coupon_id=campaign.pk,
        user=member,
        issue_number=1,
        issued_at=now,
        expires_at=now + timedelta(days=1),
    )
    IssuedCoupon.objects.bulk_create([row]) if bulk else row.save()
    changed_in_the_database(campaign, discount_value=90)
    pk = IssuedCoupon.objects.get().pk
    assert order(client, pen, pk).json()["discount"] == 2_000
    IssuedCoupon.objects.get().save()  # written once more, it does not take those of now
    assert IssuedCoupon.objects.get().discount_value == 20


# --- What a campaign may still change -----------------------------------------------------------


@pytest.mark.parametrize("changed", [*([name] for name in TERMS), [*TERMS]], ids=str)
def test_no_term_changes_from_the_first_coupon_on(
    campaign: Coupon, member: User, changed: list[str]
) -> None:
    issued = issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    revoke_issued_coupon(issued_id=issued.pk)  # it stays one that was issued
    terms = {name: OTHERS[name] for name in changed}
    with nothing_changes(), pytest.raises(ValidationError) as caught:
        change_coupon(coupon_id=campaign.pk, name="new", **terms)
    assert caught.value.message_dict == {name: [ERROR] for name in changed}
    assert {error.code for errors in caught.value.error_dict.values() for error in errors} == {
        "issued"
    }


def test_name_total_and_window_change_after_the_first_coupon(
    campaign: Coupon, member: User
) -> None:
    issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    now = timezone.now()
    others = {
        "name": "new",
        "total_quantity": 7,
        "issue_starts_at": now,
        "issue_ends_at": now + timedelta(days=2),
    }
    # A term as it is already changes nothing.
    change_coupon(coupon_id=campaign.pk, **PROMISED, **others)
    assert Coupon.objects.values(*others, *TERMS).get() == PROMISED | others


def test_every_term_changes_before_the_first_coupon(
    client: APIClient, campaign: Coupon, make_product: Callable[..., Product]
) -> None:
    change_coupon(coupon_id=campaign.pk, **OTHERS)
    issued = press(client, campaign)
    assert timedelta(days=1) == (
        IssuedCoupon.objects.get().expires_at - IssuedCoupon.objects.get().issued_at
    )
    pen = make_product(price=11_000)
    assert order(client, pen, issued["id"]).json()["discount"] == 90


# --- The form -----------------------------------------------------------------------------------


def change_url(coupon: Coupon) -> str:
    return f"/admin/coupons/coupon/{coupon.pk}/change/"


@pytest.mark.parametrize("name", TERMS)
def test_a_page_from_before_the_first_coupon_changes_no_term(
    admin_client: Client, campaign: Coupon, member: User, name: str
) -> None:
    form = filled_in(admin_client.get(change_url(campaign)))
    issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    sent = {name: "" if OTHERS[name] is None else OTHERS[name], "name": "new", "reason": "r"}
    if name == "discount_type":
        sent["max_discount"] = ""
    with nothing_changes():
        answer = admin_client.post(change_url(campaign), form | sent)
    expected = {name, "max_discount"} if name == "discount_type" else {name}
    assert errors_on(answer) == {field: [ERROR] for field in expected}
    assert logged() == []


def test_such_a_page_still_changes_the_rest(
    admin_client: Client, campaign: Coupon, member: User
) -> None:
    form = filled_in(admin_client.get(change_url(campaign)))
    issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    answer = admin_client.post(change_url(campaign), form | {"total_quantity": 5, "reason": "r"})
    assert answer.status_code == 302
    assert Coupon.objects.values("total_quantity", *TERMS).get() == PROMISED | {"total_quantity": 5}
    assert logged() == [("admin", "How many coupons: 30 → 5 (r)")]


def test_a_page_from_after_the_first_coupon_shows_the_terms_and_has_no_fields_for_them(
    admin_client: Client, campaign: Coupon, member: User
) -> None:
    issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    page = admin_client.get(change_url(campaign))
    fields = page.context["adminform"].form
    assert {name: fields[name].value() for name in TERMS} == PROMISED
    form = filled_in(page)
    assert not form.keys() & set(TERMS)
    answer = admin_client.post(change_url(campaign), form | {"name": "new", "reason": "오타"})
    assert answer.status_code == 302
    assert Coupon.objects.values("name", *TERMS).get() == PROMISED | {"name": "new"}
    # The sentence is of the whole campaign all the same.
    said = admin_client.post(page.context["sentence_url"], form | {"name": "newer"})
    assert said.json()["sentence"].startswith("20 % off, at most 5,000 won, on orders from 10,000")


def test_a_coupons_page_says_what_it_gives(
    admin_client: Client, campaign: Coupon, member: User
) -> None:
    issued = issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    changed_in_the_database(campaign, discount_value=90)
    page = admin_client.get(f"/admin/coupons/issuedcoupon/{issued.pk}/change/").content.decode()
    assert "20 % off, at most 5,000 won, on orders from 10,000 won" in page


# --- Coupons that are older than their terms ----------------------------------------------------


def forgotten(*coupons: IssuedCoupon) -> None:
    """As they were before coupons had their terms with them."""
    IssuedCoupon.objects.filter(pk__in=[one.pk for one in coupons]).update(
        discount_type=None, discount_value=None, max_discount=None, min_order_amount=None
    )


def test_a_coupon_without_terms_has_those_of_its_campaign(
    client: APIClient, campaign: Coupon, member: User, pen: Product
) -> None:
    issued = issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    forgotten(issued)
    assert order(client, pen, issued.pk).json()["discount"] == 2_000


def test_the_migration_gives_each_unused_coupon_the_terms_of_its_campaign(
    client: APIClient,
    campaign: Coupon,
    make_coupon: Callable[..., Coupon],
    member: User,
    make_member: Callable[..., User],
    pen: Product,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fixed = make_coupon(discount_value=700)
    used = issue_coupon(coupon_id=campaign.pk, user_id=member.pk)
    order(client, pen, used.pk)
    others = [issue_coupon(coupon_id=campaign.pk, user_id=make_member().pk) for _ in range(4)]
    others.append(issue_coupon(coupon_id=fixed.pk, user_id=member.pk))
    forgotten(used, *others)
    fill = import_module("coupons.migrations.0005_fill_issued_terms")
    monkeypatch.setattr(fill, "ROWS", 2)
    changed = IssuedCoupon.objects.order_by("pk")
    columns = ("discount_type", "discount_value", "max_discount", "min_order_amount")
    for _again in range(2):
        fill.fill(apps, SimpleNamespace(connection=connection))
        assert list(changed.values_list(*columns)) == [
            (None, None, None, None),  # what it gave is on its order
            *[("percent", 20, 5_000, 10_000)] * 4,
            ("fixed", 700, None, 0),
        ]
