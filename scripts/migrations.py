"""Which migrations would stop a large table on MySQL, or can't be undone.

    python -m scripts.migrations

django-migration-linter reads the statements that Django would send, and the code beside them; what
copies a table on MySQL, and what keeps its rows locked, is added here. No database is asked.
"""

import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from unittest.mock import MagicMock, Mock

import django
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db.migrations import Migration, RunPython, RunSQL
from django.db.migrations.state import ProjectState
from django_migration_linter.migration_linter import MigrationLinter
from django_migration_linter.sql_analyser.analyser import analyse_sql_statements
from django_migration_linter.sql_analyser.base import Check, CheckMode, CheckType, Issue
from django_migration_linter.sql_analyser.mysql import MySqlAnalyser

NAMING = ("RUNPYTHON_ARGS_NAMING_CONVENTION", "RUNPYTHON_MODEL_VARIABLE_NAME")
"""What the linter says of names."""

KNOWN: Mapping[str, Mapping[str, str]] = {
    "ecommerce.0001_staff_groups": {
        "LOCKS_ROWS": "three groups and what they may: nobody waits for them",
    },
    "ecommerce.0002_audit_run": {
        "LOCKS_ROWS": "one group, and one thing more that it may",
    },
    "ecommerce.0003_no_closed_days": {
        "DROP_TABLE": "sums of orders, which are there; the dashboard of before misses them",
    },
    "ecommerce.0004_running_audit": {
        "LOCKS_ROWS": "one group, and one thing more that it may",
    },
    "ecommerce.0005_see_imports": {
        "LOCKS_ROWS": "a few groups, and one thing more that each may",
    },
    "ecommerce.0006_no_export_permissions": {
        "LOCKS_ROWS": "three permissions, and who has them",
    },
    "products.0002_product_sku": {
        "NOT_NULL": "code of before makes no products from here on; only staff make them",
        "ADD_UNIQUE": "each product has one of its own by then, from its key",
    },
    "products.0003_product_search": {
        "UNSEEN": "a full-text index: products can't be written meanwhile (docs/operations.md)",
    },
    "products.0007_search_words": {
        "NOT_NULL": "code of before makes no products from here on; only staff make them",
        "STOPS_WRITES": "products can't be written meanwhile (docs/operations.md)",
        "UNSEEN": "the same, for its full-text index",
    },
    "products.0010_imported_batch": {
        "DROP_TABLE": "what imports of the days before did, which no release has kept",
    },
    "users.0003_sessions": {
        "NOT_NULL": "the next but one has a default in the database; sign-ups fail until then",
    },
    "users.0004_move_refresh_tokens": {
        "UNSEEN": "drops two tables that no code knows any more: what was good has been moved",
    },
    "users.0010_names_as_typed": {
        "UNSEEN": "a column of wrong passwords: as many rows as came in a quarter of an hour",
    },
}
"""What is found in a migration, and why it may stay: the table is short, or nobody needs it then.

Another one is better parted into steps that suit the code of before and after each of them. Where
none do, its name comes here with the reason, and docs/operations.md says what waits for it.
"""


def findings(migration: Migration, state: ProjectState, linter: MigrationLinter) -> Iterator[Issue]:
    """All that is to be said of a migration, known or not; the state is that after it then."""
    with connections["default"].schema_editor(collect_sql=True) as editor:
        migration.apply(state, editor, collect_sql=True)
    statements = [line for line in editor.collected_sql if not line.startswith("--")]
    errors, _, warnings = analyse_sql_statements(Analyser, statements)
    yield from (*errors, *warnings)
    errors, _, warnings = linter.analyse_data_migration(migration)
    yield from (found for found in (*errors, *warnings) if found.code not in NAMING)
    for operation in migration.operations:
        if isinstance(operation, RunPython):
            yield from _of_code(operation, migration)
        elif not operation.reversible and not isinstance(operation, RunSQL):
            yield Issue("IRREVERSIBLE", f"{operation.describe()}: it can't be undone")


def findings_of_all(linter: MigrationLinter) -> dict[str, list[Issue]]:
    """What is to be said of each of our migrations, by app and name."""
    loader = linter.migration_loader
    graph, state = loader.graph, ProjectState(real_apps=loader.unmigrated_apps)
    plan = dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf))
    found = {}
    for key in plan:
        migration = loader.get_migration(*key)
        if "site-packages" in (inspect.getsourcefile(type(migration)) or ""):
            migration.mutate_state(state, preserve=False)
        else:
            found[".".join(key)] = list(findings(migration, state, linter))
    return found


def complaints(
    found: Mapping[str, list[Issue]], known: Mapping[str, Mapping[str, str]]
) -> list[str]:
    """A sentence for what is found and not known, and for what is known and not found."""
    return [
        *(
            f"{name}: {issue.code}: {issue.message}" + (f" ({issue.table})" if issue.table else "")
            for name, issues in found.items()
            for issue in issues
            if issue.code not in known.get(name, {})
        ),
        *(
            f"{name}: {code} is known and not found"
            for name, codes in known.items()
            for code in codes.keys() - {issue.code for issue in found.get(name, [])}
        ),
    ]


# --- What MySQL does ------------------------------------------------------------------------------


def _stops_writes(sql: list[str], **kwargs: Any) -> bool:
    """Whether a table with rows takes no writes meanwhile (MySQL's manual, Online DDL Operations).

    It is copied for a column of another type, one that is computed and stored, a constraint to
    check, a foreign key while keys are checked, another primary key. An UPDATE locks all rows.
    """
    made = {match[1] for line in sql if (match := re.match(r"CREATE TABLE (`\w+`)", line))}
    stops = re.compile(
        r"UPDATE |.*\b(MODIFY|STORED|CHECK|FOREIGN KEY|(ADD|DROP) PRIMARY KEY|FULLTEXT)\b"
    )
    return any(
        match[1] not in made and stops.match(line)
        for line in sql
        if (match := re.match(r"(?:UPDATE|ALTER TABLE|CREATE .*?INDEX .*? ON) (`\w+`)", line))
    )


class Analyser(MySqlAnalyser):
    """The linter's, with what MySQL stops a table for."""

    migration_checks = [
        *MySqlAnalyser.migration_checks,
        Check(
            code="STOPS_WRITES",
            fn=_stops_writes,
            message="a table takes no writes while MySQL copies it, or changes all of its rows",
            mode=CheckMode.TRANSACTION,
            type=CheckType.ERROR,
        ),
    ]


UNSEEN = re.compile(
    r"\b(CREATE|DROP|ALTER|RENAME)\s+(\w+\s+)?(TABLE|INDEX)\b"
    r"|schema_editor\.(add|alter|create|delete|remove|rename)_"
)


def _of_code(operation: RunPython, migration: Migration) -> Iterator[Issue]:
    name = getattr(operation.code, "__name__", "code")
    if operation.atomic or (operation.atomic is None and migration.atomic):
        advice = "atomic=False, and a transaction for each batch"
        yield Issue(
            "LOCKS_ROWS", f"{name}: all rows that it changes are locked to its end; {advice}"
        )
    if UNSEEN.search(inspect.getsource(operation.code)):
        yield Issue("UNSEEN", f"{name}: changes the schema, and how long that takes is not seen")


# --- Without a server -----------------------------------------------------------------------------


def mysql_without_a_server() -> Any:
    """A connection by which Django writes for MySQL and asks nobody.

    Raises ImproperlyConfigured without mysqlclient.
    """
    from django.db.backends.mysql.base import DatabaseWrapper  # noqa: PLC0415  may be missing

    class Unconnected(DatabaseWrapper):
        mysql_server_data = {
            "version": "9.7.0",
            "sql_mode": "STRICT_TRANS_TABLES",
            "default_storage_engine": "InnoDB",
            "sql_auto_is_null": False,
            "lower_case_table_names": False,
            "has_zoneinfo_database": True,
        }

        def ensure_connection(self) -> None:
            pass

        def cursor(self) -> Any:
            finds_nothing = MagicMock(description=())
            finds_nothing.__enter__.return_value = finds_nothing
            finds_nothing.fetchone.return_value, finds_nothing.fetchall.return_value = None, []
            return finds_nothing

    unconnected = Unconnected({**connections["default"].settings_dict, "OPTIONS": {}}, "default")
    # It quotes values, for which the driver wants a connection.
    unconnected.connection = Mock(escape=lambda value, encoders: f"'{value}'")
    return unconnected


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    django.setup()
    try:
        connections["default"] = mysql_without_a_server()
    except ImproperlyConfigured:
        print("Without mysqlclient the migrations are not looked at.", file=sys.stderr)
        return 0
    linter = MigrationLinter(analyser_string="mysql", no_cache=True)
    said = complaints(findings_of_all(linter), KNOWN)
    for sentence in said:
        print(sentence, file=sys.stderr)
    return bool(said)


if __name__ == "__main__":
    sys.exit(main())
