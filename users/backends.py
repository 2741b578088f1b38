"""Who may log in to the admin, and what stands before their passwords."""

from typing import Any

from axes.backends import AxesStandaloneBackend
from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from users import passwords
from users.models import User


class LoginThrottle(AxesStandaloneBackend):  # type: ignore[misc]
    """Refuses a login that is locked out. Code that has no request, such as a script, is no login.

    The library would raise then.
    """

    def authenticate(self, request: HttpRequest | None, *args: Any, **kwargs: Any) -> None:
        if request is not None:
            super().authenticate(request, *args, **kwargs)


class MemberBackend(ModelBackend):
    """Django's, but that a name which nobody has takes as many hashes as one that somebody has."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> User | None:
        if username is None or password is None:
            return None
        user = User.objects.filter(username=username).first() or User(password=passwords.NOBODYS)
        correct = user.check_password(password)
        return user if correct and self.user_can_authenticate(user) else None
