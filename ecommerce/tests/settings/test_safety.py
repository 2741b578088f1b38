"""Keys that can't be guessed, HTTPS, and throttles."""

import pytest

from ecommerce.tests.settings.test_wrong import STATIC
from ecommerce.tests.starts import run, settings_with, told_of


@pytest.mark.parametrize("key", [None, ""])
def test_without_a_key_it_refuses_to_start_and_says_what_is_missing(key):
    process = run("manage.py", "check", SECRET_KEY=key)

    assert process.returncode == 1
    assert process.stderr == "SECRET_KEY is not set: `make env` writes one into .env.\n"


def test_a_key_of_32_characters_is_enough_and_earlier_ones_are_kept():
    names = ["SECRET_KEY", "SECRET_KEY_FALLBACKS"]
    keys = {"SECRET_KEY": "k" * 32, "SECRET_KEY_FALLBACKS": f"{'a' * 32},{'b' * 40}"}
    assert settings_with(*names, **keys) == ["k" * 32, ["a" * 32, "b" * 40]]
    assert settings_with(*names)[1] == []


def test_a_folder_with_keys_in_it_is_served_to_nobody(tmp_path):
    (tmp_path / ".env").write_text("KEY=s3cret")

    (told,) = told_of([f"STATIC_ROOT={tmp_path}"])

    assert told == f"STATIC_ROOT is '{tmp_path}'; {STATIC}"


def test_with_https_behind_a_proxy_the_deployment_check_is_clean(tmp_path):
    process = run(
        *("manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        HTTPS="1",
        BEHIND_PROXY="1",
        NUM_PROXIES="1",
        ALLOWED_HOSTS="shop.example",
        DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3",
    )

    assert process.returncode == 0, process.stderr
    assert "no issues" in process.stdout + process.stderr


def test_with_https_pages_are_sent_there_the_api_refuses_and_probes_are_answered():
    code = """
import django
django.setup()
from django.test import Client
client = Client(SERVER_NAME="localhost")
paths = ["/", "/admin/login/", "/api/docs/", "/static/x.js", "/health/live"]
paths += ["/api/v1/nothing/", "/api/v1/products/", "/api/v1/orders/", "/api/schema/", "/api/"]
for path in paths:
    answer = client.get(path)
    print(answer.status_code, answer.get("Location") or answer.content.decode()[:72])
answer = client.post("/api/v1/auth/token/", {"username": "x", "password": "y"})
print(answer.status_code, answer.get("Location"), answer.json()["errors"][0]["code"])
print(client.get("/api/v1/nothing/", secure=True).status_code)
print(client.get("/metrics", headers={"Authorization": "Bearer only-for-tests-0123"}).status_code)
"""
    process = run(
        *("-c", code),
        HTTPS="1",
        METRICS_TOKEN="only-for-tests-0123",
        DJANGO_SETTINGS_MODULE="ecommerce.settings",
        LOG_LEVEL="ERROR",
    )

    refused = '403 {"type": "client_error", "errors": [{"code": "https_required", "detail":'
    assert process.stdout.splitlines() == [
        "301 https://localhost/",
        "301 https://localhost/admin/login/",
        "301 https://localhost/api/docs/",
        "301 https://localhost/static/x.js",
        '200 {"status": "ok"}',
        *[refused] * 5,
        "403 None https_required",
        "404",
        "200",
    ], process.stderr


SIGN_UP_THRICE = """
import django
django.setup()
from django.test import Client
client = Client(SERVER_NAME="localhost")
for _ in range(3):
    answer = client.post("/api/v1/auth/signup/", {}, content_type="application/json")
    print(answer.status_code, [error["code"] for error in answer.json()["errors"]][0])
print(answer.get("Retry-After"))
"""


@pytest.mark.parametrize(
    ("environment", "third", "retry"),
    [({}, "400 required", False), ({"THROTTLE_ANON": "2/hour"}, "429 throttled", True)],
)
def test_there_are_no_throttles_unless_they_are_set(environment, third, retry):
    process = run(
        "-c",
        SIGN_UP_THRICE,
        DJANGO_SETTINGS_MODULE="ecommerce.settings",
        LOG_LEVEL="ERROR",
        **environment,
    )

    *answers, seconds = process.stdout.splitlines()
    assert answers == ["400 required", "400 required", third], process.stderr
    assert seconds.isdigit() == retry
