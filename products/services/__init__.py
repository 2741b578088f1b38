"""Every write to products and their stock, by hand or from files."""

from products.services.catalogue import (
    PriceChange,
    PriceRule,
    change_prices,
    change_product,
    create_product,
    move_products,
    set_products_active,
)
from products.services.importing import (
    IMPORT_BATCH,
    ImportOutcome,
    ImportRow,
    content_of,
    find_file,
    finish_file,
    import_products,
    keep_file,
    preview_import,
    seen_in,
    take_file,
)
from products.services.stock import (
    PRODUCTS,
    adjust_stock,
    lock_products,
    return_stock,
    save_stock,
    take_stock,
    undo_stock_adjustment,
)
from products.services.undoing import Undoing, batches_to_undo, preview_undo, undo_batch
