"""What ends every session of a member, whoever does it and by whatever way."""

import importlib
import io
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from unittest import mock

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from conftest import client_of
from ecommerce.tests.expectations import nothing_changes, refusal, refused
from ecommerce.tests.staff import filled_in
from orders.services import DraftLine, OrderDraft, place_order
from users import hashing
from users.models import Session, User
from users.services import charge_wallet, sign_in
from users.services.tokens import dead_sessions, revoke_refresh_token
from users.tests.conftest import PASSWORD
from users.tests.test_token import ME, bearer

REFRESH = "/api/v1/auth/token/refresh/"
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NEW = "battery staple horse"

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(db):
    return User.objects.create_superuser(username="boss", password=PASSWORD)


def browser_of(user):
    browser = Client()
    browser.force_login(user)
    return browser


def set_password(minji, boss):
    minji.set_password(NEW)
    minji.save()


def save_a_hash(minji, boss):
    minji.password = User(username="x").password or "!"
    minji.save(update_fields=["password"])


def by_staff(minji, boss):
    answer = browser_of(boss).post(
        f"/admin/users/user/{minji.pk}/password/",
        {"password1": NEW, "password2": NEW, "reason": "x"},
    )
    assert answer.status_code == 302, answer.content


def by_command(minji, boss):
    with mock.patch(
        "django.contrib.auth.management.commands.changepassword.getpass.getpass", return_value=NEW
    ):
        call_command("changepassword", "minji", stdout=io.StringIO())


def by_queryset(minji, boss):
    User.objects.filter(pk=minji.pk).update(password="!")


def bulk(minji, boss):
    minji.password = "!"
    User.objects.bulk_update([minji], ["password"])


def deactivate(minji, boss):
    minji.is_active = False
    minji.save()
    minji.is_active = True
    minji.save()


def deactivate_one_field(minji, boss):
    minji.is_active = False
    minji.save(update_fields=["is_active"])
    User.objects.update(is_active=True)


def deactivate_many(minji, boss):
    User.objects.filter(pk=minji.pk).update(is_active=False)
    User.objects.filter(pk=minji.pk).update(is_active=True)


def deactivate_in_the_admin(minji, boss):
    page = f"/admin/users/user/{minji.pk}/change/"
    browser = browser_of(boss)
    for active in (False, True):
        form = filled_in(browser.get(page)) | {"reason": "asked", "is_active": "on"}
        if not active:
            del form["is_active"]
        answer = browser.post(page, form)
        assert answer.status_code == 302, answer.context["errors"]


def everywhere(minji, boss):
    other = sign_in(username="minji", password=PASSWORD)
    revoke_refresh_token(refresh=other.refresh, everywhere=True)


WAYS = [
    set_password,
    save_a_hash,
    by_staff,
    by_command,
    by_queryset,
    bulk,
    deactivate,
    deactivate_one_field,
    deactivate_many,
    deactivate_in_the_admin,
    everywhere,
]


@pytest.mark.parametrize("end", WAYS)
def test_every_session_ends(end, api, minji, boss, pair):
    end(User.objects.get(pk=minji.pk), boss)

    assert User.objects.get(pk=minji.pk).is_active
    with nothing_changes():
        refreshed = api.post(REFRESH, {"refresh": pair.refresh})
        written = bearer(pair.access).patch(ME, {"email": "thief@example.com"})
    assert refusal(refreshed) == refused(401, "token_not_valid")
    assert refusal(written) == refused(401, "token_not_valid")
    assert written["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.fixture
def writes(minji, product, coupon):
    """Whatever a member may write, as paths with bodies; one order is there to be cancelled."""
    charge_wallet(user_id=minji.pk, amount=100_000)
    lines = (DraftLine(product.pk, 1),)
    placed = place_order(OrderDraft(user_id=minji.pk, lines=lines)).value
    return {
        "charge": ("post", "/api/v1/users/me/balance/charge/", {"amount": 1_000}),
        "order": ("post", "/api/v1/orders/", {"items": [{"product": product.pk, "quantity": 1}]}),
        "cancel": ("post", f"/api/v1/orders/{placed.pk}/cancel/", {}),
        "issue": ("post", f"/api/v1/coupons/{coupon.pk}/issue/", {}),
        "email": ("patch", ME, {"email": "a@example.com"}),
        "password": (
            "post",
            "/api/v1/users/me/password/",
            {"current_password": PASSWORD, "new_password": "horse staple battery"},
        ),
    }


WRITES = ["charge", "order", "cancel", "issue", "email", "password"]


@pytest.mark.parametrize("what", WRITES)
@pytest.mark.parametrize("end", [set_password, deactivate_many, everywhere])
def test_nothing_is_written_with_an_access_token_of_before(end, what, minji, boss, pair, writes):
    bare = client_of(minji)
    end(User.objects.get(pk=minji.pk), boss)

    method, path, body = writes[what]
    for client in (bearer(pair.access), bare):
        with nothing_changes():
            answer = getattr(client, method)(path, body, headers={"Idempotency-Key": "key"})
        assert refusal(answer) == refused(401, "token_not_valid")
    assert bearer(pair.access).get("/api/v1/users/me/balance/").status_code == 200


@pytest.mark.parametrize("what", WRITES)
def test_everything_is_written_with_one_of_a_new_session(what, minji, boss, pair, writes):
    User.objects.filter(pk=minji.pk).update(is_active=False)
    User.objects.filter(pk=minji.pk).update(is_active=True)
    new = sign_in(username="minji", password=PASSWORD)

    method, path, body = writes[what]
    assert getattr(bearer(new.access), method)(path, body).status_code in {200, 201}


def test_not_even_what_was_done_under_a_key_is_told_again(minji, boss, pair, writes):
    _method, path, body = writes["charge"]
    client = bearer(pair.access)
    assert client.post(path, body, headers={"Idempotency-Key": "key"}).status_code == 201
    set_password(User.objects.get(pk=minji.pk), boss)
    answer = client.post(path, body, headers={"Idempotency-Key": "key"})
    assert refusal(answer) == refused(401, "token_not_valid")


@pytest.mark.parametrize("end", [set_password, deactivate, deactivate_many])
def test_a_session_of_the_admin_ends_too(end, minji, boss):
    User.objects.update(is_staff=True)
    browser = browser_of(User.objects.get(pk=minji.pk))
    assert browser.get("/admin/").status_code == 200

    end(User.objects.get(pk=minji.pk), boss)

    assert browser.get("/admin/")["Location"] == "/admin/login/?next=/admin/"


def test_changing_ones_own_password_in_the_admin_keeps_that_session_alone(boss, api):
    pair = sign_in(username="boss", password=PASSWORD)
    browser, other = browser_of(boss), browser_of(boss)
    answer = browser.post(
        "/admin/password_change/",
        {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW},
    )
    assert answer.status_code == 302, answer.content
    assert browser.get("/admin/").status_code == 200
    assert other.get("/admin/").status_code == 302
    answer = api.post(REFRESH, {"refresh": pair.refresh})
    assert refusal(answer) == refused(401, "token_not_valid")


def rename(minji):
    minji.first_name = "Minji"
    minji.save()


def log_in(minji):
    browser_of(minji)


def reactivate(minji):
    User.objects.filter(pk=minji.pk).update(is_active=True)


def outdated_hash(minji):
    with mock.patch("django.contrib.auth.hashers.MD5PasswordHasher.must_update", return_value=True):
        assert minji.check_password(PASSWORD)


@pytest.mark.parametrize("change", [rename, log_in, reactivate, outdated_hash])
def test_nothing_else_ends_a_session(change, api, minji, pair):
    change(User.objects.get(pk=minji.pk))

    assert api.post(REFRESH, {"refresh": pair.refresh}).status_code == 200
    assert bearer(pair.access).patch(ME, {"email": ""}).status_code == 200


def test_an_object_from_before_does_not_bring_ended_sessions_back(api, minji, pair):
    stale = User.objects.get(pk=minji.pk)
    set_password(minji, None)
    stale.first_name = "Minji"
    stale.save()

    answer = api.post(REFRESH, {"refresh": pair.refresh})
    assert refusal(answer) == refused(401, "token_not_valid")


def test_whose_password_is_changed_while_signing_in_gets_tokens_that_are_no_good(
    api, minji, monkeypatch
):
    hash_now = hashing.hash_now

    def hash_slowly(compute):
        made = hash_now(compute)
        User.objects.filter(pk=minji.pk).update(password="!")
        return made

    monkeypatch.setattr(hashing, "hash_now", hash_slowly)
    pair = sign_in(username="minji", password=PASSWORD)

    answer = api.post(REFRESH, {"refresh": pair.refresh})
    assert refusal(answer) == refused(401, "token_not_valid")
    written = bearer(pair.access).patch(ME, {"email": ""})
    assert refusal(written) == refused(401, "token_not_valid")


# --- Sessions that are over ---------------------------------------------------------------------


@pytest.mark.time_machine(NOON, tick=False)
def test_sessions_whose_tokens_have_expired_are_dead(minji, time_machine):
    for days in (0, 1, 15):
        time_machine.move_to(NOON + timedelta(days=days, seconds=days))
        sign_in(username="minji", password=PASSWORD)

    assert (dead_sessions().count(), Session.objects.count()) == (2, 3)
    call_command("tidy", stdout=io.StringIO())
    assert (dead_sessions().count(), Session.objects.count()) == (0, 1)


# --- Refresh tokens of before -------------------------------------------------------------------

OLD_TABLES = """
CREATE TABLE token_blacklist_outstandingtoken (id bigint PRIMARY KEY, user_id bigint NULL,
 jti varchar(255) NOT NULL, token text NOT NULL,
 created_at {moment} NULL, expires_at {moment} NOT NULL);
CREATE TABLE token_blacklist_blacklistedtoken (id bigint PRIMARY KEY, token_id bigint NOT NULL)
"""


@pytest.mark.django_db(transaction=True)
def test_refresh_tokens_of_before_go_on_and_their_text_is_gone(api, minji):
    from django.apps import apps  # noqa: PLC0415
    from rest_framework_simplejwt.tokens import RefreshToken  # noqa: PLC0415

    good, used, nobodys = (RefreshToken.for_user(minji) for _ in range(3))
    moment = "datetime(6)" if connection.vendor == "mysql" else "datetime"
    insert = (
        "INSERT INTO token_blacklist_outstandingtoken VALUES"
        " (%s, %s, %s, %s, '2026-01-01 00:00:00', '2100-01-01 00:00:00')"
    )
    with connection.cursor() as cursor:
        for table in OLD_TABLES.format(moment=moment).split(";"):
            cursor.execute(table)
        for number, token in enumerate((good, used, nobodys), start=1):
            owner = None if token is nobodys else minji.pk
            cursor.execute(insert, [number, owner, token["jti"], str(token)])
        cursor.execute("INSERT INTO token_blacklist_blacklistedtoken VALUES (1, 2)")
    migration = importlib.import_module("users.migrations.0004_move_refresh_tokens")
    with connection.schema_editor() as editor:
        for operation in migration.Migration.operations:
            operation.code(apps, editor)

    (moved,) = Session.objects.all()
    assert (moved.user, moved.token_hash) == (minji, sha256(good["jti"].encode()).hexdigest())
    assert not [t for t in connection.introspection.table_names() if t.startswith("token_b")]
    Session.objects.update(expires_at="2100-01-01T00:00:00Z")
    for token in (used, nobodys):
        answer = api.post(REFRESH, {"refresh": str(token)})
        assert refusal(answer) == refused(401, "token_not_valid")
    new = api.post(REFRESH, {"refresh": str(good)})
    assert new.status_code == 200
    assert api.post(REFRESH, {"refresh": new.json()["refresh"]}).status_code == 200
