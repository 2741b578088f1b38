"""OPTIONS, on every path of the API."""

import pytest

from ecommerce.tests.expectations import refusal, refused
from ecommerce.tests.openapi import operations

PATHS = sorted({path.replace("{id}", "1") for _, path in operations()})


@pytest.mark.parametrize("path", PATHS)
def test_it_is_answered_and_tells_no_fields(client, path):
    answer = client.options(path)
    assert answer.status_code == 200
    assert sorted(answer.json()) == ["description", "name", "parses", "renders"]


@pytest.mark.parametrize("path", PATHS)
def test_it_takes_no_parameters(client, path):
    answer = client.options(f"{path}?serach=x")
    assert refusal(answer) == refused(400, "unknown_field", "serach")
