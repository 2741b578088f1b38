"""The shop's paths, and views that wait for what another request says."""

from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Future

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.errors import Busy
from common.http.deferred import answer_later
from ecommerce import health
from ecommerce.tests.serving.wire import CHUNKS
from ecommerce.urls import handler400, handler403, handler404, handler500
from ecommerce.urls import urlpatterns as shop

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]

gates: defaultdict[str, "Future[str]"] = defaultdict(Future)
OUTCOMES = {"busy": Busy, "bug": ZeroDivisionError}


class Wait(APIView):
    """Holds its thread until the gate is opened."""

    permission_classes = [AllowAny]
    schema = None

    def get(self, request: Request, gate: str) -> Response:
        return Response({"word": gates[gate].result(30)})

    post = get


class Later(APIView):
    """Holds nothing until the gate is opened."""

    permission_classes = [AllowAny]
    schema = None

    def post(self, request: Request, gate: str) -> Response:
        return answer_later(request, gates[gate], lambda word: Response({"word": word}, 201))


def page(request: HttpRequest, gate: str) -> HttpResponse:
    """A page that holds its thread."""
    return HttpResponse(gates[gate].result(30))


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    """The length of the body, as it was read."""
    return HttpResponse(str(len(request.body)))


@csrf_exempt
def heard(request: HttpRequest) -> HttpResponse:
    """What the front made of the request's head."""
    return JsonResponse({key: value for key, value in request.META.items() if value == str(value)})


def open_gate(request: HttpRequest, gate: str, word: str) -> HttpResponse:
    """Ends what waits at a gate: with a word, or with an error of that name.

    It has no thread of a pool: the front answers it itself, as it does all below this path.
    """
    future = gates[gate]
    if word in OUTCOMES:
        future.set_exception(OUTCOMES[word]())
    else:
        future.set_result(word)
    return HttpResponse()


def look_at_gate(request: HttpRequest, gate: str) -> HttpResponse:
    """Whether anything has come to the gate."""
    return HttpResponse("waits" if gate in gates else "")


def freeze_database(request: HttpRequest) -> HttpResponse:
    """Lets the database seem to stand still for the probe, until its gate is opened."""
    gates["database"] = Future()
    return HttpResponse()


def database_answers() -> bool:
    if "database" in gates:
        return gates["database"].result(30) == "yes"
    return really_answers()


really_answers, health.database_answers = health.database_answers, database_answers


streamed = {"chunks": 0, "closed": 0}


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """128 MB, made as they are sent."""

    def chunks() -> Iterator[bytes]:
        try:
            for _ in range(CHUNKS):
                streamed["chunks"] += 1
                yield b"x" * 64_000
        finally:
            streamed["closed"] += 1

    return StreamingHttpResponse(chunks())


def broken(request: HttpRequest) -> StreamingHttpResponse:
    """An answer that breaks off after it has begun."""

    def chunks() -> Iterator[bytes]:
        yield b"begun"
        raise RuntimeError("no more")

    return StreamingHttpResponse(chunks())


def look_at_stream(request: HttpRequest) -> HttpResponse:
    return JsonResponse(streamed)


def fail(request: HttpRequest) -> HttpResponse:
    """An answer that fails while it is sent, when Django has done its part."""
    response = HttpResponse()
    response.status_code = 99
    return response


urlpatterns = [
    path("health/gates/<gate>/", look_at_gate),
    path("health/gates/<gate>/<word>/", open_gate),
    path("health/freeze/", freeze_database),
    path("api/v1/gates/<gate>/wait/", Wait.as_view()),
    path("api/v1/auth/gates/<gate>/wait/", Wait.as_view()),
    path("api/v1/gates/<gate>/later/", Later.as_view()),
    path("api/v1/fail/", fail),
    path("gates/<gate>/", page),
    path("echo/", echo),
    path("api/echo/", echo),  # pages have no method but GET, HEAD and POST
    path("stream/", stream),
    path("broken/", broken),
    path("health/stream/", look_at_stream),
    re_path("^heard/", heard),
    *shop,
]
