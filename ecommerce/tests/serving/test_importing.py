"""The import page may be sent more, by those who may import; nobody is held up meanwhile."""

import json

import pytest

from benchmarks.stack import manage
from ecommerce.tests.serving.wire import chunk

IMPORT = "/admin/products/product/import/"
STAFF = """
import json
from django.contrib.auth.models import Permission
from django.test import Client
from users.models import User

def cookies(name, *permissions):
    user, _ = User.objects.get_or_create(username=name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client(SERVER_NAME="localhost")
    browser.force_login(user)
    browser.get("/admin/products/product/import/")
    return {name: cookie.value for name, cookie in browser.cookies.items()}

print(json.dumps({
    "importer": cookies("importer", "add_product", "change_product"),
    "changer": cookies("changer", "change_product"),
}))
"""


@pytest.fixture(scope="module")
def staff(shop_database):
    """The cookies of two members of the staff; the first may import."""
    return json.loads(manage(shop_database, "shell", "-v0", "-c", STAFF))


def form(cookies, size):
    """A form with a file of so many bytes and more, as a browser sends it: its headers and body."""
    rows = b"sku,name,price,stock\r\n" + b"".join(
        b"SKU-%06d,tumbler,1000,0\r\n" % number for number in range(size // 26)
    )
    fields = {
        "csrfmiddlewaretoken": cookies.get("csrftoken", ""),
        "import_name": "spring",
        "resource": "0",
        "format": "0",
    }
    body = b"".join(
        b'--X\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        % (name.encode(), value.encode())
        for name, value in fields.items()
    )
    body += b'--X\r\nContent-Disposition: form-data; name="import_file"; filename="a.csv"\r\n\r\n'
    body += rows + b"SKU-LAST,tumbler,dear,0\r\n--X--\r\n"
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return ["Content-Type: multipart/form-data; boundary=X", f"Cookie: {cookie}"], body


@pytest.mark.parametrize("size", [1_000, 300_000])
@pytest.mark.parametrize("in_chunks", [False, True], ids=["with length", "in chunks"])
def test_who_may_import_may_send_a_large_file(two, connect, staff, size, in_chunks):
    headers, body = form(staff["importer"], size)
    if in_chunks:
        headers.append("Transfer-Encoding: chunked")
        wire = connect(two).request(f"POST {IMPORT}", *headers)
        for start in range(0, len(body), 20_000):
            wire.socket.sendall(chunk(body[start : start + 20_000]))
        wire.socket.sendall(b"0\r\n\r\n")
    else:
        wire = connect(two).post(IMPORT, *headers, body=body)

    answer = wire.answer()

    assert answer.status == 200
    assert b"SKU-LAST" in answer.body, "it says what is wrong with the last line"


@pytest.mark.parametrize(("who", "status"), [("changer", 403), ("nobody", 302)])
def test_of_anyone_else_no_more_is_read_than_of_anything(two, connect, staff, who, status):
    headers, _ = form(staff.get(who, {}), 0)
    wire = connect(two).request(f"POST {IMPORT}", "Content-Length: 300000", *headers)

    assert wire.answer().status == status
    assert wire.is_closed()


def test_even_their_files_have_a_limit(two, connect, staff):
    headers, _ = form(staff["importer"], 0)
    wire = connect(two).request(f"POST {IMPORT}", "Content-Length: 300000000", *headers)

    assert wire.answer().status == 413
    assert wire.is_closed()


def test_no_other_page_may_be_sent_more(two, connect, staff):
    headers, _ = form(staff["importer"], 0)
    path = "/admin/products/product/add/"
    wire = connect(two).request(f"POST {path}", "Content-Length: 300000", *headers)

    assert wire.answer().status == 413


def test_half_sent_files_hold_up_nobody_and_are_cut_off(two, connect, staff):
    headers, body = form(staff["importer"], 300_000)
    length = f"Content-Length: {len(body)}"
    wires = [connect(two).request(f"POST {IMPORT}", length, *headers) for _ in range(30)]
    for wire in wires:
        wire.socket.sendall(body[:100_000])

    for line in ("GET /admin/login/", "GET /api/v1/products/", "GET /health/live"):
        assert connect(two).request(line).answer().status == 200
    small, body = form(staff["importer"], 1_000)
    assert connect(two).post(IMPORT, *small, body=body).answer().status == 200
    assert all(wire.is_silent() for wire in wires)

    assert [wire.answer().status for wire in wires] == [408] * 30
    assert all(wire.is_closed() for wire in wires)
