"""A view that must wait returns an answer for later; where nobody could wait for it, it waits."""

from concurrent.futures import Future
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from common.errors import Busy
from common.http.deferred import answer_later, when_final


class Later(APIView):
    """Answers with what its future brings."""

    permission_classes = []
    future: Any = None

    def get(self, request: Request) -> Response:
        return answer_later(request, self.future, lambda number: Response({"n": number}, 201))


def answer_of(future: "Future[int]") -> Response:
    return Later.as_view(future=future)(APIRequestFactory().get("/api/later/"))


def test_the_answer_is_made_of_the_result() -> None:
    future: Future[int] = Future()
    future.set_result(3)
    response = answer_of(future)
    assert (response.status_code, response.data) == (201, {"n": 3})


def test_the_view_waits_for_the_result() -> None:
    class Watched(Future[int]):
        """Brings its result when somebody waits for it."""

        def result(self, timeout: float | None = None) -> int:
            assert timeout is None
            self.set_result(4)
            return super().result(timeout)

    assert answer_of(Watched()).data == {"n": 4}


def test_a_failure_is_answered_as_if_the_view_had_raised_it() -> None:
    future: Future[int] = Future()
    future.set_exception(Busy())
    response = answer_of(future)
    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert response.data["type"] == "server_error"
    assert [error["code"] for error in response.data["errors"]] == ["busy"]


def test_a_bug_is_answered_as_a_bug() -> None:
    future: Future[int] = Future()
    future.set_exception(ZeroDivisionError())
    response = answer_of(future)
    assert response.status_code == 500
    assert response.data["errors"][0]["code"] == "error"


def test_an_answer_that_is_there_is_final_at_once() -> None:
    seen: list[HttpResponseBase] = []
    response = HttpResponse()
    when_final(response, seen.append)
    assert seen == [response]
