from django.urls import path, re_path

from orders.views import OrderViewSet

ID = OrderViewSet.lookup_value_regex

urlpatterns = [
    path("orders/", OrderViewSet.as_view({"get": "list", "post": "create"})),
    re_path(rf"^orders/(?P<pk>{ID})/$", OrderViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^orders/(?P<pk>{ID})/cancel/$", OrderViewSet.as_view({"post": "cancel"})),
]
