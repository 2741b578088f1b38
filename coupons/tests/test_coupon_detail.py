"""GET /api/v1/coupons/{id}/"""

from datetime import UTC, datetime, timedelta

import pytest

from coupons.services import issue_coupon
from ecommerce.tests.expectations import IDS_OF_NOTHING, refusal, refused

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # in Seoul
ELEVEN_O_CLOCK = TEN_O_CLOCK + timedelta(hours=1)
INSTANT = timedelta(microseconds=1)

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def test_anyone_sees_a_campaign_and_how_many_are_left(api, make_coupon, member):
    coupon = make_coupon(
        name="선착순 30명",
        discount_type="percent",
        discount_value=15,
        issue_starts_at=datetime(2026, 11, 22, 15, 0, tzinfo=UTC),
        issue_ends_at=datetime(2026, 11, 23, 14, 59, 59, 999_999, tzinfo=UTC),
    )
    issue_coupon(coupon_id=coupon.pk, user_id=member.pk)

    answer = api.get(f"/api/v1/coupons/{coupon.pk}/")

    assert answer.status_code == 200
    assert answer.json() == {
        "id": coupon.pk,
        "name": "선착순 30명",
        "discount_type": "percent",
        "discount_value": 15,
        "max_discount": None,
        "min_order_amount": 0,
        "total_quantity": 30,
        "issued_quantity": 1,
        "remaining_quantity": 29,
        "issue_starts_at": "2026-11-23T00:00:00+09:00",
        "issue_ends_at": "2026-11-23T23:59:59.999999+09:00",
        "is_open": True,
    }


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (TEN_O_CLOCK - INSTANT, False),
        (TEN_O_CLOCK, True),
        (ELEVEN_O_CLOCK - INSTANT, True),
        (ELEVEN_O_CLOCK, False),
    ],
)
def test_a_campaign_is_open_from_its_first_moment_until_before_its_last(
    api, make_coupon, time_machine, moment, is_open
):
    coupon = make_coupon(issue_starts_at=TEN_O_CLOCK, issue_ends_at=ELEVEN_O_CLOCK)
    time_machine.move_to(moment)

    assert api.get(f"/api/v1/coupons/{coupon.pk}/").json()["is_open"] is is_open


@pytest.mark.parametrize("coupon_id", IDS_OF_NOTHING)
def test_an_unknown_campaign_is_not_found(api, coupon, coupon_id):
    assert refusal(api.get(f"/api/v1/coupons/{coupon_id}/")) == refused(404, "not_found")


def test_an_unknown_query_parameter_is_refused(api, coupon):
    answer = api.get(f"/api/v1/coupons/{coupon.pk}/", {"page_size": "1"})

    assert refusal(answer) == refused(400, "unknown_field", "page_size")
