"""The back office of members, their wallets and the ledger."""

from collections.abc import Iterator
from copy import copy
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from common.admin.exports import Column, ExportsRows
from common.admin.forms import ReasonedForm
from common.admin.kinds import AsksReason, History, ReadOnly, Undeletable
from common.admin.lists import PEOPLE, THINGS, ShopModelAdmin, number_column
from common.admin.once import changes_session, only_shows
from common.admin.pages import object_action, object_deed
from common.admin.tables import RelatedTable, link, list_url, shown_below
from common.admin.text import SIGNED, WON, moment
from common.admin.timeline import SHOWN, Moment, told_in_timeline
from common.admin.told import Told, as_stored_in_told, told_by
from common.admin.undo import Undoes
from common.db.caseless import rows_containing
from users.access_names import AccessField, told_access
from users.forms import BalanceAdjustmentForm, MemberAddForm, MemberForm, PasswordForm
from users.models import Session, User, Wallet, WalletTransaction
from users.services import adjust_balance, undo_balance_adjustment

admin.site.unregister(Group)

LATEST = 10
MEMBER_FIELDS = ["username", "email", "first_name", "last_name"]


def members_matching(text: str) -> QuerySet[User]:
    """Members of whose name or email each word of `text` is a part, whatever the case."""
    return rows_containing(User.objects.all(), MEMBER_FIELDS, text)


class FoundByMember(ShopModelAdmin):
    """Rows about a member, found by the member's name or email."""

    search_fields = ["user__username", "user__email"]
    search_help_text = _("A part of the member's name or email, in any case.")

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        return queryset.filter(user__in=members_matching(text))


class AdjustsBalance(ShopModelAdmin):
    """The page that corrects a balance, for those who may change wallets."""

    actions_row = ["adjust_balance"]
    actions_detail = ["adjust_balance"]
    member_id: str  # the attribute that names the member

    def has_adjust_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("users.change_wallet")

    def _facts(self, obj: User | Wallet) -> dict[Any, object]:
        wallet = Wallet.objects.of_member(getattr(obj, self.member_id))
        return {_("member"): wallet.user, _("balance"): WON.format(wallet.balance)}

    @object_deed(
        description=_("Adjust balance"),
        icon="payments",
        permission="adjust",
        facts=_facts,
        form_class=BalanceAdjustmentForm,
    )
    def adjust_balance(self, request: HttpRequest, obj: User | Wallet, data: Any) -> Told:
        member_id = getattr(obj, self.member_id)
        made = adjust_balance(user_id=member_id, **data, staff_id=request.user.pk)
        values = {
            "amount": SIGNED.format(made.amount),
            "balance": WON.format(made.balance_after),
            "reason": made.reason,
        }
        return Told("Balance adjusted by %(amount)s won to %(balance)s: %(reason)s", values)


@admin.register(User)
class UserAdmin(Undeletable, DjangoUserAdmin, ExportsRows, AdjustsBalance):  # type: ignore[misc,type-arg]
    """Members and staff. A member who leaves is deactivated: the books refer to the row."""

    counts = PEOPLE
    member_id = "pk"
    form = MemberForm
    add_form = MemberAddForm
    add_fieldsets = [(None, {"fields": ["username", "password1", "password2"]})]
    change_password_form = PasswordForm
    found_everywhere = "person"
    list_display = ["username", "email", "balance", "is_active", "is_staff", "date_joined"]
    list_select_related = ["wallet"]
    list_filter = ["is_active", "is_staff", "is_superuser", "date_joined"]
    ordering = ["-id"]
    search_fields = MEMBER_FIELDS
    search_help_text = _("A part of the name or email, in any case.")
    readonly_fields = ["last_login", "date_joined"]
    filter_horizontal = []  # wider than the page
    # What is asked about a member most comes before what is hardly ever changed.
    change_form_outer_before_template = "admin/related_tables.html"
    change_form_outer_after_template = None
    actions_detail = ["adjust_balance", "set_password"]
    personal_fieldsets: list[Any] = [
        (_("Account"), {"fields": ["username", "is_active", "last_login", "date_joined"]}),
        (_("Personal info"), {"fields": ["first_name", "last_name", "email"]}),
    ]
    fieldsets = [
        *personal_fieldsets,
        (_("Permissions"), {"fields": ["is_staff", "is_superuser", "groups", "user_permissions"]}),
    ]

    @admin.display(description=_("balance (won)"), ordering="wallet__balance")
    def balance(self, user: User) -> str:
        wallet: Wallet | None = getattr(user, "wallet", None)  # made when first written to
        return WON.format(wallet.balance if wallet else 0)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Who may do what is a superuser's to say: else changing members would be all one needs."""
        if obj is None:
            return super().get_fieldsets(request, obj)
        fieldsets = self.fieldsets if request.user.is_superuser else self.personal_fieldsets
        reason = (
            [(None, {"fields": ["reason"]})] if self.has_change_permission(request, obj) else []
        )
        return [*fieldsets, *reason]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Staff accounts are changed by superusers only, their passwords included."""
        if isinstance(obj, User) and obj.is_staff and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def export_columns(self) -> list[Column]:
        plain = ["username", "email", "first_name", "last_name", "is_active", "is_staff"]
        return [
            *(self._column(name) for name in plain),
            ("balance", lambda user: user.wallet.balance if hasattr(user, "wallet") else 0),
            *(self._column(name) for name in ("date_joined", "last_login")),
        ]

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(
            db_field, request, **{"form_class": AccessField, **kwargs}
        )

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        actions = super().get_actions_detail(request, object_id)
        member = self.get_object(request, unquote(object_id))
        if self.has_change_permission(request, member):
            return actions
        return [one for one in actions if not one.action_name.endswith("set_password")]

    @object_action(description=_("Set a new password"), icon="key", permission="change")
    @only_shows
    def set_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:auth_user_password_change", args=[object_id]))

    @changes_session
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        self.lock_and_ensure_shown(request, unquote(id))
        # Django gives the session another key, for which an answer that is lost would be the end.
        is_own = self.get_object(request, unquote(id)) == request.user
        request.session.keeps_key = not is_own  # type: ignore[attr-defined]
        return super().user_change_password(request, id, form_url)


@shown_below(User, permission="users.view_user")
def _balance_table(user: User) -> RelatedTable:
    wallet = Wallet.objects.of_member(user.pk)
    return RelatedTable(
        _("balance"),
        [_("balance (won)")],
        [(WON.format(wallet.balance),)],
        list_url(Wallet, user__id__exact=user.pk),
    )


@shown_below(User, permission="users.view_wallettransaction")
def _ledger_table(user: User) -> RelatedTable:
    entries = WalletTransaction.objects.filter(wallet__user=user).select_related("created_by")
    wallet = Wallet.objects.of_member(user.pk)
    return RelatedTable(
        _("ledger"),
        [
            _("when"),
            _("kind"),
            _("amount"),
            _("balance after"),
            _("reference"),
            _("reason"),
            _("by"),
        ],
        [
            (
                moment(one.created_at),
                one.get_kind_display(),
                SIGNED.format(one.amount),
                WON.format(one.balance_after),
                link(one, one.reference),
                one.reason or "–",
                one.created_by or "–",
            )
            for one in entries.order_by("-pk")[:LATEST]
        ],
        list_url(WalletTransaction, wallet__id__exact=wallet.pk or 0),
    )


@told_in_timeline(User, permission="users.view_user")
def _joined(user: User) -> Iterator[Moment]:
    yield Moment(user.date_joined, _("Joined"), user)


@told_in_timeline(User, permission="users.view_session")
def _sessions_of(user: User) -> Iterator[Moment]:
    for one in Session.objects.filter(user=user).order_by("-pk")[:SHOWN]:
        yield Moment(one.created_at, _("Signed in"), user)


@told_in_timeline(
    User,
    permission="users.view_wallettransaction",
    instead_of=["Balance adjusted by %(amount)s won to %(balance)s: %(reason)s"],
)
def _money_of(user: User) -> Iterator[Moment]:
    entries = WalletTransaction.objects.filter(wallet__user=user).select_related("created_by")
    told = _("%(kind)s of %(amount)s won, to %(balance)s (%(reference)s)")
    for one in entries.order_by("-pk")[:SHOWN]:
        values = {
            "kind": one.get_kind_display(),
            "amount": SIGNED.format(one.amount),
            "balance": WON.format(one.balance_after),
            "reference": one.reference,
        }
        by_member = one.kind in (one.Kind.CHARGE, one.Kind.PAYMENT)
        who = user if by_member else one.created_by
        yield Moment(one.created_at, told % values, who or "", one.reason)


class KindFilter(admin.RelatedFieldListFilter):
    """Of what kind something was that staff changed; kinds that have no pages are left out."""

    def field_choices(self, field: Any, request: Any, model_admin: Any) -> list[Any]:
        kinds = [(kind, kind.model_class()) for kind in ContentType.objects.all()]
        return [
            (str(kind.pk), str(capfirst(model._meta.verbose_name)))
            for kind, model in kinds
            if model is not None and model_admin.admin_site.is_registered(model)
        ]


@admin.register(LogEntry)
class LogEntryAdmin(History, ExportsRows):
    """Who of the staff did what, from what to what, and why."""

    list_display = ["action_time", "user", "kind", "about", "what"]
    list_select_related = ["user", "content_type"]
    list_filter: ClassVar[Any] = ["action_time", "action_flag", ("content_type", KindFilter)]
    ordering = ["-id"]
    search_fields = ["object_repr", "change_message", "user__username"]
    search_help_text = _("A part of what was changed, of the reason, or of who changed it.")
    fields: ClassVar[Any] = list_display

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        found = rows_containing(queryset, self.search_fields, text)
        if (as_stored := as_stored_in_told(text)) != text:
            found |= rows_containing(queryset, ["change_message"], as_stored)
        return found

    @admin.display(description=_("content type"))
    def kind(self, entry: LogEntry) -> str:
        model = entry.content_type.model_class() if entry.content_type else None
        return str(model._meta.verbose_name if model else entry.content_type or "–")

    @admin.display(description=_("object repr"))
    def about(self, entry: LogEntry) -> str:
        model = entry.content_type.model_class() if entry.content_type else None
        if entry.object_id is None and model is not None:  # of a whole list
            return str(model._meta.verbose_name_plural)
        if model is Group:
            return str(told_access(Group(name=entry.object_repr)))
        return str(entry.object_repr)

    @admin.display(description=_("what, and why"))
    def what(self, entry: LogEntry) -> str:
        return told_by(entry)


@admin.register(Group)
class GroupAdmin(ExportsRows, AsksReason, DjangoGroupAdmin):
    form = ReasonedForm
    counts = THINGS
    fields: ClassVar[Any] = ["name", "permissions"]
    list_display = ["told_name"]

    @admin.display(description=_("name"), ordering="name")
    def told_name(self, group: Group) -> str:
        return str(told_access(group))

    def export_columns(self) -> list[Column]:
        return [("name", lambda group: group.name)]

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        return super().formfield_for_manytomany(
            db_field, request, **{"form_class": AccessField, **kwargs}
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if context.get("original"):
            told = copy(context["original"])
            told.name = str(told_access(told))
            context |= {"original": told, "subtitle": told.name}
        return super().render_change_form(request, context, *args, **kwargs)


@admin.register(Wallet)
class WalletAdmin(ReadOnly, ExportsRows, AdjustsBalance, FoundByMember):
    member_id = "user_id"
    list_display = ["user", number_column("balance", _("balance (won)"), WON), "updated_at"]
    list_select_related = ["user"]
    list_filter = ["updated_at"]
    ordering = ["-id"]
    fields: ClassVar[Any] = list_display


@admin.register(Session)
class SessionAdmin(ExportsRows, History, FoundByMember):
    """Who is signed in, and since when. A new password or a deactivation ends them all."""

    list_display = ["user", "created_at", "used_at", "expires_at", "ended_at"]
    list_select_related = ["user"]
    list_filter = ["created_at"]
    fields: ClassVar[Any] = list_display


@admin.register(WalletTransaction)
class WalletTransactionAdmin(History, ExportsRows, Undoes):
    list_display = [
        "reference",
        "member",
        "kind",
        number_column("amount", _("amount (won, signed)"), SIGNED),
        number_column("balance_after", _("balance after (won)"), WON),
        "reason",
        "created_at",
    ]
    list_select_related = ["wallet__user"]
    list_filter = ["kind", "created_at"]
    search_fields = ["reference", "wallet__user__username"]
    search_help_text = _("A whole reference, or a part of the member's name or email.")
    fields: ClassVar[Any] = [*list_display, "created_by"]
    undo_permission = "users.change_wallet"

    def undo_facts(self, obj: WalletTransaction) -> dict[Any, object]:
        return {
            _("member"): obj.wallet.user,
            _("adjustment"): SIGNED.format(obj.amount),
            _("reason"): obj.reason,
            _("balance"): WON.format(Wallet.objects.get(pk=obj.wallet_id).balance),
        }

    def undo_row(self, request: HttpRequest, obj: WalletTransaction, reason: str) -> Told:
        made = undo_balance_adjustment(entry_id=obj.pk, reason=reason, staff_id=request.user.pk)
        values = {
            "amount": SIGNED.format(made.amount),
            "balance": WON.format(made.balance_after),
            "reason": made.reason,
        }
        return Told("Adjustment undone by %(amount)s won to %(balance)s: %(reason)s", values)

    @admin.display(description=_("member"))
    def member(self, entry: WalletTransaction) -> User:
        return entry.wallet.user

    def search(self, queryset: QuerySet[Any], text: str) -> QuerySet[Any]:
        # With every kind named, the unique pair of kind and reference serves as the index.
        kinds = WalletTransaction.Kind.values
        referred = queryset.filter(kind__in=kinds, reference=text.upper())
        if referred.exists():
            return referred
        return queryset.filter(wallet__user__in=members_matching(text))
