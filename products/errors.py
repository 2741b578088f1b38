"""What a product's stock may refuse."""

from django.utils.translation import gettext_lazy as _

from ecommerce.common.errors import DomainError


class OutOfStock(DomainError):
    """Fewer pieces are left than asked for."""

    code = "out_of_stock"
    message = _("Not enough of this product is left.")


class SkuTaken(DomainError):
    """Another product has this stock keeping unit."""

    code = "sku_taken"
    message = _("Another product has this SKU.")
    attr = "sku"


class StockLimitExceeded(DomainError):
    """The stock would exceed `STOCK_MAX` pieces."""

    code = "stock_limit_exceeded"
    message = _("The stock would exceed its limit.")
