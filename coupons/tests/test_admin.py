"""Campaigns and the coupons they issued in the admin."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from coupons.models import Coupon, IssuedCoupon
from coupons.services import change_coupon, issue_coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, filled_in, logged, member_buys, staff_client
from users.models import User

LIST = "/admin/coupons/coupon/"
ADD = LIST + "add/"
ISSUED = "/admin/coupons/issuedcoupon/"

TERMS = {
    "name": "가을 쿠폰",
    "discount_type": "percent",
    "discount_value": 10,
    "max_discount": 5_000,
    "min_order_amount": 20_000,
    "total_quantity": 30,
    "issue_starts_at_0": "2026-11-01",
    "issue_starts_at_1": "10:00:00",
    "issue_ends_at_0": "2026-11-08",
    "issue_ends_at_1": "10:00:00",
    "valid_days": 14,
}


def change_url(coupon: Coupon) -> str:
    return f"{LIST}{coupon.pk}/change/"


def revoke_url(issued: IssuedCoupon) -> str:
    return f"{ISSUED}{issued.pk}/revoke/"


@pytest.fixture
def issued(coupon: Coupon, member: User) -> IssuedCoupon:
    return issue_coupon(coupon_id=coupon.pk, user_id=member.pk)


# --- Campaigns ----------------------------------------------------------------------------------


def test_a_campaign_is_created_with_its_terms(admin_client: Client) -> None:
    answer = admin_client.post(ADD, TERMS)
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    coupon = Coupon.objects.get()
    assert (coupon.name, coupon.discount_type, coupon.discount_value) == (
        "가을 쿠폰",
        "percent",
        10,
    )
    assert (coupon.max_discount, coupon.min_order_amount) == (5_000, 20_000)
    assert (coupon.total_quantity, coupon.issued_quantity, coupon.valid_days) == (30, 0, 14)
    assert coupon.issue_starts_at == datetime(2026, 11, 1, 1, tzinfo=UTC)  # 10 o'clock in Seoul
    assert coupon.issue_ends_at == datetime(2026, 11, 8, 1, tzinfo=UTC)
    assert logged() == [("admin", "Added.")]


@pytest.mark.parametrize(
    ("terms", "errors"),
    [
        ({"name": ""}, {"name": ["This field is required."]}),
        ({"discount_value": 101}, {"discount_value": ["A percentage is at most 100."]}),
        ({"discount_type": "fixed"}, {"max_discount": ["Only a percentage can be capped."]}),
        (
            {"issue_ends_at_0": "2026-11-01"},
            {"issue_ends_at": ["It must end after it starts."]},
        ),
        (
            {"total_quantity": 1_000_000_001},
            {"total_quantity": ["Ensure this value is less than or equal to 1000000000."]},
        ),
    ],
)
def test_a_campaign_whose_terms_contradict_is_refused(
    admin_client: Client, terms: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    with nothing_changes():
        answer = admin_client.post(ADD, TERMS | terms)
    assert errors_on(answer) == errors


def test_a_change_of_one_term_leaves_the_others_and_the_issued_quantity(
    admin_client: Client, coupon: Coupon, make_member: Callable[..., User]
) -> None:
    form = filled_in(admin_client.get(change_url(coupon)))
    issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)
    before = Coupon.objects.values().get()
    answer = admin_client.post(change_url(coupon), form | {"name": "new", "issued_quantity": 9})
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    assert Coupon.objects.values().get() == before | {"name": "new", "issued_quantity": 1}
    assert logged() == [("admin", "Changed Name.")]


def test_the_total_may_be_lowered_to_what_is_issued_and_no_further(
    admin_client: Client, coupon: Coupon, issued: IssuedCoupon
) -> None:
    form = filled_in(admin_client.get(change_url(coupon)))
    with nothing_changes():
        answer = admin_client.post(change_url(coupon), form | {"total_quantity": 0})
    assert errors_on(answer) == {"total_quantity": ["1 are issued already."]}
    assert admin_client.post(change_url(coupon), form | {"total_quantity": 1}).status_code == 302
    coupon.refresh_from_db()
    assert (coupon.total_quantity, coupon.issued_quantity) == (1, 1)


def before_changing(monkeypatch: pytest.MonkeyPatch, happening: Callable[[], object]) -> None:
    """Let something happen after the form was found valid, and before the service has its lock."""

    def changed_late(**terms: Any) -> Coupon:
        happening()
        return change_coupon(**terms)

    monkeypatch.setattr("coupons.admin.change_coupon", changed_late)


def test_coupons_issued_while_the_form_is_being_saved_are_an_error_of_the_form(
    admin_client: Client,
    coupon: Coupon,
    make_member: Callable[..., User],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    form = filled_in(admin_client.get(change_url(coupon)))
    member = make_member()
    before_changing(monkeypatch, lambda: issue_coupon(coupon_id=coupon.pk, user_id=member.pk))
    answer = admin_client.post(change_url(coupon), form | {"name": "x", "total_quantity": 0})
    assert errors_on(answer)["total_quantity"][0] == "1 are issued already."
    coupon.refresh_from_db()
    assert (coupon.total_quantity, coupon.issued_quantity) == (30, 1)
    assert coupon.name != "x"
    assert logged() == []


def test_terms_that_contradict_a_colleagues_change_are_an_error_of_the_form(
    admin_client: Client, coupon: Coupon, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = filled_in(admin_client.get(change_url(coupon)))
    colleague = {"discount_type": "percent", "discount_value": 10}
    before_changing(monkeypatch, lambda: change_coupon(coupon_id=coupon.pk, **colleague))
    answer = admin_client.post(change_url(coupon), form | {"discount_value": 2_000})
    assert errors_on(answer) == {"discount_value": ["A percentage is at most 100."]}
    coupon.refresh_from_db()
    assert (coupon.discount_type, coupon.discount_value) == ("percent", 10)


def test_who_may_only_look_changes_no_campaign(db: None, coupon: Coupon) -> None:
    browser = staff_client("coupons.view_coupon")
    assert browser.get(change_url(coupon)).status_code == 200
    with nothing_changes():
        assert browser.post(change_url(coupon), TERMS).status_code == 403
        assert browser.post(ADD, TERMS).status_code == 403


def test_campaigns_are_filtered_by_their_state(
    admin_client: Client, make_coupon: Callable[..., Coupon]
) -> None:
    now = timezone.now()
    hour = timedelta(hours=1)
    make_coupon(name="open")
    make_coupon(name="gone", total_quantity=0)
    make_coupon(name="early", issue_starts_at=now + hour, issue_ends_at=now + 2 * hour)
    make_coupon(name="late", issue_starts_at=now - 2 * hour, issue_ends_at=now - hour)
    shown = {
        state: [row.name for row in admin_client.get(LIST, {"state": state}).context["cl"].queryset]
        for state in ("open", "upcoming", "ended", "sold_out")
    }
    assert shown == {
        "open": ["gone", "open"],
        "upcoming": ["early"],
        "ended": ["late"],
        "sold_out": ["gone"],
    }


# --- Issued coupons -----------------------------------------------------------------------------


def test_issued_coupons_are_filtered_by_their_status(
    admin_client: Client, issue: Callable[..., IssuedCoupon], client: APIClient, product: Any
) -> None:
    rows = {name: issue(name=name) for name in ("usable", "used", "expired", "revoked")}
    member_buys(client, product, 1, coupon=rows["used"].pk)
    moment = timezone.now()
    gone = IssuedCoupon.objects.filter(pk=rows["expired"].pk)
    gone.update(issued_at=moment - timedelta(days=2), expires_at=moment - timedelta(days=1))
    admin_client.post(revoke_url(rows["revoked"]))
    shown = {
        status: [
            row.coupon.name
            for row in admin_client.get(ISSUED, {"status": status}).context["cl"].queryset
        ]
        for status in rows
    }
    assert shown == {status: [status] for status in rows}


@pytest.mark.parametrize("text", ["MINJI", "여름", "summer"])
def test_issued_coupons_are_found_by_campaign_or_member(
    admin_client: Client,
    make_coupon: Callable[..., Coupon],
    make_member: Callable[..., User],
    member: User,
    text: str,
) -> None:
    summer, other = make_coupon(name="여름 Summer"), make_coupon(name="other")
    issue_coupon(coupon_id=summer.pk, user_id=member.pk)
    issue_coupon(coupon_id=other.pk, user_id=make_member().pk)
    page = admin_client.get(ISSUED, {"q": text})
    assert [str(row) for row in page.context["cl"].result_list] == ["여름 Summer #1"]


def test_a_coupon_is_revoked_after_asking(admin_client: Client, issued: IssuedCoupon) -> None:
    with nothing_changes():
        assert admin_client.get(revoke_url(issued)).status_code == 200
    answer = admin_client.post(revoke_url(issued))
    page = f"{ISSUED}{issued.pk}/change/"
    assert (answer.status_code, answer["Location"]) == (302, page)
    issued.refresh_from_db()
    assert issued.status == IssuedCoupon.Status.REVOKED
    assert logged() == [("admin", "Coupon revoked.")]
    assert "/revoke/" not in admin_client.get(page).content.decode()


def test_a_used_coupon_is_not_revoked(
    admin_client: Client, issued: IssuedCoupon, client: APIClient, product: Any
) -> None:
    member_buys(client, product, 1, coupon=issued.pk)
    with nothing_changes():
        answer = admin_client.post(revoke_url(issued))
    assert errors_on(answer) == {"__all__": ["This coupon is used."]}
    assert logged() == []


def test_who_may_only_look_revokes_no_coupon(db: None, issued: IssuedCoupon) -> None:
    browser = staff_client("coupons.view_issuedcoupon")
    page = browser.get(f"{ISSUED}{issued.pk}/change/")
    assert (page.status_code, "/revoke/" in page.content.decode()) == (200, False)
    with nothing_changes():
        assert browser.get(revoke_url(issued)).status_code == 403
        assert browser.post(revoke_url(issued)).status_code == 403
