"""What was committed is answered without another look at the database, which may be gone by then;
what was refused is rolled back, so that there is no commit whose answer could be lost."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from common.db import transactions
from conftest import client_of
from orders.models import Order
from users.services import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def in_the_threads_that_ask(settings):
    """Whose connection is watched; a committer runs the same."""
    settings.GROUP_COMMIT_MAX_BATCH = 1


def statements_of(request):
    with CaptureQueriesContext(
        connection,
    ) as captured:
        answer = request()
    return answer.status_code, [query["sql"] for query in captured.captured_queries]


def test_no_successful_write_reads_after_its_commit(api, make_member, product, coupon):
    client = client_of(make_member(username="minji", password="pw", balance=100_000))
    body = {"items": [{"product": product.pk, "quantity": 1}]}
    key = {"Idempotency-Key": "k"}
    credentials = {"username": "haneul", "password": "correct horse battery"}
    used, revoked = ({"refresh": sign_in(username="minji", password="pw").refresh} for _ in "12")
    requests = [
        (201, lambda: api.post("/api/v1/auth/signup/", credentials)),
        (200, lambda: api.post("/api/v1/auth/token/", credentials)),
        (200, lambda: api.post("/api/v1/auth/token/refresh/", used)),
        (200, lambda: api.post("/api/v1/auth/token/revoke/", revoked)),
        (201, lambda: client.post("/api/v1/users/me/balance/charge/", {"amount": 1})),
        (201, lambda: client.post(f"/api/v1/coupons/{coupon.pk}/issue/")),
        (201, lambda: client.post("/api/v1/orders/", body, headers=key)),
        (201, lambda: client.post("/api/v1/orders/", body, headers=key)),  # replayed
        (200, lambda: client.post(f"/api/v1/orders/{Order.objects.get().pk}/cancel/")),
    ]
    for expected, request in requests:
        status, statements = statements_of(request)
        assert (status, statements[-1]) == (expected, "COMMIT")


def test_a_refused_write_commits_nothing(client, member, make_product, make_coupon):
    gone, product = make_coupon(total_quantity=0), make_product(stock=0)
    body = {"items": [{"product": product.pk, "quantity": 1}]}
    for request in (
        lambda: client.post(f"/api/v1/coupons/{gone.pk}/issue/"),
        lambda: client.post("/api/v1/orders/", body),
        lambda: client.post("/api/v1/orders/999/cancel/"),
    ):
        status, statements = statements_of(request)
        assert status in {404, 409}
        assert (statements[-1], "COMMIT" in statements) == ("ROLLBACK", False)


def test_threads_of_a_process_take_turns_where_the_whole_database_is_the_lock(member, settings):
    settings.LOCK_TIMEOUT_SECONDS = 0
    with transactions._sqlite_turn:  # another thread's turn
        answer = client_of(member).post("/api/v1/users/me/balance/charge/", {"amount": 1})
    expected = {"sqlite": 503, "mysql": 201}[connection.vendor]
    assert answer.status_code == expected
    again = client_of(member).post("/api/v1/users/me/balance/charge/", {"amount": 1})
    assert again.status_code == 201
