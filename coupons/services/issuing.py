"""Handing out coupons, first come first served, in an exact quantity."""

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from common import metrics
from common.db.batches import Batch, committed
from common.db.compiled import Compiled, update_of
from common.db.group_commit import GroupCommit
from common.db.locks import Locking, Row, RowHeld, RowLock, Waiting
from common.db.rows import save_new
from common.db.transactions import after_commit
from common.errors import DomainError, NotFound
from common.remembered import clock
from coupons import sold_out
from coupons.errors import CouponAlreadyIssued, CouponNotOpen, CouponSoldOut
from coupons.facts import facts_of_issued, facts_of_sold_out
from coupons.models import Coupon, IssuedCoupon
from events.models import Kind
from events.services import record
from users.access import MEMBERS, Access, ensure_in_session
from users.models import User

CAMPAIGNS: RowLock[Coupon] = RowLock(Coupon.objects.all, is_hot=True)
"""Campaigns by their ids."""


@dataclass(frozen=True, slots=True)
class Press:
    """A member's press of the button."""

    user_id: int
    access: Access | None = None
    """What the member's access token says; None for commands."""


def issue_coupon(*, coupon_id: int, user_id: int, access: Access | None = None) -> IssuedCoupon:
    """Issue a campaign's next coupon to a member.

    Those who ask at the same time are served together, in the order in which they asked here.

    Raises:
        NotFound: there is no such campaign.
        NotSignedIn: the member is not active.
        SessionEnded: the session of `access` is over.
        CouponAlreadyIssued, CouponNotOpen, CouponSoldOut: as their names say, in this order; but
            that all are gone may be remembered, and is then said first.
    """
    return enqueue_issue(coupon_id=coupon_id, user_id=user_id, access=access).result()


def enqueue_issue(
    *, coupon_id: int, user_id: int, access: Access | None = None
) -> "Future[IssuedCoupon]":
    """As `issue_coupon`, without waiting; but `CouponSoldOut` that is remembered is raised."""
    if sold_out.is_remembered(coupon_id):
        metrics.SOLD_OUT_REMEMBERED.inc()
        metrics.count_outcomes("issue", [CouponSoldOut()])
        raise CouponSoldOut
    return _issuing.enqueue(coupon_id, Press(user_id, access))


def _issue(
    coupon_id: int, batch: Batch[Press], waiting: Waiting
) -> list[IssuedCoupon | DomainError | RowHeld]:
    coupon = lock_coupon(coupon_id, waiting)
    # Closed only now: who came while others held the lock is served with those who waited.
    outcomes = issue_coupons(coupon=coupon, presses=batch.close(), waiting=waiting)
    if coupon.is_open and coupon.remaining_quantity <= 0:
        seen_at = clock()  # while it is locked
        after_commit(partial(sold_out.remember, coupon_id, seen_at=seen_at))
    return outcomes


def _find_issued(coupon_id: int, batch: Batch[Press]) -> list[IssuedCoupon | None]:
    """Also of members who were deactivated since."""
    coupon = lock_coupon(coupon_id)
    user_ids = [press.user_id for press in batch.close()]
    found = IssuedCoupon.objects.filter(coupon=coupon, user__in=user_ids)
    by_member = {issued.user_id: issued for issued in found}
    return [by_member.get(user_id) for user_id in user_ids]


_issuing: GroupCommit[int, Press, IssuedCoupon] = GroupCommit(
    committed(_issue, find_again=_find_issued),
    lambda coupon_id, press: (Row(CAMPAIGNS, coupon_id), Row(MEMBERS, press.user_id)),
    deed="issue",
)


def lock_coupon(coupon_id: int, waiting: Waiting = Waiting.LONG) -> Coupon:
    """Lock a campaign. Needs an open transaction.

    Raises:
        NotFound: there is no such campaign.
        RowHeld: with `Waiting.NONE`, somebody else holds it.
    """
    coupon = CAMPAIGNS.one(coupon_id, waiting)
    if coupon is None:
        raise NotFound
    return coupon


def issue_coupons(
    *, coupon: Coupon, presses: Sequence[Press], waiting: Waiting = Waiting.LONG
) -> list[IssuedCoupon | DomainError | RowHeld]:
    """Issue a locked campaign's next coupons in the order of `presses`.

    Returns a coupon or a refusal for each press, in the same order, or that others hold the
    member's row.
    """
    members = _lock_members(coupon, [press.user_id for press in presses], waiting.for_own_rows)
    now = timezone.now()
    outcomes: list[IssuedCoupon | DomainError | RowHeld] = []
    issued_now: list[IssuedCoupon] = []
    for press in presses:
        outcome = _decide(coupon, press, now, members)
        if isinstance(outcome, IssuedCoupon):
            members.coupons[press.user_id] = outcome
            issued_now.append(outcome)
        outcomes.append(outcome)
    _save_issued(coupon, issued_now)
    return outcomes


@dataclass(slots=True)
class _Members:
    """Those who ask for a campaign's coupons."""

    active: dict[int, int]
    """The active ones, and when their sessions last ended."""
    held: set[int]
    """Whose rows others hold."""
    coupons: dict[int, IssuedCoupon]
    """What they have of this campaign."""


def _lock_members(coupon: Coupon, user_ids: Sequence[int], waiting: Waiting) -> _Members:
    # In one statement: the campaign is locked, and everybody waits.
    rows = _members_and_held.rows(coupon.pk, *user_ids, waiting=waiting)
    active = {pk: sessions_ended for pk, sessions_ended, _ in rows}
    return _Members(
        active=active,
        held=MEMBERS.held(set(user_ids) - active.keys(), waiting),
        coupons={pk: IssuedCoupon(pk=held) for pk, _, held in rows if held is not None},
    )


def _build_members_and_held(coupon_id: int, *user_ids: int) -> "QuerySet[User, Any]":
    # A query within the query, rather than a join: only the members are locked.
    held = IssuedCoupon.objects.filter(coupon=coupon_id, user=OuterRef("pk")).values("pk")
    members = User.objects.filter(pk__in=user_ids, is_active=True)
    return members.order_by("pk").values_list("pk", "sessions_ended", Subquery(held))


_members_and_held = Locking(_build_members_and_held, shared=True)


def _decide(
    coupon: Coupon, press: Press, now: datetime, members: _Members
) -> IssuedCoupon | DomainError | RowHeld:
    user_id = press.user_id
    if user_id in members.held:
        return RowHeld(Row(MEMBERS, user_id))
    try:
        ensure_in_session(members.active.get(user_id), press.access)
    except DomainError as refusal:
        return refusal
    if user_id in members.coupons:
        return CouponAlreadyIssued(members.coupons[user_id])
    if not coupon.is_open_at(now):
        return CouponNotOpen(opens_at=coupon.issue_starts_at, now=now)
    if coupon.remaining_quantity <= 0:
        return CouponSoldOut()
    coupon.issued_quantity += 1
    return IssuedCoupon(
        coupon=coupon,
        user_id=user_id,
        issue_number=coupon.issued_quantity,
        issued_at=now,
        expires_at=now + timedelta(days=coupon.valid_days),
    )


def _save_issued(coupon: Coupon, issued: list[IssuedCoupon]) -> None:
    if not issued:
        return
    _set_issued_quantity.execute(coupon.pk, coupon.issued_quantity)
    save_new(issued)
    record(
        {
            Kind.COUPON_ISSUED: facts_of_issued(coupon, issued),
            Kind.COUPON_SOLD_OUT: facts_of_sold_out(coupon),
        }
    )


_set_issued_quantity: Compiled[Coupon] = Compiled(
    lambda pk, quantity: update_of(Coupon.objects.filter(pk=pk), issued_quantity=quantity)
)
