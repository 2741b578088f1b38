"""What the admins of all apps share.

Money, stock, coupons and orders change through services only (docs/locking.md). What staff do is
in the admin's log: what changed, from what to what, and why. Every form acts once (`once`), in one
transaction with its entries in the log, and undoes nothing that a colleague did since it was
opened (`stale`).
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import flatten_fieldsets, unquote
from django.core.exceptions import ValidationError
from django.db.models import IntegerField, Model, Q, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.views import ChangeList as UnfoldChangeList

from common.admin import stale
from common.admin.addresses import DjangoModelAdmin, ListOfAnyAddress
from common.admin.form_key import LOG_SHOWN
from common.admin.log import log_changes, log_list
from common.admin.numbers import WholeNumberField
from common.admin.once import only_shows, refusal_of
from common.admin.pages import SELECTION_MAX, object_page, selection_page
from common.admin.particles import with_particles
from common.admin.tables import tables_below
from common.admin.text import COUNT
from common.admin.timeline import has_timeline, timeline_of
from common.admin.told import Told, told_by, told_change, told_several, with_reason
from common.db.caseless import rows_containing
from common.texts import StrOrPromise

if TYPE_CHECKING:
    from typing import TypeAlias

    # unfold has no types of its own; its classes extend Django's of the same names.
    UnfoldModelAdmin: TypeAlias = admin.ModelAdmin[Any]
    UnfoldTabularInline: TypeAlias = admin.TabularInline[Any, Any]
else:
    from unfold.admin import ModelAdmin as UnfoldModelAdmin
    from unfold.admin import TabularInline as UnfoldTabularInline  # noqa: F401  for the apps

SEARCH_MAX_LENGTH = 200
"""Characters: more are no search, and each word is a condition on every column."""


RECORDS = _("%(count)s %(name)s")
THINGS = pgettext_lazy("things", "%(count)s %(name)s")
PEOPLE = pgettext_lazy("people", "%(count)s %(name)s")
"""Korean counts each kind by a word of its own."""


class ShopModelAdmin(ListOfAnyAddress, UnfoldModelAdmin):
    """A list that stays quick on millions of rows, and forms and pages that act once."""

    list_per_page = 50
    show_full_result_count = False  # a second COUNT(*), over the whole table
    warn_unsaved_form = True  # before a page with changes is left
    selection_max = SELECTION_MAX
    list_max_show_all = 0  # a list is never shown whole: its link would lead nowhere
    show_facets = admin.ShowFacets.NEVER  # one COUNT(*) more for each choice of each filter
    change_form_outer_after_template: str | None = "admin/related_tables.html"

    counts: "ClassVar[StrOrPromise]" = RECORDS
    """How the rows of the list are counted."""

    found_everywhere = ""
    """The icon by which the search everywhere shows what it finds of this list, if it looks."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        _lock_object(request)
        return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> Any:
        self.lock_and_ensure_shown(request, unquote(object_id))
        return super().delete_view(request, object_id, *args, **kwargs)

    def lock_and_ensure_shown(self, request: HttpRequest, key: str) -> None:
        """For pages of libraries that act on an object: whether theirs showed what was done to it.

        Raises:
            ValidationError: it didn't.
        """
        _lock_object(request)
        stale.show_log(request, self.model, [key])
        obj = self.get_object(request, key) if request.locks_object else None  # type: ignore[attr-defined]
        if obj and self.has_view_or_change_permission(request, obj):  # who may read its log
            stale.ensure_shown(request, self.model, [key])

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        obj = super().get_object(request, object_id, from_field)
        if obj is None or not getattr(request, "locks_object", False):
            return obj
        return self.get_queryset(request).select_for_update().filter(pk=obj.pk).first()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form_class = super().get_form(request, obj, change, **kwargs)  # made for this request
        form_class.refusal = refusal_of(request)  # type: ignore[attr-defined]
        return form_class

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if isinstance(db_field, IntegerField):
            kwargs.setdefault("form_class", WholeNumberField)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            stale.save_changed(form)
        else:
            super().save_model(request, obj, form, change)

    def lookup_allowed(self, lookup: str, value: Any, request: Any = None) -> bool:
        """Whether a list may be asked for it: of its own values only those that it shows.

        Django lets every field through; a secret could be guessed character by character.
        """
        names = {field.name: field for field in self.opts.get_fields()}
        name = lookup.partition(LOOKUP_SEP)[0]
        if name in names and not names[name].is_relation and name not in self._shown():
            return False
        return super().lookup_allowed(lookup, value, request)

    def _shown(self) -> set[str]:
        listed = [*self.list_display, *self.list_filter, *self.readonly_fields]
        listed += self.fields or flatten_fieldsets(self.fieldsets or [])
        columns = [getattr(self, name, "") for name in listed if isinstance(name, str)]
        return {self.opts.pk.name, *map(_field_name, [*listed, *columns])}

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = list(super().get_list_display(request))
        for added in _counted_columns[self.model]:
            columns.insert(columns.index(added.before), added.column)
        return columns

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return CompletedChangeList

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = context.get("original")
        context["related_tables"] = [] if obj is None else tables_below(request, obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """For the log: what changed, from what to what, and why, if the form asks that."""
        if add:
            return super().construct_change_message(request, form, formsets, add)
        changes = [
            told_change(form, name)
            for name in form.changed_data
            if name in form.fields and name != "reason"
        ]
        if "password" in form.changed_data:  # of a form that changes nothing else
            changes.append(Told("Password changed"))
        message = told_several(changes or [Told("Nothing changed.")])
        reason = form.cleaned_data.get("reason")
        return with_reason(message, reason) if reason else message

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super().log_addition(request, obj, _stored(message))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        return super().log_change(request, obj, _stored(message))

    @only_shows
    def history_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = super().history_view(request, *args, **kwargs)
        context = getattr(answer, "context_data", None)
        if context and has_timeline(self.model):
            context["table"] = timeline_of(request, context["object"])
            answer.template_name = "admin/timeline.html"  # type: ignore[attr-defined]
            return answer
        for entry in (getattr(answer, "context_data", None) or {}).get("action_list", ()):
            entry.change_message = told_by(entry)  # Django's template knows its own messages only
        return answer

    log_changes = log_changes
    log_list = log_list

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **kwargs: Any) -> None:
        said = with_particles(str(message))
        is_html = hasattr(message, "__html__")  # of which only particles were changed
        super().message_user(request, mark_safe(said) if is_html else said, *args, **kwargs)  # noqa: S308

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        text = _now("There is no such %(name)s; perhaps it was deleted.") % {
            "name": opts.verbose_name
        }
        self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(reverse(f"{self.admin_site.name}:index"))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        text = search_term.strip()
        if len(text) > SEARCH_MAX_LENGTH:
            raise ValueError("a search of a page of text")
        return (self.search(queryset, text) if text else queryset), False

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        """The rows that match what staff typed; `search_fields` unless a subclass knows better."""
        return rows_containing(queryset, self.search_fields, text)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any) -> Any:
        try:
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.clean(key, None)
        except ValidationError:
            # Django asks the database for whatever was sent.
            self.message_user(request, _now("What was chosen isn't in the list."), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        self._ensure_shown_of_chosen(request, queryset)
        return super().response_action(request, queryset, *args)

    def _ensure_shown_of_chosen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        if request.POST.get("select_across") != "1":
            queryset = queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        chosen = queryset.order_by("pk").values_list("pk", flat=True)[: SELECTION_MAX + 1]
        keys = list(chosen)
        if len(keys) > SELECTION_MAX:
            return  # every action refuses so many
        stale.show_log(request, self.model, keys)
        only_shows_it = request.POST.get("step") == "preview" or refusal_of(request) is not None
        if LOG_SHOWN in request.POST and not only_shows_it:
            rows = self.model._default_manager.filter(pk__in=keys).order_by("pk")
            list(rows.select_for_update().values_list("pk"))
            stale.ensure_shown(request, self.model, keys)

    object_page = object_page
    selection_page = selection_page

    def is_actionable(self, obj: Any) -> bool:
        """Whether the buttons of this object's page would do anything now."""
        return True

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        obj = self.get_object(request, unquote(object_id))
        if obj is None or not self.is_actionable(obj):
            return []
        return super().get_actions_detail(request, object_id)  # type: ignore[misc,no-any-return]


Count = TypeVar("Count", bound=Callable[[Any], Mapping[int, int]])


@dataclass(frozen=True, slots=True)
class _CountedColumn:
    """A column that another app adds to a list."""

    before: str
    """The column that follows."""
    column: Callable[[Any], str]
    count: Callable[[Any], Mapping[int, int]]


_counted_columns: defaultdict[type[Model], list[_CountedColumn]] = defaultdict(list)


def counted_column(
    model: type[Model], *, description: "StrOrPromise", before: str
) -> Callable[[Count], Count]:
    """Add a column to the list of `model`: what a function counts for the rows of a page, by id.

    An app adds its own to the lists of those that it knows, which don't know it.
    """

    def register(count: Count) -> Count:
        name = count.__name__
        shown = number_column(name, description, sortable=False)
        _counted_columns[model].append(_CountedColumn(before, shown, count))
        return count

    return register


class CompletedChangeList(UnfoldChangeList):  # type: ignore[misc]
    """A list whose rows are completed, once per page, by what other apps count."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = self.rows_shown(request)
        len(self.result_list)  # read here, where it is told what an address makes fail
        if not (self.query or self.get_filters_params()):
            self.full_result_count = self.result_count  # or the page offers to show all of them
        name = self.opts.verbose_name if self.result_count == 1 else self.opts.verbose_name_plural
        told = {"count": COUNT.format(self.result_count), "name": name}
        self.told_count = str(self.model_admin.counts) % told
        for added in _counted_columns[self.model]:
            counts = added.count(list(self.result_list))  # MySQL has no IN of a limited query
            for row in self.result_list:
                setattr(row, added.count.__name__, counts.get(row.pk, 0))

    def rows_shown(self, request: HttpRequest) -> Any:
        """The rows of the page: of a formset as well, so a queryset."""
        return self.result_list


def _field_name(listed: Any) -> str:
    """Of which field a column, a filter or a field of the form is; a name of none, or none."""
    if isinstance(listed, tuple):
        return _field_name(listed[0])
    return listed if isinstance(listed, str) else str(getattr(listed, "admin_order_field", ""))


def _lock_object(request: HttpRequest) -> None:
    """From here on, lock the object that a form was sent for, unless it is only shown again."""
    request.locks_object = (  # type: ignore[attr-defined]
        request.method == "POST" and refusal_of(request) is None
    )


def _stored(message: Any) -> Any:
    return message.stored() if isinstance(message, Told) else message  # or Django's own


class ConditionFilter(admin.SimpleListFilter):
    """A filter of named conditions. A name that it doesn't know filters nothing."""

    def conditions(self) -> "dict[str, tuple[StrOrPromise, Q]]":
        """Label and condition by the value in the address."""
        raise NotImplementedError

    def lookups(
        self, request: HttpRequest, model_admin: DjangoModelAdmin
    ) -> "list[tuple[str, StrOrPromise]]":
        return [(name, label) for name, (label, _condition) in self.conditions().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.conditions().get(self.value() or "")
        return queryset.filter(chosen[1]) if chosen else queryset


def number_column(
    path: str, description: "StrOrPromise", pattern: str = COUNT, *, sortable: bool = True
) -> Callable[[Model], str]:
    """A column, or a read-only field, that shows a number by `pattern`; sorts by the number."""

    @admin.display(description=description, ordering=path if sortable else None)
    def column(obj: Model) -> str:
        return pattern.format(getattr(obj, path))

    column.__name__ = path  # the label's and the style's name for it
    return column
