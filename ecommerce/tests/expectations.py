"""What tests of all apps look at: refusals, pages, statements, and that nothing changed."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from rest_framework.response import Response
from rest_framework.test import APIClient

from events.services import kinds_heard

SHOP = ("users", "products", "coupons", "stats", "orders", "events")

NOT_SHOP = ("ImportFile", "Outgoing", "Turn")
"""A file, which is kept when it is looked at, and events before they have their places."""

IDS_OF_NOTHING = ["0", "999999999999999999", "9" * 19, "9" * 40, "-1", "one"]
"""What may stand for an id in a path, and is none."""

PAGES_MAX = 10

Refusal = tuple[int, str, list[tuple[str, str | None]]]


def refusal(answer: Response) -> Refusal:
    """An error answer's status and type, and the code and field of each of its errors."""
    body = answer.json()
    errors = [(error["code"], error["attr"]) for error in body["errors"]]
    return answer.status_code, body["type"], errors


def refused(status: int, code: str, attr: str | None = None) -> Refusal:
    """The refusal with this one error."""
    return status, "validation_error" if status == 400 else "client_error", [(code, attr)]


def ids_by_page(client: APIClient, url: str) -> list[list[int]]:
    """The ids of a list's rows, page by page, following `next` from `url` on."""
    pages: list[list[int]] = []
    following: str | None = url
    while following and len(pages) < PAGES_MAX:
        page = client.get(following).json()
        pages.append([row["id"] for row in page["results"]])
        following = page["next"]
    return pages


def count_statements(work: Callable[..., object], *args: Any, **kwargs: Any) -> int:
    """How many SQL statements a call of `work` sends, once it is known who listens to events."""
    kinds_heard()
    with CaptureQueriesContext(connection) as statements:
        work(*args, **kwargs)
    return len(statements)


@contextmanager
def nothing_changes(*, but: Collection[str] = ()) -> Iterator[None]:
    """Fails when what is done inside leaves any row of the shop other than it was.

    Rows of the apps named in `but` may change.
    """
    before = shop_state(but)
    yield
    after = shop_state(but)
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}


def shop_models() -> list[Any]:
    """The models whose rows are the shop's."""
    models = (model for label in SHOP for model in apps.get_app_config(label).get_models())
    return [model for model in models if model.__name__ not in NOT_SHOP]


def shop_state(but: Collection[str] = ()) -> dict[str, list[dict[str, Any]]]:
    """Every row of the shop as the database has it, by model, but for some apps."""
    state = {}
    with connection.cursor() as cursor:
        for model in shop_models():
            if model._meta.app_label not in but:
                cursor.execute(_every_row(model))
                columns = [column[0] for column in cursor.description]
                state[model.__name__] = [dict(zip(columns, row, strict=True)) for row in cursor]
    return state


@cache
def _every_row(model: Any) -> str:
    """Written once: for Django to make it costs many times what the answer of few rows does."""
    quote = connection.ops.quote_name
    table, key = quote(model._meta.db_table), quote(model._meta.pk.column)
    return f"SELECT * FROM {table} ORDER BY {key}"  # noqa: S608


@contextmanager
def database_refuses(constraint: str) -> Iterator[None]:
    """Fails unless the database itself refuses what is done inside, naming `constraint` (regex).

    A broken check is error 3819 of MySQL and 4025 of MariaDB; Django makes an IntegrityError of
    both. SQLite names the columns of a unique constraint rather than the constraint.
    """
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        yield
