"""What the admins of all apps share.

Money, stock, coupons and orders change through services only (docs/locking.md). What staff do is
in the admin's log: what changed, from what to what, and why. Every form acts once (`admin_once`),
in one transaction with its entries in the log, and undoes nothing that a colleague did since it
was opened (`admin_stale`).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import quote, unquote
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.paginator import InfinitePaginator
from unfold.views import ChangeList as UnfoldChangeList

from common.admin import stale as admin_stale
from common.admin.addresses import ListOfAnyAddress
from common.admin.forms import ServiceForm, add_refusal
from common.admin.once import REFUSALS, acts_once, refusal_of
from common.admin.text import COUNT, shown_change
from common.db.caseless import rows_containing

if TYPE_CHECKING:
    from typing import TypeAlias

    from django_stubs_ext import StrOrPromise

    # unfold has no types of its own; its classes extend Django's of the same names.
    UnfoldModelAdmin: TypeAlias = admin.ModelAdmin[Any]
    UnfoldTabularInline: TypeAlias = admin.TabularInline[Any, Any]
    DjangoModelAdmin: TypeAlias = admin.ModelAdmin[Any]
else:
    from django.contrib.admin import ModelAdmin as DjangoModelAdmin
    from unfold.admin import ModelAdmin as UnfoldModelAdmin
    from unfold.admin import TabularInline as UnfoldTabularInline  # noqa: F401  for the apps

View = TypeVar("View", bound=Callable[..., HttpResponse])

LOG_BATCH = 500
SEARCH_MAX_LENGTH = 200
"""Characters: more are no search, and each word is a condition on every column."""
SELECTION_MAX = 1_000
"""How many rows of a list one action may change, in one transaction."""


# --- Lists --------------------------------------------------------------------------------------


class ShopModelAdmin(ListOfAnyAddress, UnfoldModelAdmin):
    """A list that stays quick on millions of rows, and forms and pages that act once."""

    list_per_page = 50
    show_full_result_count = False  # a second COUNT(*), over the whole table
    show_facets = admin.ShowFacets.NEVER  # one COUNT(*) more for each choice of each filter
    change_form_outer_after_template = "admin/related_tables.html"

    acts_in_parts: ClassVar[Sequence[str]] = ()
    """Pages that write in transactions of their own, and know by themselves what they did."""

    def get_urls(self) -> list[Any]:
        urls = super().get_urls()
        for url in urls:
            if url.name not in {_name_of(self, page) for page in self.acts_in_parts}:
                url.callback = acts_once(self.admin_site, url.callback)
        return urls

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        _lock_object(request)
        return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        _lock_object(request)
        return super().delete_view(request, *args, **kwargs)

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

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            admin_stale.save_changed(form)
        else:
            super().save_model(request, obj, form, change)

    def complete_page(self, rows: Sequence[Any]) -> None:
        """Add to the rows of one page of the list what comes from elsewhere, in bulk."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return CompletedChangeList

    def related_tables(self, request: HttpRequest, obj: Any) -> "list[RelatedTable]":
        """What is shown below an object's form."""
        return []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        obj = context.get("original")
        context["related_tables"] = [] if obj is None else self.related_tables(request, obj)
        return super().render_change_form(request, context, *args, **kwargs)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        """For the log: what changed, from what to what, and why, if the form asks that."""
        if add:
            return super().construct_change_message(request, form, formsets, add)
        changes = [
            f"{capfirst(form.fields[name].label or name)}: {old} → {new}"
            for name in form.changed_data
            if name in form.fields and name != "reason"
            for old, new in [shown_change(form, name)]
        ]
        if "password" in form.changed_data:  # of a form that changes nothing else
            changes.append(_now("Password changed"))
        message = "; ".join(changes) or _now("Nothing changed.")
        reason = form.cleaned_data.get("reason")
        return f"{message} ({reason})" if reason else message

    def log_changes(self, request: HttpRequest, changed: Iterable[tuple[Any, str]]) -> None:
        """Log what was done to each of many objects, in few statements."""
        content_type = ContentType.objects.get_for_model(self.model)
        LogEntry.objects.bulk_create(
            [
                LogEntry(
                    user_id=request.user.pk,  # type: ignore[misc] # staff have one
                    content_type=content_type,
                    object_id=str(obj.pk),
                    object_repr=str(obj)[:200],
                    action_flag=CHANGE,
                    change_message=message,
                )
                for obj, message in changed
            ],
            batch_size=LOG_BATCH,
        )

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
        return super().response_action(request, queryset, *args)

    def is_actionable(self, obj: Any) -> bool:
        """Whether the buttons of this object's page would do anything now."""
        return True

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        obj = self.get_object(request, unquote(object_id))
        if obj is None or not self.is_actionable(obj):
            return []
        return super().get_actions_detail(request, object_id)  # type: ignore[misc,no-any-return]

    def object_page(
        self,
        request: HttpRequest,
        object_id: str,
        *,
        title: "StrOrPromise",
        form_class: type[forms.Form],
        facts: "Callable[[Any], Mapping[StrOrPromise, object]]",
        act: Callable[[Any, dict[str, Any]], str],
        initial: Mapping[str, Any] | None = None,
        next_url: Callable[[], str] | None = None,
    ) -> HttpResponse:
        """A page about one object that asks before it acts. Only a valid POST acts, once.

        `facts` are shown above the form, by their labels. `act` gets the object and the form's
        data, calls a service, and returns what was done, for the admin's log and the message on
        the page that follows: the object's, unless `next_url` says another. What the service
        refuses is an error of the form.
        """
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined,no-any-return]
                request, self.opts, object_id
            )
        sent = request.POST if request.method == "POST" else None
        form = form_class(sent, initial=dict(initial or {}))
        change_url = reverse(_url_name(self, "change"), args=[quote(obj.pk)])
        if form.is_valid():
            try:
                if earlier := refusal_of(request):
                    raise earlier
                done = act(obj, form.cleaned_data)
            except REFUSALS as refusal:
                add_refusal(form, refusal)
                obj.refresh_from_db()  # what it is by now is why it was refused
            else:
                self.log_change(request, obj, done)
                self.message_user(request, done, messages.SUCCESS)
                return HttpResponseRedirect(next_url() if next_url else change_url)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": title,
            "subtitle": str(obj),
            "form": form,
            "facts": facts(obj),
            "change_url": change_url,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/object_page.html", context)

    def selection_page(
        self,
        request: HttpRequest,
        queryset: QuerySet[Any],
        *,
        title: "StrOrPromise",
        form_class: type[forms.Form],
        show: "Callable[[list[Any], dict[str, Any] | None], RelatedTable]",
        depends_on_form: bool,
        act: Callable[[list[Any], dict[str, Any]], str],
        seen: Callable[[list[Any]], str] = lambda rows: "",
    ) -> HttpResponse | None:
        """A page about the chosen rows of a list that asks before it acts on them.

        `show` makes the list of what will happen, for the rows and the form's data, or None while
        that is not valid; when it depends on the form, only a page that showed it can be confirmed.
        `seen` is sent back with the confirmation, as `data["seen"]`: what the decision was made on.
        `act` calls one service, logs, and returns what was done; what the service
        refuses is an error of the form.
        """
        rows = list(queryset.order_by("pk")[: SELECTION_MAX + 1])
        if len(rows) > SELECTION_MAX:
            text = _now("Choose at most %(max)s at once.") % {"max": COUNT.format(SELECTION_MAX)}
            self.message_user(request, text, messages.ERROR)
            return None
        sent = "step" in request.POST
        form = form_class(request.POST if sent else None)
        valid = form.is_valid()
        if valid and request.POST["step"] == "confirm":
            try:
                if earlier := refusal_of(request):
                    raise earlier
                done = act(rows, {**form.cleaned_data, "seen": request.POST.get("seen", "")})
            except REFUSALS as refusal:
                add_refusal(form, refusal)
            else:
                self.message_user(request, done, messages.SUCCESS)
                return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "subtitle": _now("%(count)s chosen") % {"count": COUNT.format(len(rows))},
            "form": form,
            "table": show(rows, form.cleaned_data if valid else None),
            "seen": seen(rows),
            "confirm": valid or not depends_on_form,
            "depends_on_form": depends_on_form,
            "action": request.POST["action"],
            "chosen": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "select_across": request.POST.get("select_across", "0"),
            "list_url": request.get_full_path(),
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/selection_page.html", context)


class CompletedChangeList(UnfoldChangeList):  # type: ignore[misc]
    """A list whose admin adds, once per page, what its rows don't have themselves."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)  # type: ignore[has-type]
        self.model_admin.complete_page(self.result_list)


@dataclass(frozen=True, slots=True)
class RelatedTable:
    """A table of a page: its title, what its columns are called, and its cells, row by row."""

    title: "StrOrPromise"
    headers: "Sequence[StrOrPromise]"
    rows: Sequence[Sequence[object]]
    more_url: str = ""
    """Where all of the rows are, if these are only the latest."""


def link(obj: Any, text: object = None) -> str:
    """A link to an object's page."""
    opts = obj._meta
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[quote(obj.pk)])
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text or obj
    )


def list_url(model: type[Model], **filters: object) -> str:
    """The address of a model's list, filtered."""
    opts = model._meta
    return reverse(
        f"admin:{opts.app_label}_{opts.model_name}_changelist",
        query={name: str(value) for name, value in filters.items()},
    )


def _lock_object(request: HttpRequest) -> None:
    """From here on, lock the object that a form was sent for, unless it is only shown again."""
    request.locks_object = (  # type: ignore[attr-defined]
        request.method == "POST" and refusal_of(request) is None
    )


def _name_of(model_admin: DjangoModelAdmin, page: str) -> str:
    return f"{model_admin.opts.app_label}_{model_admin.opts.model_name}_{page}"


def _url_name(model_admin: DjangoModelAdmin, page: str) -> str:
    return f"{model_admin.admin_site.name}:{_name_of(model_admin, page)}"


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
    path: str, description: "StrOrPromise", pattern: str = COUNT
) -> Callable[[Model], str]:
    """A column, or a read-only field, that shows a number by `pattern`; sorts by the number."""

    @admin.display(description=description, ordering=path)
    def column(obj: Model) -> str:
        return pattern.format(getattr(obj, path))

    column.__name__ = path  # the label's and the style's name for it
    return column


# --- What a form may do -------------------------------------------------------------------------


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


# --- Pages that act on one object ---------------------------------------------------------------


def object_action(
    *,
    description: "StrOrPromise",
    icon: str,
    permission: str,
    danger: bool = False,
    url_path: str | None = None,
) -> Callable[[View], View]:
    """A button of one object and the address behind it.

    Those for whom `has_{permission}_permission` is false don't see the button, and are refused
    (403) at the address.
    """
    decorator: Callable[[View], View] = action(
        description=description,
        icon=icon,
        permissions=[permission],
        url_path=url_path,
        variant=ActionVariant.DANGER if danger else ActionVariant.DEFAULT,
    )
    return decorator
