"""What an operation of the API says of itself in the OpenAPI description."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.utils import OpenApiExample, extend_schema

View = TypeVar("View", bound=Callable[..., Any])

NOTHING: Mapping[str, object] = {}


def operation(
    operation_id: str,
    summary: str,
    *,
    tag: str,
    of: Any = None,
    status: int = 200,
    sent: Mapping[str, object] = NOTHING,
    answered: Mapping[str, object] = NOTHING,
) -> Callable[[View], View]:
    """Describe a view's method, whose docstring says the rest.

    `of` is what it answers with `status`, if that is not a row, or a page, of the view's own;
    `sent` and `answered` are examples, by what they are called.
    """
    code = [str(status)]
    examples = [OpenApiExample(name, value, request_only=True) for name, value in sent.items()]
    examples += [
        OpenApiExample(name, value, response_only=True, status_codes=code)
        for name, value in answered.items()
    ]
    responses: dict[str, Any] = {} if of is None else {"responses": {status: of}}
    return extend_schema(operation_id, summary=summary, tags=[tag], examples=examples, **responses)
