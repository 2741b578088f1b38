"""Every write to campaigns."""

from collections.abc import Collection
from copy import copy
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.db.transactions import after_commit, run_transaction
from common.sureness import ensure_sure
from coupons import sold_out
from coupons.errors import CouponIsOpen, CouponNotOpen, CouponWasIssued, TotalBelowIssued
from coupons.facts import facts_of_sold_out
from coupons.models import TERMS, Coupon
from coupons.questions import questions_about
from events.models import Kind
from events.services import record

CHANGEABLE = frozenset({"name", *TERMS, "total_quantity", "issue_starts_at", "issue_ends_at"})


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

    def work() -> Coupon:
        coupon.pk = None
        coupon.save(force_insert=True)
        return coupon

    mine = Coupon.objects.filter(name=coupon.name, created_at=coupon.created_at)
    # Staff see it in the list; two campaigns would be worse than a late answer.
    return run_transaction(work, find_again=mine.first)


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

    def work() -> Coupon:
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
        if before.remaining_quantity > 0:
            record({Kind.COUPON_SOLD_OUT: facts_of_sold_out(coupon)})
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
    locked = Coupon.objects.select_for_update().filter(pk=coupon_id)

    def work() -> Coupon:
        coupon = locked.get()
        if coupon.is_open_at(now):
            raise CouponIsOpen
        coupon.issue_starts_at = now
        coupon.issue_ends_at = until or coupon.issue_ends_at
        coupon.clean()
        coupon.save(update_fields=["issue_starts_at", "issue_ends_at"])
        return coupon

    opened = locked.filter(issue_starts_at=now)
    return run_transaction(work, find_again=opened.first)


def close_coupon_now(*, coupon_id: int) -> Coupon:
    """Let a campaign issue nothing from this moment on.

    Raises:
        CouponNotOpen: it issues nothing anyway.
        Coupon.DoesNotExist: there is no such campaign.
    """
    now = timezone.now()
    locked = Coupon.objects.select_for_update().filter(pk=coupon_id)

    def work() -> Coupon:
        coupon = locked.get()
        if not coupon.is_open_at(now):
            raise CouponNotOpen
        coupon.issue_ends_at = max(now, coupon.issue_starts_at + timedelta(microseconds=1))
        coupon.save(update_fields=["issue_ends_at"])
        return coupon

    closed = locked.filter(issue_ends_at=now)
    return run_transaction(work, find_again=closed.first)


def delete_draft(*, coupon_id: int) -> None:
    """Delete a campaign that has issued nothing, as if it had never been planned.

    Raises:
        CouponWasIssued: somebody has a coupon of it.
        Coupon.DoesNotExist: there is no such campaign.
    """

    def work() -> bool:
        coupon = Coupon.objects.select_for_update().get(pk=coupon_id)
        if coupon.issued_quantity:
            raise CouponWasIssued
        coupon.delete()
        return True

    def is_gone() -> bool | None:
        return None if Coupon.objects.filter(pk=coupon_id).exists() else True

    run_transaction(work, find_again=is_gone)


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
