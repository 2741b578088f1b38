"""Every write to campaigns and to the coupons they issued."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from concurrent.futures import Future
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from common import metrics
from common.db.batches import Batch, commit_batch
from common.db.compiled import Compiled, update_of
from common.db.fields import DB_IDS
from common.db.group_commit import GroupCommit
from common.db.locks import Locking, Row, RowHeld, RowLock, Waiting
from common.db.rows import save_new
from common.db.transactions import after_commit, run_transaction
from common.errors import DomainError, NotFound
from common.sureness import ensure_sure
from coupons import sold_out
from coupons.errors import (
    CouponAlreadyIssued,
    CouponIsOpen,
    CouponNotOpen,
    CouponNotUsable,
    CouponSoldOut,
    TotalBelowIssued,
)
from coupons.models import TERMS, Coupon, IssuedCoupon, discount_by
from coupons.questions import questions_about
from users.access import Access, ensure_in_session
from users.models import User
from users.services import MEMBERS, lock_active_members

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

CHANGEABLE = frozenset({"name", *TERMS, "total_quantity", "issue_starts_at", "issue_ends_at"})


# --- Campaigns ----------------------------------------------------------------------------------


def create_coupon(*, sure: Collection[str] | None = None, **terms: Any) -> Coupon:
    """Create a campaign from its terms (fields of `Coupon`).

    With `sure`, what is unusual about it is asked, by an error of the field `sure`, unless its
    code is among these.

    Raises:
        django.core.exceptions.ValidationError: a term is out of bounds or contradicts another, or
            something is asked.
        TypeError: a field that is no term, such as `issued_quantity`.
    """
    _ensure_changeable(terms)
    coupon = Coupon(**terms)
    coupon.clean_fields()
    coupon.clean()
    if sure is not None:
        ensure_sure(questions_about(coupon), sure)

    def work(settle: bool) -> Coupon:
        if settle:  # staff see it in the list; two campaigns would be worse than a late answer
            mine = Coupon.objects.filter(name=coupon.name, created_at=coupon.created_at).first()
            if mine is not None:
                return mine
        coupon.pk = None
        coupon.save(force_insert=True)
        return coupon

    return run_transaction(work)


def change_coupon(*, coupon_id: int, sure: Collection[str] | None = None, **terms: Any) -> Coupon:
    """Change a campaign, also while it is being issued.

    Its `TERMS` are promised to who has a coupon: they can't change from the first one on. With
    `sure`, what the change makes unusual about it is asked, as by `create_coupon`.

    Raises:
        TotalBelowIssued: the new total is below what is issued by now.
        django.core.exceptions.ValidationError: a term is out of bounds or contradicts another, or
            can't change any more, or something is asked.
        Coupon.DoesNotExist: there is no such campaign.
        TypeError: a field that is no term.
    """
    _ensure_changeable(terms)

    def work(settle: bool) -> Coupon:
        coupon = Coupon.objects.select_for_update().get(pk=coupon_id)
        before = copy(coupon)
        for name, value in terms.items():
            setattr(coupon, name, value)
        # Not `full_clean`, which asks the database about each constraint, here under the lock. What
        # isn't changed stays as it is, though it may be older than the bounds of today.
        coupon.clean_fields(exclude={field.name for field in coupon._meta.fields} - terms.keys())
        _ensure_kept(before, coupon)
        if coupon.total_quantity < coupon.issued_quantity:
            raise TotalBelowIssued
        coupon.clean()
        if sure is not None:
            ensure_sure(questions_about(coupon, before), sure)
        if terms:
            coupon.save(update_fields=terms.keys())
        return coupon

    coupon = run_transaction(work)
    after_commit(partial(sold_out.forget, coupon_id))
    return coupon


def _ensure_kept(before: Coupon, after: Coupon) -> None:
    """Raises ValidationError for each of `TERMS` that would change after the first coupon."""
    changed = [name for name in TERMS if getattr(before, name) != getattr(after, name)]
    if changed and before.issued_quantity:
        text = _(
            "%(count)s of these coupons are out, and what they promise can't change any more."
            " For other terms, clone the campaign."
        )
        error = ValidationError(text, "issued", {"count": f"{before.issued_quantity:,}"})
        raise ValidationError(dict.fromkeys(changed, error))


def open_coupon_now(*, coupon_id: int, until: datetime | None = None) -> Coupon:
    """Let a campaign issue from this moment on, until its end, or until another.

    Raises:
        CouponIsOpen: it issues already.
        django.core.exceptions.ValidationError: it would end before it starts.
        Coupon.DoesNotExist: there is no such campaign.
    """
    now = timezone.now()

    def work(settle: bool) -> Coupon:
        coupon = Coupon.objects.select_for_update().get(pk=coupon_id)
        if settle and coupon.issue_starts_at == now:
            return coupon
        if coupon.is_open_at(now):
            raise CouponIsOpen
        coupon.issue_starts_at = now
        coupon.issue_ends_at = until or coupon.issue_ends_at
        coupon.clean()
        coupon.save(update_fields=["issue_starts_at", "issue_ends_at"])
        return coupon

    return run_transaction(work)


def close_coupon_now(*, coupon_id: int) -> Coupon:
    """Let a campaign issue nothing from this moment on.

    Raises:
        CouponNotOpen: it issues nothing anyway.
        Coupon.DoesNotExist: there is no such campaign.
    """
    now = timezone.now()

    def work(settle: bool) -> Coupon:
        coupon = Coupon.objects.select_for_update().get(pk=coupon_id)
        if settle and coupon.issue_ends_at == now:
            return coupon
        if not coupon.is_open_at(now):
            raise CouponNotOpen(CouponNotOpen.message)
        coupon.issue_ends_at = max(now, coupon.issue_starts_at + timedelta(microseconds=1))
        coupon.save(update_fields=["issue_ends_at"])
        return coupon

    return run_transaction(work)


def clone_coupon(
    *,
    coupon_id: int,
    name: str,
    issue_starts_at: datetime,
    issue_ends_at: datetime,
    sure: Collection[str] | None = None,
) -> Coupon:
    """Create a campaign with the terms of another, of which nothing is issued yet.

    Raises:
        django.core.exceptions.ValidationError: as `create_coupon`.
        Coupon.DoesNotExist: there is no such campaign.
    """
    coupon = Coupon.objects.get(pk=coupon_id)
    terms = {term: getattr(coupon, term) for term in CHANGEABLE}
    window = {"issue_starts_at": issue_starts_at, "issue_ends_at": issue_ends_at}
    return create_coupon(sure=sure, **(terms | window | {"name": name}))


def _ensure_changeable(terms: dict[str, Any]) -> None:
    foreign = terms.keys() - CHANGEABLE
    if foreign:
        raise TypeError(f"not a coupon's terms: {', '.join(sorted(foreign))}")


# --- Issuing ------------------------------------------------------------------------------------


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


def _issue_batch(coupon_id: int, batch: Batch[Press]) -> Sequence[IssuedCoupon | DomainError]:
    sold_out_at: float | None = None

    def work(settle: bool, waiting: Waiting) -> list[IssuedCoupon | DomainError | RowHeld]:
        nonlocal sold_out_at
        coupon = lock_coupon(coupon_id, waiting)
        # Closed only now: who came while others held the lock is served with those who waited.
        presses = batch.close()
        outcomes = issue_coupons(
            coupon=coupon,
            user_ids=[press.user_id for press in presses],
            accesses=[press.access for press in presses],
            settle=settle,
            waiting=waiting,
        )
        is_sold_out = coupon.is_open and coupon.remaining_quantity <= 0
        sold_out_at = sold_out.clock() if is_sold_out else None  # while it is locked
        return outcomes

    outcomes = commit_batch(batch, work)
    if sold_out_at is not None:
        sold_out.remember(coupon_id, seen_at=sold_out_at)
    return outcomes


_issuing: GroupCommit[int, Press, IssuedCoupon] = GroupCommit(
    _issue_batch,
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
    *,
    coupon: Coupon,
    user_ids: Sequence[int],
    accesses: Sequence[Access | None] | None = None,
    settle: bool = False,
    waiting: Waiting = Waiting.LONG,
) -> list[IssuedCoupon | DomainError | RowHeld]:
    """Issue a locked campaign's next coupons in the order of `user_ids`.

    Returns a coupon or a refusal for each member, in the same order, or that others hold the
    member's row. `accesses` are what their access tokens say, in the same order; none for
    commands. With `settle`, a coupon that a member has already is the answer of the attempt whose
    commit was lost, not a refusal.
    """
    members = _lock_members(coupon, user_ids, settle, waiting.for_own_rows)
    now = timezone.now()
    outcomes: list[IssuedCoupon | DomainError | RowHeld] = []
    issued_now: list[IssuedCoupon] = []
    for press in map(Press, user_ids, accesses or [None] * len(user_ids)):
        user_id = press.user_id
        outcome = _decide(coupon, press, now, members, settle)
        if isinstance(outcome, IssuedCoupon) and outcome.pk is None:
            members.coupons[user_id] = outcome
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


def _lock_members(
    coupon: Coupon, user_ids: Sequence[int], settle: bool, waiting: Waiting
) -> _Members:
    if settle:  # also of members who were deactivated since
        mine = IssuedCoupon.objects.filter(coupon=coupon, user__in=user_ids)
        coupons = {issued.user_id: issued for issued in mine}
        return _Members(lock_active_members(user_ids, waiting), set(), coupons)
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
    coupon: Coupon,
    press: Press,
    now: datetime,
    members: _Members,
    settle: bool,
) -> IssuedCoupon | DomainError | RowHeld:
    user_id = press.user_id
    earlier = members.coupons.get(user_id)
    if settle and earlier and earlier.pk:
        return earlier
    if user_id in members.held:
        return RowHeld(Row(MEMBERS, user_id))
    try:
        ensure_in_session(members.active.get(user_id), press.access)
    except DomainError as refusal:
        return refusal
    if earlier:
        return CouponAlreadyIssued()
    if not coupon.is_open_at(now):
        return CouponNotOpen()
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


_set_issued_quantity: Compiled[Coupon] = Compiled(
    lambda pk, quantity: update_of(Coupon.objects.filter(pk=pk), issued_quantity=quantity)
)


# --- Using --------------------------------------------------------------------------------------


ISSUED: RowLock[IssuedCoupon] = RowLock(IssuedCoupon.objects.all)
"""Issued coupons by their ids."""


def lock_issued_coupons(
    issued_ids: Collection[int], waiting: Waiting = Waiting.LONG
) -> dict[int, IssuedCoupon]:
    """Lock the issued coupons that exist, lowest id first. Needs an open transaction.

    They have their terms with them. The campaigns of those that are older than that are read
    without a lock: theirs is the hottest row of the shop. With `Waiting.NONE`, coupons that others
    hold are left out; `ISSUED.held` tells them.
    """
    locked = ISSUED.objects([pk for pk in issued_ids if pk in DB_IDS], waiting)
    old = [issued for issued in locked.values() if issued.discount_type is None]
    campaigns = Coupon.objects.in_bulk({issued.coupon_id for issued in old}) if old else {}
    for issued in old:
        issued.coupon = campaigns[issued.coupon_id]
    return locked


def discount_with(issued: IssuedCoupon, *, subtotal: int, moment: datetime) -> int:
    """The discount, in won, that a locked coupon gives on an order of `subtotal` won at `moment`.

    Raises:
        CouponNotUsable: it is used, expired or revoked, or the subtotal is below the minimum.
    """
    status = issued.status_at(moment)
    if status != IssuedCoupon.Status.USABLE:
        raise CouponNotUsable(_is(status))
    minimum: int = issued.terms.min_order_amount
    if subtotal < minimum:
        raise CouponNotUsable(
            format_lazy(_("This coupon needs an order of at least {amount} won."), amount=minimum)
        )
    return discount_by(issued.terms, subtotal)


def _is(status: IssuedCoupon.Status) -> "StrOrPromise":
    # Lazily: the language is that of whoever is told, and another may be deciding for them.
    return format_lazy(_("This coupon is {status}."), status=status.label)


def redeem(issued: IssuedCoupon, moment: datetime) -> None:
    """Mark a locked, usable coupon as used, in memory; `save_redemptions` writes it."""
    issued.used_at = moment


def restore(issued: IssuedCoupon) -> None:
    """Make a locked, used coupon unused again, in memory, its expiry unchanged."""
    issued.used_at = None


def save_redemptions(issued: Collection[IssuedCoupon]) -> None:
    """Write when locked coupons were used, a statement for each moment. Needs an open transaction.

    Orders that are placed together are of one moment.
    """
    # Not by `save_fields`, whose upsert would share-lock the campaigns on MySQL 9.7.
    by_moment: dict[datetime | None, list[int]] = defaultdict(list)
    for one in issued:
        by_moment[one.used_at].append(one.pk)
    for used_at, ids in by_moment.items():
        IssuedCoupon.objects.filter(pk__in=ids).update(used_at=used_at)


def revoke_issued_coupon(*, issued_id: int) -> IssuedCoupon:
    """Revoke an unused coupon. Its row and number stay, and nothing is freed.

    Raises:
        CouponNotUsable: it is used, or revoked already.
        IssuedCoupon.DoesNotExist: there is no such coupon.
    """

    def work(settle: bool) -> IssuedCoupon:
        issued = IssuedCoupon.objects.select_for_update().get(pk=issued_id)
        if settle and issued.revoked_at is not None:
            return issued
        if issued.used_at is not None or issued.revoked_at is not None:
            raise CouponNotUsable(_is(issued.status))
        issued.revoked_at = timezone.now()
        issued.save(update_fields=["revoked_at"])
        return issued

    return run_transaction(work)
