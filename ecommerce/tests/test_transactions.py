"""run_transaction: what is tried again, what is given up, and what a lost commit leaves behind."""

import logging

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from common.db.transactions import after_commit, run_joined, run_transaction
from common.errors import Busy, OutcomeUnknown, Unavailable
from ecommerce.tests.expectations import refusal, refused
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.test_database_errors import BUGS, LOST, REFUSED, TRY_AGAIN, TURNED_AWAY
from products.models import Category
from users.errors import InsufficientBalance
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pauses(monkeypatch):
    """The pauses between attempts, in seconds; nobody really waits."""
    taken = []
    monkeypatch.setattr("common.db.transactions.pause", taken.append)
    return taken


@pytest.fixture
def clock(pauses, monkeypatch):
    """As `pauses`, and the time goes on by them."""
    monkeypatch.setattr("common.db.transactions.monotonic", lambda: 1_000.0 + sum(pauses))
    return pauses


class Work:
    """Adds a category; fails first, with each of `errors` in turn, after it wrote."""

    def __init__(self, *errors):
        self.errors = list(errors)
        self.calls = []

    def find_again(self):
        self.calls.append("find again")
        return Category.objects.filter(slug="mine").first()

    def __call__(self):
        self.calls.append("work")
        mine = Category.objects.create(name="mine", slug="mine")
        if self.errors:
            raise self.errors.pop(0)
        return mine


def written():
    return list(Category.objects.values_list("slug", flat=True))


# --- Trying again -------------------------------------------------------------------------------


def test_work_runs_once_in_a_transaction_and_its_result_is_returned_after_the_commit(pauses):
    work = Work()

    assert run_transaction(work) == Category.objects.get()
    assert (work.calls, pauses) == (["work"], [])
    assert not connection.in_atomic_block


@pytest.mark.parametrize("error", TRY_AGAIN + LOST + TURNED_AWAY)
def test_what_the_database_asks_to_try_again_is_tried_again(pauses, error):
    work = Work(error, error)

    run_transaction(work)

    assert work.calls == ["work"] * 3
    assert written() == ["mine"]
    assert len(pauses) == 2
    assert 0 <= pauses[0] <= 0.05
    assert 0 <= pauses[1] <= 0.1


@pytest.mark.parametrize("attempts", [1, 2, 5])
def test_the_number_of_attempts_is_a_setting(settings, pauses, attempts):
    settings.TRANSACTION_ATTEMPTS = attempts
    work = Work(*[TRY_AGAIN[0]] * 9)

    with pytest.raises(Busy):
        run_transaction(work)

    assert len(work.calls) == attempts
    assert written() == []


@pytest.mark.parametrize("error", TRY_AGAIN)
def test_who_gets_no_lock_in_any_attempt_is_told_that_the_shop_is_busy(pauses, error):
    with pytest.raises(Busy) as raised:
        run_transaction(Work(*[error] * 3))

    assert raised.value.__cause__ is error
    assert written() == []


@pytest.mark.parametrize("error", LOST + TURNED_AWAY)
def test_who_loses_the_connection_in_every_attempt_is_told_that_it_is_unavailable(pauses, error):
    with pytest.raises(Unavailable):
        run_transaction(Work(*[error] * 3))

    assert written() == []


@pytest.mark.parametrize("error", REFUSED)
def test_a_database_that_refuses_is_unavailable_at_once(pauses, error):
    work = Work(error)

    with pytest.raises(Unavailable):
        run_transaction(work)

    assert (work.calls, pauses, written()) == (["work"], [], [])


@pytest.mark.parametrize("error", BUGS)
def test_a_bug_or_a_broken_constraint_passes_through_at_once(pauses, error):
    work = Work(error)

    with pytest.raises(type(error)) as raised:
        run_transaction(work)

    assert raised.value is error
    assert (work.calls, pauses, written()) == (["work"], [], [])


def test_a_refusal_of_the_domain_passes_through_and_leaves_nothing(pauses):
    work = Work(InsufficientBalance())

    with pytest.raises(InsufficientBalance):
        run_transaction(work)

    assert (work.calls, written()) == (["work"], [])


def test_each_retry_leaves_a_warning(pauses, caplog):
    with caplog.at_level(logging.WARNING):
        run_transaction(Work(TRY_AGAIN[0]))

    (record,) = caplog.records
    assert (record.msg["event"], record.msg["attempt"]) == ("transaction_retried", 1)
    assert "1213" in record.msg["error"]


@pytest.mark.parametrize("error", [LOST[0], *TURNED_AWAY])
def test_a_new_connection_serves_after_the_old_one_is_of_no_use(pauses, error):
    connections = []

    def work():
        connection.ensure_connection()
        connections.append(connection.connection)
        if len(connections) == 1:
            raise error

    run_transaction(work)

    assert connections[0] is not connections[1]


def test_inside_of_another_transaction_nothing_is_run(pauses):
    work = Work()

    with transaction.atomic(), pytest.raises(RuntimeError, match="durable"):
        run_transaction(work)

    assert (work.calls, written()) == ([], [])


# --- Another server takes over -------------------------------------------------------------------


@pytest.mark.parametrize("error", [LOST[0], *TURNED_AWAY])
def test_who_is_turned_away_looks_for_who_takes_writes_for_two_seconds(clock, settings, error):
    settings.FAILOVER_SECONDS = 12.0
    work = Work(*[error, *REFUSED] * 50)

    with pytest.raises(Unavailable):
        run_transaction(work)

    assert 2.0 <= sum(clock) < 2.5
    assert max(clock) <= 0.5
    assert written() == []


@pytest.mark.parametrize("error", [LOST[0], *TURNED_AWAY])
def test_who_finds_another_server_meanwhile_is_served(clock, settings, error):
    settings.FAILOVER_SECONDS = 12.0
    work = Work(error, error, *REFUSED[:3])

    run_transaction(work)

    assert len(work.calls) == 6
    assert written() == ["mine"]


def test_who_waits_for_locks_does_not_wait_for_a_server(clock, settings):
    settings.FAILOVER_SECONDS = 12.0
    work = Work(*[TRY_AGAIN[0]] * 9)

    with pytest.raises(Busy):
        run_transaction(work)

    assert len(work.calls) == settings.TRANSACTION_ATTEMPTS


@pytest.mark.parametrize("happened", [True, False])
def test_a_lost_commit_is_asked_after_for_as_long_as_a_fail_over_takes(clock, settings, happened):
    settings.FAILOVER_SECONDS = 12.0
    work = Work()

    def find_again():
        if sum(clock) < 11.0:
            raise REFUSED[3]
        return work.find_again()

    with lost_commits(happened=happened):
        result = run_transaction(work, find_again=find_again)

    assert result == Category.objects.get()
    assert work.calls == ["work", "find again", *([] if happened else ["work"])]


def test_after_that_its_outcome_is_unknown(clock, settings):
    settings.FAILOVER_SECONDS = 12.0

    def find_again():
        raise REFUSED[3]

    with lost_commits(happened=True), pytest.raises(OutcomeUnknown):
        run_transaction(Work(), find_again=find_again)

    assert 12.0 <= sum(clock) < 13.0


@pytest.mark.parametrize("error", TURNED_AWAY)
@pytest.mark.parametrize("happened", [True, False])
def test_a_server_that_is_no_primary_any_more_is_not_believed_at_a_commit(pauses, error, happened):
    work = Work()

    with lost_commits(happened=happened, error=error):
        run_transaction(work, find_again=work.find_again)

    assert work.calls == ["work", "find again", *([] if happened else ["work"])]
    assert written() == ["mine"]


# --- Commits whose answer is lost ---------------------------------------------------------------


@pytest.mark.parametrize("happened", [True, False])
def test_a_lost_commit_is_settled_and_acts_once(pauses, happened):
    work = Work()

    with lost_commits(happened=happened):
        result = run_transaction(work, find_again=work.find_again)

    assert work.calls == ["work", "find again", *([] if happened else ["work"])]
    assert result == Category.objects.get()


def test_what_finds_nothing_again_is_done_again(pauses):
    def work():
        return Category.objects.get_or_create(name="mine", slug="mine")

    with lost_commits(happened=True):
        assert run_transaction(work) == (Category.objects.get(), False)


@pytest.mark.parametrize("happened", [True, False])
def test_a_commit_that_is_lost_every_time_has_an_unknown_outcome(pauses, happened):
    work = Work()

    with lost_commits(happened=happened, times=3), pytest.raises(OutcomeUnknown):
        run_transaction(work, find_again=work.find_again)

    again = ["find again"] if happened else ["find again", "work"]
    assert work.calls == ["work", *again, *again]
    assert written() == (["mine"] if happened else [])


@pytest.mark.parametrize("error", [TRY_AGAIN[0], LOST[0], REFUSED[0]])
def test_a_lost_commit_that_nobody_can_look_up_has_an_unknown_outcome(pauses, error):
    def find_again():
        raise error

    with lost_commits(happened=True), pytest.raises(OutcomeUnknown) as raised:
        run_transaction(Work(), find_again=find_again)

    assert raised.value.__cause__ is error
    assert written() == ["mine"]


def test_a_lost_commit_of_a_server_that_is_then_down_has_an_unknown_outcome(pauses, monkeypatch):
    """Django reconnects on its way out of the transaction, and fails with an error of its own."""

    def lose(self):
        raise OperationalError(2013, "Lost connection to MySQL server during query")

    def refuse(self, params):
        raise OperationalError(2003, "Can't connect to server on 'db' (111)")

    connection.ensure_connection()
    with lost_commits(happened=True), monkeypatch.context() as down:
        down.setattr(BaseDatabaseWrapper, "_rollback", lose)
        down.setattr(type(connections["default"]), "get_new_connection", refuse)
        work = Work()
        with pytest.raises(OutcomeUnknown):
            run_transaction(work, find_again=work.find_again)

    assert written() == ["mine"]


def test_once_a_commit_was_lost_every_further_attempt_looks_first(pauses):
    calls = []

    def find_again():
        calls.append("find again")

    def work():
        calls.append("work")
        if len(calls) == 3:
            raise TRY_AGAIN[0]
        return "done"

    with lost_commits(happened=False):
        assert run_transaction(work, find_again=find_again) == "done"
    assert calls == ["work", "find again", "work", "find again", "work"]


# --- After the commit ---------------------------------------------------------------------------


def test_what_is_left_to_be_done_is_done_once_and_after_the_commit(pauses):
    seen = []

    def work():
        after_commit(lambda: seen.append((connection.in_atomic_block, written())))
        Category.objects.create(name="mine", slug="mine")
        if not pauses:
            raise TRY_AGAIN[0]

    run_transaction(work)
    assert seen == [(False, ["mine"])]


def test_nothing_is_done_after_a_transaction_that_failed(pauses):
    seen = []

    def work():
        after_commit(lambda: seen.append(1))
        raise InsufficientBalance

    with pytest.raises(InsufficientBalance):
        run_transaction(work)
    assert seen == []


def test_what_a_service_that_joined_leaves_is_done_after_the_commit_of_all(pauses):
    seen = []

    def service():
        after_commit(lambda: seen.append(connection.in_atomic_block))

    def work():
        run_transaction(service)
        after_commit(lambda: seen.append("between"))
        assert seen == []

    run_joined(work)
    assert seen == [False, "between"]


def test_without_a_transaction_it_is_done_at_once():
    seen = []
    after_commit(lambda: seen.append(1))
    assert seen == [1]


def test_a_deadlock_at_the_commit_was_rolled_back_and_is_just_tried_again(pauses, monkeypatch):
    commit = BaseDatabaseWrapper._commit
    errors = [TRY_AGAIN[0]]

    def deadlock_first(self):
        if errors:
            raise errors.pop()
        commit(self)

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", deadlock_first)
    work = Work()

    run_transaction(work)

    assert work.calls == ["work"] * 2
    assert written() == ["mine"]


# --- Over HTTP ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "code", "seconds"),
    [(TRY_AGAIN[0], "busy", "1"), (LOST[0], "unavailable", "5"), (REFUSED[0], "unavailable", "5")],
)
def test_a_write_that_was_given_up_is_answered_with_503(
    client, pauses, monkeypatch, error, code, seconds
):
    def fail(*args):
        raise error

    monkeypatch.setattr("users.services.wallets.lock_wallets", fail)

    answer = client.post("/api/v1/users/me/balance/charge/", {"amount": 1})

    assert refusal(answer) == (503, "server_error", [(code, None)])
    assert answer["Retry-After"] == seconds
    assert client.get("/api/v1/users/me/balance/").json()["balance"] == 100_000


def test_an_unknown_outcome_is_answered_with_503(client, pauses):
    with lost_commits(happened=False, times=3):
        answer = client.post("/api/v1/users/me/balance/charge/", {"amount": 1})

    assert refusal(answer) == (503, "server_error", [("outcome_unknown", None)])
    assert answer["Retry-After"] == "5"


def test_a_database_that_takes_no_connection_is_unavailable(client, pauses, monkeypatch, settings):
    settings.GROUP_COMMIT_MAX_BATCH = 1  # in this thread, whose connection is closed

    def refuse(self, params):
        raise OperationalError(2003, "Can't connect to server on 'db' (111)")

    connection.close()
    monkeypatch.setattr(type(connections["default"]), "get_new_connection", refuse)

    answer = client.post("/api/v1/users/me/balance/charge/", {"amount": 1})

    assert refusal(answer) == (503, "server_error", [("unavailable", None)])


@pytest.mark.parametrize("what", ["charge", "order", "cancel", "issue"])
def test_what_was_done_is_found_again_though_the_member_was_deactivated_since(
    client, product, coupon, monkeypatch, what
):
    body = {"items": [{"product": product.pk, "quantity": 1}]}
    order = client.post("/api/v1/orders/", body).json()
    path, body, status = {
        "charge": ("users/me/balance/charge/", {"amount": 1}, 201),
        "order": ("orders/", body, 201),
        "cancel": (f"orders/{order['id']}/cancel/", {}, 200),
        "issue": (f"coupons/{coupon.pk}/issue/", {}, 201),
    }[what]
    deactivate = User.objects.all().update
    monkeypatch.setattr("common.db.transactions.pause", lambda seconds: deactivate(is_active=False))

    with lost_commits(happened=True):
        answer = client.post(f"/api/v1/{path}", body)

    assert answer.status_code == status
    assert refusal(client.post(f"/api/v1/{path}", body)) == refused(401, "user_inactive")
