"""Hold the documents against the repository: `python -m scripts.documents`.

Each link and anchor leads somewhere; each file, endpoint, command, setting, function and model that
is named between backticks exists; each module of the shop is in docs/project_structure.md; each
Mermaid diagram parses. Decisions that are superseded may name what is gone. A page in Korean
(`admin.ko.md`) keeps step with its source (`admin.md`). Prints each fault, and exits 1 if there is
one.

The diagrams need node and `npm ci` in scripts/diagrams (scripts/lint does it where npm is found).
"""

import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

import django
from django.core.management import get_commands

LISTED = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
ROOT = Path(__file__).resolve().parent.parent
DIAGRAMS = ROOT / "scripts" / "diagrams"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(\s*<?([^()\s>]+)>?\s*\)")
CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.M)
LEVEL = re.compile(r"^(#{1,6}) ", re.M)
HANGUL = re.compile(r"[가-힣]")
AS_OF = re.compile(r"^<!-- (\S+) as of ([0-9a-f]{12}) -->$", re.M)
ENDINGS = "py|md|ya?ml|json|html|css|js|mjs|po|mo|toml|txt|sh|csv|png|lua|cnf"
FILE = re.compile(rf"^[\w./*-]+\.(?:{ENDINGS})$")
FOLDER = re.compile(r"^\.?[\w*-]+(?:/[\w*-]+)*/$")
ENDPOINT = re.compile(r"^(?:GET|POST|PATCH|PUT|DELETE) ([\w{}/-]+/)(?:\?\S*)?$")
MAKE = re.compile(r"(?:^|&& |\$ |; )(?:[A-Z_]+=\S+ )*make ([a-z][a-z-]*)", re.M)
DOTTED = re.compile(r"^\w+(?:\.\w+)*(?:\(.*\))?$", re.S)
NAME = re.compile(r"[A-Za-z_]\w*")
WORD = re.compile(r"\w+")
LIKE_CODE = re.compile(r"_|[a-z][A-Z]|\(\)$|^\w+\.\w")
ELSEWHERE = {
    "Com_select", "CHECK_REVOKE_TOKEN", "HttpOnly", "LocaleMiddleware", "MARIADB_IMAGE",
    "axes_accessattempt", "binlog_cache_size", "data_locks", "db_collation",
    "innodb_buffer_pool_size", "innodb_lock_schedule_algorithm", "ko_KR", "ngram_token_size",
    "performance_schema", "verb_noun",
}  # fmt: skip
"""Names that are not ours: of the databases, Django, the libraries, the protocols."""
MAP = "docs/project_structure.md"
MAPPED = re.compile(r"^(?:common|ecommerce|events|users|products|coupons|stats|orders)/.*\.py$")
AS_A_WHOLE = re.compile(
    r"/(?:tests|migrations|management|rules|formats|files|mysql|sqlite)/|/__init__"
)
"""What the map names by its folder."""
OF_LIBRARIES = "docs/private_apis.md"
"""Its names are not ours either; its own test holds them against the libraries."""


@dataclass(frozen=True)
class Document:
    """A page: its path from the root, its text, and its text without fenced blocks."""

    path: Path
    text: str

    @cached_property
    def prose(self) -> str:
        return FENCE.sub("", self.text)

    @property
    def diagrams(self) -> list[str]:
        return [body for kind, body in FENCE.findall(self.text) if kind == "mermaid"]

    @cached_property
    def fingerprint(self) -> str:
        """Another one after every change."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:12]

    @cached_property
    def is_history(self) -> bool:
        return re.search(r"^Superseded by", self.text, re.M) is not None

    @cached_property
    def anchors(self) -> set[str]:
        """As the places where code is read make them of headings."""
        found: set[str] = set()
        for heading in HEADING.findall(self.prose):
            plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
            slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            number = sum(one == slug or one.startswith(f"{slug}-") for one in found)
            found.add(f"{slug}-{number}" if slug in found else slug)
        return found


class Repository:
    """The files that are kept, and the words that their code is made of."""

    def __init__(self) -> None:
        listed = subprocess.run(LISTED, cwd=ROOT, check=True, text=True, stdout=subprocess.PIPE)
        self.files = [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]
        self.documents = {
            name: Document(Path(name), (ROOT / name).read_text(encoding="utf-8"))
            for name in self.files
            if name.endswith(".md")
        }

    @cached_property
    def words(self) -> set[str]:
        found = set()
        for name in self.files:
            path = ROOT / name
            if name.endswith(".py"):
                found |= set(_words_of_python(path))
            elif path.suffix not in {".md", ".png", ".mo", ".po", ".xlsx", ".json"}:
                found |= set(WORD.findall(path.read_text(encoding="utf-8", errors="ignore")))
        return found

    @cached_property
    def targets(self) -> set[str]:
        return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))

    @cached_property
    def commands(self) -> set[str]:
        return set(get_commands())

    @cached_property
    def endpoints(self) -> list[str]:
        description = (ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8")
        return re.findall(r"^  (/\S+/):$", description, re.M)

    def has_endpoint(self, name: str) -> bool:
        """Whether the API has a path that is, contains or ends with this one."""
        return any(f"/{name.lstrip('/')}" in path for path in self.endpoints)

    def has(self, name: str, near: Path) -> bool:
        """Whether a file or folder is called so: from the root, the page, or by its path's end."""
        name = name.removeprefix("./").strip("/")
        if f"{name}/".startswith("build/"):  # made by a command, and not kept
            return True
        if (ROOT / name).exists() or (ROOT / near.parent / name).exists():
            return True
        return any(
            fnmatch(f"/{file}", f"*/{end}") for file in self.files for end in (name, f"{name}/*")
        )

    def has_module(self, name: str) -> bool:
        path = name.replace(".", "/")
        ours = any((ROOT / end).exists() for end in (f"{path}.py", f"{path}/__main__.py"))
        return ours or name.partition(".")[0] in sys.stdlib_module_names or "." not in name


def _words_of_python(path: Path) -> Iterator[str]:
    """Names, and the words of strings that are not docstrings; comments prove nothing."""
    before = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.type in {tokenize.NL, tokenize.COMMENT}:
            continue
        if token.type != tokenize.STRING or before not in {tokenize.NEWLINE, tokenize.INDENT}:
            yield from WORD.findall(token.string)
        before = token.type


# --- The checks ---------------------------------------------------------------------------------


def dead_links(page: Document, repository: Repository) -> Iterator[str]:
    for target in LINK.findall(page.prose):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = os.path.normpath(page.path.parent / path) if path else str(page.path)
        if path and not (ROOT / file).exists():
            yield f"link to {target}, which is not there"
        elif anchor and anchor not in (repository.documents[file] if path else page).anchors:
            yield f"link to {target}: no such heading"


def dead_commands(page: Document, repository: Repository) -> Iterator[str]:
    shell = [body for kind, body in FENCE.findall(page.text) if kind in {"bash", "console"}]
    for span in [*CODE.findall(page.prose), *shell]:
        for target in MAKE.findall(span):
            if target not in repository.targets:
                yield f"make {target}: no such target"
        for command in re.findall(r"manage\.py ([a-z_]+)", span):
            if command not in repository.commands:
                yield f"manage.py {command}: no such command"
        for module in re.findall(r"python3? -m ([\w.]+)", span):
            if not repository.has_module(module):
                yield f"python -m {module}: no such module"


def dead_names(page: Document, repository: Repository) -> Iterator[str]:
    for span in CODE.findall(page.prose):
        name = " ".join(span.split()).split("::")[0]
        if endpoint := ENDPOINT.match(name):
            if not repository.has_endpoint(endpoint[1]):
                yield f"`{name}`: no such endpoint"
        elif FILE.match(name) or FOLDER.match(name):
            if not repository.has(name, page.path) and not repository.has_endpoint(name):
                yield f"`{name}`: no such file or endpoint"
        elif DOTTED.match(name) and LIKE_CODE.search(name):
            gone = set(NAME.findall(name.split("(")[0])) - repository.words - ELSEWHERE
            if gone:
                yield f"`{name}`: {', '.join(sorted(gone))} is nowhere in the code"


def out_of_step(page: Document, repository: Repository) -> Iterator[str]:
    """Where a page in Korean is not what its source is by now."""
    if not page.path.name.endswith(".ko.md"):
        return
    name = page.path.name.replace(".ko.md", ".md")
    source = repository.documents.get(str(page.path.with_name(name)))
    if source is None:
        yield f"in Korean, of {name}, which is not there"
        return
    for one, other in ((page, name), (source, page.path.name)):
        if f"]({other})" not in one.text.partition("\n## ")[0]:
            yield f"{one.path.name} has no link to {other} at its top"
    if LEVEL.findall(source.prose) != LEVEL.findall(page.prose):
        yield f"other headings than {name}"
    for theirs, ours in zip(
        HEADING.findall(source.prose), HEADING.findall(page.prose), strict=False
    ):
        if ours != theirs and not HANGUL.search(ours):
            yield f"the heading {ours!r} is not in Korean"
    if FENCE.findall(source.text) != FENCE.findall(page.text):
        yield f"other code than {name}"
    if AS_OF.findall(page.text) != [(name, source.fingerprint)]:
        yield (
            f"{name} has changed since: bring this page up to date,"
            f" and let it end with <!-- {name} as of {source.fingerprint} -->"
        )


def missing_from_map(repository: Repository) -> Iterator[str]:
    named = set(WORD.findall(" ".join(CODE.findall(repository.documents[MAP].prose))))
    for name in repository.files:
        if MAPPED.match(name) and not AS_A_WHOLE.search(name) and Path(name).stem not in named:
            yield f"{name} has no place in it"


def broken_diagrams(pages: list[Document]) -> Iterator[str]:
    diagrams = [
        {"name": f"{page.path}, diagram {number}", "text": body}
        for page in pages
        for number, body in enumerate(page.diagrams, 1)
    ]
    node = shutil.which("node")
    if node is None or not (DIAGRAMS / "node_modules").exists():
        if os.environ.get("REQUIRE_NODE") == "1":
            yield "REQUIRE_NODE=1, and the diagrams could not be parsed: node or npm is missing"
        else:
            print("Diagrams are not parsed: node or npm is missing.", file=sys.stderr)
        return
    parse = [node, str(DIAGRAMS / "parse.mjs")]
    sent = json.dumps(diagrams)
    done = subprocess.run(parse, input=sent, check=False, text=True, stdout=subprocess.PIPE)
    yield from done.stdout.splitlines()
    if done.returncode and not done.stdout:
        yield "the diagrams could not be parsed"


def faults(repository: Repository) -> Iterator[str]:
    for page in repository.documents.values():
        may_name_others = page.is_history or page.path == Path(OF_LIBRARIES)
        checks = [
            dead_links,
            dead_commands,
            out_of_step,
            *([] if may_name_others else [dead_names]),
        ]
        for check in checks:
            yield from (f"{page.path}: {fault}" for fault in check(page, repository))
    yield from (f"{MAP}: {fault}" for fault in missing_from_map(repository))
    yield from broken_diagrams(list(repository.documents.values()))


def main() -> int:
    found = list(faults(Repository()))
    print("\n".join(found), end="\n" if found else "")
    return int(bool(found))


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    django.setup()
    sys.exit(main())
