"""The back office of events: who is told, what became of it, and sending again."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import quote, unquote
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from common.admin.exports import ExportsRows
from common.admin.forms import ReasonForm
from common.admin.kinds import AsksReason, History, SavedByService
from common.admin.lists import ConditionFilter, number_column
from common.admin.once import acts_by_itself
from common.admin.pages import object_action, object_deed
from common.admin.tables import RelatedTable, link, list_url, shown_below
from common.admin.text import COUNT, moment
from common.admin.told import Told
from events.errors import SecretShown
from events.forms import EndpointForm, NoForm
from events.models import Delivery, Endpoint, Event, Kind
from events.services import (
    change_endpoint,
    create_endpoint,
    replace_secret,
    send_again,
    set_aside,
    show_secret,
    switch_on_again,
)

LATEST = 10


class HealthFilter(ConditionFilter):
    title = _("state")
    parameter_name = "health"

    def conditions(self) -> dict[str, Any]:
        off = Q(switched_off_at__isnull=False)
        return {
            "switched_off": (_("switched off"), off),
            "failing": (_("failing"), Q(failures__gt=0) & ~off),
        }


@admin.register(Endpoint)
class EndpointAdmin(ExportsRows, AsksReason, SavedByService):
    """Who is told. Endpoints are switched off, never removed: their deliveries refer to them."""

    form = EndpointForm
    list_display = ["name", "url", "told_of", "is_active", "health"]
    list_filter = ["is_active", HealthFilter]
    search_fields = ["name", "url"]
    ordering = ["name", "id"]
    readonly_fields = ["health", "created_at"]
    fieldsets = [(None, {"fields": ["name", "url", "kinds", "is_active", "health", "created_at"]})]
    add_fieldsets: list[Any] = [(None, {"fields": ["name", "url", "kinds", "is_active"]})]
    actions_detail = ["secret", "new_secret", "switch_on"]

    @admin.display(description=_("kinds"))
    def told_of(self, endpoint: Endpoint) -> str:
        return ", ".join(str(Kind(kind).label) for kind in endpoint.kinds)

    @admin.display(description=_("state"))
    def health(self, endpoint: Endpoint) -> str:
        if not endpoint.is_active:
            return _now("off")
        if endpoint.switched_off_at:
            return _now("switched off %(when)s: it only failed, or is gone") % {
                "when": moment(endpoint.switched_off_at)
            }
        if endpoint.failures:
            return _now("failing since %(when)s") % {"when": moment(endpoint.failing_since)}
        return _now("well") if endpoint.url else _now("asks the feed")

    def save_model(self, request: HttpRequest, obj: Endpoint, form: Any, change: bool) -> None:
        if change:
            changes = {name: form.cleaned_data[name] for name in form.changed_data}
            changes.pop("reason", None)
            change_endpoint(endpoint_id=obj.pk, **changes)
        else:
            obj.pk = create_endpoint(**form.cleaned_data).pk

    @object_action(description=_("Show the secret"), icon="key", permission="change")
    @acts_by_itself
    def secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The one page that shows a secret: no message and no log ever has it."""
        endpoint = self.get_object(request, unquote(object_id))
        if endpoint is None or request.method != "POST":
            return self._ask_for_secret(request, object_id)
        try:
            secret = show_secret(endpoint_id=endpoint.pk)
        except SecretShown:
            return self._ask_for_secret(request, object_id)
        self.log_change(request, endpoint, Told("Secret shown."))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": endpoint,
            "title": _("The secret"),
            "subtitle": str(endpoint),
            "secret": secret,
            "change_url": reverse("admin:events_endpoint_change", args=[quote(endpoint.pk)]),
        }
        return TemplateResponse(request, "admin/events/secret.html", context)

    def _ask_for_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def refuse(endpoint: Endpoint, data: dict[str, Any]) -> Told:
            raise SecretShown

        return self.object_page(
            request,
            object_id,
            title=_("Show the secret"),
            form_class=NoForm,
            facts=lambda endpoint: {
                _("endpoint"): endpoint.name,
                _("shown"): moment(endpoint.secret_shown_at),
                _("note"): _("It is shown once. Copy it to where requests are received."),
            },
            act=refuse,
        )

    @object_deed(
        description=_("New secret"),
        icon="autorenew",
        permission="change",
        danger=True,
        facts=lambda self, endpoint: {_("endpoint"): endpoint.name},
    )
    def new_secret(self, request: HttpRequest, endpoint: Endpoint, data: Any) -> Told:
        replaced = replace_secret(endpoint_id=endpoint.pk)
        return Told(
            "There is a new secret; until %(until)s requests are signed with both: %(reason)s",
            {"until": replaced.old_secret_until or "–", "reason": data["reason"]},
        )

    @object_deed(
        description=_("Switch on again"),
        icon="play_arrow",
        permission="change",
        facts=lambda self, endpoint: {
            _("endpoint"): endpoint.name,
            _("address"): endpoint.url,
            _("state"): self.health(endpoint),
        },
    )
    def switch_on(self, request: HttpRequest, endpoint: Endpoint, data: Any) -> Told:
        switch_on_again(endpoint_id=endpoint.pk)
        return Told("Switched on again: %(reason)s", {"reason": data["reason"]})


@admin.register(Delivery)
class DeliveryAdmin(History, ExportsRows):
    """What became of each event at each endpoint."""

    list_display = [
        *("event", "endpoint", "kind", "about", "state"),
        number_column("attempts", _("attempts")),
        *("status", "trouble", "tried_at"),
    ]
    list_select_related = ["event", "endpoint"]
    list_filter = ["endpoint", "state"]
    ordering = ["-id"]
    search_fields = ["event__number", "event__about"]
    search_help_text = _("A whole number of an event, or what it is about: order:12.")
    fields: ClassVar[Any] = [
        *("event", "endpoint", "kind", "about", "state", "attempts", "tried_since"),
        *("tried_at", "next_at", "status", "trouble", "answer", "said"),
    ]
    actions = ["send_all_again"]
    actions_detail = ["again", "aside"]

    @admin.display(description=_("kind"))
    def kind(self, delivery: Delivery) -> str:
        return str(delivery.event.get_kind_display())

    @admin.display(description=_("about"))
    def about(self, delivery: Delivery) -> str:
        return str(delivery.about)

    @admin.display(description=_("data"))
    def said(self, delivery: Delivery) -> str:
        return str(delivery.event.data)

    @admin.display(description=_("tried again at"))
    def next_at(self, delivery: Delivery) -> str:
        return moment(delivery.due_at)

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        events = Event.objects.matching(text).values("pk")
        return queryset.filter(event__in=events)

    def has_resend_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may change endpoints may have them told again."""
        may_see = self.has_view_permission(request, obj)
        return may_see and request.user.has_perm("events.change_endpoint")

    def _facts(self, delivery: Delivery) -> dict[Any, object]:
        return {
            _("event"): delivery.event,
            _("endpoint"): delivery.endpoint,
            _("about"): delivery.about,
            _("state"): delivery.get_state_display(),
            _("trouble"): delivery.trouble or "–",
        }

    @object_deed(description=_("Send again"), icon="replay", permission="resend", facts=_facts)
    def again(self, request: HttpRequest, delivery: Delivery, data: Any) -> Told:
        send_again(delivery_ids=[delivery.pk])
        return Told("It is sent again: %(reason)s", {"reason": data["reason"]})

    @object_deed(
        description=_("Set aside"), icon="block", permission="resend", danger=True, facts=_facts
    )
    def aside(self, request: HttpRequest, delivery: Delivery, data: Any) -> Told:
        set_aside(delivery_id=delivery.pk)
        return Told("It is set aside: %(reason)s", {"reason": data["reason"]})

    @admin.action(description=_("Send again"), permissions=["resend"])
    def send_all_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        def act(deliveries: list[Delivery], data: dict[str, Any]) -> str:
            count = send_again(delivery_ids=[one.pk for one in deliveries])
            done = Told("It is sent again: %(reason)s", {"reason": data["reason"]})
            self.log_changes(request, ((one, done) for one in deliveries))
            return _now("Sent again: %(count)s.") % {"count": COUNT.format(count)}

        return self.selection_page(
            request,
            queryset.select_related("event", "endpoint"),
            title=_("Send again"),
            form_class=ReasonForm,
            show=lambda deliveries, data: RelatedTable(
                _("deliveries"),
                [_("event"), _("endpoint"), _("state"), _("trouble")],
                [
                    (one.event, one.endpoint, one.get_state_display(), one.trouble or "–")
                    for one in deliveries
                ],
            ),
            depends_on_form=False,
            act=act,
        )


@admin.register(Event)
class EventAdmin(History, ExportsRows):
    """What happened, while somebody listened."""

    list_display = ["number", "kind", "about", "occurred_at"]
    list_filter = ["kind"]
    ordering = ["-id"]
    search_fields = ["number", "about"]
    search_help_text = _("A whole number of an event, or what it is about: order:12.")
    fields: ClassVar[Any] = [*list_display, "data"]

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(pk__in=Event.objects.matching(text).values("pk"))


@shown_below(Endpoint, permission="events.view_delivery")
def _deliveries_to(endpoint: Endpoint) -> RelatedTable:
    latest = endpoint.deliveries.select_related("event").order_by("-pk")[:LATEST]
    return RelatedTable(
        _("deliveries"),
        [_("event"), _("kind"), _("about"), _("state"), _("attempts"), _("tried at")],
        [
            (
                link(one, one.event.number),
                one.event.get_kind_display(),
                one.about,
                one.get_state_display(),
                COUNT.format(one.attempts),
                moment(one.tried_at),
            )
            for one in latest
        ],
        list_url(Delivery, endpoint__id__exact=endpoint.pk),
    )


@shown_below(Event, permission="events.view_delivery")
def _deliveries_of(event: Event) -> RelatedTable:
    return RelatedTable(
        _("deliveries"),
        [_("endpoint"), _("state"), _("attempts"), _("tried at"), _("trouble")],
        [
            (
                link(one, one.endpoint.name),
                one.get_state_display(),
                COUNT.format(one.attempts),
                moment(one.tried_at),
                one.trouble or "–",
            )
            for one in event.deliveries.select_related("endpoint").order_by("pk")
        ],
    )
