"""Every write to members and their wallets; those to sessions are in `users.sessions`."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Q
from django.utils import timezone

from ecommerce.common.compiled import Compiled
from ecommerce.common.errors import NotSignedIn
from ecommerce.common.idempotency import IdempotencyKey, Outcome
from ecommerce.common.references import new_reference
from ecommerce.common.rows import save_fields, save_new
from ecommerce.common.transactions import run_transaction
from users import passwords
from users.access import Access, ensure_may_act
from users.errors import (
    BalanceLimitExceeded,
    InsufficientBalance,
    PasswordTooWeak,
    UsernameTaken,
    WrongCredentials,
    WrongPassword,
)
from users.hashing import HashedWork
from users.models import User, Wallet, WalletTransaction
from users.passwords import Checked
from users.sessions import begin_session, revoke_refresh_token, rotate_refresh_token
from users.tokens import TokenPair

__all__ = [  # with what callers need of the modules beside
    "TokenPair",
    "active_member_ids",
    "adjust_balance",
    "change_email",
    "change_password",
    "charge_wallet",
    "credit",
    "debit",
    "lock_active_wallet",
    "lock_wallets",
    "prepare_password_change",
    "prepare_sign_in",
    "prepare_sign_up",
    "revoke_refresh_token",
    "rotate_refresh_token",
    "save_wallets",
    "sign_in",
    "sign_up",
]

# --- Members ------------------------------------------------------------------------------------


def sign_up(*, username: str, password: str, email: str = "") -> User:
    """Create a member with an empty wallet.

    Raises:
        UsernameTaken: another member has the name, be it since a moment ago.
        Busy: too many passwords are being hashed.
    """
    return prepare_sign_up(username=username, password=password, email=email).run()


def prepare_sign_up(*, username: str, password: str, email: str = "") -> HashedWork[str, User]:
    """What `sign_up` does, with the hash to be made in between."""
    user = User(
        username=User.normalize_username(username), email=User.objects.normalize_email(email)
    )

    def finish(encoded: str) -> User:
        user.password = encoded
        return _create(user)

    return HashedWork(lambda: passwords.make(password), finish)


def _create(user: User) -> User:
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
        holders = User.objects.filter(Q(username=user.username) | Q(name_key=user.name_key))
        if not holders.exists():
            raise
        if holder := holders.filter(
            password=user.password
        ).first():  # a commit of ours that came through after all
            return holder
        raise UsernameTaken(attr="username") from error


def sign_in(*, username: str, password: str) -> TokenPair:
    """Exchange a name and password for the first tokens of a new session.

    Raises:
        WrongCredentials: no active member has them.
        Busy: too many passwords are being hashed.
    """
    return prepare_sign_in(username=username, password=password).run()


def prepare_sign_in(*, username: str, password: str) -> HashedWork[Checked, TokenPair]:
    """What `sign_in` does, with the hash to be compared in between."""
    name = User.normalize_username(username)
    user = User.objects.filter(username=name).first()
    encoded = user.password if user else passwords.NOBODYS

    def finish(checked: Checked) -> TokenPair:
        if user is None or not checked.correct or not user.is_active:
            raise WrongCredentials
        if checked.renewed:
            user.renew_hash(checked.renewed)
        # A lost pair is of no use to anyone: whatever became of it, make another.
        return run_transaction(lambda settle: begin_session(user))

    return HashedWork(lambda: passwords.check(password, encoded), finish)


@dataclass(frozen=True, slots=True)
class _Replacement:
    """What came of hashing the current password and the new one."""

    current: Checked
    encoded: str


def change_password(
    *, user_id: int, current_password: str, new_password: str, access: Access | None = None
) -> TokenPair:
    """Replace a member's password, end all their sessions, and begin a new one.

    Raises:
        PasswordTooWeak: the new password is; its items say why.
        WrongPassword: the current password is another.
        NotSignedIn: the member is not active.
        SessionEnded: the session of `access` is over.
        Busy: too many passwords are being hashed.
    """
    prepared = prepare_password_change(
        user_id=user_id, current_password=current_password, new_password=new_password, access=access
    )
    return prepared.run()


def prepare_password_change(
    *, user_id: int, current_password: str, new_password: str, access: Access | None = None
) -> HashedWork[_Replacement, TokenPair]:
    """What `change_password` does, with the hashes to be made in between."""
    found = ensure_may_act(User.objects.filter(pk=user_id).first(), access)
    if weak := passwords.weaknesses(new_password, found):
        raise PasswordTooWeak(items=[replace(item, attr="new_password") for item in weak])

    def compute() -> _Replacement:
        current = passwords.check(current_password, found.password)
        return _Replacement(current, passwords.make(new_password) if current.correct else "")

    def finish(made: _Replacement) -> TokenPair:
        if not made.current.correct:
            raise WrongPassword(attr="current_password")
        return _replace_password(user_id, made.encoded, found.sessions_ended)

    return HashedWork(compute, finish)


def _replace_password(user_id: int, encoded: str, sessions_ended: int) -> TokenPair:
    pair: TokenPair | None = None

    def work(settle: bool) -> TokenPair:
        nonlocal pair
        user = User.objects.select_for_update().filter(pk=user_id).first()
        if settle and pair and user and user.password == encoded:
            return pair
        user = ensure_may_act(user, Access(issued_at=0, began_after=sessions_ended))
        user.password = encoded
        user.save(update_fields=["password"])
        pair = begin_session(user)
        return pair

    return run_transaction(work)


def change_email(*, user_id: int, email: str | None, access: Access | None = None) -> User:
    """Give a member another email address, or none (""); None leaves it as it is.

    Raises:
        NotSignedIn: the member is not active.
        SessionEnded: the session of `access` is over.
    """

    def work(settle: bool) -> User:
        user = ensure_may_act(User.objects.select_for_update().filter(pk=user_id).first(), access)
        if email is not None:
            user.email = User.objects.normalize_email(email)
            user.save(update_fields=["email"])
        return user

    return run_transaction(work)


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
