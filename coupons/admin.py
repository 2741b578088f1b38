"""The back office of campaigns and the coupons they issued."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import F, Q, QuerySet
from django.forms import modelform_factory
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from common.admin.exports import Column, ExportsRows
from common.admin.kinds import AsksReason, History, SavedByService
from common.admin.lists import ConditionFilter, number_column
from common.admin.once import acts_by_itself
from common.admin.pages import object_action, object_deed
from common.admin.sureness import AsksIfSureAdmin
from common.admin.tables import RelatedTable, link, list_url, shown_below
from common.admin.text import COUNT, moment
from common.admin.timeline import SHOWN, Moment, told_in_timeline
from common.admin.told import Told
from common.db.caseless import rows_containing
from coupons.forms import LABELS, CloneForm, CouponForm, OpenNowForm
from coupons.live import LiveSale
from coupons.models import Coupon, IssuedCoupon
from coupons.sentences import describe, describe_discount
from coupons.services import (
    change_coupon,
    clone_coupon,
    close_coupon_now,
    create_coupon,
    delete_draft,
    open_coupon_now,
    revoke_issued_coupon,
)
from users.admin import FoundByMember, members_matching
from users.models import User

LATEST = 10


class StateFilter(ConditionFilter):
    title = _("state")
    parameter_name = "state"

    def conditions(self) -> dict[str, Any]:
        now = timezone.now()
        started, ended = Q(issue_starts_at__lte=now), Q(issue_ends_at__lte=now)
        return {
            "open": (_("open"), started & ~ended),
            "upcoming": (_("upcoming"), ~started),
            "ended": (_("ended"), ended),
            "sold_out": (_("sold out"), Q(issued_quantity=F("total_quantity"))),
        }


@admin.register(Coupon)
class CouponAdmin(LiveSale, ExportsRows, AsksIfSureAdmin, AsksReason, SavedByService):
    found_everywhere = "confirmation_number"
    list_display = [
        "name",
        "discount",
        number_column("issued_quantity", _("issued")),
        number_column("total_quantity", _("of")),
        "open_now",
        "issue_starts_at",
        "issue_ends_at",
    ]
    list_filter = [StateFilter, "discount_type"]
    search_fields = ["name"]
    form = CouponForm
    term_fieldsets: list[Any] = [
        (
            _("What it gives"),
            {
                "fields": [
                    "name",
                    ("discount_type", "discount_value"),
                    ("max_discount", "min_order_amount"),
                ]
            },
        ),
        (
            _("How many, when, and for how long"),
            {"fields": ["total_quantity", "issue_starts_at", "issue_ends_at", "valid_days"]},
        ),
    ]
    fieldsets = [*term_fieldsets, (None, {"fields": [("issued_now", "created_at")]})]
    readonly_fields = ["issued_now", "created_at"]
    add_fieldsets = term_fieldsets
    change_form_before_template = "admin/coupons/sentence.html"
    actions_row = ["live"]
    actions_detail = ["live", "open_now_action", "close_now", "clone", "delete_draft_action"]

    @admin.display(description=_("discount"), ordering="discount_value")
    def discount(self, coupon: Coupon) -> str:
        is_percent = coupon.discount_type == Coupon.DiscountType.PERCENT
        return f"{coupon.discount_value}%" if is_percent else f"₩{coupon.discount_value:,}"

    @admin.display(description=_("open"), boolean=True)
    def open_now(self, coupon: Coupon) -> bool:
        return coupon.is_open

    @admin.display(description=_("issued quantity"))
    def issued_now(self, coupon: Coupon) -> str:
        return COUNT.format(coupon.issued_quantity)

    def save_model(self, request: HttpRequest, obj: Coupon, form: Any, change: bool) -> None:
        if change:
            # Only what was changed here: the rest is as it is by now, not as the form has it.
            terms = {name: form.cleaned_data[name] for name in form.changed_data}
            terms.pop("reason", None)
            change_coupon(coupon_id=obj.pk, sure=form.cleaned_data["sure"], **terms)
        else:
            obj.pk = create_coupon(**form.cleaned_data).pk

    # --- The campaign in one sentence ---

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        coupon = context.get("original")
        context["sentence"] = describe(coupon) if coupon else ""
        context["sentence_url"] = reverse("admin:coupons_coupon_sentence") + (
            f"?campaign={coupon.pk}" if coupon else ""
        )
        return super().render_change_form(request, context, *args, **kwargs)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.sentence_view)
        return [path("sentence/", view, name="coupons_coupon_sentence"), *super().get_urls()]

    @method_decorator(require_POST)
    @acts_by_itself
    def sentence_view(self, request: HttpRequest) -> HttpResponse:
        """The sentence of what the form says at the moment, or what it still lacks."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        coupon = self.get_object(request, request.GET.get("campaign", "")) or Coupon()
        coupon.pk = None  # nothing is saved of it, so no reason is asked
        form_class = modelform_factory(
            Coupon,
            form=CouponForm,
            fields=list(LABELS),
            formfield_callback=partial(self.formfield_for_dbfield, request=request),
        )
        form = form_class(request.POST, instance=coupon)
        if form.is_valid():
            return JsonResponse({"sentence": describe(form.save(commit=False))})
        return JsonResponse({"sentence": _what_is_wrong(form)})

    # --- Actions ---

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        coupon = self.get_object(request, unquote(object_id))
        hidden = ["_close_now" if coupon is None or not coupon.is_open else "_open_now_action"]
        if coupon is None or coupon.issued_quantity:
            hidden.append("_delete_draft_action")
        actions = super().get_actions_detail(request, object_id)
        return [one for one in actions if not one.action_name.endswith(tuple(hidden))]

    def has_clone_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and self.has_add_permission(request)

    def _facts(self, coupon: Coupon) -> dict[Any, object]:
        return {
            _("coupon"): coupon,
            _("in one sentence"): describe(coupon),
            _("issued"): COUNT.format(coupon.issued_quantity),
        }

    @object_action(
        description=_("Open now"), icon="play_arrow", permission="change", url_path="open_now"
    )
    def open_now_action(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(coupon: Coupon, data: dict[str, Any]) -> Told:
            opened = open_coupon_now(coupon_id=coupon.pk, until=data["until"])
            values = {"end": opened.issue_ends_at, "reason": data["reason"]}
            return Told("Opened, until %(end)s: %(reason)s", values)

        coupon = self.get_object(request, unquote(object_id))
        now = timezone.now()
        end = coupon.issue_ends_at if coupon and coupon.issue_ends_at > now else None
        return self.object_page(
            request,
            object_id,
            title=_("Open now"),
            form_class=OpenNowForm,
            facts=self._facts,
            act=act,
            initial={"until": end or now + timedelta(days=1)},
        )

    @object_deed(
        description=_("Close now"), icon="stop", permission="change", danger=True, facts=_facts
    )
    def close_now(self, request: HttpRequest, coupon: Coupon, data: Any) -> Told:
        closed = close_coupon_now(coupon_id=coupon.pk)
        issued = COUNT.format(closed.issued_quantity)
        values = {"issued": issued, "reason": data["reason"]}
        return Told("Closed with %(issued)s issued: %(reason)s", values)

    @object_deed(
        description=_("Delete draft"),
        icon="delete",
        permission="change",
        danger=True,
        url_path="delete_draft",
        facts=_facts,
        next_url=lambda: reverse("admin:coupons_coupon_changelist"),
    )
    def delete_draft_action(self, request: HttpRequest, coupon: Coupon, data: Any) -> Told:
        delete_draft(coupon_id=coupon.pk)
        values = {"name": str(coupon), "reason": data["reason"]}
        return Told("Draft “%(name)s” deleted: %(reason)s", values)

    @object_action(description=_("Clone"), icon="content_copy", permission="clone")
    def clone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        made: list[Coupon] = []

        def act(coupon: Coupon, data: dict[str, Any]) -> Told:
            copy = clone_coupon(coupon_id=coupon.pk, **data)
            made.append(copy)
            added = Told("Added as a clone of “%(name)s”.", {"name": str(coupon)})
            self.log_addition(request, copy, added)
            return Told("Cloned as “%(name)s”.", {"name": str(copy)})

        starts = timezone.now() + timedelta(days=1)
        return self.object_page(
            request,
            object_id,
            title=_("Clone"),
            form_class=CloneForm,
            facts=self._facts,
            act=act,
            initial={"issue_starts_at": starts, "issue_ends_at": starts + timedelta(days=7)},
            next_url=lambda: reverse("admin:coupons_coupon_change", args=[made[0].pk]),
        )


@shown_below(Coupon, permission="coupons.view_issuedcoupon")
def _issued_table(coupon: Coupon) -> RelatedTable:
    latest = coupon.issued.select_related("user").order_by("-issue_number")[:LATEST]
    return RelatedTable(
        _("issued coupons"),
        [_("issue number"), _("member"), _("status"), _("issued at"), _("used at")],
        [
            (
                link(one, f"#{one.issue_number:,}"),
                one.user,
                one.status.label,
                moment(one.issued_at),
                moment(one.used_at),
            )
            for one in latest
        ],
        list_url(IssuedCoupon, coupon__id__exact=coupon.pk),
    )


@shown_below(User, permission="coupons.view_issuedcoupon")
def _coupons_of_member(user: User) -> RelatedTable:
    latest = (
        IssuedCoupon.objects.filter(user=user).select_related("coupon").order_by("-pk")[:LATEST]
    )
    return RelatedTable(
        _("coupons"),
        [_("coupon"), _("status"), _("issued at"), _("expires at"), _("used at")],
        [
            (
                link(one),
                one.status.label,
                moment(one.issued_at),
                moment(one.expires_at),
                moment(one.used_at),
            )
            for one in latest
        ],
        list_url(IssuedCoupon, user__id__exact=user.pk),
    )


@told_in_timeline(User, permission="coupons.view_issuedcoupon")
def _coupon_moments(user: User) -> Iterator[Moment]:
    issued = IssuedCoupon.objects.filter(user=user).select_related("coupon").order_by("-pk")
    for one in issued[:SHOWN]:
        named = {"coupon": one}
        yield Moment(one.issued_at, _("Coupon issued: %(coupon)s") % named, user)
        if one.used_at:
            yield Moment(one.used_at, _("Coupon used: %(coupon)s") % named, user)
        if one.revoked_at:
            yield Moment(one.revoked_at, _("Coupon taken back: %(coupon)s") % named)


def _what_is_wrong(form: Any) -> str:
    """What a form lacks, all of it in one sentence, after what can't be."""
    named = {**{name: str(label) for name, label in LABELS.items()}, "__all__": ""}
    lacks, wrong = [], []
    for name, errors in form.errors.as_data().items():
        if all(error.code in ("required", "incomplete") for error in errors):
            lacks.append(named.get(name, name))
        else:
            texts = " ".join(" ".join(error.messages) for error in errors)
            wrong.append(f"{named.get(name, name)}: {texts}")
    if lacks:
        wrong.append(_now("Still to be filled in: %(fields)s.") % {"fields": ", ".join(lacks)})
    return " ".join(wrong)


class StatusFilter(admin.SimpleListFilter):
    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        return IssuedCoupon.Status.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        status = self.value()
        return queryset.with_status(status) if status in IssuedCoupon.Status.values else queryset


@admin.register(IssuedCoupon)
class IssuedCouponAdmin(ExportsRows, History, FoundByMember):
    list_display = [
        "coupon",
        "issue_number",
        "user",
        "status_now",
        "issued_at",
        "expires_at",
        "used_at",
        "revoked_at",
    ]
    list_select_related = ["coupon", "user"]
    list_filter = [StatusFilter]
    search_fields = ["coupon__name", "user__username", "user__email"]
    search_help_text = _("A part of the campaign's name, or of the member's name or email.")
    fields: ClassVar[Any] = [*list_display, "gives"]
    actions_detail = ["revoke"]
    export_related = ["coupon", "user"]

    def export_columns(self) -> list[Column]:
        return [
            ("coupon", lambda issued: issued.coupon.name),
            self._column("issue_number"),
            ("member", lambda issued: issued.user.username),
            ("status", lambda issued: issued.status.value),
            *map(self._column, ("issued_at", "expires_at", "used_at", "revoked_at")),
        ]

    @admin.display(description=_("status"))
    def status_now(self, issued: IssuedCoupon) -> str:
        return str(issued.status.label)

    @admin.display(description=_("what it gives"))
    def gives(self, issued: IssuedCoupon) -> str:
        return describe_discount(issued.terms)

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        campaigns = rows_containing(Coupon.objects.all(), ["name"], text)
        return queryset.filter(Q(user__in=members_matching(text)) | Q(coupon__in=campaigns))

    def is_actionable(self, obj: IssuedCoupon) -> bool:
        return obj.used_at is None and obj.revoked_at is None

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(
            "coupons.change_issuedcoupon"
        )

    @object_deed(
        description=_("Revoke"),
        icon="block",
        permission="revoke",
        danger=True,
        facts=lambda self, issued: {
            _("coupon"): issued,
            _("member"): issued.user,
            _("status"): self.status_now(issued),
        },
    )
    def revoke(self, request: HttpRequest, issued: IssuedCoupon, data: Any) -> Told:
        revoke_issued_coupon(issued_id=issued.pk)
        return Told("Coupon revoked: %(reason)s", {"reason": data["reason"]})
