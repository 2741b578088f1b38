"""Members, their wallets and the ledger of every won that moved."""

from typing import Any, NoReturn

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from ecommerce.common.fields import ExactCharField, NormalEmailField


class User(AbstractUser):
    """A member of the shop, or its staff. Names are unique, told apart by case."""

    username = ExactCharField(
        _("username"),
        max_length=150,
        unique=True,
        help_text=_("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."),
        validators=[UnicodeUsernameValidator()],
        error_messages={"unique": _("A user with that username already exists.")},
    )
    email = NormalEmailField(_("email address"), blank=True)

    class Meta(AbstractUser.Meta):
        verbose_name = _("member")  # type: ignore[assignment]
        verbose_name_plural = _("members")  # type: ignore[assignment]
        indexes = [
            # Counts the new members of some days without reading the others.
            models.Index(fields=["date_joined"], name="user_date_joined_idx")
        ]


class WalletQuerySet(models.QuerySet["Wallet"]):
    def of_member(self, user_id: int) -> "Wallet":
        """The member's wallet, or an unsaved empty one: it is made when first written to."""
        return self.filter(user=user_id).first() or Wallet(user_id=user_id)


class Wallet(models.Model):
    """A member's prepaid balance, in won. Always the sum of its ledger."""

    user = models.OneToOneField(
        User, models.PROTECT, related_name="wallet", verbose_name=_("member")
    )
    balance = models.BigIntegerField(_("balance (won)"), default=0)
    updated_at = models.DateTimeField(_("updated at"), default=timezone.now)

    objects = WalletQuerySet.as_manager()

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        constraints = [
            models.CheckConstraint(condition=models.Q(balance__gte=0), name="wallet_balance_gte_0")
        ]

    def __str__(self) -> str:
        return f"{self.user}: ₩{self.balance:,}"


class WalletTransaction(models.Model):
    """One entry of a wallet's ledger. Entries are added, never changed or removed."""

    class Kind(models.TextChoices):
        CHARGE = "charge", _("charge")
        PAYMENT = "payment", _("payment")
        REFUND = "refund", _("refund")
        ADJUSTMENT = "adjustment", _("adjustment")

    wallet = models.ForeignKey(
        Wallet, models.PROTECT, related_name="transactions", verbose_name=_("wallet")
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    amount = models.BigIntegerField(_("amount (won, signed)"))
    balance_after = models.BigIntegerField(_("balance after (won)"))
    reference = ExactCharField(
        _("reference"),
        max_length=40,
        help_text=_("The order's number for a payment or refund; else a number of its own."),
    )
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    created_by = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("adjusted by"),
    )
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    idempotency_key = ExactCharField(max_length=64, null=True, editable=False)
    idempotency_body = ExactCharField(max_length=64, null=True, editable=False)

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "reference"], name="ledger_kind_reference_uniq"
            ),
            # The key first: MySQL 9.7 leaves a foreign key unchecked when an index that begins with
            # its column has a null further on.
            models.UniqueConstraint(
                fields=["idempotency_key", "wallet"], name="ledger_wallet_idempotency_key_uniq"
            ),
            models.CheckConstraint(
                condition=models.Q(balance_after__gte=0), name="ledger_balance_after_gte_0"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="charge", amount__gt=0)
                | models.Q(kind="payment", amount__lte=0)
                | models.Q(kind="refund", amount__gte=0)
                | models.Q(kind="adjustment") & ~models.Q(amount=0),
                name="ledger_amount_sign",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.amount:+,} ({self.reference})"

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            _refuse_change()
        super().save(**kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse_change()


def _refuse_change() -> NoReturn:
    raise ValidationError(_("The ledger is append-only."), code="append_only")
