"""issue_coupons for a batch, and revoke_issued_coupon."""

from datetime import UTC, datetime, timedelta

import pytest

from common.errors import NotFound, NotSignedIn
from coupons.errors import CouponAlreadyIssued, CouponNotOpen, CouponNotUsable, CouponSoldOut
from coupons.models import IssuedCoupon
from coupons.services import Press, issue_coupon, issue_coupons, lock_coupon, revoke_issued_coupon
from ecommerce.tests.expectations import count_statements, nothing_changes

TEN_O_CLOCK = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)

pytestmark = [pytest.mark.django_db, pytest.mark.time_machine(TEN_O_CLOCK, tick=False)]


@pytest.fixture
def members(make_member):
    """Five members whose ids do not follow the order in which they will ask."""
    first, second, third, fourth, fifth = [make_member() for _ in range(5)]
    return [third, first, fifth, second, fourth]


def outcomes_of(outcomes):
    """Issue numbers and the types of refusals."""
    return [one.issue_number if isinstance(one, IssuedCoupon) else type(one) for one in outcomes]


def presses(members):
    return [Press(member.pk) for member in members]


def holders_of(coupon):
    """Issue numbers and members, as stored."""
    return list(coupon.issued.order_by("issue_number").values_list("issue_number", "user_id"))


def test_a_batch_is_numbered_in_the_order_of_arrival(coupon, members):
    outcomes = issue_coupons(coupon=lock_coupon(coupon.pk), presses=presses(members))

    assert outcomes_of(outcomes) == [1, 2, 3, 4, 5]
    assert [issued.user_id for issued in outcomes] == [member.pk for member in members]
    assert holders_of(coupon) == [(n, member.pk) for n, member in enumerate(members, start=1)]
    coupon.refresh_from_db()
    assert coupon.issued_quantity == 5


def test_each_coupon_of_a_batch_knows_its_own_row(coupon, members):
    outcomes = issue_coupons(coupon=lock_coupon(coupon.pk), presses=presses(members))

    stored = IssuedCoupon.objects.in_bulk([issued.pk for issued in outcomes])
    for issued in outcomes:
        row = stored[issued.pk]
        assert (row.issue_number, row.user_id) == (issued.issue_number, issued.user_id)
        assert row.issued_at == issued.issued_at == TEN_O_CLOCK
        assert row.expires_at == issued.expires_at == TEN_O_CLOCK + timedelta(days=30)


def test_a_batch_goes_on_where_the_one_before_it_ended(coupon, members):
    issue_coupons(coupon=lock_coupon(coupon.pk), presses=presses(members[:2]))
    outcomes = issue_coupons(coupon=lock_coupon(coupon.pk), presses=presses(members[2:]))

    assert outcomes_of(outcomes) == [3, 4, 5]


def test_the_first_to_arrive_get_the_last_coupons(make_coupon, members):
    coupon = make_coupon(total_quantity=3)

    outcomes = issue_coupons(coupon=lock_coupon(coupon.pk), presses=presses(members))

    assert outcomes_of(outcomes) == [1, 2, 3, CouponSoldOut, CouponSoldOut]
    assert holders_of(coupon) == [(n, members[n - 1].pk) for n in (1, 2, 3)]


def test_one_bad_request_harms_no_other(make_coupon, members):
    coupon = make_coupon(total_quantity=3)
    holder, inactive, first, second, late = members
    issue_coupon(coupon_id=coupon.pk, user_id=holder.pk)
    inactive.is_active = False
    inactive.save()
    nobody = max(member.pk for member in members) + 1

    outcomes = issue_coupons(
        coupon=lock_coupon(coupon.pk),
        presses=[
            *presses([holder, inactive, first]),
            Press(nobody),
            *presses([second, first, late]),
        ],
    )

    assert outcomes_of(outcomes) == [
        CouponAlreadyIssued,
        NotSignedIn,
        2,
        NotSignedIn,
        3,
        CouponAlreadyIssued,
        CouponSoldOut,
    ]
    assert holders_of(coupon) == [(1, holder.pk), (2, first.pk), (3, second.pk)]
    coupon.refresh_from_db()
    assert coupon.issued_quantity == 3


def test_a_member_who_is_twice_in_a_batch_gets_one_coupon(coupon, member):
    outcomes = issue_coupons(coupon=lock_coupon(coupon.pk), presses=presses([member, member]))

    assert outcomes_of(outcomes) == [1, CouponAlreadyIssued]
    assert holders_of(coupon) == [(1, member.pk)]


def test_a_batch_outside_of_the_window_is_refused_as_a_whole(make_coupon, members):
    coupon = make_coupon(issue_ends_at=TEN_O_CLOCK)

    with nothing_changes():
        outcomes = issue_coupons(coupon=lock_coupon(coupon.pk), presses=presses(members))

    assert outcomes_of(outcomes) == [CouponNotOpen] * 5


def test_a_batch_for_an_unknown_campaign_is_refused(coupon, member):
    with nothing_changes(), pytest.raises(NotFound):
        issue_coupons(coupon=lock_coupon(coupon.pk + 1), presses=presses([member]))


def test_the_number_of_statements_does_not_grow_with_the_batch(coupon, make_member):
    counts = []
    for size in (2, 20):
        asked = presses([make_member() for _ in range(size)])
        locked = lock_coupon(coupon.pk)
        counts.append(count_statements(issue_coupons, coupon=locked, presses=asked))

    assert counts[0] == counts[1]
    assert coupon.issued.count() == 22


def test_an_unused_coupon_is_revoked_and_keeps_its_row_and_number(coupon, member):
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)

    revoked = revoke_issued_coupon(issued_id=issued.pk)

    assert revoked.status == IssuedCoupon.Status.REVOKED
    issued.refresh_from_db()
    assert (issued.revoked_at, issued.used_at, issued.issue_number) == (TEN_O_CLOCK, None, 1)
    coupon.refresh_from_db()
    assert coupon.issued_quantity == 1


def test_revoking_again_is_refused_and_changes_nothing(coupon, member, time_machine):
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    revoke_issued_coupon(issued_id=issued.pk)
    time_machine.shift(60)

    with nothing_changes(), pytest.raises(CouponNotUsable) as refusal:
        revoke_issued_coupon(issued_id=issued.pk)
    assert refusal.value.items[0].detail == "This coupon is revoked."


def test_an_expired_coupon_may_still_be_revoked(coupon, member, time_machine):
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    time_machine.move_to(issued.expires_at)

    assert revoke_issued_coupon(issued_id=issued.pk).status == IssuedCoupon.Status.REVOKED


def test_a_used_coupon_cannot_be_revoked(coupon, member):
    issued = issue_coupon(coupon_id=coupon.pk, user_id=member.pk)
    IssuedCoupon.objects.filter(pk=issued.pk).update(used_at=TEN_O_CLOCK)

    with nothing_changes(), pytest.raises(CouponNotUsable):
        revoke_issued_coupon(issued_id=issued.pk)


def test_an_unknown_coupon_cannot_be_revoked(db):
    with pytest.raises(IssuedCoupon.DoesNotExist):
        revoke_issued_coupon(issued_id=1)
