"""What the import contracts can't see: no app names those above it by string or by relation."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings

PROJECT = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
CONTRACTS = PROJECT["tool"]["importlinter"]


def apps_above() -> dict[str, set[str]]:
    """What each app knows nothing of, as `[tool.importlinter]` has it."""
    roots = set(CONTRACTS["root_packages"])
    above: dict[str, set[str]] = {}
    for contract in CONTRACTS["contracts"]:
        if contract["type"] == "layers" and "containers" not in contract:
            higher: set[str] = set()
            for layer in contract["layers"]:
                together = {name.strip() for name in layer.split("|")}
                above |= {name: higher | together - {name} for name in together}
                higher |= together
    for contract in CONTRACTS["contracts"]:
        forbidden = roots & set(contract.get("forbidden_modules", []))
        for name in roots & set(contract.get("source_modules", [])):
            above[name] |= forbidden
    return {name: names for name, names in above.items() if names}


ABOVE = apps_above()


def sources(app: str) -> Iterator[Path]:
    for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
        if not {"tests", "migrations"} & set(path.parts):
            yield path


def relations_from(app: str, others: set[str]) -> set[str]:
    """What models of the others call themselves on the models of an app."""
    return {
        name
        for model in apps.get_app_config(app).get_models()
        for relation in model._meta.related_objects
        if relation.related_model._meta.app_label in others
        for name in (relation.get_accessor_name(), relation.name)
        if name
    }


def names_in(source: str) -> Iterator[tuple[int, str]]:
    """Each attribute, and each part of what could be a look-up or a permission."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.keyword) and node.arg:
            yield from ((node.value.lineno, part) for part in node.arg.split("__"))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            app, dot, _ = node.value.partition(".")
            if dot and " " not in node.value:
                yield node.lineno, f"{app}."
            yield from ((node.lineno, part) for part in node.value.split("__"))


def named_above(app: str, source: str) -> list[str]:
    forbidden = relations_from(app, ABOVE[app]) | {f"{other}." for other in ABOVE[app]}
    return [f"{line}: {name}" for line, name in names_in(source) if name in forbidden]


def test_the_layers_are_those_of_the_contracts() -> None:
    assert ABOVE.keys() == set(CONTRACTS["root_packages"]) - {"ecommerce"}
    assert ABOVE["orders"] == {"ecommerce"}
    assert ABOVE["coupons"] == {"products", "stats", "orders", "ecommerce"}
    assert {"users", "coupons", "orders"} < ABOVE["products"]


@pytest.mark.parametrize("app", sorted(ABOVE))
def test_an_app_names_none_above_it(app: str) -> None:
    found = {
        str(path.relative_to(settings.BASE_DIR)): named
        for path in sources(app)
        if (named := named_above(app, path.read_text()))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("app", "source", "named"),
    [
        ("users", "latest = user.orders.all()", ["1: orders"]),
        ("users", "user.has_perm('orders.view_order')", ["1: orders."]),
        ("products", "\nrows.filter(daily_sales__day__gte=since)", ["2: daily_sales"]),
        ("products", "\nSum('daily_sales__quantity')", ["2: daily_sales"]),
        ("coupons", "User.objects.filter(pk=1)", []),
    ],
)
def test_names_are_seen(app: str, source: str, named: list[str]) -> None:
    assert named_above(app, source) == named
