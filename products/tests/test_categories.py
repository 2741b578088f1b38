"""GET /api/v1/categories/"""

import pytest
from django.core.exceptions import ValidationError
from django.db.models import ProtectedError

from ecommerce.tests.expectations import database_refuses, nothing_changes, refusal, refused
from products.models import Category

URL = "/api/v1/categories/"

pytestmark = pytest.mark.django_db


def test_anyone_sees_the_categories_oldest_first(api, kitchen, desk):
    answer = api.get(URL)

    assert answer.status_code == 200
    assert answer.json() == {
        "next": None,
        "previous": None,
        "results": [
            {"id": kitchen.pk, "name": "주방", "slug": "kitchen"},
            {"id": desk.pk, "name": "책상", "slug": "책상"},
        ],
    }


def test_they_are_paged(api, kitchen, desk):
    first = api.get(URL, {"page_size": 1}).json()
    second = api.get(first["next"]).json()

    assert [row["slug"] for row in first["results"] + second["results"]] == ["kitchen", "책상"]
    assert second["next"] is None
    assert api.get(second["previous"]).json()["results"] == first["results"]


@pytest.mark.parametrize("parameter", ["search", "ordering", "slug"])
def test_a_parameter_that_is_not_known_is_refused(api, parameter):
    assert refusal(api.get(URL, {parameter: "x"})) == refused(400, "unknown_field", parameter)


@pytest.mark.parametrize("changes", [{"name": "주방"}, {"slug": "kitchen"}])
def test_names_and_slugs_are_unique(kitchen, changes):
    with nothing_changes(), database_refuses("name|slug"):
        Category.objects.create(**({"name": "새", "slug": "new"} | changes))


@pytest.mark.parametrize("slug", ["a b", "a/b", "", "x" * 101])
def test_a_slug_fits_into_an_address(slug):
    with pytest.raises(ValidationError) as refused_slug:
        Category(name="새", slug=slug).full_clean()

    assert list(refused_slug.value.message_dict) == ["slug"]


def test_a_category_with_products_cannot_go(kitchen, make_product):
    make_product(category=kitchen)

    with nothing_changes(), pytest.raises(ProtectedError):
        kitchen.delete()
    assert str(kitchen) == "주방"
