"""Products in the steps of django-import-export: the file is read, shown, and then written.

The library has the pages, the upload and the file between the two steps; what a line means and how
it is written are ours (`import_files`, `services.import_products`), because the library writes row
by row in a transaction of its own, and stock may only change by adjustments under locks.
"""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.translation import gettext as _now
from import_export.formats.base_formats import Format
from import_export.forms import ConfirmImportForm
from import_export.resources import Resource
from import_export.results import InvalidRow, Result, RowResult

from products.forms import IMPORT_NAME_MAX_LENGTH
from products.import_files import Line, read_lines, rows_of
from products.models import Product
from products.services import ImportOutcome, import_products, preview_import

SHOWN_MAX = 200
"""How many lines a preview shows; all are counted."""


class ProductLines(list[Line]):
    """The lines of a file, as the library hands them from its format to its resource."""


class CsvOrExcel(Format):  # type: ignore[misc]
    """Whatever of the two the file is, which its first bytes tell."""

    def __init__(self, encoding: str | None = None) -> None:
        self.encoding = encoding  # the library names one; the file itself knows better

    def get_title(self) -> str:
        return _now("CSV or Excel (.xlsx)")

    def create_dataset(self, in_stream: bytes) -> ProductLines:
        return ProductLines(read_lines(in_stream))

    def can_import(self) -> bool:
        return True


class ProductConfirmForm(ConfirmImportForm):  # type: ignore[misc]
    import_name = forms.CharField(max_length=IMPORT_NAME_MAX_LENGTH, widget=forms.HiddenInput)


class ProductImportResult(Result):  # type: ignore[misc]
    """The library's result, with what became of each line that could be read."""

    outcomes: list[ImportOutcome]
    refused: list[tuple[int, dict[str, str]]]
    hidden_count: int = 0

    @property
    def refused_count(self) -> int:
        return len(self.refused)


class ProductResource(Resource):  # type: ignore[misc]
    """What the library calls to show an import, and to do it."""

    @classmethod
    def get_display_name(cls) -> str:
        return str(Product._meta.verbose_name_plural)

    def get_user_visible_fields(self) -> list[Any]:
        return []  # the page explains the columns itself

    def import_data(
        self,
        dataset: ProductLines,
        dry_run: bool = False,
        *,
        import_name: str = "",
        user: Any = None,
        **kwargs: Any,
    ) -> ProductImportResult:
        rows = rows_of(dataset)
        if dry_run:
            outcomes = preview_import(rows, name=import_name)
        else:
            outcomes = import_products(rows, name=import_name, staff_id=user.pk)
        return _result(dataset, outcomes)


def _result(lines: ProductLines, outcomes: list[ImportOutcome]) -> ProductImportResult:
    result = ProductImportResult()
    result.outcomes = outcomes
    result.refused = []
    result.total_rows = len(lines)
    result.diff_headers = _now("SKU,name,category,price,active,stock,note").split(",")
    by_number = {outcome.row.number: outcome for outcome in outcomes}
    for line in lines:
        outcome = by_number.get(line.number)
        errors = line.errors or (outcome.errors if outcome else {})
        if errors or outcome is None:
            result.refused.append((line.number, errors))
            if len(result.invalid_rows) < SHOWN_MAX:
                result.invalid_rows.append(_invalid_row(line, errors))
        else:
            _add_row(result, outcome)
    return result


def _invalid_row(line: Line, errors: dict[str, str]) -> InvalidRow:
    by_column = {column: [text] for column, text in errors.items()}
    shown = ("sku", "name", "category", "price", "is_active", "stock_adjustment")
    values = tuple(line.cells.get(column, "")[:100] for column in shown)
    return InvalidRow(line.number, ValidationError(by_column), (*values, ""))


def _add_row(result: ProductImportResult, outcome: ImportOutcome) -> None:
    row = RowResult()
    row.import_type = _kind(outcome)
    result.increment_row_result_total(row)
    if row.is_skip() and not _note(outcome):
        return
    if len(result.rows) >= SHOWN_MAX:
        result.hidden_count += 1
        return
    row.diff = _shown(outcome)
    result.append_row_result(row)


def _kind(outcome: ImportOutcome) -> str:
    if outcome.is_new:
        return str(RowResult.IMPORT_TYPE_NEW)
    return str(RowResult.IMPORT_TYPE_UPDATE if outcome.writes else RowResult.IMPORT_TYPE_SKIP)


def _shown(outcome: ImportOutcome) -> list[str]:
    product = outcome.product
    stock = f"{outcome.stock_after:,}"
    if outcome.adjustment:
        stock = _old_and_new(f"{outcome.stock_after - outcome.adjustment:,}", stock)
    return [
        product.sku,
        _changed(outcome, "name", str(product.name)),
        _changed(outcome, "category", str(product.category or "–")),
        _changed(outcome, "price", f"₩{product.price:,}"),
        _changed(outcome, "is_active", _now("yes") if product.is_active else _now("no")),
        stock,
        _note(outcome),
    ]


def _changed(outcome: ImportOutcome, column: str, shown: str) -> str:
    if column not in outcome.changes:
        return shown
    value = outcome.changes[column][0]
    old = f"₩{value:,}" if column == "price" else shown_value(value)
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


def shown_value(value: Any) -> str:
    """A column's value as staff read it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _now("yes") if value else _now("no")
    return f"{value:,}" if isinstance(value, int) else str(value)[:100]


def log_message(outcome: ImportOutcome, name: str) -> str:
    """For the admin's log: what an import did to a product, and under which name."""
    if outcome.is_new:
        done = [_now("Added with %(stock)s in stock") % {"stock": f"{outcome.product.stock:,}"}]
    else:
        done = [
            f"{column}: {shown_value(old)} → {shown_value(new)}"
            for column, (old, new) in outcome.changes.items()
        ]
    if outcome.adjustment:
        done.append(
            _now("stock adjusted by %(quantity)s to %(stock)s")
            % {"quantity": f"{outcome.adjustment:+,}", "stock": f"{outcome.stock_after:,}"}
        )
    return f"{'; '.join(done)} ({_now('import')}: {name})"
