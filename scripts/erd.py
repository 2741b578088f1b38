"""Print the entity-relationship diagram of the shop's own models, as Markdown with Mermaid.

python -m scripts.erd > docs/erd.md
"""

import os
from collections.abc import Iterator

import django
from django.apps import apps
from django.db import models
from django.db.models.expressions import CombinedExpression

OWN_APPS = ["users", "products", "coupons", "stats", "orders", "events", "common", "ecommerce"]
ABSTRACT_USER_FIELDS = {"last_login", "is_superuser", "first_name", "last_name"}

HEADER = """\
# ERD

Made from the models by `make docs`; the checks fail when it is stale. Amounts are whole won. Every
`>=` and sum that a constraint can express is one in the database, listed below the diagram. A
number in brackets is the most characters. Left out are the tables of Django and of libraries, and
of Django's user `last_login`, `is_superuser`, `first_name` and `last_name`.
"""


def main() -> None:
    own = [model for label in OWN_APPS for model in apps.get_app_config(label).get_models()]
    print(HEADER)
    print("```mermaid\nerDiagram")
    for model in own:
        print("\n".join(_entity(model)))
    for model in own:
        print("\n".join(_relations(model, own)))
    print("```\n\n## Constraints and indexes\n")
    print("| table | name | what |\n|---|---|---|")
    for model in own:
        for row in _rules(model):
            print(f"| {model._meta.db_table} | {row} |")


def _entity(model: type[models.Model]) -> Iterator[str]:
    yield f"    {model.__name__} {{"
    for field in model._meta.local_fields:
        if field.name in ABSTRACT_USER_FIELDS:
            continue
        kind = field.get_internal_type().replace("Field", "").lower()
        if field.max_length and not isinstance(field, models.UUIDField):
            kind = f"{kind}({field.max_length})"
        kind = "bigint" if field.remote_field or kind in {"bigauto", "biginteger"} else kind
        key = " PK" if field.primary_key else " FK" if field.remote_field else ""
        if field.unique and not field.primary_key:
            key = f"{key}, UK" if key else " UK"
        notes = [" or ".join(str(value) for value, _ in field.flatchoices)] if field.choices else []
        notes += ["nullable"] if field.null else []
        note = f' "{", ".join(notes)}"' if notes else ""
        yield f"        {kind} {field.column}{key}{note}"
    yield "    }"


def _relations(model: type[models.Model], own: list[type[models.Model]]) -> Iterator[str]:
    for field in model._meta.local_fields:
        target = field.related_model
        if target not in own or not isinstance(target, type):
            continue
        many = "o|" if field.unique else "o{"
        one = "|o" if field.null else "||"
        yield f'    {target.__name__} {one}--{many} {model.__name__} : "{field.name}"'


def _rules(model: type[models.Model]) -> Iterator[str]:
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            yield f"`{constraint.name}` | unique ({', '.join(constraint.fields)})"
        elif isinstance(constraint, models.CheckConstraint):
            yield f"`{constraint.name}` | check `{_said(constraint.condition)}`"
    for index in model._meta.indexes:
        yield f"`{index.name}` | index ({', '.join(index.fields)})"


SIGNS = {"gte": ">=", "gt": ">", "lte": "<=", "lt": "<", "exact": "="}


def _said(part: object) -> str:
    """A condition as SQL would say it."""
    if isinstance(part, models.Q):
        inner = f" {part.connector} ".join(_said(child) for child in part.children)
        inner = f"({inner})" if len(part.children) > 1 else inner
        return f"NOT {inner}" if part.negated else inner
    if not isinstance(part, tuple):
        return _value(part)
    name, _, lookup = str(part[0]).partition("__")
    if part[1] is None or lookup == "isnull":
        return f"{name} IS {'NOT ' * (part[1] is False)}NULL"
    return f"{name} {SIGNS[lookup or 'exact']} {_value(part[1])}"


def _value(value: object) -> str:
    if isinstance(value, models.F):
        return str(value.name)  # type: ignore[attr-defined]
    if isinstance(value, CombinedExpression):
        return f"{_value(value.lhs)} {value.connector} {_value(value.rhs)}"
    return repr(value)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    django.setup()
    main()
