"""Campaigns and how many coupons they issued."""

from typing import Any

from django.db.models import Count, F, Max, Min, Q, QuerySet
from django.utils.translation import gettext_noop as _noop

from coupons.models import Coupon
from ecommerce.audit.parts import Invariant, Violations, differ, violations


def _campaigns_with_their_issued() -> "QuerySet[Any]":
    return Coupon.objects.annotate(
        rows=Count("issued"),
        lowest=Min("issued__issue_number"),
        highest=Max("issued__issue_number"),
        numbers=Count("issued__issue_number", distinct=True),
        holders=Count("issued__user", distinct=True),
    )


def _issued_quantities_unlike_their_coupons() -> Violations:
    return violations(
        _campaigns_with_their_issued().filter(differ("rows", "issued_quantity")),
        _noop(
            "coupon %(pk)s: its issued quantity is %(issued_quantity)s, it has %(rows)s issued"
            " coupons"
        ),
        *("pk", "issued_quantity", "rows"),
    )


def _campaigns_that_issued_too_many() -> Violations:
    return violations(
        _campaigns_with_their_issued().filter(
            Q(issued_quantity__gt=F("total_quantity")) | Q(rows__gt=F("total_quantity"))
        ),
        _noop(
            "coupon %(pk)s: it issued %(rows)s coupons (issued quantity %(issued_quantity)s)"
            " of %(total_quantity)s in total"
        ),
        *("pk", "rows", "issued_quantity", "total_quantity"),
    )


def _issue_numbers_with_gaps() -> Violations:
    sound = Q(lowest=1, highest=F("rows"), numbers=F("rows"))
    return violations(
        _campaigns_with_their_issued().filter(~sound, rows__gt=0),
        _noop(
            "coupon %(pk)s: its %(rows)s issued coupons bear %(numbers)s numbers from %(lowest)s"
            " to %(highest)s,"
            " not 1 to %(rows)s"
        ),
        *("pk", "rows", "numbers", "lowest", "highest"),
    )


def _members_with_two_of_a_campaign() -> Violations:
    return violations(
        _campaigns_with_their_issued().filter(differ("holders", "rows")),
        _noop("coupon %(pk)s: its %(rows)s issued coupons belong to %(holders)s members"),
        *("pk", "rows", "holders"),
    )


ISSUED = Invariant(
    "each campaign's issued quantity is its coupons, within the total, numbered 1 to n,"
    " one per member",
    Coupon,
    (
        _issued_quantities_unlike_their_coupons,
        _campaigns_that_issued_too_many,
        _issue_numbers_with_gaps,
        _members_with_two_of_a_campaign,
    ),
)
