"""Every write to sessions: signing in, rotating refresh tokens, and what ends them."""

from concurrent.futures import Future
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from common.db.fields import DB_IDS
from common.db.locks import Row, RowLock, Waiting
from common.db.single_writes import write_later
from users import passwords
from users.access import ACCOUNTS, MEMBERS
from users.errors import RefreshTokenRefused, WrongCredentials
from users.guessing import Guesses
from users.hashing import HashedWork
from users.models import Session, User, UserQuerySet
from users.passwords import Checked
from users.tokens import (
    RefreshClaims,
    SessionRefreshToken,
    TokenPair,
    hash_of,
    new_jti,
    new_pair,
    read_refresh_token,
)

logger = structlog.get_logger(__name__)


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
    def work(waiting: Waiting) -> TokenPair:
        # A lost pair is of no use to anyone: whatever became of it, make another.
        accounts = ACCOUNTS if renewed else MEMBERS
        if accounts.one(user.pk, waiting) is None:
            raise WrongCredentials
        if renewed:
            user.renew_hash(renewed)
        return begin_session(user)

    return write_later(Row(MEMBERS, user.pk), work)


def begin_session(user: User) -> TokenPair:
    """Store a new session and hand out its first tokens. Needs an open transaction.

    It is over from the start when the member's sessions have ended since `user` was read.
    """
    now = timezone.now()
    jti = new_jti()
    session = Session(
        user=user,
        token_hash=hash_of(jti),
        began_after=user.sessions_ended,
        created_at=now,
        used_at=now,
        expires_at=now + timedelta(days=settings.SESSION_DAYS),
    )
    session.save(force_insert=True)
    return new_pair(session, jti)


SESSIONS: RowLock[Session] = RowLock(Session.objects.all)
"""Sessions by their ids."""


def rotate_refresh_token(*, refresh: str) -> TokenPair:
    """Use up a refresh token for a new pair.

    Of two simultaneous uses one wins and the other is refused. A use is simultaneous when it begins
    to arrive before the other is answered, in whichever process and however late it is served. One
    that begins later is one too many: somebody has a token that is not theirs, and the session ends
    (RFC 9700, 4.14.2).

    Raises:
        RefreshTokenRefused: it is invalid, expired or used, its session has ended, or its member
            is not active.
    """
    return enqueue_rotation(refresh=refresh, arrived=timezone.now()).result()


def enqueue_rotation(*, refresh: str, arrived: datetime) -> "Future[TokenPair]":
    """As `rotate_refresh_token`, of a use that began to arrive then; waits for no row."""
    claims = read_refresh_token(refresh)
    before = _session(claims)
    rotated = _rotate(claims, before, arrived)
    answered: Future[TokenPair] = Future()

    def answer(_: object) -> None:
        try:
            pair = rotated.result()
        except Exception as error:
            answered.set_exception(error)
        else:
            if pair is None:
                logger.warning("refresh_token_used_again", session=before.pk)
                answered.set_exception(RefreshTokenRefused())
            else:  # marked or not
                _mark_answered(before).add_done_callback(lambda _: answered.set_result(pair))

    rotated.add_done_callback(answer)
    return answered


def _rotate(
    claims: RefreshClaims, before: Session, arrived: datetime
) -> "Future[TokenPair | None]":
    """The new pair, or None when the token was used before and the session has ended by that."""
    jti = new_jti()

    def find_again() -> TokenPair | None:
        session = _lock(before.pk)
        return new_pair(session, jti) if session.token_hash == hash_of(jti) else None

    def work(waiting: Waiting) -> TokenPair | None:
        session = _lock(before.pk, waiting)
        now = timezone.now()
        if not session.is_live_at(now) or not _is_in_force(session):
            raise RefreshTokenRefused
        if session.token_hash == claims.token_hash:
            session.token_hash, session.used_at, session.answered_at = hash_of(jti), now, None
            session.save(update_fields=["token_hash", "used_at", "answered_at"])
            return new_pair(session, jti)
        # Whoever found the token unused, or its use unanswered, came before the answer, whatever
        # the clocks say: the moment that is noted as the answer's is a commit before it.
        found_it_answered = before.is_answered_by(arrived) and session.is_answered_by(arrived)
        if before.token_hash == claims.token_hash or not found_it_answered:
            raise RefreshTokenRefused
        session.ended_at = now
        session.save(update_fields=["ended_at"])
        return None

    return write_later(Row(SESSIONS, before.pk), work, find_again=find_again)


def _mark_answered(session: Session) -> "Future[None]":
    """Note that the last use of a session's token is answered now: who comes later is late."""

    def work(waiting: Waiting) -> None:
        _lock(session.pk, waiting)
        Session.objects.filter(pk=session.pk).update(answered_at=timezone.now())

    return write_later(Row(SESSIONS, session.pk), work)


def revoke_refresh_token(*, refresh: str, everywhere: bool = False) -> None:
    """End the session of a refresh token, used or not; ending it again changes nothing.

    With `everywhere`, end all sessions of the member that have begun. A token whose own session
    was ended before can no longer do that.

    Raises:
        RefreshTokenRefused: it was never a token of ours, has expired, or may not end the others.
    """
    enqueue_revocation(refresh=refresh, everywhere=everywhere).result()


def enqueue_revocation(*, refresh: str, everywhere: bool = False) -> "Future[None]":
    """As `revoke_refresh_token`, without waiting for the rows of session and member."""
    claims = read_refresh_token(refresh)
    session_id = claims.session_id or _session(claims).pk

    def work(waiting: Waiting) -> None:
        session = _lock(session_id, waiting)
        had_ended = session.ended_at is not None
        if everywhere and not had_ended:
            ACCOUNTS.one(session.user_id, waiting)
            # Unless all have ended since it began: then this one is nobody's to end others by.
            of_session = User.objects.filter(pk=session.user_id, sessions_ended=session.began_after)
            of_session.update(sessions_ended=UserQuerySet.session_end())
        if not had_ended:
            session.ended_at = timezone.now()
            session.save(update_fields=["ended_at"])
        elif everywhere and _is_in_force(session):
            raise RefreshTokenRefused

    return write_later(Row(SESSIONS, session_id), work)


def dead_sessions() -> "QuerySet[Session]":
    """Those whose last refresh token has expired: nobody can go on with one."""
    return Session.objects.filter(used_at__lt=timezone.now() - SessionRefreshToken.lifetime)


def _session(claims: RefreshClaims) -> Session:
    if claims.session_id is None:
        found = Session.objects.filter(token_hash=claims.token_hash)
    elif claims.session_id in DB_IDS:
        found = Session.objects.filter(pk=claims.session_id)
    else:
        raise RefreshTokenRefused
    session = found.first()
    if session is None:
        raise RefreshTokenRefused
    return session


def _lock(session_id: int, waiting: Waiting = Waiting.LONG) -> Session:
    session = SESSIONS.one(session_id, waiting) if session_id in DB_IDS else None
    if session is None:
        raise RefreshTokenRefused
    return session


def _is_in_force(session: Session) -> bool:
    """Whether the member is active, and not all sessions have ended since this one began."""
    in_force = User.objects.filter(
        pk=session.user_id, is_active=True, sessions_ended=session.began_after
    )
    return in_force.exists()
