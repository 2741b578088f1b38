"""The check of the documents finds what is dead. It is run on all of them by `make lint`."""

import shutil
from pathlib import Path

import pytest

from scripts import documents
from scripts.documents import (
    Document,
    Repository,
    broken_diagrams,
    faults,
    missing_from_map,
    out_of_step,
)

ALIVE = """# A page

## Here it is, `once`

[a file](../README.md) · [its heading](../README.md#a-tour) · [here](#here-it-is-once)
`make test` · `manage.py audit` · `python -m scripts.erd` · `stats/services.py` · `errors.py`
`GROUP_COMMIT_MAX_BATCH` · `run_transaction()` · `Wallet.balance` · `POST orders/{id}/cancel/`
`charge/` · `common/db/` · `LocaleMiddleware`

```bash
make env && SEED_DEMO=1 make run
```
"""


@pytest.fixture(scope="module")
def repository() -> Repository:
    return Repository()


def found_in(text: str, repository: Repository, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    page = Document(Path("docs/page.md"), text)
    pages = {**repository.documents, "docs/page.md": page}
    monkeypatch.setattr(repository, "documents", pages)
    monkeypatch.setattr(documents, "broken_diagrams", lambda pages: iter(()))
    return [fault for fault in faults(repository) if fault.startswith("docs/page.md: ")]


def test_what_is_alive_is_left_alone(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert found_in(ALIVE, repository, monkeypatch) == []


@pytest.mark.parametrize(
    "dead",
    # The ~ goes: else these names would be in the code, here.
    [
        "[a file](no_such_page.md)",
        "[a heading](../README.md#no-such-heading)",
        "[a heading](#no-such-heading)",
        "`make nothing`",
        "`manage.py nothing`",
        "`python -m scripts.nothing`",
        "`orders/nothing.py`",
        "`nothing_at_all.py`",
        "`common/nothing/`",
        "`POST orders/{id}/undo/`",
        "`GET users/me/wallets/`",
        "`NO_SU~CH_SETTING`",
        "`no_su~ch_function()`",
        "`NoSu~chModel`",
        "`Wallet.no_su~ch_field`",
        "```bash\nmake nothing\n```",
    ],
)
def test_what_is_dead_is_found(
    dead: str, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{ALIVE}\n{dead.replace('~', '')}\n"
    assert len(found_in(text, repository, monkeypatch)) == 1, dead


def test_a_module_that_the_map_does_not_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    repository = Repository()
    assert list(missing_from_map(repository)) == []
    monkeypatch.setattr(
        repository,
        "files",
        ["common/api/nowhere.py", "common/api/tests/nowhere.py", "orders/urls.py", "README.md"],
    )
    assert list(missing_from_map(repository)) == ["common/api/nowhere.py has no place in it"]


def test_a_superseded_decision_may_name_what_is_gone(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = "# 1. A way\n\nSuperseded by [the page](README.md).\n\n`no_su~ch_function()`\n".replace(
        "~", ""
    )
    assert found_in(gone, repository, monkeypatch) == []
    assert len(found_in(f"{gone}[dead](gone.md)\n", repository, monkeypatch)) == 1


def test_a_name_in_a_comment_or_docstring_does_not_count(tmp_path: Path) -> None:
    code = tmp_path / "code.py"
    code.write_text('"""in_docstring"""\nlive = {"in_string": 1}  # in_comment\n')
    assert set(documents._words_of_python(code)) == {"live", "in_string", "1"}


def test_without_node_the_diagrams_are_told_of_or_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    page = Document(Path("docs/page.md"), "```mermaid\nflowchart TD\n```\n")
    monkeypatch.delenv("REQUIRE_NODE", raising=False)
    assert list(broken_diagrams([page])) == []
    assert capsys.readouterr().err == "Diagrams are not parsed: node or npm is missing.\n"
    monkeypatch.setenv("REQUIRE_NODE", "1")
    assert len(list(broken_diagrams([page]))) == 1


@pytest.mark.skipif(
    not (documents.DIAGRAMS / "node_modules").exists(), reason="needs npm ci in scripts/diagrams"
)
def test_a_diagram_that_does_not_parse_is_named() -> None:
    text = (
        "```mermaid\nflowchart TD\n  a --> b\n```\n\n```mermaid\nflowchart TD\n  a[x --> b\n```\n"
    )
    (found,) = broken_diagrams([Document(Path("docs/page.md"), text)])
    assert found.startswith("docs/page.md, diagram 2: does not parse")


# --- Pages in Korean ----------------------------------------------------------------------------

SOURCE = Document(
    Path("docs/page.md"),
    "# A page\n\n[한국어](page.ko.md)\n\n## API\n\n```bash\nls\n```\n\n### Sent twice\n",
)
KOREAN = (
    "# 문서\n\n[English](page.md)\n\n## API\n\n```bash\nls\n```\n\n### 두 번 보내기\n\n"
    f"<!-- page.md as of {SOURCE.fingerprint} -->\n"
)


def korean_faults(korean: str, source: Document, repository: Repository) -> list[str]:
    page = Document(Path("docs/page.ko.md"), korean)
    repository.documents = {"docs/page.md": source, "docs/page.ko.md": page}
    return list(out_of_step(page, repository))


@pytest.fixture
def pages() -> Repository:
    return Repository()


def test_a_page_in_step_with_its_source_is_left_alone(pages: Repository) -> None:
    assert korean_faults(KOREAN, SOURCE, pages) == []


def test_a_source_that_has_changed_since_is_noticed(pages: Repository) -> None:
    changed = Document(SOURCE.path, SOURCE.text + "One word more.\n")
    (fault,) = korean_faults(KOREAN, changed, pages)
    assert fault.startswith("page.md has changed since")
    assert fault.endswith(f"<!-- page.md as of {changed.fingerprint} -->")


@pytest.mark.parametrize(
    ("there", "instead", "told"),
    [
        ("### 두 번 보내기", "## 두 번 보내기", "other headings than page.md"),
        ("### 두 번 보내기", "", "other headings than page.md"),
        ("### 두 번 보내기", "### Twice", "the heading 'Twice' is not in Korean"),
        ("ls", "ls -l", "other code than page.md"),
        ("[English](page.md)", "", "page.ko.md has no link to page.md at its top"),
        ("<!-- ", "<!-- 2026 ", "page.md has changed since"),
    ],
)
def test_what_is_out_of_step_is_noticed(
    pages: Repository, there: str, instead: str, told: str
) -> None:
    (fault,) = korean_faults(KOREAN.replace(there, instead), SOURCE, pages)
    assert fault.startswith(told)


def test_a_page_without_a_source_or_a_link_from_it_is_noticed(pages: Repository) -> None:
    alone = Document(Path("docs/other.ko.md"), KOREAN)
    assert list(out_of_step(alone, pages)) == ["in Korean, of other.md, which is not there"]
    silent = Document(SOURCE.path, SOURCE.text.replace("[한국어](page.ko.md)", ""))
    korean = KOREAN.replace(SOURCE.fingerprint, silent.fingerprint)
    assert korean_faults(korean, silent, pages) == ["page.md has no link to page.ko.md at its top"]
