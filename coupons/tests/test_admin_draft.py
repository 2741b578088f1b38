"""Deleting a campaign that was never issued."""

from collections.abc import Callable

import pytest
from django.test import Client

from coupons.models import Coupon
from coupons.services import issue_coupon
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import logged, staff_client
from users.models import User

pytestmark = pytest.mark.django_db


def draft_url(coupon: Coupon) -> str:
    return f"/admin/coupons/coupon/{coupon.pk}/delete_draft/"


def test_a_draft_is_deleted_with_its_reason(
    admin_client: Client, make_coupon: Callable[..., Coupon]
) -> None:
    draft, other = make_coupon(name="잘못 만든 것"), make_coupon()
    page = admin_client.get(f"/admin/coupons/coupon/{draft.pk}/change/").content.decode()
    assert draft_url(draft) in page
    assert admin_client.get(draft_url(draft)).status_code == 200
    answer = admin_client.post(draft_url(draft), {"reason": "잘못 만듦"})
    assert (answer.status_code, answer["Location"]) == (302, "/admin/coupons/coupon/")
    assert list(Coupon.objects.all()) == [other]
    assert logged() == [("admin", "Draft “잘못 만든 것” deleted: 잘못 만듦")]


def test_without_a_reason_it_stays(admin_client: Client, coupon: Coupon) -> None:
    with nothing_changes():
        assert admin_client.post(draft_url(coupon), {"reason": ""}).status_code == 200


def test_who_sends_it_twice_is_told_the_same(admin_client: Client, coupon: Coupon) -> None:
    sent = {"reason": "r", "form_key": "1.same"}
    for _ in range(2):
        answer = admin_client.post(draft_url(coupon), sent)
        assert (answer.status_code, answer["Location"]) == (302, "/admin/coupons/coupon/")
    assert len(logged()) == 1


def test_a_campaign_of_which_somebody_has_a_coupon_stays(
    admin_client: Client, coupon: Coupon, member: User
) -> None:
    issue_coupon(coupon_id=coupon.pk, user_id=member.pk)  # since the page was opened
    with nothing_changes():
        page = admin_client.post(draft_url(coupon), {"reason": "r"})
    assert page.status_code == 200
    assert "close it instead" in page.content.decode()
    listed = admin_client.get(f"/admin/coupons/coupon/{coupon.pk}/change/").content.decode()
    assert draft_url(coupon) not in listed


def test_who_only_looks_deletes_nothing(coupon: Coupon) -> None:
    browser = staff_client("coupons.view_coupon")
    with nothing_changes():
        assert browser.post(draft_url(coupon), {"reason": "r"}).status_code == 403
