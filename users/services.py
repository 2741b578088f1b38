"""Every write to members; those to sessions and wallets are in the modules beside."""

from concurrent.futures import Future
from dataclasses import dataclass, replace

from django.db import IntegrityError
from django.db.models import Q

from common.db.locks import Row, Waiting
from common.db.single_writes import finished, write_later
from common.db.transactions import run_transaction
from users import passwords
from users.access import ACCOUNTS, MEMBERS, Access, ensure_may_act
from users.errors import PasswordTooWeak, UsernameTaken, WrongCredentials, WrongPassword
from users.guessing import Guesses
from users.hashing import HashedWork
from users.models import User, Wallet
from users.passwords import Checked
from users.sessions import (
    begin_session,
    enqueue_revocation,
    enqueue_rotation,
    revoke_refresh_token,
    rotate_refresh_token,
)
from users.tokens import TokenPair
from users.wallets import (
    WALLETS,
    adjust_balance,
    charge_wallet,
    credit,
    debit,
    enqueue_charge,
    lock_active_members,
    lock_wallets,
    save_wallets,
)

__all__ = [  # with what callers need of the modules beside
    "MEMBERS",
    "WALLETS",
    "TokenPair",
    "adjust_balance",
    "change_email",
    "change_password",
    "charge_wallet",
    "credit",
    "debit",
    "enqueue_charge",
    "enqueue_email_change",
    "enqueue_revocation",
    "enqueue_rotation",
    "lock_active_members",
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

    def finish(encoded: str) -> "Future[User]":
        user.password = encoded
        return finished(_create(user))

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


def sign_in(*, username: str, password: str, address: str | None = None) -> TokenPair:
    """Exchange a name and password for the first tokens of a new session.

    Wrong ones are counted by the name and the `address` that they come from.

    Raises:
        WrongCredentials: no active member has them.
        SignInLocked: too many wrong ones have been tried.
        Busy: too many passwords are being hashed.
    """
    return prepare_sign_in(username=username, password=password, address=address).run()


def prepare_sign_in(
    *, username: str, password: str, address: str | None = None
) -> HashedWork[Checked, TokenPair]:
    """What `sign_in` does, with the hash to be compared in between."""
    sign_in = _SignIn(User.normalize_username(username), password, address)
    return HashedWork(sign_in.compare, sign_in.finish, sign_in.look)


class _SignIn:
    """What is known of a sign-in on its way."""

    def __init__(self, name: str, password: str, address: str | None) -> None:
        self._name, self._password, self._address = name, password, address
        self._guesses: Guesses
        self._user: User | None = None

    def look(self) -> None:
        self._guesses = Guesses(self._name, self._address)
        self._user = User.objects.filter(username=self._name).first()

    def compare(self) -> Checked:
        encoded = self._user.password if self._user else passwords.NOBODYS
        return passwords.check(self._password, encoded)

    def finish(self, checked: Checked) -> "Future[TokenPair]":
        user = self._user
        if user is None or not checked.correct or not user.is_active:
            self._guesses.add()
            raise WrongCredentials
        self._guesses.forget()
        return _begin_session(user, checked.renewed)


def _begin_session(user: User, renewed: str | None) -> "Future[TokenPair]":
    def work(settle: bool, waiting: Waiting) -> TokenPair:
        # A lost pair is of no use to anyone: whatever became of it, make another.
        accounts = ACCOUNTS if renewed else MEMBERS
        if accounts.one(user.pk, waiting) is None:
            raise WrongCredentials
        if renewed:
            user.renew_hash(renewed)
        return begin_session(user)

    return write_later(Row(MEMBERS, user.pk), work)


@dataclass(frozen=True, slots=True)
class _Replacement:
    """What came of hashing the current password and the new one."""

    current: Checked
    encoded: str


def change_password(
    *,
    user_id: int,
    current_password: str,
    new_password: str,
    access: Access | None = None,
    address: str | None = None,
) -> TokenPair:
    """Replace a member's password, end all their sessions, and begin a new one.

    Raises:
        PasswordTooWeak: the new password is; its items say why.
        WrongPassword: the current password is another.
        SignInLocked: too many wrong ones have been tried, here or to sign in.
        NotSignedIn: the member is not active.
        SessionEnded: the session of `access` is over.
        Busy: too many passwords are being hashed.
    """
    prepared = prepare_password_change(
        user_id=user_id,
        current_password=current_password,
        new_password=new_password,
        access=access,
        address=address,
    )
    return prepared.run()


def prepare_password_change(
    *,
    user_id: int,
    current_password: str,
    new_password: str,
    access: Access | None = None,
    address: str | None = None,
) -> HashedWork[_Replacement, TokenPair]:
    """What `change_password` does, with the hashes to be made in between."""
    found = ensure_may_act(User.objects.filter(pk=user_id).first(), access)
    if weak := passwords.weaknesses(new_password, found):
        raise PasswordTooWeak(items=[replace(item, attr="new_password") for item in weak])
    guesses = Guesses(found.username, address)

    def compute() -> _Replacement:
        current = passwords.check(current_password, found.password)
        return _Replacement(current, passwords.make(new_password) if current.correct else "")

    def finish(made: _Replacement) -> "Future[TokenPair]":
        if not made.current.correct:
            guesses.add()
            raise WrongPassword(attr="current_password")
        guesses.forget()
        return _replace_password(user_id, made.encoded, found.sessions_ended)

    return HashedWork(compute, finish)


def _replace_password(user_id: int, encoded: str, sessions_ended: int) -> "Future[TokenPair]":
    pair: TokenPair | None = None

    def work(settle: bool, waiting: Waiting) -> TokenPair:
        nonlocal pair
        user = ACCOUNTS.one(user_id, waiting)
        if settle and pair and user and user.password == encoded:
            return pair
        user = ensure_may_act(user, Access(issued_at=0, began_after=sessions_ended))
        user.password = encoded
        user.save(update_fields=["password"])
        pair = begin_session(user)
        return pair

    return write_later(Row(ACCOUNTS, user_id), work)


def change_email(*, user_id: int, email: str | None, access: Access | None = None) -> User:
    """Give a member another email address, or none (""); None leaves it as it is.

    Raises:
        NotSignedIn: the member is not active.
        SessionEnded: the session of `access` is over.
    """

    return enqueue_email_change(user_id=user_id, email=email, access=access).result()


def enqueue_email_change(
    *, user_id: int, email: str | None, access: Access | None = None
) -> "Future[User]":
    """As `change_email`, without waiting for the member's row."""

    def work(settle: bool, waiting: Waiting) -> User:
        user = ensure_may_act(ACCOUNTS.one(user_id, waiting), access)
        if email is not None:
            user.email = User.objects.normalize_email(email)
            user.save(update_fields=["email"])
        return user

    return write_later(Row(ACCOUNTS, user_id), work)
