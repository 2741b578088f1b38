"""Names of members beyond signing up: from before the rules, by staff, by commands, at once."""

import importlib
import io
import unicodedata

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection

from ecommerce.tests.expectations import database_refuses, nothing_changes, refusal, refused
from ecommerce.tests.races import post, race, tally
from ecommerce.tests.staff import errors_on, filled_in
from users.models import User
from users.names import fold
from users.tests.conftest import PASSWORD

ADD = "/admin/users/user/add/"
TOKEN = "/api/v1/auth/token/"
TAKEN = {"username": ["A user with that username already exists."]}

pytestmark = pytest.mark.django_db


def change_url(member):
    return f"/admin/users/user/{member.pk}/change/"


def make_legacy(make_member, *usernames):
    """Members from before names were folded, as the migrations leave them."""
    members = [make_member(username=f"legacy{n}", password=PASSWORD) for n in range(len(usernames))]
    with connection.cursor() as cursor:
        for member, name in zip(members, usernames, strict=True):
            cursor.execute(
                "UPDATE users_user SET username = %s, name_key = NULL WHERE id = %s",
                [name, member.pk],
            )
    importlib.import_module("users.migrations.0006_fill_name_keys").fill(
        apps, connection.schema_editor()
    )
    return [User.objects.get(pk=member.pk) for member in members]


# --- From before --------------------------------------------------------------------------------


def test_who_had_names_that_are_one_now_keep_signing_in_with_their_own(api, make_member):
    names = ["minji", "Minji", "MINJI", "minji\u1160", "аdmin"]
    members = make_legacy(make_member, *names)

    for member, name in zip(members, names, strict=True):
        answer = api.post(TOKEN, {"username": name, "password": PASSWORD})
        assert answer.status_code == 200
        assert int(User.objects.get(username=name).pk) == member.pk
    assert [m.name_key for m in members[:3]] == ["minji", *(f"minji#{m.pk}" for m in members[1:3])]
    taken = api.post("/api/v1/auth/signup/", {"username": "mINJI", "password": PASSWORD})
    assert refusal(taken) == refused(400, "unique", "username")


def test_their_accounts_can_be_changed_by_staff(admin_client, make_member):
    for member in make_legacy(make_member, "minji", "Minji", "minji\u1160", "аdmin"):
        form = filled_in(admin_client.get(change_url(member)))
        answer = admin_client.post(
            change_url(member), form | {"first_name": "Minji", "reason": "asked"}
        )
        assert answer.status_code == 302, errors_on(answer)
        after = User.objects.get(pk=member.pk)
        assert (after.first_name, after.username, after.name_key) == (
            "Minji",
            member.username,
            member.name_key,
        )


def test_saving_them_anew_keeps_their_keys(make_member):
    for member in make_legacy(make_member, "minji", "Minji"):
        member.save()
        assert User.objects.get(pk=member.pk).name_key == member.name_key


def test_who_had_names_that_look_alike_now_keep_both_and_sign_in(api, make_member):
    names = ["ヘルプ", "へルプ", "minjiㅣ", "minjil"]
    names = [unicodedata.normalize("NFKC", name) for name in names]
    members = make_legacy(make_member, *names)
    for member in members:  # as folded before
        User.objects.filter(pk=member.pk).update(name_key=member.username)

    importlib.import_module("users.migrations.0007_look_alike_names").refill(
        apps, connection.schema_editor()
    )

    keys = [User.objects.get(pk=member.pk).name_key for member in members]
    looks = fold("ヘルプ")
    assert keys == [looks, f"{looks}#{members[1].pk}", f"minjil#{members[2].pk}", "minjil"]
    for member, name in zip(members, names, strict=True):
        assert api.post(TOKEN, {"username": name, "password": PASSWORD}).status_code == 200
        User.objects.get(pk=member.pk).save()
    assert [User.objects.get(pk=member.pk).name_key for member in members] == keys
    taken = api.post("/api/v1/auth/signup/", {"username": "ヘルプ", "password": PASSWORD})
    assert refusal(taken) == refused(400, "unique", "username")


# --- By staff -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Minji", "ｍｉｎｊｉ", "minji"])
def test_staff_give_nobody_a_name_that_somebody_has(admin_client, make_member, name):
    make_member(username="minji")
    other = make_member(username="haneul")
    new = {"username": name, "password1": PASSWORD, "password2": PASSWORD}
    with nothing_changes():
        assert errors_on(admin_client.post(ADD, new)) == TAKEN
    form = filled_in(admin_client.get(change_url(other))) | {"username": name, "reason": "asked"}
    with nothing_changes():
        assert errors_on(admin_client.post(change_url(other), form)) == TAKEN


def test_staff_change_the_case_of_a_name(admin_client, api, make_member):
    member = make_member(username="minji", password=PASSWORD)
    form = filled_in(admin_client.get(change_url(member)))
    sent = form | {"username": "Minji", "reason": "asked"}
    assert admin_client.post(change_url(member), sent).status_code == 302
    sent = form | {"username": "haneul", "initial-username": "Minji", "reason": "asked"}
    assert admin_client.post(change_url(member), sent).status_code == 302
    assert User.objects.get(pk=member.pk).name_key == "haneul"
    free = api.post("/api/v1/auth/signup/", {"username": "MINJI", "password": PASSWORD})
    assert free.status_code == 201


@pytest.mark.parametrize("name", ["аdmin", "min\u1160ji", "\u3164"])
def test_staff_give_nobody_a_name_that_imitates(admin_client, make_member, name):
    member = make_member(username="haneul")
    new = {"username": name, "password1": PASSWORD, "password2": PASSWORD}
    form = filled_in(admin_client.get(change_url(member))) | {"username": name, "reason": "asked"}
    with nothing_changes():
        assert "username" in errors_on(admin_client.post(ADD, new))
        assert "username" in errors_on(admin_client.post(change_url(member), form))


# --- By commands, and past all checks -----------------------------------------------------------


@pytest.mark.parametrize("name", ["Minji", "ｍｉｎｊｉ", "аdmin", "min\u1160ji"])
def test_createsuperuser_obeys_too(make_member, monkeypatch, name):
    make_member(username="minji")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    with nothing_changes(), pytest.raises(CommandError):
        call_command("createsuperuser", "--noinput", username=name, email="", stdout=io.StringIO())


def test_the_database_itself_refuses_a_second_one(make_member):
    make_member(username="minji")
    with database_refuses("name_key"):
        make_member(username="MinJi")


def test_a_name_changed_in_bulk_keeps_its_key(make_member):
    member = make_member(username="minji")
    User.objects.filter(pk=member.pk).update(username="Haneul")
    assert User.objects.get().name_key == "haneul"


@pytest.mark.django_db(transaction=True)
def test_of_those_who_want_one_name_at_once_one_gets_it():
    names = ["minji", "Minji", "ｍｉｎｊｉ", "MINJI", "Ｍinji"]
    answers = race(
        [post(None, "auth/signup/", {"username": name, "password": PASSWORD}) for name in names]
    )
    assert tally(answers) == {"201": 1, "400 unique": 4}
    assert User.objects.get().name_key == "minji"


# --- Passwords ----------------------------------------------------------------------------------

COMPOSED = unicodedata.normalize("NFC", "말도안되는암호é")
DECOMPOSED = unicodedata.normalize("NFD", COMPOSED)


@pytest.mark.parametrize(("first", "second"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_a_password_is_one_however_it_is_composed(api, client, admin_user, first, second):
    from django.test import Client  # noqa: PLC0415

    new = {"username": "haneul", "password": first}
    assert api.post("/api/v1/auth/signup/", new).status_code == 201
    assert api.post(TOKEN, new | {"password": second}).status_code == 200

    admin_user.set_password(first)
    admin_user.save()
    login = {"username": admin_user.username, "password": second, "next": "/admin/"}
    assert Client().post("/admin/login/", login).status_code == 302


@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED])
def test_a_hash_from_before_is_good_for_both_and_renewed(api, make_member, typed):
    from django.contrib.auth.hashers import check_password, make_password  # noqa: PLC0415

    member = make_member(username="haneul", password=PASSWORD)
    old = make_password(DECOMPOSED)
    User.objects.filter(pk=member.pk).update(password=old)

    assert api.post(TOKEN, {"username": "haneul", "password": typed}).status_code == 200
    renewed = User.objects.get().password
    assert check_password(COMPOSED, renewed)
    assert not check_password(DECOMPOSED, renewed)


def test_its_length_is_counted_as_it_is_hashed(api, admin_client):
    short = unicodedata.normalize("NFD", "가나다라마바")
    answer = api.post("/api/v1/auth/signup/", {"username": "haneul", "password": short})
    assert refusal(answer) == refused(400, "password_too_short", "password")
    long = {"username": "haneul", "password": unicodedata.normalize("NFD", "각" * 128)}
    assert api.post("/api/v1/auth/signup/", long).status_code == 201
    new = {"username": "minji", "password1": short, "password2": short}
    assert "password2" in errors_on(admin_client.post(ADD, new))


TWINS = [("coco", "сосо"), ("мама", "mama"), ("ТОМ", "tom")]


@pytest.mark.parametrize(("first", "second"), [*TWINS, *((b, a) for a, b in TWINS)])
def test_of_two_names_that_look_alike_the_second_is_taken(api, first, second):
    url = "/api/v1/auth/signup/"
    assert api.post(url, {"username": first, "password": PASSWORD}).status_code == 201

    with nothing_changes():
        taken = api.post(url, {"username": second, "password": PASSWORD})
    assert refusal(taken) == refused(400, "unique", "username")
