"""What a member's account or wallet may refuse."""

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError


class UsernameTaken(DomainError):
    """Another member has this name."""

    status = 400
    code = "unique"
    message = _("A user with that username already exists.")
    attr = "username"


class InsufficientBalance(DomainError):
    """The wallet holds less than the amount."""

    code = "insufficient_balance"
    message = _("The balance is too low.")


class BalanceLimitExceeded(DomainError):
    """The wallet would hold more than `BALANCE_MAX` won."""

    code = "balance_limit_exceeded"
    message = _("The balance would exceed its limit.")


class WrongCredentials(DomainError):
    """No active member has this name and password."""

    status = 401
    code = "no_active_account"
    message = _("No active account found with the given credentials.")


class RefreshTokenRefused(DomainError):
    """The refresh token is invalid, expired, used, revoked, or its member was deactivated."""

    status = 401
    code = "token_not_valid"
    message = _("This token is invalid, expired, used or revoked.")


class SessionEnded(DomainError):
    """The session of a valid access token is over: a new password, or signed out everywhere."""

    status = 401
    code = "token_not_valid"
    message = _("This session has ended. Please sign in again.")


class WrongPassword(DomainError):
    """The password that was to be replaced is another."""

    status = 400
    code = "password_incorrect"
    message = _("This is not your current password.")
    attr = "current_password"


class PasswordTooWeak(DomainError):
    """The new password is too short, too common …; its items say what."""

    status = 400
    code = "password_too_short"
    message = _("This password is too weak.")
    attr = "new_password"


class SignInLocked(DomainError):
    """Too many wrong passwords for this name from this address."""

    status = 429
    code = "throttled"
    message = _("Too many wrong passwords. Please wait a while.")

    def __init__(self, *, retry_after: int) -> None:
        """`retry_after`: seconds."""
        super().__init__()
        self.retry_after = retry_after
