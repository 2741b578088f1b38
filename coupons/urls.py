from django.urls import path, re_path

from coupons.views import CouponViewSet, MyCouponViewSet

ID = CouponViewSet.lookup_value_regex

urlpatterns = [
    path("coupons/", CouponViewSet.as_view({"get": "list"})),
    re_path(rf"^coupons/(?P<pk>{ID})/$", CouponViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^coupons/(?P<pk>{ID})/issue/$", CouponViewSet.as_view({"post": "issue"})),
    path("users/me/coupons/", MyCouponViewSet.as_view({"get": "list"})),
]
