"""The shop's texts in Korean, read and compiled by GNU gettext.

    python -m scripts.messages          write the catalogs in locale/ko and locale/libraries anew
    python -m scripts.messages --check  say what is missing, stale or wrong, and exit 1

The first catalog has the texts of the sources. The second, kept by hand, has those of libraries
that they don't translate into Korean themselves, or not as staff say it.
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from importlib.resources import files
from pathlib import Path
from typing import Any

import django
from babel.messages import pofile
from babel.messages.catalog import Catalog, Message
from django.core.management import CommandError, call_command
from django.core.management.commands import makemessages
from django.utils import translation

ROOT = Path(__file__).resolve().parent.parent
CATALOG = Path("ko", "LC_MESSAGES", "django.po")
OURS, OF_LIBRARIES = ROOT / "locale" / CATALOG, ROOT / "locale" / "libraries" / CATALOG
FILES = [OURS, OURS.with_suffix(".mo"), OF_LIBRARIES, OF_LIBRARIES.with_suffix(".mo")]
NOT_SHOWN = ["benchmarks", "scripts", "docs", "build", "conftest.py"]
# What of them people can come to see here; a library's `ko_KR` is not read when `ko` is asked for.
LIBRARIES = {
    "django": ("contrib/admin", "contrib/auth", "core/validators.py", "db/models", "forms"),
    "unfold": (
        *("admin.py", "decorators.py", "fields.py", "forms.py", "layout.py", "mixins", "sites.py"),
        *("templates", "views.py", "widgets.py", "contrib/filters"),
    ),
    "rest_framework": (
        *("exceptions.py", "fields.py", "relations.py", "serializers.py", "validators.py"),
    ),
    "rest_framework_simplejwt": (
        *("authentication.py", "backends.py", "exceptions.py", "serializers.py", "tokens.py"),
    ),
    "django_filters": ("fields.py",),
    "axes": ("conf.py",),
}
NOT_NEEDED = re.compile(
    r'^"(POT?-\w+-Date|Project-Id-Version|Last-Translator|Language-Team|Report-\S+|Generated-By):.*\n',
    re.M,
)
"""In the header of a catalog."""
BOTH_PARTICLES = re.compile(
    r"은/는|는/은|이/가|가/이|을/를|를/을|와/과|과/와|[은을이과]\([는를가와]\)|[는를가와]\([은을이과]\)|\(으\)로"
)
"""A particle that was left open, since the word before it is known only when it is said."""
SETTLED_PARTICLES = re.compile(r"[은을이과]\([는를가와]\)|\(으\)로")
"""In texts of ours: `common.admin.particles` chooses."""


class MakeMessages(makemessages.Command):
    """Django's, which knows the names that texts are marked by here, and sorts them."""

    xgettext_options = [
        *makemessages.Command.xgettext_options,
        *("--keyword=_noop", "--keyword=_now", "--keyword=Told"),
    ]
    # Else code that moves within a file would change the catalog.
    msgattrib_options = [*makemessages.Command.msgattrib_options, "--sort-output"]


# --- Writing ------------------------------------------------------------------------------------


def write_catalogs() -> None:
    """Read all sources into both catalogs, and compile them. Raises CommandError."""
    make_messages(add_location="file", ignore_patterns=["tests", "migrations", *NOT_SHOWN])
    _shorten_header(OURS)
    _compile()
    _write_texts_of_libraries()
    _compile()


def make_messages(**options: Any) -> None:
    """Bring the catalog of the current folder's `locale` up to date with the files below it."""
    always = {"locale": ["ko"], "extensions": ["py,html"], "no_obsolete": True, "no_wrap": True}
    call_command(MakeMessages(), verbosity=0, **always, **options)


def _write_texts_of_libraries() -> None:
    with tempfile.TemporaryDirectory() as folder, chdir(folder):
        for name, shown in LIBRARIES.items():
            for place in shown:
                _copy(Path(str(files(name)), place), Path(name, place))
        _copy(OF_LIBRARIES, "locale" / CATALOG)
        make_messages(add_location="file", ignore_patterns=["tests", "migrations"])
        catalog = read("locale" / CATALOG)
    for message in list(catalog):
        if message.id and not _is_translated(message) and _is_said_in_korean(message):
            catalog.delete(message.id, message.context)
    with OF_LIBRARIES.open("wb") as file:
        pofile.write_po(file, catalog, width=0)
    _shorten_header(OF_LIBRARIES)


def _copy(source: Path, target: Path) -> None:
    """Copy a file or folder, without the catalogs of its own."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("locale"))
    else:
        shutil.copy(source, target)


def _is_said_in_korean(message: Message) -> bool:
    """Whether it is by its library or by our own catalog, and well.

    A particle that is left open, as in 상품이/가, is not well: nobody says it.
    """
    with translation.override("ko"):
        if not isinstance(message.id, str):
            said = translation.ngettext(message.id[0], message.id[1], 2)
        elif message.context:
            said = translation.pgettext(message.context, message.id)
        else:
            said = translation.gettext(message.id)
    return said not in message.id and not BOTH_PARTICLES.search(said)


def _shorten_header(path: Path) -> None:
    """Leave what a reader of the file needs, so that the same texts make the same bytes."""
    path.write_text(NOT_NEEDED.sub("", path.read_text()))


def _compile() -> None:
    for path in FILES:
        if path.suffix == ".mo":  # else it stays when it looks newer than its source
            path.unlink(missing_ok=True)
    call_command("compilemessages", locale=["ko"], ignore_patterns=[".*", "build"], verbosity=0)


# --- Checking -----------------------------------------------------------------------------------


def read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return pofile.read_po(file, locale="ko")


def _strings(message: Message) -> list[str]:
    """The translations of a message: one for each form of the plural."""
    return [message.string] if isinstance(message.string, str) else list(message.string or [])


def _is_translated(message: Message) -> bool:
    return not message.fuzzy and any(_strings(message))


def problems(catalog: Catalog) -> Iterator[str]:
    """What is wrong with the catalog, one sentence each."""
    for message in catalog:
        if message.id and not _is_translated(message):
            yield f"not translated: {message.id!r}"
        for string in _strings(message):
            if BOTH_PARTICLES.search(SETTLED_PARTICLES.sub("", string)):
                yield f"both particles, of which nobody chooses one: {string!r}"


def check() -> list[str]:
    """What is missing, stale or wrong; the files stay as they are."""
    before = {path: path.read_bytes() for path in FILES}
    try:
        write_catalogs()
        found = [problem for path in (OURS, OF_LIBRARIES) for problem in problems(read(path))]
        stale = [path for path in FILES if path.read_bytes() != before[path]]
        return found + [f"{path.relative_to(ROOT)} is stale: run make messages" for path in stale]
    except CommandError as error:
        return [str(error)]
    finally:
        for path, content in before.items():
            path.write_bytes(content)


def main(arguments: list[str]) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ecommerce.settings")
    django.setup()
    if arguments == ["--check"]:
        found = check()
        print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
        return bool(found)
    write_catalogs()
    missing = [problem for path in (OURS, OF_LIBRARIES) for problem in problems(read(path))]
    print(*missing, sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
