"""POST /api/v1/coupons/{id}/issue/"""

from datetime import UTC, datetime, timedelta

import pytest

from conftest import client_of
from coupons.models import Coupon, IssuedCoupon
from coupons.services import change_coupon, issue_coupon, revoke_issued_coupon
from ecommerce.tests.expectations import IDS_OF_NOTHING, nothing_changes, refusal, refused

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, 0, 123_456, tzinfo=UTC)  # in Seoul
ELEVEN_O_CLOCK = TEN_O_CLOCK + timedelta(hours=1)
INSTANT = timedelta(microseconds=1)

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


def url_of(coupon: Coupon) -> str:
    return f"/api/v1/coupons/{coupon.pk}/issue/"


def issued_numbers(coupon: Coupon) -> list[int]:
    numbers = coupon.issued.order_by("issue_number").values_list("issue_number", flat=True)
    return list(numbers)


def test_a_member_gets_the_next_coupon(client, member, make_coupon):
    coupon = make_coupon(valid_days=7)

    answer = client.post(url_of(coupon))

    issued = IssuedCoupon.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": issued.pk,
        "coupon": coupon.pk,
        "issue_number": 1,
        "status": "usable",
        "issued_at": "2026-11-23T10:00:00.123456+09:00",
        "expires_at": "2026-11-30T10:00:00.123456+09:00",
        "used_at": None,
    }
    assert (issued.coupon_id, issued.user_id, issued.issue_number) == (coupon.pk, member.pk, 1)
    assert (issued.issued_at, issued.expires_at) == (TEN_O_CLOCK, TEN_O_CLOCK + timedelta(days=7))
    coupon.refresh_from_db()
    assert coupon.issued_quantity == 1


def test_coupons_are_numbered_in_the_order_of_the_requests(coupon, make_member):
    members = [make_member() for _ in range(4)]

    answers = [client_of(member).post(url_of(coupon)) for member in members]

    assert [answer.json()["issue_number"] for answer in answers] == [1, 2, 3, 4]
    by_number = IssuedCoupon.objects.order_by("issue_number").values_list("user_id", flat=True)
    assert list(by_number) == [member.pk for member in members]


def test_each_campaign_has_its_own_numbers(client, make_coupon):
    first, second = make_coupon(), make_coupon()

    assert client.post(url_of(first)).json()["issue_number"] == 1
    assert client.post(url_of(second)).json()["issue_number"] == 1


@pytest.mark.parametrize("body", [None, {}])
def test_the_body_may_be_empty(client, coupon, body):
    assert client.post(url_of(coupon), body).status_code == 201


def test_the_last_coupon_is_issued_and_the_next_request_is_told_that_they_are_gone(
    client, make_coupon, make_member
):
    coupon = make_coupon(total_quantity=2)
    issue_coupon(coupon_id=coupon.pk, user_id=make_member().pk)

    assert client.post(url_of(coupon)).status_code == 201
    latecomer = client_of(make_member())
    with nothing_changes():
        answer = latecomer.post(url_of(coupon))

    assert refusal(answer) == refused(409, "coupon_sold_out")
    coupon.refresh_from_db()
    assert (coupon.issued_quantity, coupon.remaining_quantity) == (2, 0)


def test_a_campaign_of_none_is_sold_out(client, make_coupon):
    coupon = make_coupon(total_quantity=0)

    with nothing_changes():
        answer = client.post(url_of(coupon))

    assert refusal(answer) == refused(409, "coupon_sold_out")


def test_nobody_gets_two_coupons_of_one_campaign(client, coupon):
    client.post(url_of(coupon))

    with nothing_changes():
        answer = client.post(url_of(coupon))

    assert refusal(answer) == refused(409, "coupon_already_issued")
    assert issued_numbers(coupon) == [1]


def test_who_has_one_is_told_which(client, make_coupon):
    make_coupon()
    coupon = make_coupon()
    issued = client.post(url_of(coupon)).json()

    with nothing_changes():
        answer = client.post(url_of(coupon))

    (error,) = answer.json()["errors"]
    assert (error["code"], error["id"]) == ("coupon_already_issued", issued["id"])


def test_no_other_refusal_names_a_coupon(client, make_coupon):
    (error,) = client.post(url_of(make_coupon(total_quantity=0))).json()["errors"]

    assert set(error) == {"code", "detail", "attr"}


@pytest.mark.parametrize(
    ("ahead", "seconds"),
    [
        (INSTANT, "1"),
        (timedelta(seconds=1), "1"),
        (timedelta(seconds=1) + INSTANT, "2"),
        (timedelta(days=30), "2592000"),
    ],
)
def test_who_comes_too_early_is_told_when(member, make_coupon, time_machine, ahead, seconds):
    coupon = make_coupon(issue_starts_at=TEN_O_CLOCK, issue_ends_at=ELEVEN_O_CLOCK)
    time_machine.move_to(TEN_O_CLOCK - ahead)

    with nothing_changes():
        answer = client_of(member).post(url_of(coupon))

    assert refusal(answer) == refused(409, "coupon_not_open")
    assert answer["Retry-After"] == seconds


def test_who_comes_too_late_need_not_come_again(member, make_coupon, time_machine):
    coupon = make_coupon(issue_starts_at=TEN_O_CLOCK, issue_ends_at=ELEVEN_O_CLOCK)
    time_machine.move_to(ELEVEN_O_CLOCK)

    answer = client_of(member).post(url_of(coupon))

    assert refusal(answer) == refused(409, "coupon_not_open")
    assert "Retry-After" not in answer


def test_a_revoked_coupon_keeps_its_number_and_frees_nothing(client, member, make_coupon):
    coupon = make_coupon(total_quantity=2)
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    revoke_issued_coupon(issued_id=issued.pk)

    with nothing_changes():
        answer = client.post(url_of(coupon))

    assert refusal(answer) == refused(409, "coupon_already_issued")
    assert issued_numbers(coupon) == [1]
    coupon.refresh_from_db()
    assert coupon.remaining_quantity == 1


@pytest.mark.parametrize("moment", [TEN_O_CLOCK, ELEVEN_O_CLOCK - INSTANT])
def test_coupons_are_issued_from_the_first_moment_to_the_one_before_the_end(
    member, make_coupon, time_machine, moment
):
    coupon = make_coupon(issue_starts_at=TEN_O_CLOCK, issue_ends_at=ELEVEN_O_CLOCK)
    time_machine.move_to(moment)

    assert client_of(member).post(url_of(coupon)).status_code == 201


@pytest.mark.parametrize("moment", [TEN_O_CLOCK - INSTANT, ELEVEN_O_CLOCK])
def test_no_coupons_are_issued_before_the_window_or_at_its_end(
    member, make_coupon, time_machine, moment
):
    coupon = make_coupon(issue_starts_at=TEN_O_CLOCK, issue_ends_at=ELEVEN_O_CLOCK)
    time_machine.move_to(moment)

    with nothing_changes():
        answer = client_of(member).post(url_of(coupon))

    assert refusal(answer) == refused(409, "coupon_not_open")


def test_a_closed_campaign_that_is_sold_out_too_is_not_open(client, make_coupon):
    coupon = make_coupon(
        total_quantity=0, issue_starts_at=TEN_O_CLOCK - INSTANT, issue_ends_at=TEN_O_CLOCK
    )

    assert refusal(client.post(url_of(coupon))) == refused(409, "coupon_not_open")


def test_a_window_that_staff_prolong_is_open_again(client, make_coupon):
    coupon = make_coupon(
        issue_starts_at=TEN_O_CLOCK - timedelta(hours=1), issue_ends_at=TEN_O_CLOCK
    )
    change_coupon(coupon_id=coupon.pk, issue_ends_at=ELEVEN_O_CLOCK)

    assert client.post(url_of(coupon)).status_code == 201


@pytest.mark.parametrize("coupon_id", IDS_OF_NOTHING)
def test_an_unknown_campaign_is_not_found(client, coupon, coupon_id):
    with nothing_changes():
        answer = client.post(f"/api/v1/coupons/{coupon_id}/issue/")

    assert refusal(answer) == refused(404, "not_found")


def test_a_visitor_gets_no_coupon(api, coupon):
    with nothing_changes():
        answer = api.post(url_of(coupon))

    assert refusal(answer) == refused(401, "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_deactivated_member_gets_no_coupon_with_a_token_that_has_not_expired(
    client, member, coupon
):
    member.is_active = False
    member.save()

    with nothing_changes():
        answer = client.post(url_of(coupon))

    assert refusal(answer) == refused(401, "user_inactive")
    assert answer["WWW-Authenticate"] == 'Bearer realm="api"'


def test_a_member_who_is_gone_gets_no_coupon(make_member, coupon):
    gone = make_member()
    client = client_of(gone)
    gone.delete()

    with nothing_changes():
        answer = client.post(url_of(coupon))

    assert refusal(answer) == refused(401, "user_inactive")


def test_a_field_that_is_not_known_is_refused(client, coupon):
    with nothing_changes():
        answer = client.post(url_of(coupon), {"user": 1, "issue_number": 1})

    assert refusal(answer) == (
        400,
        "validation_error",
        [("unknown_field", "user"), ("unknown_field", "issue_number")],
    )


def test_a_body_that_is_no_object_is_refused(client, coupon):
    with nothing_changes():
        answer = client.post(url_of(coupon), [1])

    assert refusal(answer) == refused(400, "invalid", "non_field_errors")


def test_an_unknown_query_parameter_is_refused(client, coupon):
    with nothing_changes():
        answer = client.post(f"{url_of(coupon)}?count=2")

    assert refusal(answer) == refused(400, "unknown_field", "count")


def test_a_coupon_cannot_be_had_by_looking(client, coupon):
    with nothing_changes():
        answer = client.get(url_of(coupon))

    assert refusal(answer) == refused(405, "method_not_allowed")
