"""What is unusual about a campaign, as questions to who plans it."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from coupons.models import Coupon

SMALL_ORDER = 10_000
"""In won: what an order of no minimum is taken for."""


def questions_about(coupon: Coupon, before: Coupon | None = None) -> list[ValidationError]:
    """Whether this is meant, with a code for what exactly is asked; nothing, most of the time.

    With `before`, only what was not so before.
    """
    known = [question.code for question in questions_about(before)] if before else []
    found = [*_generous(coupon), *_over(coupon)]
    return [question for question in found if question.code not in known]


def _generous(coupon: Coupon) -> list[ValidationError]:
    order = coupon.min_order_amount or SMALL_ORDER
    discount = coupon.discount_on(order)
    if discount * 2 <= order:
        return []
    return [
        _question(
            f"more_than_half-{discount}-{order}",
            _("An order of %(order)s won gets %(discount)s won off, more than half of it."),
            order=f"{order:,}",
            discount=f"{discount:,}",
        )
    ]


def _over(coupon: Coupon) -> list[ValidationError]:
    if coupon.issue_ends_at > timezone.now():
        return []
    return [_question("over", _("It is over: nothing is issued any more."))]


def _question(code: str, text: Any, **params: str) -> ValidationError:
    return ValidationError(text, code, params or None)
