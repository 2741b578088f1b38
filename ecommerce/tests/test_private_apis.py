"""docs/private_apis.md: each name is there as it was, and no other is used."""

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

PAGE = settings.BASE_DIR / "docs" / "private_apis.md"
PROJECT = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())
APPS = (*PROJECT["tool"]["importlinter"]["root_packages"], "scripts")
ROW = re.compile(r"^\| `([^`]+)`(?: in `([^`]+)`)? \| ([^|]+) \|", re.MULTILINE)
ROWS = ROW.findall(PAGE.read_text())

DOCUMENTED = {"_meta", "_state", "_default_manager", "_"}
"""Names with an underscore that Django's documentation has."""
OF_FORMS = {"_addanother", "_continue", "_save", "_selected_action"}
"""Names of the admin's inputs and buttons."""
NO_NAMES = {
    *("_change", "_changelist", "_close_now", "_delete_draft_action", "_open_now_action"),
    *("_id", "_ms", "_noop", "_now", "_rels", "_wrong_", "_x"),
}
"""Parts of texts: of names of views, rules, columns, of what is measured, of files in Excel's."""


def named(path: str) -> Any:
    """What a dotted path names: a module, or something in one."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for name in parts[end:]:
            found = getattr(found, name)
        return found
    raise AssertionError(f"{path} is not installed")


def parameters_of(function: Any) -> str:
    signature = inspect.signature(function)
    bare = [one.replace(annotation=one.empty) for one in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


@pytest.mark.parametrize(("what", "where", "used_in"), ROWS, ids=[row[0] for row in ROWS])
def test_a_private_name_is_as_the_page_says(what: str, where: str, used_in: str) -> None:
    if where:
        assert what in inspect.getsource(named(where))
    else:
        path, parenthesis, parameters = what.partition("(")
        assert parenthesis + parameters == parameters_of(named(path))
    for file in re.findall("`([^`]+)`", used_in):
        last = re.findall(r"\w+", what.partition("(")[0])[-1]
        words = {last, last.removeprefix("self."), "interrupt_signal", "SIGTERM"}
        assert any(word in (settings.BASE_DIR / file).read_text() for word in words)


# --- That the page has them all -----------------------------------------------------------------


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for app in APPS:
        for path in sorted((settings.BASE_DIR / app).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.parts):
                yield path, ast.parse(path.read_text())


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def defined_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            is_own = isinstance(node.value, ast.Name) and node.value.id == "self"
            if is_own:
                yield node.attr


def used_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def private_names_used() -> set[str]:
    """Private names that are used, and that no source of ours defines."""
    trees = [tree for _, tree in sources()]
    ours = {name for tree in trees for name in defined_in(tree)}
    used = {name for tree in trees for name in used_in(tree) if is_private(name)}
    return {name for name in used - ours if name.isidentifier()}


def overridden() -> Iterator[str]:
    """Private methods of ours that a library's class has, too."""
    for path, tree in sources():
        module = ".".join(path.relative_to(settings.BASE_DIR).with_suffix("").parts)
        for node in tree.body:
            if not isinstance(node, ast.ClassDef) or module.startswith("scripts"):
                continue
            bases = getattr(import_module(module), node.name).__mro__[1:]
            theirs = [base for base in bases if not base.__module__.startswith(APPS)]
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and is_private(method.name):
                    yield from (method.name for base in theirs if method.name in vars(base))


def names_on_the_page() -> set[str]:
    return {name for what, _, _ in ROWS for name in re.findall(r"\w+", what)}


def test_the_page_has_every_private_name_that_is_used() -> None:
    known = names_on_the_page() | DOCUMENTED | OF_FORMS | NO_NAMES
    assert private_names_used() - known == set()


def test_the_page_has_every_private_method_that_is_overridden() -> None:
    found = set(overridden())
    assert {"_clone", "_save_m2m", "_get_response_bodies"} <= found
    assert found - names_on_the_page() == set()


def test_a_name_that_is_gone_is_noticed() -> None:
    with pytest.raises(AttributeError):
        named("django.db.models.query.QuerySet._clone_me")
