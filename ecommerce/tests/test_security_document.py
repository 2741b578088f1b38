"""docs/security.md names tests that there are, each in one place."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "security.md"
TESTS_MIN = 100
"""The document is about what shows it: one that names fewer was cut, or is read wrongly."""


def functions_of_tests() -> dict[str, set[str]]:
    """The files, below the checkout, that each test function is in."""
    found: dict[str, set[str]] = defaultdict(set)
    for folder in (path for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."):
        for path in folder.rglob("test_*.py"):
            for name in re.findall(
                r"^\s*(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE
            ):
                found[name].add(str(path.relative_to(ROOT)))
    return found


def dead_names(text: str) -> list[str]:
    """What `text` names as a test, and is none, or may be several; files of tests too."""
    functions = functions_of_tests()
    files = {Path(path).name for paths in functions.values() for path in paths}
    dead = []
    for name in re.findall(r"`(test_[\w.]+)`", text):
        if name not in files and len(functions.get(name, ())) != 1:
            dead.append(name)
    return dead


def test_each_test_that_is_named_is_there_once() -> None:
    text = DOCUMENT.read_text()
    assert dead_names(text) == []
    assert len(set(re.findall(r"`(test_[\w.]+)`", text))) >= TESTS_MIN


@pytest.mark.parametrize(
    "name",
    [
        "test_that_there_is_not",
        "test_no_such_file.py",
        "test_who_is_not_signed_in_is_refused",  # there are several
    ],
)
def test_a_dead_name_is_noticed(name: str) -> None:
    alive = "`test_each_test_that_is_named_is_there_once` `test_security_document.py`"
    assert dead_names(f"{alive} and `{name}`") == [name]


def test_each_file_and_heading_that_is_linked_is_there() -> None:
    for link in re.findall(r"\]\(([^)]+)\)", DOCUMENT.read_text()):
        if link.startswith("https://"):
            continue
        path, _, heading = link.partition("#")
        target = (DOCUMENT.parent / path).resolve() if path else DOCUMENT
        assert target.is_file(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)
        slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
        assert not heading or heading in slugs, link
