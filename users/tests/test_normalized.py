"""A text is checked in the form in which it is stored, wherever it comes in.

The kind: what is normalised may grow, or turn into something else, and a check of what was sent
lets pass what the column cannot take (an error of MySQL's; SQLite stores it all the same).
"""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.staff import errors_on, filled_in
from users.models import User

pytestmark = pytest.mark.django_db

SIGNUP = "/api/v1/auth/signup/"
LABEL = "İ" * 30  # 60 characters in lower case, of 63 that a label may have
GROWS = f"a@{'.'.join([LABEL] * 7)}.com"  # 222 characters, 432 in lower case
FITS = f"a@{'.'.join([LABEL] * 4)}.com"
LONG_LABEL = f"a@{'İ' * 40}.com"
PASSWORD = "correct horse battery"


def sign_up(api: APIClient, **changes: str):
    return api.post(SIGNUP, {"username": "minji", "password": PASSWORD} | changes)


@pytest.mark.parametrize(
    ("email", "codes"), [(GROWS, {"invalid", "max_length"}), (LONG_LABEL, {"invalid"})]
)
def test_an_address_that_is_too_long_once_stored_is_refused(
    api: APIClient, email: str, codes: set[str]
) -> None:
    with nothing_changes():
        answer = sign_up(api, email=email)

    assert answer.status_code == 400
    assert {(error["code"], error["attr"]) for error in answer.json()["errors"]} == {
        (code, "email") for code in codes
    }


def test_an_address_that_fits_is_stored_as_it_is_answered(api: APIClient) -> None:
    answer = sign_up(api, email=FITS)

    stored = f"a@{'.'.join([LABEL.lower()] * 4)}.com"
    assert (answer.status_code, answer.json()["email"]) == (201, stored)
    assert User.objects.get().email == stored


@pytest.mark.parametrize("name", ["ﷺ" * 9, "㎏" * 76, "½" * 51, "Ⅷ" * 38])
def test_a_name_that_is_too_long_once_stored_is_refused(api: APIClient, name: str) -> None:
    with nothing_changes():
        answer = sign_up(api, username=name)

    assert answer.status_code == 400
    assert {error["attr"] for error in answer.json()["errors"]} == {"username"}


@pytest.mark.parametrize("email", [GROWS, LONG_LABEL])
def test_staff_are_told_the_same(admin_client: Client, member: User, email: str) -> None:
    url = f"/admin/users/user/{member.pk}/change/"
    form = filled_in(admin_client.get(url))

    with nothing_changes():
        answer = admin_client.post(url, form | {"email": email, "reason": "typo"})

    assert list(errors_on(answer)) == ["email"]


def test_what_staff_enter_is_stored_in_its_form(admin_client: Client, member: User) -> None:
    url = f"/admin/users/user/{member.pk}/change/"
    form = filled_in(admin_client.get(url))

    answer = admin_client.post(url, form | {"email": "Minji@EXAMPLE.com", "reason": "typo"})

    assert answer.status_code == 302
    member.refresh_from_db()
    assert member.email == "Minji@example.com"


def test_a_command_refuses_it_too() -> None:
    with nothing_changes(), pytest.raises(CommandError):
        call_command(
            "createsuperuser", "--noinput", "--username", "chief", "--email", GROWS, verbosity=0
        )


def test_the_models_field_reads_like_the_others() -> None:
    field = get_user_model()._meta.get_field("email")

    assert field.clean("A@EXAMPLE.Com", None) == "A@example.com"
    assert field.clean("", None) == ""
