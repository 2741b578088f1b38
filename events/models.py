"""What happened, who is to be told of it, and what became of the telling."""

import secrets
from base64 import b64encode
from datetime import datetime

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.db.fields import ExactCharField
from common.references import new_reference
from events.addresses import validate_webhook_url

ANSWER_MAX_BYTES = 4_096
"""So much of what an endpoint answers is read, and kept."""
TROUBLE_MAX = 200
"""So many characters of what went wrong are kept."""
SECRET_BEGINNING = "whsec_"  # noqa: S105  Standard Webhooks' own


def new_secret() -> str:
    """A key of 192 random bits, written as Standard Webhooks writes it."""
    return SECRET_BEGINNING + b64encode(secrets.token_bytes(24)).decode()


def new_event_number() -> str:
    """What an event is known by outside: unique without asking."""
    return new_reference("EVT")


class Kind(models.TextChoices):
    """The kinds of events. Whoever listens knows them by these names: none may change."""

    ORDER_PAID = "order.paid", _("order paid")
    ORDER_CANCELLED = "order.cancelled", _("order cancelled")
    COUPON_ISSUED = "coupon.issued", _("coupon issued")
    COUPON_SOLD_OUT = "coupon.sold_out", _("coupon sold out")
    PRODUCT_LOW_STOCK = "product.low_stock", _("product low in stock")
    BALANCE_CHARGED = "balance.charged", _("balance charged")


class Happening(models.Model):
    """What an event says. Its object (`about`) is what the order of telling is kept for."""

    kind = models.CharField(_("kind"), max_length=32, choices=Kind)
    about = ExactCharField(_("about"), max_length=64)
    data = models.TextField(_("data"))
    occurred_at = models.DateTimeField(_("occurred at"))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.kind} {self.about}"


class Outgoing(Happening):
    """An event as the transaction of the deed writes it. It stays until it has its place.

    No index but the key: this is all that a sale pays for its events.
    """

    class Meta:
        verbose_name = _("outgoing event")
        verbose_name_plural = _("outgoing events")
        ordering = ["id"]


class EventQuerySet(models.QuerySet["Event"]):
    def matching(self, text: str) -> "EventQuerySet":
        """Those with this number, or about this."""
        return self.filter(models.Q(number=text.upper()) | models.Q(about=text.lower()))


class Event(Happening):
    """An event in its place: ids are given in the order in which events become visible."""

    number = ExactCharField(_("number"), max_length=40, unique=True, default=new_event_number)

    objects = EventQuerySet.as_manager()

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["about", "id"], name="event_about_idx"),
            models.Index(fields=["kind", "id"], name="event_kind_idx"),
        ]

    def __str__(self) -> str:
        return str(self.number)


class Turn(models.Model):
    """One row: who has it locked gives events their places, and nobody else meanwhile."""

    removed_until = models.BigIntegerField(default=0)
    """The last event that was old enough to be removed."""

    def __str__(self) -> str:
        return f"removed until {self.removed_until}"


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    def listening(self) -> "EndpointQuerySet":
        """Those for whom events are kept, be it that they can't be told at the moment."""
        return self.filter(is_active=True)

    def told(self) -> "EndpointQuerySet":
        """Those that have an address and are not switched off."""
        return self.listening().filter(switched_off_at=None).exclude(url="")


class Endpoint(models.Model):
    """Somebody who is to be told: by requests to an address, or, without one, who asks the feed."""

    name = models.CharField(_("name"), max_length=100)
    url = models.CharField(
        _("address"),
        max_length=500,
        blank=True,
        validators=[validate_webhook_url],
        help_text=_("Where events are sent to. Empty: they are kept for who asks the feed."),
    )
    kinds = models.JSONField(_("kinds"), default=list)
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Who is switched off hears nothing of what happens meanwhile."),
    )
    secret = models.CharField(max_length=100, editable=False, default=new_secret)
    secret_shown_at = models.DateTimeField(null=True, editable=False)
    old_secret = models.CharField(max_length=100, editable=False, default="", blank=True)
    old_secret_until = models.DateTimeField(null=True, editable=False)
    listens_since = models.DateTimeField(null=True, editable=False)
    """What happened before is not for it, even if it comes into the log later."""
    position = models.BigIntegerField(default=0, editable=False)
    """The last event that it was looked at for."""
    failures = models.IntegerField(_("failures in a row"), default=0, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, editable=False)
    switched_off_at = models.DateTimeField(_("switched off at"), null=True, editable=False)
    """When it had only failed for so long that nothing is sent any more; events are kept for it."""
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("endpoint")
        verbose_name_plural = _("endpoints")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(failures__gte=0), name="endpoint_failures_gte_0"
            )
        ]

    def __str__(self) -> str:
        return str(self.name)

    def secrets_at(self, moment: datetime) -> list[str]:
        """What its requests are signed with: the secret, and for a while the one before."""
        if self.old_secret and self.old_secret_until and moment < self.old_secret_until:
            return [self.secret, self.old_secret]
        return [self.secret]


class Delivery(models.Model):
    """What became of one event at one endpoint."""

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        DELIVERED = "delivered", _("delivered")
        SET_ASIDE = "set_aside", _("set aside")

    endpoint = models.ForeignKey(
        Endpoint,
        models.PROTECT,
        related_name="deliveries",
        verbose_name=_("endpoint"),
        db_index=False,  # the indexes below start with it
    )
    event = models.ForeignKey(
        Event,
        models.PROTECT,
        related_name="deliveries",
        verbose_name=_("event"),
        db_index=False,  # the unique constraint starts with it
    )
    about = ExactCharField(_("about"), max_length=64, editable=False)
    """The event's, once more: what waits for what is asked by it."""
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    due_at = models.DateTimeField(_("due at"), null=True, editable=False)
    """From when on it may be sent; null while it waits for an earlier one of its object.

    Of one that is being sent, when its relay is taken to be gone.
    """
    attempts = models.IntegerField(_("attempts"), default=0, editable=False)
    tried_since = models.DateTimeField(_("tried since"), null=True, editable=False)
    tried_at = models.DateTimeField(_("tried at"), null=True, editable=False)
    status = models.IntegerField(_("answer's status"), null=True, editable=False)
    trouble = models.CharField(_("trouble"), max_length=TROUBLE_MAX, blank=True, default="")
    answer = models.TextField(_("answer"), blank=True, default="")

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["event", "endpoint"], name="delivery_event_uniq"),
            models.CheckConstraint(
                condition=models.Q(state="pending") | models.Q(due_at=None),
                name="delivery_due_while_pending",
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "due_at"], name="delivery_due_idx"),
            models.Index(fields=["endpoint", "state", "about"], name="delivery_lane_idx"),
            models.Index(fields=["state", "id"], name="delivery_state_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.event} → {self.endpoint}"

    @property
    def is_pending(self) -> bool:
        return bool(self.state == self.State.PENDING)
