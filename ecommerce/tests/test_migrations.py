"""scripts/migrations.py finds what would stop a large table, or can't be undone."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, migrations, models
from django.db.migrations.state import ProjectState
from django_migration_linter.migration_linter import MigrationLinter
from django_migration_linter.sql_analyser.base import Issue

from scripts.migrations import complaints, findings, mysql_without_a_server


@pytest.fixture(scope="module")
def linter() -> Iterator[MigrationLinter]:
    try:
        without = mysql_without_a_server()
    except ImproperlyConfigured:
        pytest.skip("mysqlclient is not installed")
    before = connections["default"]
    connections["default"] = without
    try:
        yield MigrationLinter(analyser_string="mysql", no_cache=True)
    finally:
        connections["default"] = before


@pytest.fixture(scope="module")
def state(linter: MigrationLinter) -> ProjectState:
    return linter.migration_loader.project_state()


def change(apps: Any, schema_editor: Any) -> None:
    apps.get_model("products", "Product").objects.update(stock=1)


def add_an_index(apps: Any, schema_editor: Any) -> None:
    schema_editor.execute("CREATE FULLTEXT INDEX words ON products_product (name)")


def undo(apps: Any, schema_editor: Any) -> None:
    pass


PLANTED = [
    (
        "a foreign key",
        migrations.AddField(
            "order", "seller", models.ForeignKey("users.User", models.PROTECT, null=True)
        ),
        {"STOPS_WRITES"},
    ),
    (
        "another type",
        migrations.AlterField("order", "total", models.IntegerField()),
        {"STOPS_WRITES", "NOT_NULL"},
    ),
    (
        "a constraint to check",
        migrations.AddConstraint(
            "order", models.CheckConstraint(condition=models.Q(total__lt=9), name="few")
        ),
        {"STOPS_WRITES"},
    ),
    (
        "a unique constraint",
        migrations.AddConstraint(
            "order", models.UniqueConstraint(fields=["created_at"], name="one_at_a_time")
        ),
        {"ADD_UNIQUE"},
    ),
    (
        "a column that code of before does not fill",
        migrations.AddField("order", "weight", models.IntegerField(default=0)),
        {"NOT_NULL"},
    ),
    ("a column that is gone", migrations.RemoveField("order", "day"), {"DROP_COLUMN"}),
    (
        "a column by another name",
        migrations.RenameField("order", "day", "date"),
        {"RENAME_COLUMN"},
    ),
    ("a table that is gone", migrations.DeleteModel("OrderItem"), {"DROP_TABLE"}),
    (
        "code that can't be undone",
        migrations.RunPython(change, atomic=False),
        {"RUNPYTHON_REVERSIBLE"},
    ),
    ("a statement that can't be undone", migrations.RunSQL("DELETE FROM x"), {"RUNSQL_REVERSIBLE"}),
    ("all rows in one transaction", migrations.RunPython(change, undo), {"LOCKS_ROWS"}),
    (
        "what no linter sees",
        migrations.RunPython(add_an_index, undo, atomic=False),
        {"UNSEEN"},
    ),
    ("an index", migrations.AddIndex("order", models.Index(fields=["day"], name="by_day")), set()),
    (
        "a column that may be empty",
        migrations.AddField("order", "note", models.CharField(max_length=9, null=True)),
        set(),
    ),
    (
        "a column that the database fills",
        migrations.AddField("order", "weight", models.IntegerField(default=0, db_default=0)),
        set(),
    ),
    ("code in batches", migrations.RunPython(change, undo, atomic=False), set()),
]


@pytest.mark.parametrize(
    ("operation", "codes"),
    [case[1:] for case in PLANTED],
    ids=[case[0] for case in PLANTED],
)
def test_what_is_planted_is_found(
    linter: MigrationLinter, state: ProjectState, operation: Any, codes: set[str]
) -> None:
    planted = type("Migration", (migrations.Migration,), {"operations": [operation]})
    migration = planted("0099_planted", "orders")

    assert {found.code for found in findings(migration, state.clone(), linter)} == codes


def test_what_is_not_known_is_told_and_what_is_known_in_vain() -> None:
    gone, moved = Issue("DROP_TABLE", "it goes", table="x"), Issue("LOCKS_ROWS", "it locks")
    found = {"a.1": [gone], "a.2": [gone, moved], "a.3": []}

    assert complaints(found, {}) == [
        "a.1: DROP_TABLE: it goes (x)",
        "a.2: DROP_TABLE: it goes (x)",
        "a.2: LOCKS_ROWS: it locks",
    ]
    known = {"a.1": {"DROP_TABLE": "…"}, "a.2": {"DROP_TABLE": "…", "LOCKS_ROWS": "…"}}
    assert complaints(found, known) == []
    known |= {"a.3": {"LOCKS_ROWS": "…"}, "a.4": {"DROP_TABLE": "…"}}
    assert complaints(found, known) == [
        "a.3: LOCKS_ROWS is known and not found",
        "a.4: DROP_TABLE is known and not found",
    ]
