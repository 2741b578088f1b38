"""Exports of the admin's lists: as CSV of any length, or as an Excel file of bounded length.

Read and written in batches by id, so that neither this process nor the driver ever holds the whole
of a table (MySQL's driver would fetch all rows of one query at once).
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import partial
from tempfile import TemporaryFile
from typing import Any, ClassVar

import structlog
from django.conf import settings
from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, override
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.admin.lists import ShopModelAdmin
from common.admin.once import only_shows
from common.admin.pages import object_action
from common.admin.text import COUNT
from common.admin.told import Told
from common.db.secondary import read_near
from common.files.cells import escape_text, to_xlsx

EXPORT_BATCH = 1_000
XLSX_ROWS_MAX = 50_000
"""An Excel file is built as a whole before it is sent; CSV has no limit."""

logger = structlog.get_logger(__name__)

WAITED_FOR = "exporting"
"""The cookie by which a page knows that its file is still being made (`admin.js`)."""


class OfMany:
    """A column of what is found for a batch of rows at once: a value, or none, by their ids."""

    def __init__(self, find: Callable[[Sequence[int]], Mapping[int, Any]]) -> None:
        self.find = find


Value = str | OfMany | Callable[[Any], Any]
"""Of a row: what its path leads to, what is found for many of them, or what is made of it."""

Column = tuple[str, Value]
"""A column's name, and its value. A list of a million rows has none that is made of a row: then
no row becomes an object, which costs ten times as much as reading it."""


def in_batches(rows: QuerySet[Any], size: int = EXPORT_BATCH) -> Iterator[list[Any]]:
    """All rows, newest first, a batch at a time, each found by its place in the index.

    Rows are objects, or what `values_list` makes of them, their ids first.
    """
    last: int | None = None
    while True:
        batch = rows.order_by("-pk")
        next_rows = (batch if last is None else batch.filter(pk__lt=last))[:size]
        found: list[Any] = read_near(partial(list, next_rows))
        if not found:
            return
        yield found
        last = found[-1].pk if isinstance(found[-1], Model) else found[-1][0]


def in_language(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks that are made later, in the language of the request, which is over by then."""
    language = get_language() or settings.LANGUAGE_CODE
    return _made_in(chunks, language)


def _made_in(chunks: Iterator[bytes], language: str) -> Iterator[bytes]:
    while True:
        with override(language):  # not across a yield: others run in this thread meanwhile
            chunk = next(chunks, None)
        if chunk is None:
            return
        yield chunk


class ExportsRows(ShopModelAdmin):
    """A list that may be taken out, filtered as it is seen, by who may see it.

    By default it has the columns that the list shows.
    """

    actions_list: ClassVar[Any] = ["export_csv", "export_xlsx"]
    export_related: ClassVar[Sequence[str]] = ()

    def export_columns(self) -> list[Column]:
        """What is exported of each row."""
        return [self._column(listed) for listed in self.list_display]

    def _column(self, listed: Any) -> Column:
        """A column of the list as a value: of a number the number, not how it is written."""
        name = getattr(listed, "__name__", listed)
        if isinstance(listed, str) and hasattr(type(self), listed):
            return name, lambda row: _plain(getattr(self, listed)(row))
        return name, lambda row: _plain(getattr(row, name))

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        answer = super().changelist_view(request, extra_context)
        # The buttons lead to what is filtered as this list is.
        for action in (getattr(answer, "context_data", None) or {}).get("actions_list", ()):
            if request.GET and "/export_" in str(action.get("path", "")):
                action["path"] = f"{action['path']}?{request.GET.urlencode()}"
        return answer

    @object_action(description=_("Export CSV"), icon="download", permission="view")
    @only_shows
    def export_csv(self, request: HttpRequest) -> Any:
        return self._export(request, self._csv_response)

    @object_action(description=_("Export Excel"), icon="table_view", permission="view")
    @only_shows
    def export_xlsx(self, request: HttpRequest) -> Any:
        return self._export(request, self._xlsx_response)

    def _export(self, request: HttpRequest, respond: Callable[..., Any]) -> Any:
        opts = self.opts
        address = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{address}?e=1")
        listed = self.list_select_related
        related = self.export_related or (() if isinstance(listed, bool) else listed)
        rows = rows.select_related(*related)
        if respond == self._xlsx_response and rows[XLSX_ROWS_MAX : XLSX_ROWS_MAX + 1].exists():
            text = _now("More than %(max)s rows: narrow the list by its filters, or take CSV.")
            self.message_user(request, text % {"max": COUNT.format(XLSX_ROWS_MAX)}, messages.ERROR)
            return HttpResponseRedirect(f"{address}?{request.GET.urlencode()}")
        self._log_export(request, rows, "xlsx" if respond == self._xlsx_response else "csv")
        answer = respond(rows)
        answer.delete_cookie(WAITED_FOR, path=reverse("admin:index"), samesite="Lax")
        return answer

    def _log_export(self, request: HttpRequest, rows: QuerySet[Any], kind: str) -> None:
        """Who took out what, before it leaves; a member's data can't be called back."""
        # Not what the paging and the sorting of the list say.
        chosen = request.GET.copy()
        for name in ("p", "o", "e"):
            chosen.pop(name, None)
        done = Told(
            "Exported as %(kind)s; rows: %(count)s; filters: %(filters)s",
            {
                "count": COUNT.format(rows.count()),
                "kind": kind,
                "filters": chosen.urlencode() or "–",
            },
        )
        self.log_list(request, done)

    def _file_name(self, ending: str) -> str:
        now = timezone.localtime()
        return f"{self.opts.model_name}-{now:%Y%m%d-%H%M%S}.{ending}"

    def _values(self, rows: QuerySet[Any]) -> Iterator[list[list[Any]]]:
        names, values = zip(*self.export_columns(), strict=True)
        yield [list(names)]
        read = _read_plain if not any(map(_is_made_of_a_row, values)) else _read_objects
        for batch in read(rows, values):
            yield [[_escaped(cell) for cell in row] for row in batch]

    def _csv_response(self, rows: QuerySet[Any]) -> StreamingHttpResponse:
        answer = StreamingHttpResponse(
            in_language(self._csv_chunks(rows)), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="{self._file_name("csv")}"'
        return answer

    def _csv_chunks(self, rows: QuerySet[Any]) -> Iterator[bytes]:
        yield "\ufeff".encode()  # by which Excel knows UTF-8
        try:
            for batch in self._values(rows):
                yield _lines(batch)
        except Exception:  # it has begun: what is missing can be told by its last line only
            logger.exception("export_broke_off")
            yield _lines([[_now("This export broke off here. Rows are missing: export again.")]])

    def _xlsx_response(self, rows: QuerySet[Any]) -> FileResponse:
        from openpyxl import Workbook  # noqa: PLC0415  slow to import, rarely needed

        book = Workbook(write_only=True)
        sheet = book.create_sheet(str(self.opts.verbose_name_plural)[:31])
        for batch in self._values(rows):
            for row in batch:
                sheet.append([_xlsx_cell(cell) for cell in row])
        file = TemporaryFile()  # noqa: SIM115  closed by the response
        book.save(file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=self._file_name("xlsx"))


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    lines = io.StringIO()
    csv.writer(lines).writerows([[_csv_cell(cell) for cell in row] for row in rows])
    return lines.getvalue().encode()


def _is_made_of_a_row(value: Value) -> bool:
    return not isinstance(value, str | OfMany)


def _read_objects(rows: QuerySet[Any], values: Sequence[Any]) -> Iterator[list[list[Any]]]:
    for batch in in_batches(rows):
        yield [[value(row) for value in values] for row in batch]


def _read_plain(rows: QuerySet[Any], values: Sequence[Any]) -> Iterator[list[list[Any]]]:
    """As the database has them, each path a column; then what is found for all of a batch."""
    paths = [value for value in values if isinstance(value, str)]
    for batch in in_batches(rows.values_list("pk", *paths)):
        ids = [row[0] for row in batch]
        found = {value: value.find(ids) for value in values if isinstance(value, OfMany)}
        places = {path: place for place, path in enumerate(paths, start=1)}
        yield [
            [
                row[places[value]] if isinstance(value, str) else found[value].get(row[0])
                for value in values
            ]
            for row in batch
        ]


def _plain(value: Any) -> Any:
    """A value as files have it; what has no form of its own there, as it is called."""
    if value is None or isinstance(value, (bool, int, float, str, datetime)):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def _escaped(cell: Any) -> Any:
    return escape_text(cell) if isinstance(cell, str) else cell


def _csv_cell(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return timezone.localtime(cell).isoformat(timespec="seconds")
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None else cell


def _xlsx_cell(cell: Any) -> Any:
    if isinstance(cell, datetime):
        return timezone.localtime(cell).replace(tzinfo=None)  # Excel knows no offsets
    if isinstance(cell, str):
        return to_xlsx(cell)
    return cell
