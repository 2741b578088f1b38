"""Importing products in two steps: the file is read and shown, and then confirmed and written."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from io import BytesIO
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext, pgettext_lazy

from common.admin.forms import add_refusal
from common.admin.lists import ShopModelAdmin
from common.admin.once import (
    Unfinished,
    acts_by_itself,
    acts_once,
    done_so_far,
    only_shows,
    refusal_of,
)
from common.admin.pages import object_action
from common.admin.tables import RelatedTable
from common.admin.text import COUNT
from common.admin.told import (
    LOGGED_MAX_LENGTH,
    Told,
    told_again,
    told_field,
    told_several,
    yes_or_no,
)
from common.files.errors import UnreadableFile
from common.files.tables import UTF_8
from common.http.bodies import allow_larger_bodies
from products.forms import ProductConfirmForm, ProductImportForm
from products.import_files import Line, ProductFile, headers, read_products
from products.models import ImportFile, Product
from products.services import (
    IMPORT_BATCH,
    ImportOutcome,
    content_of,
    find_file,
    finish_file,
    import_products,
    keep_file,
    preview_import,
    seen_in,
    take_file,
)

SHOWN_MAX = 200
"""How many lines a preview shows; all are counted."""
REFUSED_MAX = 10
"""How many lines that were refused at last are told of one by one."""

HEADERS = [
    _("what"),
    _("SKU"),
    _("name"),
    _("category"),
    _("price"),
    pgettext_lazy("product", "active"),
    _("stock"),
    _("note"),
]


@dataclass(slots=True)
class Result:
    """What becomes, or became, of the lines of a file."""

    outcomes: list[ImportOutcome]
    file: ProductFile
    refused: list[tuple[Line, dict[str, str]]] = field(default_factory=list)
    new: int = 0
    changed: int = 0
    same: int = 0
    rows: list[list[str]] = field(default_factory=list)
    rows_left_out: int = 0

    @property
    def shown_refused(self) -> list[tuple[Line, dict[str, str]]]:
        """The first of the lines with errors, whose columns are called as in the file."""
        called = headers() | self.file.headers
        return [
            (line, {called[column]: why for column, why in errors.items()})
            for line, errors in self.refused[:SHOWN_MAX]
        ]

    @property
    def encoding(self) -> str:
        """How the file's letters are written, if that had to be found out."""
        return "" if self.file.encoding == UTF_8 else self.file.encoding

    @property
    def table(self) -> RelatedTable:
        """What the preview shows of the others."""
        return RelatedTable("", HEADERS, self.rows)


def result_of(file: ProductFile, outcomes: list[ImportOutcome]) -> Result:
    """What the services made of a file's lines."""
    result = Result(outcomes, file)
    by_number = {outcome.row.number: outcome for outcome in outcomes}
    for line in file.lines:
        outcome = by_number.get(line.number)
        if outcome is None or outcome.errors:
            result.refused.append((line, outcome.errors if outcome else line.errors))
        else:
            _add(result, outcome)
    return result


def _add(result: Result, outcome: ImportOutcome) -> None:
    if outcome.is_new:
        result.new += 1
    elif outcome.writes:
        result.changed += 1
    else:
        result.same += 1
        if not _note(outcome):
            return
    if len(result.rows) < SHOWN_MAX:
        result.rows.append(_shown(outcome))
    else:
        result.rows_left_out += 1


def _shown(outcome: ImportOutcome) -> list[str]:
    product = outcome.product
    stock = COUNT.format(outcome.stock_after)
    if outcome.adjustment:
        stock = _old_and_new(COUNT.format(outcome.stock_after - outcome.adjustment), stock)
    what = _now("changed") if outcome.writes else _now("skipped")
    return [
        pgettext("import", "new") if outcome.is_new else what,
        product.sku,
        _changed(outcome, "name", str(product.name)),
        _changed(outcome, "category", str(product.category or "–")),
        _changed(outcome, "price", f"₩{product.price:,}"),
        _changed(outcome, "is_active", str(yes_or_no(product.is_active))),
        stock,
        _note(outcome),
    ]


def _changed(outcome: ImportOutcome, column: str, shown: str) -> str:
    if column not in outcome.changes:
        return shown
    value = outcome.changes[column][0]
    old = f"₩{value:,}" if column == "price" else str(told_value(value))
    return _old_and_new(old, shown)


def _old_and_new(old: str, new: str) -> str:
    return format_html(
        '<span><del class="text-base-400">{}</del> <strong>{}</strong></span>', old, new
    )


def _note(outcome: ImportOutcome) -> str:
    notes = []
    if "description" in outcome.changes:
        notes.append(_now("Its description changes."))
    if outcome.adjusted_before:
        notes.append(
            _now("Adjusted by %(quantity)s under this name already: not counted again.")
            % {"quantity": f"{outcome.adjusted_before.quantity:+,}"}
        )
    stock = outcome.row.stock
    if not outcome.is_new and stock is not None and stock != outcome.product.stock:
        notes.append(
            _now("The file's stock of %(stock)s changes nothing: use stock_adjustment.")
            % {"stock": f"{stock:,}"}
        )
    return " ".join(notes)


def log_message(outcome: ImportOutcome, name: str) -> Told:
    """For the admin's log: what an import did to a product, and under which name."""
    if outcome.is_new:
        done = [Told("Added with %(stock)s in stock", {"stock": f"{outcome.product.stock:,}"})]
    else:
        done = [
            Told(
                "%(field)s: %(old)s → %(new)s",
                {
                    "field": told_field(Product._meta.get_field(column)),
                    "old": told_value(old),
                    "new": told_value(new),
                },
            )
            for column, (old, new) in outcome.changes.items()
        ]
    if outcome.adjustment:
        values = {"quantity": f"{outcome.adjustment:+,}", "stock": f"{outcome.stock_after:,}"}
        done.append(Told("stock adjusted by %(quantity)s to %(stock)s", values))
    return Told("%(done)s (import: %(name)s)", {"done": told_several(done), "name": name})


def told_value(value: Any) -> Told | str:
    """A column's value as staff read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return yes_or_no(value)
    return f"{value:,}" if isinstance(value, int) else str(value)[:LOGGED_MAX_LENGTH]


class ImportsProducts(ShopModelAdmin):
    """The pages of the two steps, for those who may add products and change them."""

    def __init__(self, model: Any, admin_site: Any) -> None:
        super().__init__(model, admin_site)
        allow_larger_bodies("admin:products_product_import_file", self.may_send_file)

    def may_send_file(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request) and self.has_import_permission(request)

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def get_urls(self) -> list[URLPattern]:
        view: Callable[..., Any] = self.admin_site.admin_view(self.confirm_import)
        confirm = path("process_import/", view, name="products_product_process_import")
        template = path(
            "import_template/",
            self.admin_site.admin_view(self.import_template),
            name="products_product_import_template",
        )
        return [confirm, template, *super().get_urls()]

    @only_shows
    def import_template(self, request: HttpRequest) -> HttpResponse:
        """An empty Excel file to fill in: its header, with SKUs as text so that zeros stay."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        from openpyxl import Workbook  # noqa: PLC0415  slow to import, rarely needed

        book = Workbook()
        sheet = book.active
        sheet.append([*headers().values()])
        sheet.column_dimensions["A"].number_format = "@"
        content = BytesIO()
        book.save(content)
        return HttpResponse(
            content.getvalue(),
            content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            headers={"Content-Disposition": 'attachment; filename="products.xlsx"'},
        )

    @object_action(description=_("Import"), icon="upload", permission="import", url_path="import")
    @acts_by_itself  # it keeps the file, and shows what importing it would do
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """The form, and after it what the file would do, or what is wrong with it."""
        sent = request.method == "POST"
        form = ProductImportForm(*((request.POST, request.FILES) if sent else ()))
        context: dict[str, Any] = {}
        if form.is_valid():
            try:
                context = self._looked_at(request, form.cleaned_data)
            except UnreadableFile as error:
                form.add_error("import_file", error)
        return self._page(request, context | {"columns": headers(), "form": form})

    def _page(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Import"),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/products/import.html", context)

    def _looked_at(self, request: HttpRequest, data: dict[str, Any]) -> dict[str, Any]:
        content = data["import_file"].read()
        file = read_products(content, name=data["import_file"].name)
        outcomes = preview_import(file.rows, name=data["import_name"])
        result = result_of(file, outcomes)
        if result.refused:
            return {"result": result}
        kept = keep_file(
            content=content,
            name=data["import_name"],
            seen=seen_in(outcomes),
            staff_id=_staff_id(request),
        )
        return {
            "result": result,
            "confirm_form": ProductConfirmForm(initial={"import_key": kept.pk}),
        }

    @acts_by_itself  # once, but the file is read before anything is locked
    def confirm_import(self, request: HttpRequest) -> HttpResponse:
        """Import a file that was looked at, and say what was done; or said, if it was before."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = ProductConfirmForm(request.POST)
        kept = None
        if form.is_valid():
            kept = find_file(key=form.cleaned_data["import_key"], staff_id=_staff_id(request))
        file = read_products(content_of(kept), name="") if kept and kept.content else None

        def part(request: HttpRequest) -> HttpResponse:
            if refusal := refusal_of(request):
                add_refusal(form, refusal)
                return self._page(request, {"confirm_form": form})
            so_far = done_so_far(request)
            if kept and file and (so_far or take_file(kept)):
                return self._import_part(request, kept, file, _SoFar(**(so_far or {})))
            text = _now("This file was imported already, or is gone. Send it again if need be.")
            if kept and kept.outcome:
                again = _now("This file was imported already.")
                text = f"{again} {told_again(kept.outcome)}"
            self.message_user(request, text, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:products_product_import_file"))

        return acts_once(self.admin_site, part)(request)

    def _import_part(
        self, request: HttpRequest, kept: ImportFile, file: ProductFile, so_far: "_SoFar"
    ) -> HttpResponse:
        part = ProductFile(file.lines[so_far.lines : so_far.lines + IMPORT_BATCH])
        outcomes = import_products(
            part.rows,
            name=kept.name,
            staff_id=_staff_id(request),
            seen=kept.seen,
            file_id=kept.pk,
        )
        written = [outcome for outcome in outcomes if outcome.writes]
        self.log_changes(
            request, [(outcome.product, log_message(outcome, kept.name)) for outcome in written]
        )
        so_far.add(result_of(part, outcomes), len(part.lines))
        if so_far.lines < len(file.lines):
            return Unfinished(asdict(so_far))
        done, *refused = so_far.told()
        finish_file(kept, outcome=told_several([done, *refused]).stored())
        self.message_user(request, str(done), messages.SUCCESS)
        for told in refused:
            self.message_user(request, str(told), messages.WARNING)
        return HttpResponseRedirect(reverse("admin:products_product_changelist"))


@dataclass(slots=True)
class _SoFar:
    """What became of the lines that are imported, handed on from part to part."""

    lines: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    refused: int = 0
    refusals: list[tuple[int, str]] = field(default_factory=list)
    """Of the first lines that were refused, which and why."""

    def add(self, result: Result, lines: int) -> None:
        self.lines += lines
        self.new += result.new
        self.changed += result.changed
        self.same += result.same
        self.refused += len(result.refused)
        refusals = [(line.number, " ".join(errors.values())) for line, errors in result.refused]
        self.refusals = [*self.refusals, *refusals][:REFUSED_MAX]

    def told(self) -> list[Told]:
        counted = {name: COUNT.format(getattr(self, name)) for name in ("new", "changed", "same")}
        told = [Told("Imported: %(new)s new, %(changed)s changed, %(same)s as they were.", counted)]
        for number, why in self.refusals:
            told.append(
                Told("Line %(line)s was refused: %(why)s", {"line": str(number), "why": why})
            )
        if self.refused > REFUSED_MAX:
            count = {"count": COUNT.format(self.refused)}
            told.append(Told("Lines that were refused: %(count)s.", count))
        return told


def _staff_id(request: HttpRequest) -> int:
    staff_id = request.user.pk
    assert staff_id is not None  # noqa: S101  who isn't signed in has no permission
    return staff_id
