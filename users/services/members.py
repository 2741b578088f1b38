"""Every write to members."""

from concurrent.futures import Future
from dataclasses import dataclass, replace

from django.db import IntegrityError
from django.db.models import Q

from common.db.locks import Row, Waiting
from common.db.single_writes import finished, write_later
from common.db.transactions import run_transaction
from users import passwords
from users.access import ACCOUNTS, Access, ensure_may_act
from users.errors import PasswordTooWeak, UsernameTaken, WrongPassword
from users.guessing import Guesses
from users.hashing import HashedWork
from users.models import User, Wallet
from users.passwords import Checked
from users.services.tokens import begin_session
from users.tokens import TokenPair


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
    # Nobody else has this password's salt: it is ours.
    mine = User.objects.filter(username=user.username, password=user.password)

    def work() -> User:
        user.pk = None
        user.save(force_insert=True)
        Wallet.objects.create(user=user)
        return user

    try:
        return run_transaction(work, find_again=mine.first)
    except IntegrityError as error:
        holders = User.objects.filter(Q(username=user.username) | Q(name_key=user.name_key))
        if not holders.exists():
            raise
        if holder := holders.filter(
            password=user.password
        ).first():  # a commit of ours that came through after all
            return holder
        raise UsernameTaken(attr="username") from error


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

    def find_again() -> TokenPair | None:
        user = ACCOUNTS.one(user_id)
        return pair if user and user.password == encoded else None

    def work(waiting: Waiting) -> TokenPair:
        nonlocal pair
        user = ACCOUNTS.one(user_id, waiting)
        user = ensure_may_act(user, Access(issued_at=0, began_after=sessions_ended))
        user.password = encoded
        user.save(update_fields=["password"])
        pair = begin_session(user)
        return pair

    return write_later(Row(ACCOUNTS, user_id), work, find_again=find_again)


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

    def work(waiting: Waiting) -> User:
        user = ensure_may_act(ACCOUNTS.one(user_id, waiting), access)
        if email is not None:
            user.email = User.objects.normalize_email(email)
            user.save(update_fields=["email"])
        return user

    return write_later(Row(ACCOUNTS, user_id), work)
