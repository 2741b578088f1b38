from django.apps import AppConfig


class EcommerceConfig(AppConfig):
    name = "ecommerce"

    def ready(self) -> None:
        from ecommerce import checks  # noqa: F401, PLC0415  registers the start-up check
