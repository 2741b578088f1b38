"""Keyset pagination: each row once, whatever the ties and the depth, at the cost of one page."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from django.core.exceptions import ValidationError as FieldError
from django.db.models import Field, Model, Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from common.api.serializers import WholeNumberField, validate

M = TypeVar("M", bound=Model)

CURSOR = re.compile(r"[A-Za-z0-9_-]+")
EXAMPLE_CURSOR = "WyItaWQiLCAyMSwgMjEsIDBd"
DB_INTEGERS = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows: after (or, going back, before) the row with this value and id."""

    ordering: str
    value: str | int
    pk: int
    backwards: bool

    def encode(self) -> str:
        text = json.dumps([self.ordering, self.value, self.pk, int(self.backwards)])
        return urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, ordering: str) -> "Cursor":
        """Raises ValueError when `text` was not made by `encode` for this ordering."""
        if not CURSOR.fullmatch(text):  # base64 would be read past whatever is none
            raise ValueError("not a cursor")
        padded = text.encode() + b"=" * (-len(text) % 4)
        match json.loads(urlsafe_b64decode(padded)):
            case [str(made_for), str() | int() as value, int(pk), int(backwards)]:
                numbers = [part for part in (value, pk, backwards) if not isinstance(part, str)]
                sound = all(type(n) is int and n in DB_INTEGERS for n in numbers)  # no booleans
                if sound and made_for == ordering and backwards in (0, 1):
                    return cls(ordering, value, pk, bool(backwards))
        raise ValueError("not a cursor")

    def ensure_value_of(self, field: "Field[Any, Any]") -> None:
        """Raises an error of some kind unless the value is one that `field` may have in a row."""
        if isinstance(self.value, str):
            self.value.encode()  # half a surrogate pair is no text
        if _written(field.to_python(self.value)) != self.value:
            raise ValueError("not a value of this field")


class PageParameters(serializers.Serializer[Any]):
    """The query parameters of every list."""

    cursor = serializers.CharField(
        required=False, help_text="Opaque: taken from `next` or `previous`."
    )
    page_size = WholeNumberField(
        required=False,
        min_value=1,
        help_text="Rows a page: 20 by default; more than 100 are taken for 100.",
    )


class KeysetPagination(BasePagination):
    """Pages a queryset that is ordered by one field, with the id as its tie-break.

    DRF's own cursor pagination counts an offset within equal values and loops for ever once more
    rows share one value than its offset may reach; comparing (value, id) has no such limit.
    """

    page_size = 20
    max_page_size = 100
    _next: Cursor | None
    _previous: Cursor | None

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[M], request: Request, view: APIView | None = None
    ) -> list[M]:
        parameters = validate(PageParameters, _only(request.query_params, "cursor", "page_size"))
        size = min(parameters.get("page_size", self.page_size), self.max_page_size)
        ordering = _ordering_of(queryset)
        text = parameters.get("cursor")
        cursor = self._decode(text, ordering, queryset) if text is not None else None

        backwards = cursor is not None and cursor.backwards
        rows = self.read(queryset, ordering, cursor, size + 1)
        has_further = len(rows) > size
        rows = rows[:size]
        if backwards:
            rows.reverse()
        self.show_all(request)
        if rows and (has_further or backwards):
            self._next = cursor_at(rows[-1], ordering, backwards=False)
        if rows and (has_further if backwards else cursor is not None):
            self._previous = cursor_at(rows[0], ordering, backwards=True)
        return rows

    def show_all(self, request: Request) -> None:
        """Say of the page that there is none before and none after it."""
        self._request = request
        self._next = self._previous = None

    def read(
        self, queryset: QuerySet[M], ordering: str, cursor: Cursor | None, count: int
    ) -> list[M]:
        """The first `count` rows from the cursor on, in its direction."""
        return list(keyset_page(queryset, ordering, cursor)[:count])

    def _decode(self, text: str, ordering: str, queryset: QuerySet[M]) -> Cursor:
        try:
            cursor = Cursor.decode(text, ordering)
            cursor.ensure_value_of(_field(queryset, ordering))
        except (ValueError, TypeError, OverflowError, RecursionError, FieldError) as error:
            raise serializers.ValidationError(
                {"cursor": [ErrorDetail(str(_("This cursor is not valid here.")), "invalid")]}
            ) from error
        return cursor

    def get_paginated_response(self, data: Any) -> Response:
        return Response(
            {
                "next": self._link(self._next),
                "previous": self._link(self._previous),
                "results": data,
            }
        )

    def _link(self, cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        url = self._request.build_absolute_uri()
        return replace_query_param(url, "cursor", cursor.encode())

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {
            "type": ["string", "null"],
            "format": "uri",
            "description": "The page there, or null: follow it as it stands.",
            "example": f"https://shop.example/?cursor={EXAMPLE_CURSOR}",
        }
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        fields = PageParameters().fields
        return [
            {
                "name": "cursor",
                "in": "query",
                "description": fields["cursor"].help_text,
                "schema": {"type": "string", "pattern": f"^{CURSOR.pattern}$"},
            },
            {
                "name": "page_size",
                "in": "query",
                "description": fields["page_size"].help_text,
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": self.max_page_size,
                    "default": self.page_size,
                },
            },
        ]


def _only(parameters: Any, *names: str) -> dict[str, Any]:
    return {name: parameters[name] for name in names if name in parameters}


def _ordering_of(queryset: QuerySet[M]) -> str:
    """The one field that a queryset is ordered by, with its sign."""
    ordering: Sequence[Any] = queryset.query.order_by or queryset.model._meta.ordering or ("-id",)
    (field,) = ordering
    return str(field)


def _field(queryset: QuerySet[M], ordering: str) -> "Field[Any, Any]":
    field = queryset.model._meta.get_field(ordering.lstrip("-"))
    if not isinstance(field, Field):
        raise TypeError(f"{ordering} is no column")
    return field


def keyset_page(queryset: QuerySet[M], ordering: str, cursor: Cursor | None) -> QuerySet[M]:
    """The rows from the cursor on, the nearest first."""
    field, descending = _direction(ordering, cursor)
    sign = "-" if descending else ""
    if cursor is not None:
        queryset = queryset.filter(_past(field, cursor.value, cursor.pk, descending=descending))
    return queryset.order_by(f"{sign}{field}", f"{sign}id")


def before(rows: QuerySet[M], ordering: str, cursor: Cursor | None, end: M) -> QuerySet[M]:
    """Those of a `keyset_page` that come before the row `end`."""
    field, descending = _direction(ordering, cursor)
    return rows.filter(_past(field, getattr(end, field), end.pk, descending=not descending))


def _direction(ordering: str, cursor: Cursor | None) -> tuple[str, bool]:
    """The field to read by, and whether it is read downwards."""
    backwards = cursor is not None and cursor.backwards
    return ordering.lstrip("-"), ordering.startswith("-") != backwards


def _past(field: str, value: Any, pk: int, *, descending: bool) -> Q:
    past = "lt" if descending else "gt"
    # `value >= v AND (value > v OR value = v AND id > i)` rather than the plain OR: the first part
    # is a range for SQLite, and the whole is two ranges for MySQL, which thus skips the ties.
    return Q(**{f"{field}__{past}e": value}) & (
        Q(**{f"{field}__{past}": value}) | Q(**{field: value, f"id__{past}": pk})
    )


def cursor_at(row: Model, ordering: str, *, backwards: bool) -> Cursor:
    value = _written(getattr(row, ordering.lstrip("-")))
    return Cursor(ordering, value, row.pk, backwards)


def _written(value: Any) -> Any:
    """A field's value as a cursor has it."""
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value
