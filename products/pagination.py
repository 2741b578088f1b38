"""Pages of a list that is searched or filtered, quick whether half of the products fit or one."""

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from common.api.pagination import Cursor, KeysetPagination, before, keyset_page
from common.db.costly_reads import read_costly
from common.sources import cannot_be_asked_again
from products.models import Product, ProductQuerySet
from products.search import NO_COUNTS, SCANNED, has_index, index_query, is_rare
from products.word_counts import word_counts

COSTLY = ("search", "in_stock", "min_price", "max_price")
"""Parameters for which no index of the list's order helps."""


class ProductPagination(KeysetPagination):
    """Looks through the next `SCANNED` products in the list's order, then asks the index.

    A page that the stretch fills is read from it alone; so is a shop with fewer products. For a
    text that few names can have, the index is asked at once.
    """

    scanned = SCANNED
    asked: str | None
    """The parameter for which a page may cost more than its rows."""

    def paginate_queryset(  # type: ignore[override]
        self, queryset: ProductQuerySet, request: Request, view: APIView | None = None
    ) -> list[Product]:
        asked = (name for name in COSTLY if request.query_params.get(name))
        self.asked = next(asked, None)
        if self.asked:
            cannot_be_asked_again()  # it depends on what is known of the words of names, too
        if not queryset.chosen:
            return super().paginate_queryset(queryset, request, view)
        for name in {"cursor", "ordering"} & set(request.query_params):
            detail = ErrorDetail(str(_("Not together with `ids`.")), code="invalid")
            raise ValidationError({name: [detail]})
        self.show_all(request)
        place = {pk: number for number, pk in enumerate(queryset.chosen)}
        return sorted(queryset, key=lambda product: place[product.pk])

    def read(  # type: ignore[override]
        self, queryset: ProductQuerySet, ordering: str, cursor: Cursor | None, count: int
    ) -> list[Product]:
        page = keyset_page(queryset, ordering, cursor)
        search = queryset.searched
        if search is None:
            return self._read_rest(page, count)
        # By its order alone, for which there is an index: no other filter may make this long.
        stretch = keyset_page(search.among, ordering, cursor)
        ends = stretch.select_related(None).only(ordering.lstrip("-"))
        for end in ends[self.scanned : self.scanned + 1]:
            counts = word_counts.read() if has_index(connection) else NO_COUNTS
            if not is_rare(search.ways, counts):
                near = list(before(page, ordering, cursor, end)[:count])
                if len(near) == count:
                    return near
            if has_index(connection):
                query = index_query(search.ways, counts)
                page = page.filter(search_words__among_indexed=query)
            return self._read_rest(page, count)
        return list(page[:count])

    def _read_rest(self, page: QuerySet[Product], count: int) -> list[Product]:
        """A page for which nobody knows how much must be read, unless nothing narrows it down."""
        if self.asked is None:
            return list(page[:count])
        is_search = self.asked == "search"
        return read_costly(lambda: list(page[:count]), attr=self.asked, is_search=is_search)
