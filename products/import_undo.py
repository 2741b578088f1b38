"""The page that undoes an import, and the table of what it did."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.admin.log import log_changes
from common.admin.once import Unfinished, done_so_far
from common.admin.tables import RelatedTable, link
from common.admin.text import COUNT, SIGNED, moment
from common.admin.told import Told, told_again, told_field, told_several, with_reason
from common.admin.undo import Undoes
from common.errors import UndoneAlready
from products.errors import NothingToUndo
from products.import_pages import REFUSED_MAX, SHOWN_MAX, told_value
from products.models import Category, ImportFile, Product
from products.services import Undoing, batches_to_undo, preview_undo, undo_batch


def table_of_changes(file: ImportFile) -> RelatedTable:
    """What an import changed, and what undoing does about it: first what would stay as it is."""
    plans = sorted(preview_undo(file.pk), key=lambda plan: (not plan.refused, plan.is_undone))
    text = _now("what it changed: %(count)s")
    if len(plans) > SHOWN_MAX:
        text = _now("what it changed: %(count)s, of which these are %(shown)s")
    title = text % {"count": COUNT.format(len(plans)), "shown": COUNT.format(SHOWN_MAX)}
    shown = plans[:SHOWN_MAX]
    values = _Values(shown)
    return RelatedTable(
        title,
        [_("SKU"), _("product"), _("what"), _("before"), _("imported"), _("now"), _("undoing it")],
        [
            (
                link(plan.product, plan.product.sku),
                plan.product.name,
                told_field(Product._meta.get_field(plan.change.column)),
                values.before(plan),
                values.after(plan),
                values.now(plan),
                _told_plan(plan, values),
            )
            for plan in shown
        ],
    )


def _told_plan(plan: Undoing, values: "_Values") -> str:
    if plan.change.undone_at is not None:
        when = moment(datetime.fromisoformat(plan.change.undone_at))
        return _now("Undone: %(when)s") % {"when": when}
    if plan.is_undone:
        return _now("It is so already.")
    return str(plan.refused) or f"→ {values.undone(plan)}"


class _Values:
    """The values of changes, as staff read them."""

    def __init__(self, plans: Iterable[Undoing]) -> None:
        ids: set[int | None] = set()
        for plan in plans:
            if plan.change.column == "category":
                ids |= {plan.change.before, plan.change.after, plan.now}
        self._categories = Category.objects.in_bulk(ids - {None})

    def before(self, plan: Undoing) -> Told | str:
        return "" if plan.change.column == "stock" else self._told(plan, plan.change.before)

    def after(self, plan: Undoing) -> Told | str:
        if plan.change.column == "stock":
            return SIGNED.format(plan.change.after)
        return self._told(plan, plan.change.after)

    def now(self, plan: Undoing) -> Told | str:
        return self._told(plan, plan.now)

    def undone(self, plan: Undoing) -> Told | str:
        if plan.change.column == "stock":
            return COUNT.format(plan.now + plan.quantity)
        return self._told(plan, plan.change.value_to_undo_to)

    def _told(self, plan: Undoing, value: Any) -> Told | str:
        if plan.change.column == "category" and value is not None:
            return str(self._categories.get(value, "?"))
        return told_value(value)


def _told_undoing(plan: Undoing, values: _Values) -> Told:
    """For the log of a product."""
    if plan.change.column == "stock":
        told = {"quantity": SIGNED.format(plan.quantity), "stock": str(values.undone(plan))}
        return Told("stock adjusted by %(quantity)s to %(stock)s", told)
    field = told_field(Product._meta.get_field(plan.change.column))
    change = {"field": field, "old": values.now(plan), "new": values.undone(plan)}
    return Told("%(field)s: %(old)s → %(new)s", change)


class UndoesImports(Undoes):
    """What a file changed is put back, for those who may add products and change them."""

    undo_permission = "products.change_product"

    def has_undo_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_undo = super().has_undo_permission(request, obj)
        return may_undo and request.user.has_perm("products.add_product")

    def undo_facts(self, obj: ImportFile) -> dict[Any, object]:
        return {
            _("import"): obj.name,
            _("imported at"): moment(obj.taken_at),
            _("imported by"): obj.created_by,
            _("outcome"): told_again(obj.outcome) or "–",
            _("note"): _(
                "What still is as the file made it is put back, even if somebody has decided on"
                " the same value since. What is another by now stays as it is."
            ),
        }

    def undo_table(self, obj: ImportFile) -> RelatedTable:
        return table_of_changes(obj)

    def undo_row(self, request: HttpRequest, obj: ImportFile, reason: str) -> Told | Unfinished:
        so_far = done_so_far(request) or {"done": 0, "left": 0, "refusals": []}
        batch, *batches = so_far.get("batches") or batches_to_undo(obj.pk)
        plans = undo_batch(batch_id=batch, reason=reason, staff_id=request.user.pk)
        values = _Values(plans)
        self._log_products(request, obj, reason, [one for one in plans if one.writes], values)
        refused = [plan for plan in plans if plan.refused]
        so_far["left"] += len(refused)
        so_far["done"] += len(plans) - len(refused)
        so_far["refusals"] += [_told_refusal(plan, values) for plan in refused[:REFUSED_MAX]]
        if batches:
            return Unfinished(so_far | {"batches": batches})
        if not so_far["done"]:
            raise NothingToUndo if so_far["left"] else UndoneAlready
        for text in so_far["refusals"][:REFUSED_MAX]:
            self.message_user(request, text, messages.WARNING)
        counted = {
            "done": COUNT.format(so_far["done"]),
            "left": COUNT.format(so_far["left"]),
            "reason": reason,
        }
        return Told(
            "Import undone: %(done)s put back, %(left)s left as they are: %(reason)s", counted
        )

    def _log_products(
        self,
        request: HttpRequest,
        file: ImportFile,
        reason: str,
        written: Iterable[Undoing],
        values: _Values,
    ) -> None:
        by_product: dict[int, list[Undoing]] = {}
        for plan in written:
            by_product.setdefault(plan.product.pk, []).append(plan)
        undone = Told("Import undone: %(name)s", {"name": file.name})
        log_changes(
            self.admin_site.get_model_admin(Product),
            request,
            (
                (
                    plans[0].product,
                    with_reason(
                        told_several([undone, *(_told_undoing(plan, values) for plan in plans)]),
                        reason,
                    ),
                )
                for plans in by_product.values()
            ),
        )


def _told_refusal(plan: Undoing, values: _Values) -> str:
    return _now("%(sku)s, %(column)s: %(now)s by now, imported was %(imported)s. %(why)s") % {
        "sku": plan.product.sku,
        "column": told_field(Product._meta.get_field(plan.change.column)),
        "now": values.now(plan),
        "imported": values.after(plan),
        "why": plan.refused,
    }
