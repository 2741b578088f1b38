"""Tables of the admin's pages, and links to where there is more."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import quote
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


@dataclass(frozen=True, slots=True)
class RelatedTable:
    """A table of a page: its title, what its columns are called, and its cells, row by row."""

    title: "StrOrPromise"
    headers: "Sequence[StrOrPromise]"
    rows: Sequence[Sequence[object]]
    more_url: str = ""
    """Where all of the rows are, if these are only the latest."""


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
