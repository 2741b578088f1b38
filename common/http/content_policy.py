"""What a page may load, and from where: from the shop itself, and nothing else."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

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
        policy = next((one for start, one in POLICIES.items() if path.startswith(start)), NOTHING)
        response.headers.setdefault(HEADER, policy)
        return response
