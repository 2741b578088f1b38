"""Pages of a searched list, which stay quick whether the text is in half of the names or in one."""

from django.db import connection
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from ecommerce.common.pagination import Cursor, KeysetPagination, before, keyset_page
from products.models import Product, ProductQuerySet
from products.search import SCANNED, has_index


class ProductPagination(KeysetPagination):
    """Looks through the next `SCANNED` products in the list's order, then asks the index.

    A page that the stretch fills is read from it alone; so is a shop with fewer products.
    """

    scanned = SCANNED

    def paginate_queryset(  # type: ignore[override]
        self, queryset: ProductQuerySet, request: Request, view: APIView | None = None
    ) -> list[Product]:
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
