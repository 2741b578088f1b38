"""The page that undoes what a row stands for: by its opposite, for a reason, once."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from common.admin.forms import ReasonForm
from common.admin.lists import ShopModelAdmin
from common.admin.once import Unfinished
from common.admin.pages import object_action
from common.admin.tables import RelatedTable
from common.admin.told import Told

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


class Undoes(ShopModelAdmin):
    """An admin of rows that know whether they are `is_undoable` and `is_undone`."""

    actions_detail: ClassVar[Any] = ["undo"]
    undo_permission: str
    """What one needs besides seeing the row: to change what it changed."""

    def undo_facts(self, obj: Any) -> "Mapping[StrOrPromise, object]":
        """What is to be known before a row is undone, by labels."""
        raise NotImplementedError

    def undo_table(self, obj: Any) -> RelatedTable | None:
        """What would be undone one by one, if it is several things."""
        return None

    def undo_row(self, request: HttpRequest, obj: Any, reason: str) -> Told | Unfinished:
        """Undo it by a service; what was done, for the log, unless there is more to do."""
        raise NotImplementedError

    def is_actionable(self, obj: Any) -> bool:
        return bool(obj.is_undoable and not obj.is_undone)

    def has_undo_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(self.undo_permission)

    @object_action(description=_("Undo"), icon="undo", permission="undo", danger=True)
    def undo(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.object_page(
            request,
            object_id,
            title=_("Undo"),
            form_class=ReasonForm,
            facts=self.undo_facts,
            table=self.undo_table,
            act=lambda obj, data: self.undo_row(request, obj, data["reason"]),
        )
