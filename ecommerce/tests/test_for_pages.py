"""What pages need and the API does not: sessions, forms, messages, files."""

import pytest
from django.conf import settings
from django.test import Client

from common.http import for_pages
from conftest import client_of
from ecommerce.tests.staff import staff_client

pytestmark = pytest.mark.django_db


def test_each_is_in_the_place_of_the_one_that_it_is_made_of():
    named = [name for name in settings.MIDDLEWARE if name.startswith("common.http.for_pages")]

    made = [one for one in vars(for_pages).values() if isinstance(one, type)]
    assert sorted(named) == sorted(
        f"{one.__module__}.{one.__name__}" for one in made if one.__bases__[0] is for_pages.ForPages
    )


@pytest.mark.parametrize("path", ["/api/v1/products/", "/api/v1/users/me/", "/api/v1/nothing/"])
def test_a_session_is_nothing_to_the_api(path, django_assert_num_queries):
    """Not even that of a member of staff, whose browser sends it along."""
    browser = staff_client()
    plain = Client().get(path)

    answer = browser.get(path)

    assert (answer.status_code, answer.content) == (plain.status_code, plain.content)
    assert "Cookie" not in answer.get("Vary", "")
    assert answer.cookies == {}


def test_the_back_office_knows_who_is_in_a_session():
    assert staff_client().get("/admin/").status_code == 200
    assert Client().get("/admin/").status_code == 302


def test_a_form_without_its_token_against_forgery_is_refused():
    strict = Client(enforce_csrf_checks=True)

    assert strict.post("/admin/login/", {"username": "x"}).status_code == 403
    assert client_of().post("/api/v1/auth/token/", {}).status_code == 400
