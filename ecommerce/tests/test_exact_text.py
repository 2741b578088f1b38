"""By whichever text rows are told apart, it is told apart alike on every database: exactly.

The kind: a column that a server compares by its default collation, which takes "í" for "i". So do
all of a library's, whose fields are not ours.
"""

import pytest
from django.apps import apps
from django.db import connection

EXACT = {None, "BINARY", "utf8mb4_bin", "ascii_bin"}
MAY_BE_ALIKE = {
    "auth_group.name": "two groups of names that look alike are refused by the form, as one",
    "auth_permission.codename": "the code's own words",
    "axes_accessattempt.ip_address": "digits, as we write them",
    "axes_accessattempt.user_agent": "counts are by name and address, whatever it is",
    "axes_accessfailurelog.ip_address": "is not written (AXES_ENABLE_ACCESS_FAILURE_LOG)",
    "axes_accessfailurelog.user_agent": "the same",
    "axes_accessfailurelog.username": "the same",
    "axes_accesslog.ip_address": "a log: a sign-in's end is found by the hash of its session",
    "axes_accesslog.user_agent": "the same",
    "axes_accesslog.username": "the same",
    "django_content_type.app_label": "the code's own words",
    "django_content_type.model": "the code's own words",
    "django_session.session_key": "made at random of a-z0-9: who knows it in capitals knows it",
}
"""Columns that are left to the server, and why nobody gains by it."""


def columns_that_tell_rows_apart() -> set[str]:
    """Texts that are unique, by themselves or with others, or that rows are found by (indexed)."""
    found = set()
    for model in apps.get_models(include_auto_created=True):
        opts = model._meta
        together = {name for names in opts.unique_together for name in names}
        for index in (*opts.indexes, *opts.constraints):
            together.update(name.lstrip("-") for name in getattr(index, "fields", ()))
        found |= {
            f"{opts.db_table}.{field.column}"
            for field in opts.local_fields
            if "CharField" in field.get_internal_type()
            or field.get_internal_type() in {"SlugField", "TextField", "GenericIPAddressField"}
            if field.unique or field.db_index or field.name in together
        }
    return found


@pytest.mark.django_db
def test_what_tells_rows_apart_is_compared_exactly_or_nobody_gains_by_it() -> None:
    told_apart = columns_that_tell_rows_apart()
    with connection.cursor() as cursor:
        inexact = {
            f"{table}.{column.name}"
            for table in {name.partition(".")[0] for name in told_apart}
            for column in connection.introspection.get_table_description(cursor, table)
            if column.collation not in EXACT
        }

    assert "axes_accessattempt.username" in told_apart
    assert MAY_BE_ALIKE.keys() <= told_apart
    assert inexact & told_apart <= MAY_BE_ALIKE.keys()
