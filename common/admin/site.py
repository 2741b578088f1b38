"""The admin's site: unfold's, that takes what nobody can make sense of for a bad request."""

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _now
from unfold.dataclasses import SearchResult

from common.admin.addresses import ANSWERED
from common.admin.lists import SEARCH_MAX_LENGTH
from common.admin.once import acts_by_itself, acts_once, changes_session, only_shows
from common.db.costly_reads import ReadTooLong, time_limit
from common.db.database_errors import is_unavailable, may_be_retried

if TYPE_CHECKING:
    UnfoldAdminSite = AdminSite
else:
    from unfold.sites import UnfoldAdminSite


FOUND_OF_EACH = 5
FOUND_MAX = 100
FOUND_SECONDS = 1.0
"""How long the search everywhere may look through one list."""


class ShopAdminSite(UnfoldAdminSite):
    """Whatever is sent to any of its addresses acts once.

    Of its two views that are asked by scripts alone, no page could show a message.
    """

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        return acts_once(self, super().admin_view(view, cacheable))

    @acts_by_itself
    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().logout(request, extra_context)

    @changes_session
    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        return super().password_change(request, extra_context)

    index = only_shows(UnfoldAdminSite.index)
    app_index = only_shows(UnfoldAdminSite.app_index)
    password_change_done = only_shows(UnfoldAdminSite.password_change_done)
    i18n_javascript = only_shows(UnfoldAdminSite.i18n_javascript)

    @only_shows
    def autocomplete_view(self, request: HttpRequest) -> Any:
        return _asked_well(super().autocomplete_view, request)

    @only_shows
    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """What is called by what was typed, of every list that may be seen: the first few of each.

        Asked anew each time, where unfold's remembers for minutes what was found, or might be seen.
        """
        text = request.GET.get("s", "").strip()
        if not text:
            return HttpResponse()
        began = monotonic()
        is_short = len(text) <= SEARCH_MAX_LENGTH  # nothing has a name that is longer
        found = _asked_well(self._find, request, text) if is_short else []
        results = Paginator(found, FOUND_MAX)
        context = {
            "page_obj": results,
            "results": results.page(1),
            "page_counter": 0,
            "execution_time": monotonic() - began,
            "command_show_history": False,
        }
        page = "unfold/helpers/command_results.html"
        return TemplateResponse(request, page, context, headers={"HX-Trigger": "search"})

    def _find(self, request: HttpRequest, text: str) -> list[SearchResult]:
        admins = [one for one in self._registry.values() if one.has_view_permission(request)]
        lists = [
            SearchResult(
                capfirst(one.opts.verbose_name_plural),
                _now("list"),
                reverse(f"{self.name}:{one.opts.app_label}_{one.opts.model_name}_changelist"),
                "list",
            )
            for one in admins
            if text.casefold() in str(one.opts.verbose_name_plural).casefold()
        ]
        found = [
            SearchResult(
                str(row),
                capfirst(one.opts.verbose_name),
                reverse(
                    f"{self.name}:{one.opts.app_label}_{one.opts.model_name}_change",
                    args=[row.pk],
                ),
                icon,
            )
            for one in admins
            if (icon := getattr(one, "found_everywhere", ""))
            for row in _first_of(one, request, text)
        ]
        return [*found, *lists]


def _first_of(model_admin: Any, request: HttpRequest, text: str) -> list[Any]:
    """The first rows of a list that a search finds; none if it takes too long."""
    rows = model_admin.get_queryset(request).order_by("-pk")
    try:
        with time_limit(FOUND_SECONDS):
            return list(model_admin.get_search_results(request, rows, text)[0][:FOUND_OF_EACH])
    except ReadTooLong:
        return []


def _asked_well(view: Callable[..., Any], request: HttpRequest, *rest: Any) -> Any:
    """Raises BadRequest for whatever its parameters make fail."""
    try:
        with time_limit(settings.ADMIN_LIST_SECONDS):
            return view(request, *rest)
    except ANSWERED:
        raise
    except Exception as error:
        if may_be_retried(error) or is_unavailable(error):
            raise
        raise BadRequest("These parameters have no answer.") from error
