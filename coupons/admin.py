"""The back office of campaigns and the coupons they issued."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from coupons.live import LiveSale
from coupons.models import Coupon, IssuedCoupon
from coupons.services import change_coupon, create_coupon, revoke_issued_coupon
from ecommerce.common.admin import (
    COUNT,
    ConditionFilter,
    History,
    SavedByService,
    number_column,
    object_action,
    rows_containing,
)
from users.admin import FoundByMember, members_matching


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
class CouponAdmin(LiveSale, SavedByService):
    list_display = [
        "name",
        "discount",
        number_column("issued_quantity", _("issued quantity")),
        number_column("total_quantity", _("total quantity")),
        "open_now",
        "issue_starts_at",
        "issue_ends_at",
    ]
    list_filter = [StateFilter, "discount_type"]
    search_fields = ["name"]
    terms: list[Any] = [
        "name",
        ("discount_type", "discount_value"),
        ("max_discount", "min_order_amount"),
        "total_quantity",
        "issue_starts_at",
        "issue_ends_at",
        "valid_days",
    ]
    fields = [*terms, "issued_now", "created_at"]
    readonly_fields = ["issued_now", "created_at"]
    add_fieldsets = [(None, {"fields": terms})]
    actions_row = ["live"]
    actions_detail = ["live"]

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
            change_coupon(coupon_id=obj.pk, **terms)
        else:
            obj.pk = create_coupon(**form.cleaned_data).pk


class StatusFilter(admin.SimpleListFilter):
    title = _("status")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[Any]:
        return IssuedCoupon.Status.choices

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        status = self.value()
        return queryset.with_status(status) if status in IssuedCoupon.Status.values else queryset


@admin.register(IssuedCoupon)
class IssuedCouponAdmin(History, FoundByMember):
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
    fields: ClassVar[Any] = list_display
    actions_detail = ["revoke"]

    @admin.display(description=_("status"))
    def status_now(self, issued: IssuedCoupon) -> str:
        return str(issued.status.label)

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        campaigns = rows_containing(Coupon.objects.all(), ["name"], text)
        return queryset.filter(Q(user__in=members_matching(text)) | Q(coupon__in=campaigns))

    def is_actionable(self, obj: IssuedCoupon) -> bool:
        return obj.used_at is None and obj.revoked_at is None

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm(
            "coupons.change_issuedcoupon"
        )

    @object_action(description=_("Revoke"), icon="block", permission="revoke", danger=True)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        def act(issued: IssuedCoupon, data: dict[str, Any]) -> str:
            revoke_issued_coupon(issued_id=issued.pk)
            return _now("Coupon revoked.")

        return self.object_page(
            request,
            object_id,
            title=_("Revoke"),
            form_class=Form,
            facts=lambda issued: {
                _("coupon"): issued,
                _("member"): issued.user,
                _("status"): self.status_now(issued),
            },
            act=act,
        )
