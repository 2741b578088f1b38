"""Orders and their lines."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from common.db.fields import ExactCharField
from coupons.models import IssuedCoupon
from products.models import Product


class OrderQuerySet(models.QuerySet["Order"]):
    def with_items(self) -> "OrderQuerySet":
        """With the lines, in one query more however many orders."""
        return self.prefetch_related("items")


class Order(models.Model):
    """A sale, paid from the member's balance when it was placed."""

    class Status(models.TextChoices):
        PAID = "paid", _("paid")
        CANCELLED = "cancelled", _("cancelled")

    number = ExactCharField(_("number"), max_length=40, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="orders",
        verbose_name=_("member"),
    )
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.PAID)
    subtotal = models.BigIntegerField(_("subtotal (won)"))
    discount = models.BigIntegerField(_("discount (won)"), default=0)
    total = models.BigIntegerField(_("total (won)"))
    coupon = models.ForeignKey(
        IssuedCoupon,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="orders",
        verbose_name=_("coupon"),
    )
    # The coupon again while the order is paid, and null once it is cancelled: unique, so that the
    # database itself keeps one coupon from paying two orders (a partial index would say it too,
    # but not on MySQL).
    redeemed_coupon = models.OneToOneField(
        IssuedCoupon, models.PROTECT, null=True, editable=False, related_name="redeemed_by"
    )
    day = models.DateField(_("day (Seoul)"))
    created_at = models.DateTimeField(pgettext_lazy("order", "created at"), default=timezone.now)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True, blank=True)
    idempotency_key = ExactCharField(max_length=64, null=True, editable=False)
    idempotency_body = ExactCharField(max_length=64, null=True, editable=False)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = _("order")
        verbose_name_plural = _("orders")
        ordering = ["-id"]
        constraints = [
            # The key first: MySQL 9.7 leaves a foreign key unchecked when an index that begins with
            # its column has a null further on.
            models.UniqueConstraint(
                fields=["idempotency_key", "user"], name="order_user_idempotency_key_uniq"
            ),
            models.CheckConstraint(
                condition=Q(total=F("subtotal") - F("discount")), name="order_total_adds_up"
            ),
            models.CheckConstraint(
                condition=Q(discount__gte=0, discount__lte=F("subtotal")),
                name="order_discount_within_subtotal",
            ),
            models.CheckConstraint(
                condition=Q(status="paid", cancelled_at=None)
                | Q(status="cancelled", cancelled_at__isnull=False),
                name="order_cancelled_at_matches_status",
            ),
            models.CheckConstraint(
                # The nulls are named, since a check that comes out as unknown passes.
                condition=Q(coupon=None, redeemed_coupon=None)
                | Q(
                    status="paid",
                    coupon__isnull=False,
                    redeemed_coupon__isnull=False,
                    redeemed_coupon=F("coupon"),
                )
                | Q(status="cancelled", redeemed_coupon=None),
                name="order_redeemed_coupon_while_paid",
            ),
        ]
        indexes = [
            # Covers the sums of each day, which then read no order.
            models.Index(fields=["day", "status", "total"], name="order_day_idx")
        ]

    def __str__(self) -> str:
        return str(self.number)

    @cached_property
    def line_items(self) -> list["OrderItem"]:
        """The order's items, read once; they never change. `with_items` reads them beforehand."""
        return list(self.items.all())


class OrderItem(models.Model):
    """One product of an order, with its name and price as they were."""

    order = models.ForeignKey(
        Order,
        models.PROTECT,
        related_name="items",
        verbose_name=_("order"),
        db_index=False,  # the unique constraint starts with it
    )
    product = models.ForeignKey(
        Product, models.PROTECT, related_name="order_items", verbose_name=_("product")
    )
    product_name = models.CharField(_("product name"), max_length=200)
    unit_price = models.BigIntegerField(_("unit price (won)"))
    quantity = models.BigIntegerField(_("quantity"))
    line_total = models.BigIntegerField(_("line total (won)"))

    class Meta:
        verbose_name = _("order item")
        verbose_name_plural = _("order items")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "product"], name="item_order_product_uniq"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="item_quantity_gte_1"),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="item_unit_price_gte_0"),
            models.CheckConstraint(
                condition=Q(line_total=F("unit_price") * F("quantity")),
                name="item_line_total_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product_name} × {self.quantity:,}"
