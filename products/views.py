"""Products and categories over HTTP, for anyone."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from common.api.operations import operation
from common.api.serializers import represent
from common.api.views import ApiViewSet
from common.db.costly_reads import SearchTooBroad
from products.filters import ProductFilter
from products.models import Category, Product
from products.pagination import ProductPagination
from products.serializers import CategorySerializer, ProductSerializer

CATEGORY = {"id": 2, "name": "주방", "slug": "kitchen"}
PRODUCT = {
    "Product": {
        "id": 11,
        "sku": "TUMBLER-500",
        "name": "스테인리스 텀블러 500ml",
        "description": "",
        "category": CATEGORY,
        "price": 18_900,
        "stock": 240,
        "created_at": "2026-11-01T09:00:00+09:00",
    }
}


class ProductViewSet(ApiViewSet):
    """What is on sale."""

    permission_classes = [AllowAny]
    serializer_class = ProductSerializer
    filterset_class = ProductFilter
    pagination_class = ProductPagination
    domain_errors = {"list": (SearchTooBroad,)}
    queryset = Product.objects.none()

    def get_queryset(self) -> QuerySet[Product]:
        return Product.objects.listed().order_by("-created_at")

    @operation("products", "Products on sale, newest first", tag="products", answered=PRODUCT)
    def list(self, request: Request) -> Response:
        """What can be seen in the shop; what is withdrawn is absent.

        A search that would have to read too much is refused: ask for more of the name.
        """
        return self.list_page()

    @operation("product", "One product", tag="products", answered=PRODUCT)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One that is withdrawn is answered as one that does not exist."""
        product = get_object_or_404(Product.objects.listed(), pk=pk)
        return Response(represent(ProductSerializer, product))


class CategoryViewSet(ApiViewSet):
    """What products are sorted into."""

    permission_classes = [AllowAny]
    serializer_class = CategorySerializer
    queryset = Category.objects.order_by("id")

    @operation("categories", "Categories", tag="products", answered={"Category": CATEGORY})
    def list(self, request: Request) -> Response:
        """What `category` of other reads may name, by `slug`."""
        return self.list_page()
