"""What an access token says about the session that it belongs to."""

from dataclasses import dataclass

from common.db.locks import RowLock
from common.errors import NotSignedIn
from users.errors import SessionEnded
from users.models import User

MICROSECONDS = 1_000_000

ACCOUNTS: RowLock[User] = RowLock(User.objects.all)
"""Members' rows, to change them. Whoever holds one locks no other row afterwards."""

MEMBERS: RowLock[User] = RowLock(lambda: User.objects.filter(is_active=True), shared=True)
"""Active members. Shared: a lock that the insertion of a member's rows takes anyway."""


@dataclass(frozen=True, slots=True)
class Access:
    """Who asks, and when the session began that lets them."""

    issued_at: int
    """When the access token was made (whole seconds since 1970)."""
    began_after: int | None
    """The member's `sessions_ended` as the session began; None in a token that says nothing."""

    def outlives(self, sessions_ended: int) -> bool:
        """Whether the token was made after all sessions last ended (microseconds since 1970).

        A token that says by nothing but its time when it was made is refused in the second of the
        end, too: it may be from before.
        """
        if self.began_after is not None:
            return self.began_after == sessions_ended
        return not sessions_ended or self.issued_at > sessions_ended // MICROSECONDS


def ensure_may_act(user: User | None, access: Access | None) -> User:
    """The member, read after the first lock, if they may write; `access` is None for commands.

    Raises:
        NotSignedIn: the member is not active, or gone.
        SessionEnded: the session of the access token is over.
    """
    if user is None or not user.is_active:
        raise NotSignedIn
    ensure_in_session(user.sessions_ended, access)
    return user


def ensure_in_session(sessions_ended: int | None, access: Access | None) -> None:
    """As `ensure_may_act`, by an active member's `sessions_ended`; None for one who is not active.

    Raises:
        NotSignedIn: the member is not active, or gone.
        SessionEnded: the session of the access token is over.
    """
    if sessions_ended is None:
        raise NotSignedIn
    if access is not None and not access.outlives(sessions_ended):
        raise SessionEnded
