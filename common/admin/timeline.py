"""The page that tells what became of one object: who did what, when, and why.

Of what staff did the admin's log knows; what else happened is told by the apps, from the rows that
they keep. Each source is read once, and of each no more than the latest.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.admin.tables import RelatedTable
from common.admin.text import moment
from common.admin.told import text_of, what_and_why

SHOWN = 100
"""How many rows a page shows, and reads of each source."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to an object."""

    when: datetime
    what: object
    who: object = ""
    """The member or the staff; nobody if the shop did it by itself."""
    why: str = ""


@dataclass(frozen=True, slots=True)
class _Source:
    permission: str
    tell: Callable[[Any], Iterable[Moment]]
    instead_of: Sequence[str]


Tell = TypeVar("Tell", bound=Callable[[Any], Iterable[Moment]])

_sources: defaultdict[type[Model], list[_Source]] = defaultdict(list)


def told_in_timeline(
    model: type[Model], *, permission: str, instead_of: Sequence[str] = ()
) -> Callable[[Tell], Tell]:
    """Tell on the timeline of each of `model` what a function knows of it, the latest `SHOWN`.

    To who has `permission`. Entries of the log whose text is one of `instead_of` tell the same.
    """

    def register(tell: Tell) -> Tell:
        _sources[model].append(_Source(permission, tell, instead_of))
        return tell

    return register


def has_timeline(model: type[Model]) -> bool:
    """Whether anything but the log knows of its objects."""
    return model in _sources


def timeline_of(request: HttpRequest, obj: Model) -> RelatedTable:
    """What happened to an object, the latest first."""
    seen = [one for one in _sources[type(obj)] if request.user.has_perm(one.permission)]
    told = {text for source in seen for text in source.instead_of}
    moments = [moment for source in seen for moment in source.tell(obj)]
    moments += [_of_log(entry) for entry in _log_of(obj) if text_of(entry) not in told]
    moments.sort(key=lambda one: one.when, reverse=True)
    return RelatedTable(
        _("timeline"),
        [_("when"), _("who"), _("what"), _("why")],
        [(moment(one.when), one.who or "–", one.what, one.why or "–") for one in moments[:SHOWN]],
    )


def _log_of(obj: Model) -> Iterable[LogEntry]:
    kind = ContentType.objects.get_for_model(obj)
    entries = LogEntry.objects.filter(content_type=kind, object_id=str(obj.pk))
    return entries.select_related("user").order_by("-pk")[:SHOWN]


def _of_log(entry: LogEntry) -> Moment:
    what, why = what_and_why(entry)
    return Moment(entry.action_time, what, entry.user, why)
