"""What follows a password's hash asks the database, where that may be waited for."""

import json
from uuid import uuid4

import pytest

NAME, PASSWORD, OTHER = f"m{uuid4().hex}", "correct horse battery", "another horse battery"


@pytest.fixture
def post(one, connect):
    def send(path, body, *headers):
        wire = connect(one).post(
            f"/api/v1/{path}",
            "Content-Type: application/json",
            *headers,
            body=json.dumps(body).encode(),
        )
        return wire.answer()

    return send


def test_a_member_signs_up_and_in_and_changes_the_password(post):
    credentials = {"username": NAME, "password": PASSWORD}

    assert post("auth/signup/", credentials).status == 201
    again = post("auth/signup/", credentials)
    signed_in = post("auth/token/", credentials)
    wrong = post("auth/token/", credentials | {"password": OTHER})
    access = f"Authorization: Bearer {signed_in.json()['access']}"
    change = {"current_password": PASSWORD, "new_password": OTHER}
    changed = post("users/me/password/", change, access)
    over = post("users/me/password/", change, access)
    refused = post("auth/token/", credentials)
    with_the_new = post("auth/token/", credentials | {"password": OTHER})

    assert (again.status, again.codes) == (400, ["unique"])
    assert (signed_in.status, sorted(signed_in.json())) == (200, ["access", "refresh"])
    assert (wrong.status, wrong.codes) == (401, ["no_active_account"])
    assert (changed.status, sorted(changed.json())) == (200, ["access", "refresh"])
    assert over.status == 401
    assert (refused.status, refused.codes) == (401, ["no_active_account"])
    assert with_the_new.status == 200
