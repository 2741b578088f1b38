"""Every write to members, their tokens and their wallets."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.db import IntegrityError
from django.utils import timezone
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from ecommerce.common.compiled import Compiled
from ecommerce.common.errors import NotSignedIn
from ecommerce.common.idempotency import IdempotencyKey, Outcome
from ecommerce.common.references import new_reference
from ecommerce.common.rows import save_fields, save_new
from ecommerce.common.transactions import run_transaction
from users.errors import (
    BalanceLimitExceeded,
    InsufficientBalance,
    RefreshTokenRefused,
    UsernameTaken,
    WrongCredentials,
)
from users.models import User, Wallet, WalletTransaction

# --- Accounts and tokens ------------------------------------------------------------------------


def sign_up(*, username: str, password: str, email: str = "") -> User:
    """Create a member with an empty wallet.

    Raises:
        UsernameTaken: another member has the name, be it since a moment ago.
    """
    user = User(
        username=User.normalize_username(username),
        email=User.objects.normalize_email(email),
        password=make_password(password),  # slow by design: before any transaction
    )

    def work(settle: bool) -> User:
        if settle:
            mine = User.objects.filter(username=user.username, password=user.password).first()
            if mine is not None:  # nobody else has this password's salt: it is ours
                return mine
        user.pk = None
        user.save(force_insert=True)
        Wallet.objects.create(user=user)
        return user

    try:
        return run_transaction(work)
    except IntegrityError as error:
        holder = User.objects.filter(username=user.username).first()
        if holder is None:
            raise
        if holder.password == user.password:  # a commit of ours that came through after all
            return holder
        raise UsernameTaken(attr="username") from error


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token for the next minutes, and the refresh token that buys one new pair."""

    access: str
    refresh: str


def sign_in(*, username: str, password: str) -> TokenPair:
    """Exchange a name and password for tokens.

    Raises:
        WrongCredentials: no active member has them.
    """
    # Not `authenticate()`, which counts failures for the admin's login, in the database.
    name = User.normalize_username(username)
    user = ModelBackend().authenticate(None, username=name, password=password)
    if user is None:
        raise WrongCredentials

    def work(settle: bool) -> TokenPair:  # a lost pair is of no use to anyone: make another
        return _new_pair(user)

    return run_transaction(work)


def rotate_refresh_token(*, refresh: str) -> TokenPair:
    """Use up a refresh token for a new pair. Of two simultaneous uses, one wins.

    Raises:
        RefreshTokenRefused: it is invalid, expired, used or revoked, or its member is not active.
    """
    made: TokenPair | None = None

    def work(settle: bool) -> TokenPair:
        nonlocal made
        token = _lock_refresh_token(refresh)
        if settle and made and _is_outstanding(made.refresh, token):
            return made
        user = User.objects.filter(pk=token.user_id or 0, is_active=True).first()
        if user is None or BlacklistedToken.objects.filter(token=token).exists():
            raise RefreshTokenRefused
        BlacklistedToken.objects.create(token=token)
        made = _new_pair(user)
        return made

    return run_transaction(work)


def revoke_refresh_token(*, refresh: str) -> None:
    """Make a refresh token useless; revoking it again changes nothing.

    Raises:
        RefreshTokenRefused: it was never a token of ours, or has expired.
    """

    def work(settle: bool) -> None:
        token = _lock_refresh_token(refresh)
        if not BlacklistedToken.objects.filter(token=token).exists():
            BlacklistedToken.objects.create(token=token)

    run_transaction(work)


def _new_pair(user: User) -> TokenPair:
    refresh = RefreshToken.for_user(user)
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


def _lock_refresh_token(refresh: str) -> OutstandingToken:
    try:
        # Unverified by the library's own `verify`, which would look for a revocation before the
        # lock; signature and expiry are checked all the same.
        token = _UncheckedRefreshToken(refresh)  # type: ignore[arg-type]
    except TokenError as error:
        raise RefreshTokenRefused from error
    found = OutstandingToken.objects.select_for_update().filter(jti=token["jti"]).first()
    if found is None:
        raise RefreshTokenRefused
    return found


def _is_outstanding(refresh: str, predecessor: OutstandingToken) -> bool:
    """Whether `refresh` was handed out, in exchange for `predecessor`."""
    of_member = OutstandingToken.objects.filter(user=predecessor.user_id)
    return of_member.filter(token=refresh).exists()


class _UncheckedRefreshToken(RefreshToken):
    def check_blacklist(self) -> None:
        """The caller looks, after the lock."""


# --- Wallets ------------------------------------------------------------------------------------


def lock_wallets(user_ids: Collection[int]) -> dict[int, Wallet]:
    """Lock the members' wallets, lowest member id first. Needs an open transaction.

    Returns the wallets of the members who exist, by member id; a member who has none yet (made
    by `createsuperuser`, say) gets one.
    """
    wallets = _select_wallets(user_ids)
    missing = set(user_ids) - wallets.keys()
    if missing:
        existing = User.objects.filter(pk__in=missing).values_list("pk", flat=True)
        Wallet.objects.bulk_create(
            [Wallet(user_id=user_id) for user_id in sorted(existing)], ignore_conflicts=True
        )
        wallets = _select_wallets(user_ids)
    return wallets


def _select_wallets(user_ids: Collection[int]) -> dict[int, Wallet]:
    return {wallet.user_id: wallet for wallet in _locked_wallets.objects(*user_ids)}


_locked_wallets = Compiled(
    lambda *user_ids: (
        Wallet.objects.select_for_update().filter(user__in=user_ids).order_by("user_id")
    )
)


def active_member_ids(user_ids: Iterable[int]) -> set[int]:
    """Which of the members may act at this moment. Read it after the first lock."""
    return {pk for (pk,) in _active_members.rows(*user_ids)}


_active_members = Compiled(
    lambda *user_ids: User.objects.filter(pk__in=user_ids, is_active=True).values_list("pk")
)


def lock_active_wallet(user_id: int) -> Wallet:
    """Lock one active member's wallet. Needs an open transaction.

    Raises:
        NotSignedIn: the member was deactivated or is gone.
    """
    wallet = lock_wallets([user_id]).get(user_id)
    if wallet is None or user_id not in active_member_ids([user_id]):
        raise NotSignedIn
    return wallet


def credit(wallet: Wallet, amount: int) -> None:
    """Add won to a locked wallet, in memory; `save_wallets` writes it.

    Raises:
        BalanceLimitExceeded: it would hold more than `BALANCE_MAX` won.
    """
    if wallet.balance + amount > settings.BALANCE_MAX:
        raise BalanceLimitExceeded
    wallet.balance += amount


def debit(wallet: Wallet, amount: int) -> None:
    """Take won from a locked wallet, in memory; `save_wallets` writes it.

    Raises:
        InsufficientBalance: it holds less.
    """
    if wallet.balance < amount:
        raise InsufficientBalance
    wallet.balance -= amount


def save_wallets(wallets: Collection[Wallet], entries: Sequence[WalletTransaction]) -> None:
    """Write locked wallets and the ledger entries that say why. Needs an open transaction."""
    now = timezone.now()
    for wallet in wallets:
        wallet.updated_at = now
    save_fields(wallets, ["balance", "updated_at"])
    save_new(entries)


def charge_wallet(
    *, user_id: int, amount: int, idempotency: IdempotencyKey | None = None
) -> Outcome[WalletTransaction]:
    """Add `amount` won to a member's balance.

    Raises:
        NotSignedIn: the member is not active.
        IdempotencyKeyReused: the key came before, with another amount.
        BalanceLimitExceeded: the balance would exceed `BALANCE_MAX` won.
    """
    reference = new_reference("CHG")

    def work(settle: bool) -> Outcome[WalletTransaction]:
        if settle:
            lock_wallets([user_id])
            charges = WalletTransaction.objects.filter(kind=WalletTransaction.Kind.CHARGE)
            if mine := charges.filter(reference=reference).first():
                return Outcome(mine)  # also when the member was deactivated since
        wallet = lock_active_wallet(user_id)
        ledger = WalletTransaction.objects.filter(wallet=wallet)
        if idempotency and (earlier := ledger.filter(idempotency_key=idempotency.key).first()):
            idempotency.ensure_same_body(earlier.idempotency_body)
            return Outcome(earlier, replayed=True)
        credit(wallet, amount)
        entry = WalletTransaction(
            wallet=wallet,
            kind=WalletTransaction.Kind.CHARGE,
            amount=amount,
            balance_after=wallet.balance,
            reference=reference,
            idempotency_key=idempotency.key if idempotency else None,
            idempotency_body=idempotency.body if idempotency else None,
        )
        save_wallets([wallet], [entry])
        return Outcome(entry)

    return run_transaction(work)


def adjust_balance(
    *, user_id: int, amount: int, reason: str, staff_id: int | None = None
) -> WalletTransaction:
    """Correct a member's balance by `amount` won, positive or negative, for a stated reason.

    The member need not be active: staff may pay out a closed account.

    Raises:
        ValueError: the amount is 0, or the reason blank or longer than 200 characters.
        InsufficientBalance, BalanceLimitExceeded: the balance would leave its bounds.
        User.DoesNotExist: there is no such member.
    """
    if amount == 0 or not 0 < len(reason.strip()) <= 200:
        raise ValueError("an adjustment needs an amount, and a reason of at most 200 characters")
    reference = new_reference("ADJ")

    def work(settle: bool) -> WalletTransaction:
        wallet = lock_wallets([user_id]).get(user_id)
        if wallet is None:
            raise User.DoesNotExist
        ledger = WalletTransaction.objects.filter(wallet=wallet)
        if settle and (mine := ledger.filter(reference=reference).first()):
            return mine
        credit(wallet, amount) if amount > 0 else debit(wallet, -amount)
        entry = WalletTransaction(
            wallet=wallet,
            kind=WalletTransaction.Kind.ADJUSTMENT,
            amount=amount,
            balance_after=wallet.balance,
            reference=reference,
            reason=reason.strip(),
            created_by_id=staff_id,
        )
        save_wallets([wallet], [entry])
        return entry

    return run_transaction(work)
