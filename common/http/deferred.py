"""Answers that are not known yet: a view whose request must wait returns without waiting.

Behind the front (`ecommerce.serving.front`) such a request waits on the event loop, without a
thread and without a connection. What the view returns stands for the answer on its way back
through the middlewares; the answer itself is made when its future is done. Everywhere else the
view waits.
"""

from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, Generic, TypeVar, cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.translation import get_language, override
from rest_framework.request import Request
from rest_framework.response import Response

T = TypeVar("T")

WAITS_ELSEWHERE = "shop.waits_elsewhere"
"""In a request's environment when whoever serves it waits for answers that are still to come."""

OF_ONE_BODY = {"content-type", "content-length"}


class Unfinished(HttpResponse):
    """What goes back through the middlewares while there is no answer yet.

    Those who look at the answer itself wait for it: `when_final`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.callbacks: list[Callable[[HttpResponseBase], None]] = []


class Later(Unfinished, Generic[T]):
    """Stands for an answer that is still to come.

    What middlewares set on it, headers and cookies, is taken over to the answer.
    """

    def __init__(
        self,
        future: "Future[T]",
        answer: Callable[[T], HttpResponseBase],
        failed: Callable[[Exception], HttpResponseBase],
        within: float | None = None,
    ) -> None:
        super().__init__()
        self.future = future
        self.within = within
        self._answer = answer
        self._failed = failed
        self._context = copy_context()  # the id that log lines have, among others
        self._language = get_language()  # is a thread's own

    def final(self) -> HttpResponseBase:
        """The answer. It is asked for once: when the future is done or `within` seconds are over.

        It renders, and asks no database: whoever calls it need not be prepared to wait.
        """
        return self._context.run(self._final)

    def _final(self) -> HttpResponseBase:
        with override(self._language):
            try:
                response = self._answer(self.future.result(timeout=0))
            except Exception as error:
                response = self._failed(error)
        self._hand_over(response)
        for callback in self.callbacks:
            callback(response)
        return response

    def _hand_over(self, response: HttpResponseBase) -> None:
        for name, value in self.headers.items():
            if name.lower() == "vary":
                patch_vary_headers(response, [name.strip() for name in value.split(",")])
            elif name.lower() not in OF_ONE_BODY:
                response.headers.setdefault(name, value)
        response.cookies.update(self.cookies)
        if isinstance(response, HttpResponse):
            response.headers["Content-Length"] = str(len(response.content))


def answer_later(
    request: Request, future: "Future[T]", answer: Callable[[T], Response]
) -> Response:
    """What a view returns whose answer is `answer(future's result)`, once that is there.

    When the future has failed, its exception is answered like one that the view raises. `answer`
    renders what it is given and asks no database.
    """
    if future.done() or not waits_elsewhere(request):
        return answer(future.result())
    view: Any = request.parser_context["view"]

    def finalized(response: Response) -> Response:
        view.finalize_response(request, response, *view.args, **view.kwargs)
        rendered: Response = response.render()
        return rendered

    later = Later(
        future,
        answer=lambda result: finalized(answer(result)),
        failed=lambda error: finalized(view.handle_exception(error)),
    )
    return cast(Response, later)


def page_later(
    future: "Future[T]",
    answer: Callable[[T], HttpResponse],
    *,
    failed: Callable[[Exception], HttpResponse],
    within: float,
) -> HttpResponse:
    """What a plain view returns, if it need not wait itself (`waits_elsewhere`).

    `failed` makes the answer when the future has failed; with a TimeoutError, when it has no result
    `within` so many seconds.
    """
    return Later(future, answer, failed, within)


def when_final(response: HttpResponseBase, callback: Callable[[HttpResponseBase], None]) -> None:
    """Call `callback` with the response as it is sent: at once, unless it is still to come.

    For middlewares that look at more than the request: at the status, or at how long it took.
    """
    if isinstance(response, Unfinished):
        response.callbacks.append(callback)
    else:
        callback(response)


def waits_elsewhere(request: HttpRequest | Request) -> bool:
    """Whether the request may wait for its answer without the thread that serves it."""
    return WAITS_ELSEWHERE in request.META
