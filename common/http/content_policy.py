"""What a browser may do with an answer: what a page loads, and who may store it.

A page loads from the shop itself and from nowhere else. Nothing is stored unless who made the
answer says that it may be.
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from common.http.deferred import when_final

HEADER = "Content-Security-Policy"
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""For what is no page: nothing is loaded if a browser shows it all the same."""
PAGE = (
    "default-src 'none'; connect-src 'self'; font-src 'self'; img-src 'self' data:;"
    # Swagger, Redoc and the admin make styles as they run.
    " style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
DESCRIPTION = f"{PAGE}; script-src 'self'; worker-src blob:"  # Redoc indexes its menu in a worker
# Alpine, which unfold is made with, compiles the expressions in its attributes.
ADMIN = f"{PAGE}; script-src 'self' 'unsafe-eval'"

POLICIES = {"/admin/": ADMIN, "/api/docs/": DESCRIPTION, "/api/redoc/": DESCRIPTION}


class ContentPolicyMiddleware:
    """Says it with every answer, files and errors included."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.process_response(request, self.get_response(request))

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """The response with its policy; also for what is answered outside of all middlewares."""
        path = request.path_info
        policy = next(
            (policy for start, policy in POLICIES.items() if path.startswith(start)), NOTHING
        )
        response.headers.setdefault(HEADER, policy)
        when_final(response, lambda final: final.headers.setdefault("Cache-Control", "no-store"))
        return response
