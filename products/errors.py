"""What a product's stock may refuse."""

from django.utils.translation import gettext_lazy as _

from common.errors import DomainError


class OutOfStock(DomainError):
    """Fewer pieces are left than asked for."""

    code = "out_of_stock"
    message = _("Not enough of this product is left.")
    of_several = True


class SkuTaken(DomainError):
    """Another product has this stock keeping unit."""

    code = "sku_taken"
    message = _("Another product has this SKU.")
    attr = "sku"


class PriceHasChanged(DomainError):
    """A price is no longer the one that the change was decided on."""

    code = "price_has_changed"
    message = _("Prices have changed since you looked. Nothing was changed; please look again.")


class PriceOutOfBounds(DomainError):
    """A price would exceed `PRICE_MAX` won."""

    code = "price_out_of_bounds"
    message = _("A price would exceed its limit. Nothing was changed.")


class PriceOfNothing(DomainError):
    """A change of many prices would make one of them 0 won."""

    code = "price_of_nothing"
    message = _("A price would become 0 won. Nothing was changed.")


class CategoryHasChanged(DomainError):
    """A category is no longer the one that the change was decided on."""

    code = "category_has_changed"
    message = _("Categories have changed since you looked. Nothing was changed; please look again.")


class StockLimitExceeded(DomainError):
    """The stock would exceed `STOCK_MAX` pieces."""

    code = "stock_limit_exceeded"
    message = _("The stock would exceed its limit.")


class NothingToUndo(DomainError):
    """All that is left of an import has been changed since, or is sold."""

    code = "nothing_to_undo"
    message = _(
        "Nothing of this import can be undone now; the table says why. Nothing was changed."
    )
