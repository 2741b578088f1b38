"""Every path of the shop."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from common.api.views import UnknownPath
from ecommerce import health, metrics_page
from ecommerce.api_description import DescriptionView, RedocPage, SwaggerPage
from events.views import EventViewSet
from users.permissions import StaffMay

FAVICON = "drf_spectacular_sidecar/swagger-ui-dist/favicon-32x32.png"

urlpatterns = [
    # Django tries one after another: first where everybody wants to go at once.
    path("api/v1/", include("coupons.urls")),
    path("api/v1/", include("orders.urls")),
    path("api/v1/", include("products.urls")),
    path("api/v1/", include("stats.urls")),
    path("api/v1/", include("users.urls")),
    # Events know no members: who may ask for them is said here.
    path(
        "api/v1/events/",
        EventViewSet.as_view({"get": "feed"}, permission_classes=[StaffMay]),
    ),
    path("", RedirectView.as_view(url="/api/docs/")),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}{FAVICON}")),
    path("admin/language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics_page.metrics_page),
    path("api/schema/", DescriptionView.as_view(), name="schema"),
    path("api/docs/", SwaggerPage.as_view(url_name="schema")),
    path("api/redoc/", RedocPage.as_view(url_name="schema")),
    re_path(r"^api/", UnknownPath.as_view()),
]

handler400 = "ecommerce.error_pages.bad_request"
handler404 = "ecommerce.error_pages.not_found"
handler403 = "ecommerce.error_pages.forbidden"
handler500 = "ecommerce.error_pages.server_error"
