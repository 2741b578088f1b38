from django.urls import path

from users.views import AuthViewSet, BalanceViewSet, LedgerViewSet, MeViewSet

urlpatterns = [
    path("auth/signup/", AuthViewSet.as_view({"post": "signup"})),
    path("auth/token/", AuthViewSet.as_view({"post": "token"})),
    path("auth/token/refresh/", AuthViewSet.as_view({"post": "refresh"})),
    path("auth/token/revoke/", AuthViewSet.as_view({"post": "revoke"})),
    path("users/me/", MeViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    path("users/me/password/", MeViewSet.as_view({"post": "password"})),
    path("users/me/balance/", BalanceViewSet.as_view({"get": "retrieve"})),
    path("users/me/balance/charge/", BalanceViewSet.as_view({"post": "charge"})),
    path("users/me/balance/transactions/", LedgerViewSet.as_view({"get": "list"})),
]
