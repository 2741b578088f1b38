"""Members of the running shop who ask over HTTP, many at once."""

import json
import sqlite3
import urllib.request
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError

from rest_framework_simplejwt.tokens import AccessToken

from benchmarks.stack import Database, Server, manage

CLIENTS = 8
"""How many ask at the same time."""


@dataclass(frozen=True)
class Shop:
    """The real server, its database, and the members that it has."""

    server: Server
    database: Database
    members: Sequence[int]

    def url(self, path: str = "") -> str:
        return self.server.url + path

    def ask(self, member: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """What the API answers a member: the status and the body."""
        token = AccessToken()
        token["user_id"] = str(member)
        request = urllib.request.Request(  # noqa: S310
            self.url("/api/v1/" + path),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except HTTPError as refusal:
            with refusal:
                return refusal.code, json.load(refusal)

    def post_as_each(
        self, members: Iterable[int], path: str, body: Any = None
    ) -> list[tuple[int, Any]]:
        """The answers to all of them, who ask `CLIENTS` at a time."""
        with ThreadPoolExecutor(CLIENTS) as clients:
            return list(clients.map(lambda pk: self.ask(pk, "POST", path, body), members))

    def audit(self) -> str:
        """What the audit prints; it raises if the audit finds a violation."""
        return manage(self.database, "audit")


def members_of(database: Database) -> list[int]:
    """The ids of the members who are no staff."""
    connection = sqlite3.connect(database.url.removeprefix("sqlite:///"))
    try:
        rows = connection.execute("SELECT id FROM users_user WHERE is_staff = 0 ORDER BY id")
        return [pk for (pk,) in rows]
    finally:
        connection.close()
