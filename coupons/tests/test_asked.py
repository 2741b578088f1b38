"""What is hardly ever meant is asked about before it is done; what can't be meant is refused.

The kind: a slip of the hand in a form that gives money away. Asked is in words, by the form itself;
a yes counts for exactly what was asked.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from coupons.models import Coupon
from coupons.services import change_coupon, clone_coupon, create_coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, filled_in, logged

LIST = "/admin/coupons/coupon/"
ADD = LIST + "add/"
TERMS = {
    "name": "겨울 쿠폰",
    "discount_type": "fixed",
    "discount_value": 5_000,
    "max_discount": "",
    "min_order_amount": 10_000,
    "total_quantity": 30,
    "issue_starts_at_0": "2036-11-01",
    "issue_starts_at_1": "10:00:00",
    "issue_ends_at_0": "2036-11-08",
    "issue_ends_at_1": "10:00:00",
    "valid_days": 14,
}
OVER = "It is over: nothing is issued any more."


def gets(discount: str, order: str) -> str:
    return f"An order of {order} won gets {discount} won off, more than half of it."


UNUSUAL = {
    "more than half of the minimum": ({"discount_value": 5_001}, gets("5,001", "10,000")),
    "the whole minimum": ({"discount_value": 20_000}, gets("10,000", "10,000")),
    "no minimum": ({"min_order_amount": 0, "discount_value": 5_001}, gets("5,001", "10,000")),
    "a tiny minimum": ({"min_order_amount": 1, "discount_value": 1}, gets("1", "1")),
    "a percentage": (
        {"discount_type": "percent", "discount_value": 90},
        gets("9,000", "10,000"),
    ),
    "of any order": (
        {"discount_type": "percent", "discount_value": 51, "min_order_amount": 0},
        gets("5,100", "10,000"),
    ),
    "all of it": (
        {"discount_type": "percent", "discount_value": 100, "min_order_amount": 0},
        gets("10,000", "10,000"),
    ),
    "a high cap": (
        {"discount_type": "percent", "discount_value": 60, "max_discount": 5_001},
        gets("5,001", "10,000"),
    ),
    "a window that is over": (
        {"issue_starts_at_0": "2001-01-01", "issue_ends_at_0": "2001-01-02"},
        OVER,
    ),
}
USUAL: list[dict[str, Any]] = [
    {},
    {"min_order_amount": 0},
    {"min_order_amount": 0, "discount_value": 1},
    {"min_order_amount": 100_000, "discount_value": 50_000},
    {"discount_type": "percent", "discount_value": 50},
    {"discount_type": "percent", "discount_value": 90, "max_discount": 5_000},
    {"discount_type": "percent", "discount_value": 90, "max_discount": 5_000,
     "min_order_amount": 0},
    {"issue_starts_at_0": "2001-01-01"},  # open since long ago
]  # fmt: skip


def ticked(page: HttpResponse) -> list[str]:
    """What a browser sends when every box that the page asks with is ticked."""
    context = page.context
    form = context["adminform"].form if "adminform" in context else context["form"]
    if form["sure"].is_hidden:
        return []
    boxes = [box.data for box in form["sure"].subwidgets]
    assert all(box["type"] == "checkbox" for box in boxes)
    html = page.content.decode()
    assert all(f'name="sure" value="{box["value"]}"' in html for box in boxes)
    return [box["value"] for box in boxes]


@pytest.mark.parametrize(("terms", "question"), UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_campaign_is_asked_about_and_made_after_a_yes(
    admin_client: Client, terms: dict[str, Any], question: str
) -> None:
    with nothing_changes():
        asked = admin_client.post(ADD, TERMS | terms)
        unanswered = admin_client.post(ADD, TERMS | terms | {"sure": ""})
    assert errors_on(asked) == errors_on(unanswered) == {"sure": [question]}
    assert f"Yes: {question}" in asked.content.decode()
    answer = admin_client.post(ADD, TERMS | terms | {"sure": ticked(asked)})
    assert answer.status_code == 302
    assert Coupon.objects.get().discount_value == (TERMS | terms)["discount_value"]


@pytest.mark.parametrize("terms", USUAL, ids=str)
def test_a_usual_campaign_is_made_at_once(admin_client: Client, terms: dict[str, Any]) -> None:
    page = admin_client.get(ADD)
    assert ticked(page) == []
    assert 'name="sure"' not in page.content.decode()
    assert admin_client.post(ADD, TERMS | terms).status_code == 302


def test_a_yes_counts_for_what_was_asked_alone(admin_client: Client) -> None:
    asked = admin_client.post(ADD, TERMS | {"discount_value": 6_000})
    with nothing_changes():
        again = admin_client.post(ADD, TERMS | {"discount_value": 60_000, "sure": ticked(asked)})
        other = admin_client.post(
            ADD, TERMS | {"discount_value": 6_000, "min_order_amount": 7_000, "sure": ticked(asked)}
        )
    assert errors_on(again) == {"sure": [gets("10,000", "10,000")]}
    assert errors_on(other) == {"sure": [gets("6,000", "7,000")]}


def test_each_thing_is_asked_by_itself(admin_client: Client) -> None:
    terms = UNUSUAL["a window that is over"][0] | {"discount_value": 9_000}
    with nothing_changes():
        asked = admin_client.post(ADD, TERMS | terms)
        half = admin_client.post(ADD, TERMS | terms | {"sure": ticked(asked)[:1]})
    assert errors_on(asked) == {"sure": [gets("9,000", "10,000"), OVER]}
    assert errors_on(half) == {"sure": [OVER]}
    assert admin_client.post(ADD, TERMS | terms | {"sure": ticked(asked)}).status_code == 302


def test_a_change_that_makes_a_campaign_unusual_is_asked_about(
    admin_client: Client, make_coupon: Callable[..., Coupon]
) -> None:
    coupon = make_coupon(discount_value=1_000, min_order_amount=10_000)
    url = f"{LIST}{coupon.pk}/change/"
    form = filled_in(admin_client.get(url)) | {"reason": "r"}
    with nothing_changes():
        asked = admin_client.post(url, form | {"min_order_amount": 1_999})
    assert errors_on(asked) == {"sure": [gets("1,000", "1,999")]}
    assert logged() == []
    sent = form | {"min_order_amount": 1_999, "sure": ticked(asked)}
    assert admin_client.post(url, sent).status_code == 302
    assert logged() == [("admin", "On orders from (won): 10,000 → 1,999 (r)")]


def test_what_was_unusual_before_is_not_asked_again(
    admin_client: Client, make_coupon: Callable[..., Coupon]
) -> None:
    coupon = make_coupon(discount_value=9_000)
    url = f"{LIST}{coupon.pk}/change/"
    form = filled_in(admin_client.get(url)) | {"reason": "r", "name": "new"}
    assert admin_client.post(url, form).status_code == 302


def test_an_end_in_the_past_is_asked_about(admin_client: Client, coupon: Coupon) -> None:
    url = f"{LIST}{coupon.pk}/change/"
    form = filled_in(admin_client.get(url)) | {"reason": "r", "issue_starts_at_0": "2001-01-01"}
    with nothing_changes():
        asked = admin_client.post(url, form | {"issue_ends_at_0": "2001-01-02"})
    assert errors_on(asked) == {"sure": [OVER]}


def test_a_clone_of_an_unusual_campaign_is_asked_about(
    admin_client: Client, make_coupon: Callable[..., Coupon]
) -> None:
    coupon = make_coupon(discount_value=9_000)
    url = f"{LIST}{coupon.pk}/clone/"
    form = {"name": "겨울", "issue_starts_at_0": "2036-01-01", "issue_starts_at_1": "10:00:00",
            "issue_ends_at_0": "2036-01-02", "issue_ends_at_1": "10:00:00"}  # fmt: skip
    with nothing_changes():
        asked = admin_client.post(url, form)
    assert errors_on(asked) == {"sure": [gets("9,000", "10,000")]}
    assert admin_client.post(url, form | {"sure": ticked(asked)}).status_code == 302
    assert Coupon.objects.latest("pk").name == "겨울"


def test_the_sentence_says_what_is_unusual(admin_client: Client) -> None:
    sent = TERMS | UNUSUAL["a percentage"][0]
    sentence = admin_client.post(LIST + "sentence/", sent).json()["sentence"]
    assert sentence.endswith(f"valid 14 days. {gets('9,000', '10,000')}")


@pytest.mark.parametrize(
    ("terms", "errors"),
    [
        ({"total_quantity": 0}, {"total_quantity": ["A campaign has at least one coupon."]}),
        ({"total_quantity": -1}, {"total_quantity": ["A campaign has at least one coupon."]}),
        ({"discount_value": 0},
         {"discount_value": ["Ensure this value is greater than or equal to 1."]}),
        ({"discount_type": "percent", "discount_value": 101},
         {"discount_value": ["A percentage is at most 100."]}),
        ({"max_discount": 1_000}, {"max_discount": ["Only a percentage can be capped."]}),
        ({"issue_ends_at_0": "2036-10-31"}, {"issue_ends_at": ["It must end after it starts."]}),
        ({"valid_days": 0}, {"valid_days": ["Ensure this value is greater than or equal to 1."]}),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_whatever_is_ticked(
    admin_client: Client, terms: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    yes = ["over", "free", "more_than_half-5000-10000"]
    with nothing_changes():
        answer = admin_client.post(ADD, TERMS | terms | {"sure": yes})
    assert errors_on(answer) == errors


def test_a_minimum_that_no_balance_reaches_is_refused(admin_client: Client, settings: Any) -> None:
    settings.BALANCE_MAX = 100_000
    terms = TERMS | {"min_order_amount": 105_001}
    with nothing_changes():
        answer = admin_client.post(ADD, terms)
    assert errors_on(answer) == {
        "min_order_amount": ["No member's balance is ever enough for such an order."]
    }
    assert admin_client.post(ADD, terms | {"min_order_amount": 105_000}).status_code == 302


# --- Services -----------------------------------------------------------------------------------


def terms_of(**others: Any) -> dict[str, Any]:
    now = timezone.now()
    window = {"issue_starts_at": now, "issue_ends_at": now + timedelta(days=1)}
    fixed = {"name": "n", "discount_type": "fixed", "discount_value": 9_000, "total_quantity": 1}
    return fixed | window | others


def test_services_ask_whoever_can_be_asked(db: None) -> None:
    with nothing_changes(), pytest.raises(ValidationError) as caught:
        create_coupon(**terms_of(), sure=())
    (question,) = caught.value.error_dict["sure"]
    assert question.code == "more_than_half-9000-10000"
    coupon = create_coupon(**terms_of(), sure=[question.code])
    with nothing_changes(), pytest.raises(ValidationError):
        change_coupon(coupon_id=coupon.pk, discount_value=9_001, sure=[question.code])
    window = {name: terms_of()[name] for name in ("issue_starts_at", "issue_ends_at")}
    with nothing_changes(), pytest.raises(ValidationError):
        clone_coupon(coupon_id=coupon.pk, name="n", sure=(), **window)
    assert change_coupon(coupon_id=coupon.pk, discount_value=9_001).discount_value == 9_001
    assert clone_coupon(coupon_id=coupon.pk, name="n", **window).discount_value == 9_001


def test_a_campaign_of_none_from_before_is_sold_out_and_keeps_what_isnt_changed(
    client: Any, make_coupon: Callable[..., Coupon]
) -> None:
    coupon = make_coupon(total_quantity=0)
    assert client.post(f"/api/v1/coupons/{coupon.pk}/issue/").status_code == 409
    assert change_coupon(coupon_id=coupon.pk, name="new").total_quantity == 0
    window = {name: terms_of()[name] for name in ("issue_starts_at", "issue_ends_at")}
    with nothing_changes(), pytest.raises(ValidationError) as caught:
        clone_coupon(coupon_id=coupon.pk, name="n", **window)
    assert caught.value.message_dict == {"total_quantity": ["A campaign has at least one coupon."]}
