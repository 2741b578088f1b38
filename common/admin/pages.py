"""Pages that ask before they act on one object, or on the chosen rows of a list."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any, TypeVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _now
from unfold.decorators import action
from unfold.enums import ActionVariant

from common.admin import stale
from common.admin.forms import ReasonForm, add_refusal
from common.admin.once import REFUSALS, Unfinished, done_so_far, refusal_of
from common.admin.tables import RelatedTable
from common.admin.text import COUNT
from common.admin.told import Told
from common.texts import StrOrPromise

View = TypeVar("View", bound=Callable[..., HttpResponse])
Done = TypeVar("Done")

SELECTION_MAX = 1_000
"""How many rows of a list one action may change, in one transaction."""


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
    (403) at the address. (Of an `app.permission` unfold asks the database before it has tables.)
    """
    decorator: Callable[[View], View] = action(
        description=description,
        icon=icon,
        permissions=[permission],
        url_path=url_path,
        variant=ActionVariant.DANGER if danger else ActionVariant.DEFAULT,
    )
    return decorator


def object_deed(
    *,
    facts: "Callable[[Any, Any], Mapping[StrOrPromise, object]]",
    form_class: type[forms.Form] = ReasonForm,
    next_url: Callable[[], str] | None = None,
    **button: Any,
) -> Callable[[Callable[[Any, HttpRequest, Any, Any], Told]], Any]:
    """An `object_action` whose page asks before it does what the method does (`object_page`).

    The method gets the request, the object and the form's data.
    """

    def decorator(act: Callable[[Any, HttpRequest, Any, Any], Told]) -> Any:
        @wraps(act)
        def view(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
            return object_page(
                *(model_admin, request, object_id),
                title=button["description"],
                form_class=form_class,
                facts=partial(facts, model_admin),
                act=partial(act, model_admin, request),
                next_url=next_url,
            )

        return object_action(**button)(view)

    return decorator


def done_or_told(
    request: HttpRequest, form: forms.BaseForm, act: Callable[[], Done]
) -> Done | None:
    """What `act` did, or None: it was refused, now or before, and the form says why."""
    try:
        if earlier := refusal_of(request):
            raise earlier
        return act()
    except REFUSALS as refusal:
        add_refusal(form, refusal)
        return None


def object_page(
    model_admin: "admin.ModelAdmin[Any]",
    request: HttpRequest,
    object_id: str,
    *,
    title: "StrOrPromise",
    form_class: type[forms.Form],
    facts: "Callable[[Any], Mapping[StrOrPromise, object]]",
    act: Callable[[Any, dict[str, Any]], Told | Unfinished],
    initial: Mapping[str, Any] | None = None,
    next_url: Callable[[], str] | None = None,
    table: "Callable[[Any], RelatedTable | None]" = lambda obj: None,
) -> HttpResponse:
    """A page about one object that asks before it acts. Only a valid POST acts, once.

    `facts` are shown above the form, by their labels, and a `table` below it. `act` gets the
    object and the form's data, calls a service, and returns what was done, for the admin's log and
    the message on the page that follows: the object's, unless `next_url` says another; or that
    there is more to do of it. What the service refuses is an error of the form. If the log tells
    what was done to the object since its page was made, that is said first, and nothing is done.
    """
    opts = model_admin.opts
    stale.show_log(request, model_admin.model, [unquote(object_id)])
    obj = model_admin.get_object(request, unquote(object_id))
    if obj is None:
        return model_admin._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined,no-any-return]
            request, model_admin.opts, object_id
        )
    sent = request.POST if request.method == "POST" else None
    form = form_class(sent, initial=dict(initial or {}))
    for name in form.initial:
        form.fields[name].show_hidden_initial = True
    change_url = reverse(
        f"{model_admin.admin_site.name}:{opts.app_label}_{opts.model_name}_change",
        args=[quote(obj.pk)],
    )
    if form.is_valid():
        done = done_or_told(request, form, partial(_act_if_shown, request, obj, act, form))
        if isinstance(done, Unfinished):
            return done
        if done is not None:
            model_admin.log_change(request, obj, done)
            model_admin.message_user(request, str(done), messages.SUCCESS)
            return HttpResponseRedirect(next_url() if next_url else change_url)
        stale.show_log(request, model_admin.model, [obj.pk])
        obj.refresh_from_db()  # what it is by now is why it was refused
        stale.take_over_changes(form)
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": obj,
        "title": title,
        "subtitle": str(obj),
        "form": form,
        "facts": facts(obj),
        "table": table(obj),
        "change_url": change_url,
        "media": model_admin.media + form.media,
    }
    return TemplateResponse(request, "admin/object_page.html", context)


def _act_if_shown(
    request: HttpRequest, obj: Any, act: Callable[[Any, dict[str, Any]], Done], form: forms.Form
) -> Done:
    with transaction.atomic():
        done = act(obj, form.cleaned_data)
        # By now the object is locked: nobody else is at it.
        if done_so_far(request) is None:
            stale.ensure_shown(request, type(obj), [obj.pk])
        return done


def selection_page(
    model_admin: "admin.ModelAdmin[Any]",
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
        model_admin.message_user(request, text, messages.ERROR)
        return None
    sent = "step" in request.POST
    form = form_class(request.POST if sent else None)
    valid = form.is_valid()
    if valid and request.POST["step"] == "confirm":
        data = {**form.cleaned_data, "seen": request.POST.get("seen", "")}
        done = done_or_told(request, form, lambda: act(rows, data))
        if done is not None:
            model_admin.message_user(request, done, messages.SUCCESS)
            return None
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
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
        "media": model_admin.media + form.media,
    }
    return TemplateResponse(request, "admin/selection_page.html", context)
