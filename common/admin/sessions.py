"""Sessions of the back office: kept in the database, ended when idle and, used or not, in the end.

As Django's, whose `SESSION_COOKIE_AGE` is the idle time here. They carry when they began, and are
written again as they are used, at most once a minute.
"""

import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

BEGAN = "began_at"
USED = "used_at"
WRITTEN_EVERY_SECONDS = 60


class SessionStore(DatabaseStore):
    """What `SESSION_ENGINE` names."""

    keeps_key = False
    """Whether somebody's password is set by it who isn't signed in to it: it goes on as it is."""

    def get_session_cookie_age(self) -> int:
        """Seconds until it ends, from which Django has both the row's expiry and the cookie's."""
        began = self._session_cache.get(BEGAN) if hasattr(self, "_session_cache") else None
        age = settings.SESSION_COOKIE_AGE
        if began is not None:
            age = min(age, began + settings.ADMIN_SESSION_DAYS * 86_400 - int(time.time()))
        return max(age, 0)

    def load(self) -> dict[str, Any]:
        data: dict[str, Any] = super().load()
        now = int(time.time())
        if data and now - data.get(USED, 0) >= WRITTEN_EVERY_SECONDS:
            data |= {USED: now, BEGAN: data.get(BEGAN, now)}
            self.modified = True
        return data

    def save(self, must_create: bool = False) -> None:
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        if data:
            now = int(time.time())
            data[USED] = data.get(USED, now)
            data[BEGAN] = data.get(BEGAN, now)
        super().save(must_create)

    def cycle_key(self) -> None:
        """Somebody logs in: what was begun before that is not what began."""
        if not self.keeps_key:
            self.pop(BEGAN, None)
            super().cycle_key()
