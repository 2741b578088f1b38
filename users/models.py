"""Members, their wallets and the ledger of every won that moved."""

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar, NoReturn

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from common.db.fields import ExactCharField, NormalEmailField
from common.references import UNDOING, undoing
from users import names, passwords
from users.names import NameValidator

NAME_TAKEN = _("A user with that username already exists.")

SESSION_SALT = "users.models.User.sessions"


def now_in_microseconds() -> int:
    """This moment, in microseconds since 1970."""
    return time.time_ns() // 1_000


class LatestMoment(models.BigIntegerField):  # type: ignore[type-arg]
    """A moment in microseconds since 1970 that never goes back, whatever a stale object says."""

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = super().pre_save(model_instance, add)
        return value if add else Greatest(F(self.attname), Value(value))


class NameKeyField(ExactCharField):
    """The folded name, by which names that differ in case or width are one.

    Members from before that was so, whose name was one with another's, have their id behind it. It
    is null only in a row that the version before this one has written.
    """

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        folded = names.fold(str(getattr(model_instance, "username")))  # noqa: B009
        key: str | None = super().pre_save(model_instance, add)
        if key is None or not (key == folded or key.startswith(f"{folded}#")):
            setattr(model_instance, self.attname, folded)
        return getattr(model_instance, self.attname)


class UserQuerySet(models.QuerySet["User"]):
    def update(self, **changes: Any) -> int:
        """As Django's, with what goes along: a name's key, and the end of sessions."""
        if "password" in changes or changes.get("is_active", True) is not True:
            changes.setdefault("sessions_ended", self.session_end())
        if isinstance(name := changes.get("username"), str):
            changes.setdefault("name_key", names.fold(name))
        return super().update(**changes)

    @staticmethod
    def session_end() -> Greatest:
        """What `sessions_ended` is set to when all sessions end now: later than it was."""
        return Greatest(F("sessions_ended") + 1, Value(now_in_microseconds()))


class UserManager(DjangoUserManager["User"]):
    """Makes members whose passwords are hashed as `User.set_password` does it."""

    use_in_migrations = False

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def with_a_name_like(self, name: str) -> UserQuerySet:
        """Who has a name that is one with this one, or that looks like it."""
        return self.get_queryset().filter(name_key=names.fold(name))

    def _create_user_object(
        self, username: str, email: str | None, password: str | None, **fields: Any
    ) -> "User":
        # Its stubs lack it.
        user: User = super()._create_user_object(username, email, None, **fields)  # type: ignore[misc]
        user.password = passwords.make(password)
        return user

    def create_superuser(self, username: str, *args: Any, **fields: Any) -> "User":
        """As Django's. Raises ValidationError when the name is one with another member's."""
        if self.with_a_name_like(username).exists():
            raise ValidationError(NAME_TAKEN, code="unique")
        return super().create_superuser(username, *args, **fields)


class User(AbstractUser):
    """A member of the shop, or its staff."""

    username = ExactCharField(
        _("username"),
        max_length=150,
        unique=True,
        help_text=_("Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only."),
        validators=[NameValidator()],
        error_messages={"unique": NAME_TAKEN},
    )
    name_key = NameKeyField(max_length=480, unique=True, null=True, editable=False)
    email = NormalEmailField(_("email address"), blank=True)
    sessions_ended = LatestMoment(default=0, db_default=0, editable=False)
    """When all sessions of this member last ended (microseconds since 1970; 0: never).

    What began before is over: refresh tokens, access tokens for all that writes, the admin's
    sessions. It is read with `is_active`.
    """

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        verbose_name = _("member")  # type: ignore[assignment]
        verbose_name_plural = _("members")  # type: ignore[assignment]
        indexes = [
            # Counts the new members of some days without reading the others.
            models.Index(fields=["date_joined"], name="user_date_joined_idx")
        ]

    _stored: tuple[str | None, bool | None] = (None, None)
    """Password and `is_active` as the database has them, as far as this object knows."""

    @classmethod
    def from_db(cls, *args: Any, **kwargs: Any) -> "User":
        user = super().from_db(*args, **kwargs)
        user._remember_stored()
        return user

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self._remember_stored()

    def _remember_stored(self) -> None:
        self._stored = self.__dict__.get("password"), self.__dict__.get("is_active")

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As Django's, with what goes along: a name's key, and the end of sessions."""
        written = kwargs.get("update_fields")
        along = set()
        if not self._state.adding and self._ends_sessions(written):
            self.end_sessions()
            along.add("sessions_ended")
        if written is not None:
            along |= {"name_key"} if "username" in written else set()
            kwargs["update_fields"] = {*written, *along}
        super().save(*args, **kwargs)
        self._remember_stored()

    def _ends_sessions(self, written: Collection[str] | None) -> bool:
        password, was_active = self._stored
        return (
            password is not None
            and self.password != password
            and (written is None or "password" in written)
        ) or (
            bool(was_active) and not self.is_active and (written is None or "is_active" in written)
        )

    def end_sessions(self) -> None:
        """End all sessions of the member, in memory; saving writes it."""
        self.sessions_ended = max(now_in_microseconds(), self.sessions_ended + 1)

    def set_password(self, raw_password: str | None) -> None:
        self.password = passwords.make(raw_password)
        self._password = raw_password

    def check_password(self, raw_password: str | None) -> bool:
        """Whether it is the password, in whatever normal form; renews a hash that is outdated."""
        checked = passwords.check(raw_password or "", self.password)
        if checked.renewed:
            self.renew_hash(checked.renewed)
        return checked.correct

    def renew_hash(self, encoded: str) -> None:
        """Store another hash of the same password, which ends no session."""
        self.password = encoded
        self._remember_stored()
        self.save(update_fields=["password"])

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session of the admin must know to go on: not the same once sessions ended."""
        if not self.sessions_ended:
            return super()._get_session_auth_hash(secret=secret)  # type: ignore[misc,no-any-return]
        known = f"{self.password}{self.sessions_ended}"
        return salted_hmac(SESSION_SALT, known, secret=secret, algorithm="sha256").hexdigest()


ANSWERED_WITHIN = timedelta(seconds=10)


class Session(models.Model):
    """What a member began by signing in: one refresh token after another, each good once."""

    user = models.ForeignKey(
        User, models.CASCADE, related_name="sessions", verbose_name=_("member")
    )
    token_hash = ExactCharField(max_length=64, unique=True, editable=False)
    """SHA-256 of the `jti` of the one refresh token that is good now, in hexadecimal."""
    began_after = models.BigIntegerField(editable=False)
    """The member's `sessions_ended` at the time: another since, and this session is over."""
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    used_at = models.DateTimeField(_("last used at"), default=timezone.now)
    answered_at = models.DateTimeField(null=True, editable=False)
    """When that use was answered; null until then, and where the process died before."""
    expires_at = models.DateTimeField(_("expires at"))
    """However often its tokens are rotated."""
    ended_at = models.DateTimeField(_("ended at"), null=True, blank=True)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [
            # Finds those whose last refresh token has expired.
            models.Index(fields=["used_at"], name="session_used_at_idx")
        ]

    def __str__(self) -> str:
        since = date_format(timezone.localtime(self.created_at), "DATETIME_FORMAT")
        return f"{self.user}: {since}"

    def is_answered_by(self, moment: datetime) -> bool:
        """Whether its last use was answered before; with a time for that, as a process may die."""
        return moment > (self.answered_at or self.used_at + ANSWERED_WITHIN)

    def is_live_at(self, moment: datetime) -> bool:
        """Whether it has neither ended by itself nor come to its end."""
        return self.ended_at is None and moment < self.expires_at


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

    @property
    def is_undoable(self) -> bool:
        """Whether it is an adjustment, and not the undoing of one."""
        is_adjustment = self.kind == self.Kind.ADJUSTMENT
        return is_adjustment and not self.reference.startswith(UNDOING)

    @property
    def is_undone(self) -> bool:
        """Whether its opposite is in the ledger."""
        opposite = undoing(self.reference)
        return WalletTransaction.objects.filter(kind=self.kind, reference=opposite).exists()


def _refuse_change() -> NoReturn:
    raise ValidationError(_("The ledger is append-only."), code="append_only")
