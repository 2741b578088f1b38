"""Kinds of admins, by what their forms may do."""

from typing import Any, ClassVar

from django.http import HttpRequest
from unfold.paginator import InfinitePaginator

from common.admin.forms import ServiceForm
from common.admin.lists import ShopModelAdmin


class Undeletable:
    """Rows that others refer to, or will: they are kept for good."""

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnly(Undeletable):
    """Rows that only services write."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class History(ReadOnly):
    """Rows that pile up: newest first, since no other order has an index, and never counted."""

    sortable_by: ClassVar[Any] = ()
    paginator = InfinitePaginator


class AsksReason(ShopModelAdmin):
    """An admin whose form of changes has a field for the reason, for those who may change."""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not self.has_change_permission(request, obj):
            return fieldsets
        return [*fieldsets, (None, {"fields": ["reason"]})]


class SavedByService(Undeletable, ShopModelAdmin):
    """An admin whose `save_model` calls a service; what that refuses is an error of the form."""

    form = ServiceForm
    add_form: type[ServiceForm] | None = None

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if obj is None and self.add_form is not None:
            kwargs["form"] = self.add_form
        return super().get_form(request, obj, change, **kwargs)
