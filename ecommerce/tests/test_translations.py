"""That no text is left in English: in the sources, in the catalog, and on the pages."""

import ast
import io
import re
import shutil
from collections.abc import Iterator
from contextlib import chdir
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from django.apps import apps
from django.contrib import admin
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation

from products.models import OPENING_STOCK
from scripts import messages
from scripts.messages import problems
from users.models import User

# Names, formats and addresses, which Korean pages write in Latin letters, too.
LATIN = {
    *("admin", "csv", "api", "sku", "utf", "xlsx", "http", "https", "cmd", "ctrl", "esc", "svg"),
    *(
        "english",
        "price",
        "name",
        "description",
        "category",
        "active",
        "stock",
        "adjustment",
        "yes",
    ),
    *("control", "command", "mac", "single", "sign", "ldap"),  # in help texts of Django's
    "order",  # what an event is about: order:12
    *("manage", "audit", "django", "slug", "pbkdf", "sha", "iterations", "salt", "hash"),
}


# --- The catalog --------------------------------------------------------------------------------


needs_gettext = pytest.mark.skipif(
    shutil.which("xgettext") is None, reason="needs gettext, as make lint does"
)


@needs_gettext
def test_texts_are_found_however_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "locale").mkdir()
    (tmp_path / "code.py").write_text(
        "a = _('one' ' two')\n"
        "b = ngettext('%(n)d cat', '%(n)d cats', n)\n"
        "c = pgettext('month', 'May')\n"
        "d = other('not this')\n"
        "e = _(variable)\n"
        "f = [_now('three (3)') for _ in x]\n"
        "g = Told('told'), _noop('later')\n"
    )
    (tmp_path / "page.html").write_text(
        '{% load i18n %}<p title="{% translate "four (4) \'quoted\'" %}">{{ _("five") }}'
        "{% blocktranslate count n=n %}{{ n }} dog{% plural %}{{ n }} dogs{% endblocktranslate %}"
        "{# {% translate 'a comment' %} #}</p>"
    )
    with chdir(tmp_path):
        messages.make_messages()
    catalog = messages.read(tmp_path / "locale" / messages.CATALOG)
    assert {(message.context, message.id) for message in catalog if message.id} == {
        (None, "one two"),
        (None, ("%(n)d cat", "%(n)d cats")),
        ("month", "May"),
        (None, "three (3)"),
        (None, "told"),
        (None, "later"),
        (None, "four (4) 'quoted'"),
        (None, "five"),
        (None, ("%(n)s dog", "%(n)s dogs")),
    }


def test_no_text_is_said_within_an_f_string() -> None:
    """gettext does not read those."""
    calls = (
        f"{path}:{call.lineno}"
        for app in apps.get_app_configs()
        if Path(app.path).is_relative_to(messages.ROOT) and "site-packages" not in app.path
        for path in Path(app.path).rglob("*.py")
        for string in ast.walk(ast.parse(path.read_text()))
        if isinstance(string, ast.JoinedStr)
        for call in ast.walk(string)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in MARKS
    )
    assert list(calls) == []


MARKS = {"_", "_now", "_noop", "gettext", "ngettext", "pgettext", "Told"}


def test_the_check_finds_what_is_not_translated() -> None:
    catalog = Catalog(locale="ko")
    catalog.add("Revenue", "매출", flags=["fuzzy"])
    catalog.add("New members", "")
    catalog.add("%(days)d days", "%(days)d일")
    assert list(problems(catalog)) == [
        "not translated: 'Revenue'",
        "not translated: 'New members'",
    ]


@needs_gettext
def test_other_placeholders_are_noticed(tmp_path: Path) -> None:
    catalog = tmp_path / messages.CATALOG
    catalog.parent.mkdir(parents=True)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    catalog.write_text(f'{header}#, python-format\nmsgid "%(days)d days"\nmsgstr "%(day)d일"\n')
    with (
        override_settings(LOCALE_PATHS=[tmp_path]),
        chdir(tmp_path),
        pytest.raises(CommandError, match="compilemessages generated one or more errors"),
    ):
        call_command("compilemessages", locale=["ko"], stderr=io.StringIO(), verbosity=0)


def test_a_stale_file_is_noticed_and_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copies = [tmp_path / f"{number}{path.suffix}" for number, path in enumerate(messages.FILES)]
    for path, copy in zip(messages.FILES, copies, strict=True):
        copy.write_bytes(path.read_bytes())
    ours, compiled, of_libraries, _ = copies
    before = compiled.read_bytes()
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "FILES", copies)
    monkeypatch.setattr(messages, "OURS", ours)
    monkeypatch.setattr(messages, "OF_LIBRARIES", of_libraries)
    monkeypatch.setattr(messages, "write_catalogs", lambda: compiled.write_bytes(b"other"))
    assert messages.check() == ["1.mo is stale: run make messages"]
    assert compiled.read_bytes() == before


# --- The names of things ------------------------------------------------------------------------


def test_models_and_their_fields_have_korean_names() -> None:
    untranslated = []
    with translation.override("ko"):
        for model in apps.get_models():
            if not admin.site.is_registered(model):
                continue
            fields = [field for field in model._meta.fields if not field.auto_created]
            shown = [field for field in fields if field.editable or field.name == "created_at"]
            names = [model._meta.verbose_name, model._meta.verbose_name_plural]
            for name in [*names, *(field.verbose_name for field in shown)]:
                if re.search("[A-Za-z]{2,}", str(name)) and str(name) != "SKU":
                    untranslated.append(f"{model.__name__}: {name}")
    assert untranslated == []


# --- The pages ----------------------------------------------------------------------------------


class Visible(HTMLParser):
    """What people see of a page: its text, and the attributes that are shown or read aloud."""

    UNSEEN = ("script", "style", "code")
    SPOKEN = ("placeholder", "title", "aria-label", "alt")
    VOID = ("input", "img", "br", "hr", "meta", "link", "path", "circle", "line", "polyline")

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self.unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.said += [values[name] or "" for name in self.SPOKEN if name in values]
        is_icon = "material-symbols-outlined" in (values.get("class") or "")
        if tag not in self.VOID and (self.unseen or tag in self.UNSEEN or is_icon):
            self.unseen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.unseen and self.unseen[-1] == tag:
            self.unseen.pop()

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.said.append(data)


def latin_words(page: str) -> set[str]:
    """The words in Latin letters that people see on a page."""
    visible = Visible()
    visible.feed(page)
    text = re.sub(r"\S+@\S+|\b\w*\d\w*\b|\bORD-\S+", " ", " ".join(visible.said))
    return {word.lower() for word in re.findall(r"[A-Za-z]{3,}", text)}


def admin_pages() -> Iterator[str]:
    """The addresses of the admin, as they are written in the patterns."""
    for pattern in _patterns(get_resolver().url_patterns, ""):
        if pattern.startswith("admin/") and "?" not in pattern:
            yield "/" + pattern


def _patterns(patterns: list[URLPattern | URLResolver], prefix: str) -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _patterns(pattern.url_patterns, route)
        else:
            yield route


SKIPPED = (
    "logout",  # ends the session
    "jsi18n",  # a script
    "autocomplete",
    "language",
    "figures",
    "export",  # files
    "auth/group/<path:object_id>/delete",  # tells rows between tables, which Django names itself
    "<path:url>",
    "<path:content_type_id>",
    "search",
)


@pytest.mark.django_db
def test_korean_pages_have_no_english_words() -> None:
    call_command("seed", stdout=io.StringIO())
    browser = Client(headers={"Accept-Language": "ko"})
    login = latin_words(browser.get("/admin/login/").content.decode())
    browser.force_login(User.objects.get(username="admin"))
    words = {"/admin/login/": login - LATIN}
    data = latin_words_of_the_data()
    for route in admin_pages():
        if any(part in route for part in SKIPPED):
            continue
        url = route.replace("<path:object_id>", "1").replace("<id>", "1")
        if "<" in url or "(" in url:
            continue
        page = browser.get(url, follow=True)
        if page.status_code != 200 or "text/html" not in page["Content-Type"]:
            continue
        words[url] = latin_words(page.content.decode()) - LATIN - data
    assert len(words) > 40
    assert {url: sorted(left) for url, left in words.items() if left} == {}


def latin_words_of_the_data() -> set[str]:
    """Latin letters in what staff and members wrote: names of members, products and groups."""
    rows = [
        *apps.get_model("users.User").objects.values_list("username", flat=True),
        *apps.get_model("products.Product").objects.values_list("name", flat=True),
        *apps.get_model("products.Product").objects.values_list("sku", flat=True),
        *apps.get_model("products.Product").objects.values_list("description", flat=True),
        *apps.get_model("products.Category").objects.values_list("slug", flat=True),
        *apps.get_model("users.WalletTransaction").objects.values_list("reference", flat=True),
        *apps.get_model("users.WalletTransaction").objects.values_list("reason", flat=True),
        *apps.get_model("auth.Group").objects.values_list("name", flat=True),
        *apps.get_model("products.StockAdjustment")
        .objects.exclude(reason=OPENING_STOCK)
        .values_list("reason", flat=True),
    ]
    return {word.lower() for row in rows for word in re.findall(r"[A-Za-z]{3,}", row)}
