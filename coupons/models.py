"""Campaigns that hand out coupons, and the coupons handed out."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Min, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.texts import validate_is_visible

AMOUNT_MAX = 1_000_000_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""When a campaign may begin: the first hours of the year 1 in Seoul are in no year of UTC's."""
TERMS = ("discount_type", "discount_value", "max_discount", "min_order_amount", "valid_days")
"""What a campaign promises to who gets its coupons: fixed from the first one on."""


class CouponQuerySet(models.QuerySet["Coupon"]):
    def open_or_not(self, is_open: bool, now: datetime) -> "CouponQuerySet":
        """Those whose issuing window is open at that moment, or those whose is not."""
        window = Q(issue_starts_at__lte=now, issue_ends_at__gt=now)
        return self.filter(window if is_open else ~window)

    def next_change(self, now: datetime) -> datetime | None:
        """When the next of the windows opens or closes after that moment."""
        opens = Min("issue_starts_at", filter=Q(issue_starts_at__gt=now))
        moments = self.filter(issue_ends_at__gt=now).aggregate(
            opens=opens, closes=Min("issue_ends_at")
        )
        return min(filter(None, moments.values()), default=None)


class Coupon(models.Model):
    """A campaign: so many coupons, first come first served, while it is open."""

    class DiscountType(models.TextChoices):
        FIXED = "fixed", _("fixed amount")
        PERCENT = "percent", _("percent")

    name = models.CharField(_("name"), max_length=100, validators=[validate_is_visible])
    discount_type = models.CharField(_("discount type"), max_length=10, choices=DiscountType)
    discount_value = models.BigIntegerField(
        _("discount value"),
        validators=[MinValueValidator(1), MaxValueValidator(AMOUNT_MAX)],
        help_text=_("Won for a fixed amount, 1 to 100 for a percentage."),
    )
    max_discount = models.BigIntegerField(
        _("maximum discount (won)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(AMOUNT_MAX)],
        help_text=_("Caps a percentage. Empty: no cap."),
    )
    min_order_amount = models.BigIntegerField(
        _("minimum order (won)"),
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(AMOUNT_MAX)],
        help_text=_("Compared with the order's subtotal, before the discount."),
    )
    total_quantity = models.BigIntegerField(
        _("total quantity"),
        validators=[
            MinValueValidator(1, _("A campaign has at least one coupon.")),
            MaxValueValidator(AMOUNT_MAX),
        ],
    )
    issued_quantity = models.BigIntegerField(_("issued quantity"), default=0, editable=False)
    issue_starts_at = models.DateTimeField(_("issue starts at"), default=timezone.now)
    issue_ends_at = models.DateTimeField(_("issue ends at"))
    valid_days = models.PositiveIntegerField(
        _("valid days"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("A coupon expires this many days after it was issued."),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = CouponQuerySet.as_manager()

    class Meta:
        verbose_name = _("coupon")
        verbose_name_plural = _("coupons")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(issued_quantity__gte=0, issued_quantity__lte=F("total_quantity")),
                name="coupon_issued_within_total",
            ),
            models.CheckConstraint(
                condition=Q(issue_ends_at__gt=F("issue_starts_at")),
                name="coupon_ends_after_start",
            ),
            models.CheckConstraint(
                condition=Q(discount_type="fixed", discount_value__gte=1)
                | Q(discount_type="percent", discount_value__gte=1, discount_value__lte=100),
                name="coupon_discount_value",
            ),
            models.CheckConstraint(
                condition=Q(max_discount=None) | Q(max_discount__gte=1),
                name="coupon_max_discount_gte_1",
            ),
            models.CheckConstraint(
                condition=Q(min_order_amount__gte=0), name="coupon_min_order_gte_0"
            ),
            models.CheckConstraint(condition=Q(valid_days__gte=1), name="coupon_valid_days_gte_1"),
        ]
        indexes = [
            # Finds the campaigns that are not over among all that ever were.
            models.Index(fields=["issue_ends_at"], name="coupon_ends_idx")
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Raises ValidationError when fields contradict each other."""
        errors: dict[str, Any] = {}
        if self.discount_type == self.DiscountType.PERCENT and (self.discount_value or 0) > 100:
            errors["discount_value"] = _("A percentage is at most 100.")
        if self.discount_type == self.DiscountType.FIXED and self.max_discount is not None:
            errors["max_discount"] = _("Only a percentage can be capped.")
        if self._costs_more_than_a_balance_holds():
            errors["min_order_amount"] = _("No member's balance is ever enough for such an order.")
        starts, ends = self.issue_starts_at, self.issue_ends_at
        if starts and ends and ends <= starts:
            errors["issue_ends_at"] = _("It must end after it starts.")
        for name, moment in [("issue_starts_at", starts), ("issue_ends_at", ends)]:
            if moment and moment < EARLIEST:
                errors[name] = _("A campaign is of the year 2000 or later.")
        if self.total_quantity is not None and max(self.total_quantity, 0) < self.issued_quantity:
            errors["total_quantity"] = _("%(issued)d are issued already.") % {
                "issued": self.issued_quantity
            }
        if errors:
            raise ValidationError(errors)

    @property
    def remaining_quantity(self) -> int:
        """How many can still be issued."""
        return self.total_quantity - self.issued_quantity

    @property
    def is_open(self) -> bool:
        """Whether the issuing window is open now; sold out or not is `remaining_quantity`'s."""
        return self.is_open_at(timezone.now())

    def is_open_at(self, moment: datetime) -> bool:
        """Whether the issuing window, which excludes its end, is open at `moment`."""
        return self.issue_starts_at <= moment < self.issue_ends_at

    def discount_on(self, subtotal: int) -> int:
        """The discount, in won, on an order of `subtotal` won that meets the minimum."""
        return discount_by(self, subtotal)

    def _costs_more_than_a_balance_holds(self) -> bool:
        """Whether already the cheapest order that the coupon is good for can't be paid."""
        if self.min_order_amount is None or self.discount_value is None:
            return False
        cheapest = self.min_order_amount - self.discount_on(self.min_order_amount)
        return bool(cheapest > settings.BALANCE_MAX)


def discount_by(terms: "Coupon | IssuedCoupon", subtotal: int) -> int:
    """The discount, in won, that terms give on an order of `subtotal` won that meets the minimum.

    A percentage is rounded down and capped by `max_discount`; no discount exceeds the subtotal.
    """
    discount: int = terms.discount_value
    if terms.discount_type == Coupon.DiscountType.PERCENT:
        discount = subtotal * discount // 100
        if terms.max_discount is not None:
            discount = min(discount, terms.max_discount)
    return min(discount, subtotal)


class _CampaignsTerm(models.Field):  # type: ignore[type-arg]
    """A term of the row's campaign, of the same name, as it is when the row is first written."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = getattr(model_instance, self.attname)
        if add and value is None:
            value = getattr(model_instance.coupon, self.attname)  # type: ignore[attr-defined]
            setattr(model_instance, self.attname, value)
        return value


class TextTerm(_CampaignsTerm, models.CharField):  # type: ignore[type-arg]
    """A term that is a word."""


class WonTerm(_CampaignsTerm, models.BigIntegerField):  # type: ignore[type-arg]
    """A term that is an amount or a percentage."""


class IssuedCouponQuerySet(models.QuerySet["IssuedCoupon"]):
    def with_status(self, status: str) -> "IssuedCouponQuerySet":
        """Those whose `status` is this at the moment."""
        now = timezone.now()
        unused = Q(used_at=None, revoked_at=None)
        return self.filter(
            {
                IssuedCoupon.Status.USABLE: unused & Q(expires_at__gt=now),
                IssuedCoupon.Status.EXPIRED: unused & Q(expires_at__lte=now),
                IssuedCoupon.Status.USED: ~Q(used_at=None),
                IssuedCoupon.Status.REVOKED: ~Q(revoked_at=None),
            }[IssuedCoupon.Status(status)]
        )


class IssuedCoupon(models.Model):
    """One member's coupon of one campaign, numbered in the order of arrival."""

    class Status(models.TextChoices):
        USABLE = "usable", _("usable")
        USED = "used", _("used")
        EXPIRED = "expired", _("expired")
        REVOKED = "revoked", _("revoked")

    coupon = models.ForeignKey(
        Coupon,
        models.PROTECT,
        related_name="issued",
        verbose_name=_("coupon"),
        db_index=False,  # both unique constraints start with it
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="coupons",
        verbose_name=_("member"),
    )
    issue_number = models.BigIntegerField(_("issue number"))
    issued_at = models.DateTimeField(_("issued at"))
    expires_at = models.DateTimeField(_("expires at"))
    used_at = models.DateTimeField(_("used at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    # The terms that it was issued with. Null in coupons that are older than these columns and were
    # used by then: for them `terms` are the campaign's, which can't change any more.
    discount_type = TextTerm(
        _("discount type"),
        max_length=10,
        choices=Coupon.DiscountType,
        null=True,
        editable=False,
    )
    discount_value = WonTerm(_("discount value"), null=True, editable=False)
    max_discount = WonTerm(_("maximum discount (won)"), null=True, editable=False)
    min_order_amount = WonTerm(_("minimum order (won)"), null=True, editable=False)

    objects = IssuedCouponQuerySet.as_manager()

    class Meta:
        verbose_name = _("issued coupon")
        verbose_name_plural = _("issued coupons")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["coupon", "user"], name="issued_one_per_member"),
            models.UniqueConstraint(fields=["coupon", "issue_number"], name="issued_number_uniq"),
            models.CheckConstraint(condition=Q(issue_number__gte=1), name="issued_number_gte_1"),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("issued_at")), name="issued_expires_after_issue"
            ),
            models.CheckConstraint(
                condition=Q(used_at=None) | Q(revoked_at=None), name="issued_not_used_and_revoked"
            ),
        ]
        indexes = [
            # Tells how far a campaign was at a moment by one look-up, however much it has issued.
            models.Index(
                fields=["coupon", "issued_at", "issue_number"], name="issued_coupon_at_idx"
            )
        ]

    def __str__(self) -> str:
        return f"{self.coupon} #{self.issue_number}"

    @property
    def terms(self) -> "Coupon | IssuedCoupon":
        """What holds its discount and its minimum: itself, or its campaign for an old one."""
        return self.coupon if self.discount_type is None else self

    @property
    def status(self) -> Status:
        """What the coupon is good for at this moment."""
        return self.status_at(timezone.now())

    def status_at(self, moment: datetime) -> Status:
        """What the coupon is good for at `moment`. A used one stays used after its expiry."""
        if self.used_at is not None:
            return self.Status.USED
        if self.revoked_at is not None:
            return self.Status.REVOKED
        return self.Status.USABLE if moment < self.expires_at else self.Status.EXPIRED
