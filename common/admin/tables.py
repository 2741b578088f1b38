"""Tables of the admin's pages, and links to where there is more."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from common.texts import StrOrPromise


@dataclass(frozen=True, slots=True)
class RelatedTable:
    """A table of a page: its title, what its columns are called, and its cells, row by row."""

    title: "StrOrPromise"
    headers: "Sequence[StrOrPromise]"
    rows: Sequence[Sequence[object]]
    more_url: str = ""
    """Where all of the rows are, if these are only the latest."""


Maker = TypeVar("Maker", bound=Callable[[Any], RelatedTable])

_shown_below: defaultdict[type[Model], list[tuple[str, Callable[[Any], RelatedTable]]]] = (
    defaultdict(list)
)


def shown_below(model: type[Model], *, permission: str) -> Callable[[Maker], Maker]:
    """Show the table that a function makes of an object below the form of each of `model`.

    To who has `permission`. An app adds its own to the pages of those that it knows, which don't
    know it.
    """

    def register(make: Maker) -> Maker:
        _shown_below[model].append((permission, make))
        return make

    return register


def tables_below(request: HttpRequest, obj: Model) -> list[RelatedTable]:
    """What is shown below an object's form, in the order of the apps."""
    return [
        make(obj)
        for permission, make in _shown_below[type(obj)]
        if request.user.has_perm(permission)
    ]


def link(obj: Any, text: object = None) -> str:
    """A link to an object's page."""
    opts = obj._meta
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[quote(obj.pk)])
    return format_html(
        '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text or obj
    )


def list_url(model: type[Model], **filters: object) -> str:
    """The address of a model's list, filtered."""
    opts = model._meta
    return reverse(
        f"admin:{opts.app_label}_{opts.model_name}_changelist",
        query={name: str(value) for name, value in filters.items()},
    )
