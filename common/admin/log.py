"""What staff did, in the admin's log."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.http import HttpRequest
from django.utils import timezone

from common.admin.told import Told, told_label
from common.db.rows import save_new


def log_changes(
    model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, changed: Iterable[tuple[Any, Told]]
) -> None:
    """Log what was done to each of many objects, in one statement. Needs an open transaction."""
    content_type = ContentType.objects.get_for_model(model_admin.model)
    now = timezone.now()
    save_new(
        [
            LogEntry(
                action_time=now,
                user_id=request.user.pk,  # type: ignore[misc] # staff have one
                content_type=content_type,
                object_id=str(obj.pk),
                object_repr=str(obj)[:200],
                action_flag=CHANGE,
                change_message=message.stored(),
            )
            for obj, message in changed
        ]
    )


def log_list(model_admin: "admin.ModelAdmin[Any]", request: HttpRequest, done: Told) -> None:
    """Log what was done with a whole list."""
    LogEntry.objects.create(
        user_id=request.user.pk,  # type: ignore[misc]  # staff have one
        content_type=ContentType.objects.get_for_model(model_admin.model),
        object_repr=told_label(model_admin.opts.verbose_name_plural or "").text[:200],
        action_flag=CHANGE,
        change_message=done.stored(),
    )
