"""That no text is left in English: in the sources, in the catalog, and on the pages."""

import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from django.apps import apps
from django.contrib import admin
from django.core.management import call_command
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation

from products.models import OPENING_STOCK
from scripts import messages
from scripts.messages import main, our_texts, placeholders, problems, texts_in
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


def test_every_text_is_translated_and_both_files_are_fresh(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert (main(["--check"]), capsys.readouterr().err) == (0, "")


def test_texts_are_found_however_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(
        "a = _('one' ' two')\n"
        "b = ngettext('%(n)d cat', '%(n)d cats', n)\n"
        "c = pgettext('month', 'May')\n"
        "d = other('not this')\n"
        "e = _(variable)\n"
        "f = [_now('three (3)') for _ in x]\n"
    )
    (tmp_path / "page.html").write_text(
        '{% load i18n %}<p title="{% translate "four (4) \'quoted\'" %}">{{ _("five") }}'
        "{% blocktranslate count n=n %}{{ n }} dog{% plural %}{{ n }} dogs{% endblocktranslate %}"
        "{# {% translate 'a comment' %} #}</p>"
    )
    found = {(text.context, text.msgid) for text in texts_in(tmp_path, tmp_path).values()}
    assert found == {
        (None, "one two"),
        (None, ("%(n)d cat", "%(n)d cats")),
        ("month", "May"),
        (None, "three (3)"),
        (None, "four (4) 'quoted'"),
        (None, "five"),
        (None, ("%(n)s dog", "%(n)s dogs")),
    }


def test_the_check_finds_each_fault() -> None:
    texts = {key: text for key, text in our_texts().items() if key[1] in FAULTY}
    catalog = Catalog(locale="ko")
    catalog.add("Revenue", "매출", flags=["fuzzy"])
    catalog.add("New members", "")
    catalog.add("%(days)d days", "%(day)d일")
    catalog.add("not said any more", "…")
    assert {problem.split(":")[0] for problem in problems(catalog, texts)} == {
        "fuzzy",
        "not translated",
        "other placeholders",
        "no source says any more",
        "not in the catalog",
    }


FAULTY = {"Revenue", "New members", "%(days)d days", "Dashboard"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("%(a)s and %(b)d", {"%(a)s", "%(b)d"}),
        ("{amount} won", {"amount"}),
        ("100 % of {x}", {"x"}),
        ("just { a brace", set()),
        ("'{}' is wrong", {""}),
    ],
)
def test_placeholders_are_known(text: str, expected: set[str]) -> None:
    assert placeholders(text) == expected


def test_a_stale_file_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compiled = tmp_path / "django.mo"
    compiled.write_bytes(messages.MO.read_bytes() + b"\0")
    monkeypatch.setattr(messages, "ROOT", tmp_path)
    monkeypatch.setattr(messages, "MO", compiled)
    monkeypatch.setattr(messages, "our_texts", dict)
    assert main(["--check"]) == 1
    assert "django.mo is stale" in capsys.readouterr().err


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
