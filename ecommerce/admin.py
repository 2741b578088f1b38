"""The back office of what the shop as a whole remembers."""

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from common.admin.exports import ExportsRows
from common.admin.kinds import History
from common.admin.lists import number_column
from ecommerce.models import AuditRun


@admin.register(AuditRun)
class AuditRunAdmin(History, ExportsRows):
    list_display = [
        "started_at",
        number_column("violation_count", _("violations")),
        number_column("seconds", _("duration (s)"), "{:,.2f}"),
    ]
    search_fields = ["text"]
    fields: ClassVar[Any] = [*list_display, "text"]
