from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class EcommerceConfig(AppConfig):
    name = "ecommerce"
    verbose_name = _("Operations")

    def ready(self) -> None:
        from ecommerce import checks  # noqa: F401, PLC0415  registers the start-up check


class ShopAdminConfig(AdminConfig):
    default_site = "common.admin.site.ShopAdminSite"
