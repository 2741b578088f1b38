from rest_framework.routers import SimpleRouter

from products.views import CategoryViewSet, ProductViewSet

router = SimpleRouter()
router.register("products", ProductViewSet)
router.register("categories", CategoryViewSet)

urlpatterns = router.urls
