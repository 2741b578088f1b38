"""Pages of other origins: shut out, unless `CORS_ALLOWED_ORIGINS` names their origin."""

import json

from ecommerce.tests.starts import run

SHOP = "https://shop.example"
ASKS = """
import json, sys, django
django.setup()
from django.test import Client
def ask(method, path, origin, **headers):
    client = Client(headers={"origin": origin, **headers})
    answer = client.generic(method, path, SERVER_NAME="localhost")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    cors = {name: headers[name] for name in headers if name.startswith("access-control-")}
    assert headers["cache-control"] and headers["x-request-id"], path
    assert headers["x-content-type-options"] == "nosniff", path
    return [answer.status_code, cors]
preflight = {"access-control-request-method": "POST",
             "access-control-request-headers": "authorization,content-type,idempotency-key"}
print(json.dumps([
    ask("OPTIONS", "/api/v1/orders/", "https://shop.example", **preflight),
    ask("OPTIONS", "/api/v1/orders/", "https://thief.example", **preflight),
    ask("GET", "/api/v1/orders/", "https://shop.example"),
    ask("GET", "/api/v1/nothing/", "https://shop.example"),
    ask("GET", "/admin/login/", "https://shop.example"),
    ask("GET", "/api/v1/orders/", "null"),
]))
"""


def asked(**environment):
    variables = {"DJANGO_SETTINGS_MODULE": "ecommerce.settings", "LOG_LEVEL": "ERROR"}
    process = run("-c", ASKS, **variables, DATABASE_URL="sqlite:////nowhere/db", **environment)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_no_other_origin_may_unless_named():
    assert [cors for _, cors in asked()] == [{}] * 6


def test_the_origin_that_is_named_may_and_reads_our_headers():
    preflight, thief, refused, unknown, page, sandboxed = asked(CORS_ALLOWED_ORIGINS=SHOP)

    status, cors = preflight
    assert status == 200
    assert cors["access-control-allow-origin"] == SHOP
    assert "POST" in cors["access-control-allow-methods"]
    allowed = set(cors["access-control-allow-headers"].split(", "))
    assert {"authorization", "content-type", "idempotency-key", "if-none-match"} <= allowed
    assert {"traceparent", "x-request-id"} <= allowed
    readable = {
        "access-control-allow-origin": SHOP,
        "access-control-expose-headers": "ETag, Idempotency-Replayed, Retry-After, X-Request-ID",
    }
    assert refused == [401, readable]
    assert unknown == [404, readable]
    assert [thief[1], page[1], sandboxed[1]] == [{}, {}, {}]


def test_an_address_that_is_no_origin_is_found_by_the_check():
    process = run("manage.py", "check", CORS_ALLOWED_ORIGINS="shop.example/path")

    assert process.returncode == 1
    assert process.stderr.startswith("CORS_ALLOWED_ORIGINS is 'shop.example/path'; it must be")
