"""The back office of what the shop as a whole remembers."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from common.admin.exports import ExportsRows
from common.admin.kinds import History
from common.admin.lists import number_column
from common.admin.once import only_shows
from common.admin.pages import done_or_told, object_action
from common.admin.text import moment
from common.admin.told import Told
from ecommerce.audit import INVARIANTS, start_audit
from ecommerce.audit.told import told_findings, verdict_on
from ecommerce.models import AuditRun, RunningAudit


@admin.register(AuditRun)
class AuditRunAdmin(History, ExportsRows):
    list_display = [
        "started_at",
        "verdict",
        number_column("violation_count", _("violations")),
        number_column("seconds", _("duration (s)"), "{:,.2f}"),
    ]
    search_fields = ["text"]
    fields: ClassVar[Any] = [*list_display, "findings"]
    actions_list: ClassVar[Any] = ["start", *ExportsRows.actions_list]

    def get_urls(self) -> list[URLPattern]:
        progress = path(
            "start/progress/",
            self.admin_site.admin_view(self.progress),
            name="ecommerce_auditrun_progress",
        )
        return [progress, *super().get_urls()]

    @admin.display(description=_("result"))
    def verdict(self, run: AuditRun) -> str:
        return verdict_on(run)

    @admin.display(description=_("findings"))
    def findings(self, run: AuditRun) -> str:
        return told_findings(run)

    def has_start_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request) and request.user.has_perm("ecommerce.add_auditrun")

    @object_action(description=_("Check the books"), icon="fact_check", permission="start")
    def start(self, request: HttpRequest) -> HttpResponse:
        """What the last audit found, or how far one is; and a button to begin another."""

        def begin() -> Told:
            start_audit(staff_id=request.user.pk)  # type: ignore[arg-type]  # staff have one
            return Told("Started an audit.")

        form = forms.Form(request.POST if request.method == "POST" else None)
        if form.is_valid():
            done = done_or_told(request, form, begin)
            if done is not None:
                self.log_list(request, done)
                self.message_user(request, str(done), messages.SUCCESS)
                return HttpResponseRedirect(request.path)
        running = RunningAudit.objects.select_related("started_by").first()
        last = AuditRun.objects.first()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Check the books"),
            "form": form,
            "running": running if running and running.is_alive else None,
            "broken_off": running if running and not running.is_alive else None,
            "started": moment(running.started_at) if running else "",
            "progress_url": _progress_url(running.started_at) if running else "",
            "parts": len(INVARIANTS),
            "last": last,
            "last_started": moment(last.started_at) if last else "",
            "last_verdict": verdict_on(last) if last else "",
            "list_url": reverse("admin:ecommerce_auditrun_changelist"),
            "media": self.media,
        }
        return TemplateResponse(request, "admin/ecommerce/auditrun/start.html", context)

    @only_shows
    def progress(self, request: HttpRequest) -> JsonResponse:
        """How far the audit is that began when the page says, or where to go since it ended."""
        if not self.has_start_permission(request):
            raise PermissionDenied
        started_at = _moment_of(request.GET.get("started", ""))
        if started_at is not None:
            running = RunningAudit.objects.filter(started_at=started_at).first()
            if running is not None and running.is_alive:
                now = f"{timezone.localtime():%H:%M:%S}"
                return JsonResponse({"done": running.done, "at": now})
            run = AuditRun.objects.filter(started_at=started_at).first()
            if run is not None:
                address = reverse("admin:ecommerce_auditrun_change", args=[run.pk])
                return JsonResponse({"next": address})
        return JsonResponse({"next": reverse("admin:ecommerce_auditrun_start")})


def _progress_url(started_at: datetime) -> str:
    return reverse("admin:ecommerce_auditrun_progress", query={"started": started_at.isoformat()})


def _moment_of(text: str) -> datetime | None:
    try:
        moment = parse_datetime(text)
        return moment.astimezone(UTC) if moment and timezone.is_aware(moment) else None
    except (ValueError, OverflowError):  # in UTC it may be of the year 0 or 10000
        return None
