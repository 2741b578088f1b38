"""What a browser sends when the form on a page is sent, read from the page itself."""

from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse

Form = dict[str, list[str]]
BUTTONS = {"submit", "button", "reset", "image", "file"}
ELSEWHERE = ("logout", "language")
"""In whose addresses: the forms of the frame around every page."""


def form_on(page: HttpResponse) -> Form:
    """The values of the form on `page`, by their names, as the page has them."""
    assert page.status_code == 200, (page.status_code, page.headers)
    forms = forms_on(page)
    assert forms, "there is no form on the page"
    return max(forms, key=len)


def forms_on(page: HttpResponse) -> list[Form]:
    """The values of each form on `page`, but for those of the frame around it."""
    reader = _Reader()
    reader.feed(page.content.decode())
    return reader.forms


def filled(form: Form, **values: Any) -> Form:
    """The form with other values; one that is None is not sent, as with an unticked box."""
    changed = {name: form[name] for name in form if values.get(name, "") is not None}
    for name, value in values.items():
        if value is not None:
            changed[name] = [str(one) for one in (value if isinstance(value, list) else [value])]
    return changed


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._form: Form | None = None
        self._select: tuple[str, bool, list[tuple[str, bool]]] | None = None
        self._textarea: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        name = found.get("name") or ""
        if tag == "form":
            elsewhere = any(one in (found.get("action") or "") for one in ELSEWHERE)
            self._form = {}
            if found.get("method") == "post" and not elsewhere:
                self.forms.append(self._form)
        elif tag == "input" and name:
            self._input(name, found)
        elif tag == "select":
            self._select = (name, "multiple" in found, [])
        elif tag == "option" and self._select:
            self._select[2].append((found.get("value") or "", "selected" in found))
        elif tag == "textarea":
            self._textarea = name
            self._add(name, "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_data(self, data: str) -> None:
        if self._textarea and self._form is not None:
            self._form[self._textarea][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea" and self._textarea:
            if self._form is not None:
                text = self._form[self._textarea][-1].removeprefix("\n")
                self._form[self._textarea][-1] = text.replace("\n", "\r\n")
            self._textarea = None
        elif tag == "select" and self._select:
            name, multiple, options = self._select
            chosen = [value for value, selected in options if selected]
            if not chosen and not multiple and options:
                chosen = [options[0][0]]
            for value in chosen:
                self._add(name, value)
            self._select = None

    def _input(self, name: str, attrs: dict[str, str | None]) -> None:
        kind = (attrs.get("type") or "text").lower()
        if kind in BUTTONS or (kind in ("checkbox", "radio") and "checked" not in attrs):
            return
        value = attrs.get("value") or ("on" if kind == "checkbox" else "")
        self._add(name, value.replace("\n", "\r\n"))  # as browsers send the ends of lines

    def _add(self, name: str, value: str) -> None:
        if self._form is not None and name:
            self._form.setdefault(name, []).append(value)
