"""What a supervisor asks the process, and what the process warns of before it starts."""

import pytest
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connection, connections
from rest_framework.test import APIClient

from ecommerce.checks import check_connection_budget

LIVE, READY = "/health/live", "/health/ready"


def test_a_living_process_says_so_without_asking_the_database(api):
    answer = api.get(LIVE)  # no fixture lets this test use the database

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_a_process_with_a_database_is_ready(api, django_assert_num_queries):
    with django_assert_num_queries(1):
        answer = api.get(READY)

    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "down": []})


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error",
    [
        OperationalError(2003, "Can't connect to server on 'db'"),
        OperationalError(2013, "Lost connection"),
        OperationalError("unable to open database file"),
        InterfaceError("connection already closed"),
    ],
)
def test_without_a_database_it_is_not_ready_and_says_what_is_down(api, monkeypatch, error):
    def fail(*args):
        raise error

    monkeypatch.setattr(connections["default"], "cursor", fail)
    monkeypatch.setattr(connections["default"], "close", lambda: None)

    answer = api.get(READY)

    assert (answer.status_code, answer.json()) == (
        503,
        {"status": "unavailable", "down": ["database"]},
    )
    assert api.get(LIVE).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_a_server_that_takes_no_writes_any_more_is_not_ready_and_is_given_up(api, monkeypatch):
    connection.ensure_connection()
    before = connection.connection

    class SteppedDown(FakeServer):
        def execute(self, sql):
            assert sql == "SELECT @@global.read_only"

    with monkeypatch.context() as switch:
        switch.setattr(connection, "vendor", "mysql")
        switch.setattr(connections["default"], "cursor", lambda: SteppedDown(1))
        answer = api.get(READY)

    assert (answer.status_code, answer.json()["down"]) == (503, ["database"])
    assert connection.connection is not before
    assert api.get(READY).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_it_is_ready_again_as_soon_as_the_database_is(api, monkeypatch):
    def refuse(params):
        raise OperationalError(2003, "Can't connect to server on 'db'")

    connection.close()
    with monkeypatch.context() as outage:
        outage.setattr(connections["default"], "get_new_connection", refuse)
        assert api.get(READY).status_code == 503
    assert api.get(READY).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("path", [LIVE, READY])
def test_a_supervisor_may_ask_with_head_but_change_nothing(api, path):
    assert (api.head(path).status_code, api.head(path).content) == (200, b"")
    assert api.post(path).status_code == 405


# --- The budget of connections ------------------------------------------------------------------


class FakeServer:
    """A MySQL server that grants so many connections."""

    vendor = "mysql"

    def __init__(self, granted):
        self.granted = granted

    def cursor(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def execute(self, sql):
        assert sql == "SELECT @@max_connections"

    def fetchone(self):
        return (self.granted,)


@pytest.mark.parametrize(
    ("workers", "threads", "granted", "warned"),
    [(2, 16, 151, False), (4, 35, 150, False), (4, 35, 149, True), (16, 16, 151, True)],
)
def test_more_threads_than_the_server_grants_connections_are_warned_of(
    settings, monkeypatch, workers, threads, granted, warned
):
    settings.WORKERS, settings.SERVERS = workers // 2, 2
    monkeypatch.setattr("ecommerce.checks.connections_per_worker", lambda: threads)
    monkeypatch.setattr("ecommerce.checks.connections", {"default": FakeServer(granted)})

    messages = check_connection_budget(databases=["default"])

    assert [message.id for message in messages] == ["ecommerce.W001"] * warned
    if warned:
        assert f"{workers * threads} connections; the database grants {granted}" in messages[0].msg


def test_without_a_database_to_look_at_nothing_is_checked():
    assert check_connection_budget(databases=None) == []


@pytest.mark.django_db
def test_the_check_runs_against_the_real_database(settings, capsys):
    settings.WORKERS = 10_000

    call_command("check", databases=["default"])

    warned = "ecommerce.W001" in capsys.readouterr().err
    assert warned == (connection.vendor == "mysql")


@pytest.mark.parametrize("path", [LIVE, READY])
def test_it_is_only_read(path):
    client = APIClient(enforce_csrf_checks=True, SERVER_NAME="localhost")
    assert client.post(path).status_code == 405
