from django.urls import path

from stats.views import TopProductsViewSet

urlpatterns = [path("stats/top-products/", TopProductsViewSet.as_view({"get": "retrieve"}))]
