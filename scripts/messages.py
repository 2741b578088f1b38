"""The shop's texts in Korean: what there is to translate, and whether all of it is.

    python -m scripts.messages          write locale/ko/LC_MESSAGES/django.po and .mo anew
    python -m scripts.messages --check  say what is missing, stale or wrong, and exit 1

Texts are read from the sources themselves, so neither xgettext nor msgfmt is needed. Beside our own
come those of libraries that they don't translate into Korean themselves, or not as staff say it.
"""

import ast
import importlib.util
import io
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter

from babel.messages import pofile
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
APPS = ("ecommerce", "common", "events", "users", "products", "coupons", "stats", "orders")
LOCALE = "ko"
PO = ROOT / "locale" / LOCALE / "LC_MESSAGES" / "django.po"
MO = PO.with_suffix(".mo")
# What of them people can come to see here; a library's `ko_KR` is not read when `ko` is asked for.
LIBRARIES = {
    "django": ("contrib/admin/", "contrib/auth/", "core/validators.py", "db/models/", "forms/"),
    "unfold": (
        "admin.py",
        "decorators.py",
        "fields.py",
        "forms.py",
        "layout.py",
        "mixins/",
        "sites.py",
        "templates/",
        "views.py",
        "widgets.py",
        "contrib/filters/",
    ),
    "rest_framework": (
        "exceptions.py",
        "fields.py",
        "relations.py",
        "serializers.py",
        "validators.py",
    ),
    "rest_framework_simplejwt": (
        "authentication.py",
        "backends.py",
        "exceptions.py",
        "serializers.py",
        "tokens.py",
        "token_blacklist/mixins.py",
    ),
    "django_filters": ("fields.py",),
    "axes": ("conf.py",),
}
# How many arguments are texts, and whether the first is the context.
SINGULAR, PLURAL, CONTEXT, CONTEXT_PLURAL = (1, False), (2, False), (1, True), (2, True)
KEYWORDS = {
    "_": SINGULAR,
    "_noop": SINGULAR,
    "_now": SINGULAR,
    "gettext": SINGULAR,
    "gettext_lazy": SINGULAR,
    "gettext_noop": SINGULAR,
    "ngettext": PLURAL,
    "ngettext_lazy": PLURAL,
    "Told": SINGULAR,
    "pgettext": CONTEXT,
    "pgettext_lazy": CONTEXT,
    "npgettext": CONTEXT_PLURAL,
    "npgettext_lazy": CONTEXT_PLURAL,
}
CALL = re.compile(r"\b(" + "|".join(sorted(KEYWORDS, key=len, reverse=True)) + r")\(")
NAMED = re.compile(r"%\((\w+)\)([sd])")
BOTH_PARTICLES = re.compile(
    r"은/는|는/은|이/가|가/이|을/를|를/을|와/과|과/와|[은을이과]\([는를가와]\)|[는를가와]\([은을이과]\)|\(으\)로"
)
"""A particle that was left open, since the word before it is known only when it is said."""
SETTLED_PARTICLES = re.compile(r"[은을이과]\([는를가와]\)|\(으\)로")
"""In texts of ours: `common.admin.particles` chooses."""
HEADER = "# The shop's texts in Korean; written by `make messages`, translated by hand."


@dataclass
class Text:
    """Something to translate, and where it stands."""

    context: str | None
    singular: str
    plural: str | None
    places: set[str] = field(default_factory=set)

    @property
    def key(self) -> tuple[str | None, str]:
        return self.context, self.singular

    @property
    def msgid(self) -> str | tuple[str, str]:
        return (self.singular, self.plural) if self.plural else self.singular


Texts = dict[tuple[str | None, str], Text]


# --- Reading the sources ------------------------------------------------------------------------


def texts_in(folder: Path, relative_to: Path) -> Texts:
    """The texts of the Python files and templates below a folder, tests and migrations aside."""
    texts: Texts = {}
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.html")]):
        place = path.relative_to(relative_to)
        if {"tests", "migrations", "node_modules"} & set(place.parts):
            continue
        source = path.read_text()
        calls = _python_calls(source) if path.suffix == ".py" else _template_calls(source, path)
        for text in calls:
            kept = texts.setdefault(text.key, text)
            kept.plural = kept.plural or text.plural
            kept.places.add(place.as_posix())
    return texts


def _python_calls(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield from _text_of(node)


def _template_calls(source: str, path: Path) -> Iterator[Text]:
    code = templatize(source, origin=str(path))
    for match in CALL.finditer(code):
        call = _first_call(code[match.start() :])
        if call is not None:
            yield from _text_of(call)


def _first_call(code: str) -> ast.Call | None:
    """The call with which `code` begins: up to the first parenthesis that makes it one."""
    for end in re.finditer(r"\)", code):
        try:
            parsed = ast.parse(code[: end.end()], mode="eval")
        except SyntaxError:
            continue
        return parsed.body if isinstance(parsed.body, ast.Call) else None
    return None


def _text_of(call: ast.Call) -> Iterator[Text]:
    name = call.func.id if isinstance(call.func, ast.Name) else ""
    if name not in KEYWORDS:
        return
    count, has_context = KEYWORDS[name]
    values = [
        argument.value
        for argument in call.args[: count + has_context]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    if len(values) < count + has_context:
        return
    context = values.pop(0) if has_context else None
    if values[0]:
        yield Text(context, values[0], values[1] if count == 2 else None)


# --- What is to be translated -------------------------------------------------------------------


def our_texts() -> Texts:
    """The texts of the shop's own apps."""
    texts: Texts = {}
    for app in APPS:
        _merge(texts, texts_in(ROOT / app, ROOT))
    return texts


def library_texts() -> Texts:
    """The texts of the libraries that neither they nor Django have in Korean, or not well.

    A particle that is left open, as in 상품이/가, is not well: nobody says it.
    To say one otherwise than its library does, add it to the catalog by hand.
    """
    known = _korean_of_libraries() - _translated_here()
    texts: Texts = {}
    for name, shown in LIBRARIES.items():
        folder = _folder_of(name)
        for text in texts_in(folder, folder.parent).values():
            text.places = {
                place
                for place in text.places
                if place.startswith(tuple(f"{name}/{of}" for of in shown))
            }
            if text.places and text.key not in known:
                _merge(texts, {text.key: text})
    return texts


def _translated_here() -> set[tuple[str | None, str]]:
    if not PO.exists():
        return set()
    return {(message.context, _singular(message)) for message in _read(PO) if message.id}


def _merge(texts: Texts, more: Texts) -> None:
    for key, text in more.items():
        kept = texts.setdefault(key, text)
        kept.plural = kept.plural or text.plural
        kept.places |= text.places


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed")
    return Path(spec.origin).parent


def _korean_of_libraries() -> set[tuple[str | None, str]]:
    folders = [_folder_of(name) for name in LIBRARIES]
    paths = [
        path
        for folder in folders
        for path in folder.rglob(f"locale/{LOCALE}/LC_MESSAGES/django.po")
    ]
    return {
        (message.context, _singular(message))
        for path in paths
        for message in _read(path)
        if message.id
        and _is_translated(message)
        and not message.fuzzy
        and not any(BOTH_PARTICLES.search(string) for string in _strings(message))
    }


# --- The catalog --------------------------------------------------------------------------------


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return pofile.read_po(file, locale=LOCALE)


def _singular(message: Message) -> str:
    singular: str = message.id if isinstance(message.id, str) else message.id[0]
    return singular


def _strings(message: Message) -> list[str]:
    """The translations of a message: one for each form of the plural."""
    return [message.string] if isinstance(message.string, str) else list(message.string or [])


def _is_translated(message: Message) -> bool:
    strings = _strings(message)
    return bool(strings) and all(strings)


def updated(old: Catalog, texts: Texts) -> Catalog:
    """A catalog of exactly these texts, with the translations there are."""
    known = {(message.context, _singular(message)): message for message in old if message.id}
    new = Catalog(locale=LOCALE, charset="utf-8", header_comment=HEADER, fuzzy=False)
    for key in sorted(texts, key=lambda key: (min(texts[key].places), key[1], key[0] or "")):
        text = texts[key]
        before = known.get(key)
        (string,) = (before and _strings(before)) or [""]  # Korean has one form for any number
        comments = [", ".join(sorted(text.places))]
        flags = before.flags - {"python-format", "python-brace-format"} if before else ()
        forms = (string,) if text.plural else string
        new.add(text.msgid, forms, flags=flags, auto_comments=comments, context=text.context)
    return new


def po_bytes(catalog: Catalog) -> bytes:
    """The catalog as a file: the same texts make the same bytes."""
    lines = [HEADER, 'msgid ""', 'msgstr ""']
    for name, value in (
        ("Language", LOCALE),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Transfer-Encoding", "8bit"),
        ("Plural-Forms", "nplurals=1; plural=0;"),
    ):
        lines.append(f'"{name}: {value}\\n"')
    body = io.BytesIO()
    pofile.write_po(body, catalog, width=100, omit_header=True, no_location=True)
    return ("\n".join(lines) + "\n\n").encode() + body.getvalue().rstrip() + b"\n"


def mo_bytes(catalog: Catalog) -> bytes:
    """The catalog as Django reads it."""
    catalog.revision_date = catalog.creation_date = datetime(1970, 1, 1, tzinfo=UTC)
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    return compiled.getvalue()


# --- Checking -----------------------------------------------------------------------------------


def problems(catalog: Catalog, texts: Texts) -> Iterator[str]:
    """What is wrong with the catalog, one sentence each."""
    known = {(message.context, _singular(message)): message for message in catalog if message.id}
    for key in sorted(texts.keys() - known.keys(), key=str):
        yield f"not in the catalog: {key[1]!r}, of {', '.join(sorted(texts[key].places))}"
    for key in sorted(known.keys() - texts.keys(), key=str):
        yield f"no source says any more: {key[1]!r}"
    for key, message in known.items():
        if message.fuzzy:
            yield f"fuzzy: {key[1]!r}"
        elif not _is_translated(message):
            yield f"not translated: {key[1]!r}"
        else:
            yield from _wrong_placeholders(message)
            yield from _open_particles(message)


def _wrong_placeholders(message: Message) -> Iterator[str]:
    ids = [message.id] if isinstance(message.id, str) else list(message.id)
    wanted = placeholders(ids[-1])
    for string in _strings(message):
        if placeholders(string) != wanted:
            yield f"other placeholders: {ids[-1]!r} and {string!r}"


def _open_particles(message: Message) -> Iterator[str]:
    for string in _strings(message):
        if BOTH_PARTICLES.search(SETTLED_PARTICLES.sub("", string)):
            yield f"both particles, of which nobody chooses one: {string!r}"


def placeholders(text: str) -> set[str]:
    """The values that a text has room for: `%(name)s`, `%s`, and `{name}` where nothing else is."""
    named = {f"%({name}){kind}" for name, kind in NAMED.findall(text)}
    plain = set(re.findall(r"%[sd]", text))
    braces = {name for _text, name, _spec, _conversion in _fields(text) if name is not None}
    return named | plain | braces


def _fields(text: str) -> list[tuple[str, str | None, str | None, str | None]]:
    try:
        return list(Formatter().parse(text))
    except ValueError:  # a brace that is only a brace
        return []


def main(arguments: list[str]) -> int:
    texts = our_texts()
    _merge(texts, library_texts())
    if arguments == ["--check"]:
        catalog = _read(PO)
        found = list(problems(catalog, texts))
        if not found and po_bytes(updated(catalog, texts)) != PO.read_bytes():
            found.append(f"{PO.relative_to(ROOT)} is stale: run make messages")
        if mo_bytes(_read(PO)) != MO.read_bytes():
            found.append(f"{MO.relative_to(ROOT)} is stale: run make messages")
        print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
        return bool(found)
    catalog = updated(_read(PO) if PO.exists() else Catalog(locale=LOCALE), texts)
    PO.parent.mkdir(parents=True, exist_ok=True)
    PO.write_bytes(po_bytes(catalog))
    MO.write_bytes(mo_bytes(_read(PO)))
    missing = sum(not _is_translated(message) for message in catalog if message.id)
    print(f"{len(texts)} texts, {missing} of them not translated yet.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
