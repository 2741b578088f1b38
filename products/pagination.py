"""Pages of a searched list, which stay quick whether the text is in half of the names or in one."""

from django.db import connection

from ecommerce.common.pagination import Cursor, KeysetPagination, before, keyset_page
from products.models import Product, ProductQuerySet
from products.search import SCANNED, has_index


class ProductPagination(KeysetPagination):
    """Looks through the next `SCANNED` products in the list's order, then asks the index.

    A page that the stretch fills is read from it alone; so is a shop with fewer products.
    """

    scanned = SCANNED

    def read(  # type: ignore[override]
        self, queryset: ProductQuerySet, ordering: str, cursor: Cursor | None, count: int
    ) -> list[Product]:
        page = keyset_page(queryset, ordering, cursor)
        search = queryset.searched
        if search is None or not search.index_query or not has_index(connection):
            return list(page[:count])
        # By its order alone, for which there is an index: no other filter may make this long.
        stretch = keyset_page(search.among, ordering, cursor)
        ends = stretch.select_related(None).only(ordering.lstrip("-"))
        for end in ends[self.scanned : self.scanned + 1]:
            near = list(before(page, ordering, cursor, end)[:count])
            if len(near) == count:
                return near
            page = page.filter(search_name__among_indexed=search.index_query)
        return list(page[:count])
