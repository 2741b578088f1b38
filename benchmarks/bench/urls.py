"""The shop's paths and the yardstick: an endpoint that knows the member and does nothing."""

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ecommerce.urls import handler400, handler403, handler404, handler500
from ecommerce.urls import urlpatterns as shop

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


class Yardstick(APIView):
    """DRF's plain view with the shop's own authentication, permission and renderer."""

    schema = None

    def get(self, request: Request) -> Response:
        return Response({"id": request.user.pk})


urlpatterns = [path("api/v1/yardstick/", Yardstick.as_view()), *shop]
