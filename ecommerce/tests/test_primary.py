"""Who is the primary of a group of databases: what each says of itself, and what most say."""

import threading
import urllib.error
import urllib.request

import pytest

from scripts import primary
from scripts.primary import FRESH_SECONDS, Group

NODES = ("db1", "db2", "db3")


@pytest.fixture
def clock():
    return [100.0]


@pytest.fixture
def group(clock):
    return Group(NODES, lambda: clock[0])


def say(group, **primaries):
    """Each node named says whom it takes for the primary."""
    for node, of_it in primaries.items():
        group.hear(node, takes_writes=node == of_it, primary=of_it)


def test_a_group_of_one_mind(group):
    say(group, db1="db1", db2="db1", db3="db1")

    assert [group.is_primary(node) for node in NODES] == [True, False, False]
    assert group.primary == "db1"


def test_before_anybody_has_spoken_there_is_none(group):
    assert group.primary is None


def test_one_of_three_may_be_gone(group):
    say(group, db1="db1", db2="db1", db3="db1")
    group.forget("db3")

    assert group.primary == "db1"


def test_one_alone_is_not_believed(group):
    say(group, db1="db1")

    assert group.primary is None


def test_who_wakes_up_sure_of_itself_is_not_believed(group):
    say(group, db1="db1", db2="db2", db3="db2")

    assert group.primary == "db2"
    assert not group.is_primary("db1")


def test_most_say_so_but_it_does_not(group):
    """It is elected, and not ready yet: it still reads what the old one left."""
    group.hear("db1", takes_writes=False, primary="db2")
    group.hear("db2", takes_writes=False, primary="db2")
    group.hear("db3", takes_writes=False, primary="db2")

    assert group.primary is None


def test_most_of_all_and_not_of_those_who_answer(group):
    say(group, db1="db1")
    group.hear("db2", takes_writes=False, primary=None)
    group.forget("db3")

    assert group.primary is None


def test_a_majority_without_itself(group):
    say(group, db2="db1", db3="db1")

    assert group.primary is None


def test_what_was_said_is_believed_for_a_moment(group, clock):
    say(group, db1="db1", db2="db1", db3="db1")
    clock[0] += FRESH_SECONDS - 0.1
    assert group.primary == "db1"

    say(group, db2="db1", db3="db1")
    clock[0] += 0.2

    assert group.primary is None  # it is silent, whatever the others still think


def test_who_follows_the_primary_is_a_secondary(group, clock):
    say(group, db1="db1", db2="db1", db3="db1")
    assert [group.is_secondary(node) for node in NODES] == [False, True, True]

    group.forget("db3")
    assert [group.is_secondary(node) for node in NODES] == [False, True, False]

    clock[0] += FRESH_SECONDS
    assert not any(map(group.is_secondary, NODES))


def test_who_follows_another_or_nobody_is_none(group):
    say(group, db1="db1", db2="db1", db3="db3")
    assert not group.is_secondary("db3")

    group.hear("db2", takes_writes=False, primary=None)
    assert not group.is_secondary("db2")


def test_never_two_at_once(group):
    say(group, db1="db1", db2="db2", db3="db1")
    assert [group.is_primary(node) for node in NODES] == [True, False, False]

    say(group, db3="db2")
    assert [group.is_primary(node) for node in NODES] == [False, True, False]


def test_what_the_proxy_is_told(group, monkeypatch):
    monkeypatch.setattr(primary, "ADDRESS", ("127.0.0.1", 0))
    server = primary.serve(group)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()

    def status(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}{path}") as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    try:
        assert [status("/primary"), status("/primary/db1")] == [503, 503]
        say(group, db1="db1", db2="db1", db3="db1")
        assert [status(f"/primary/{node}") for node in NODES] == [200, 503, 503]
        assert [status("/primary"), status("/primary/db9"), status("/")] == [200, 503, 404]
        assert [status(f"/secondary/{node}") for node in NODES] == [503, 200, 200]
        assert [status("/secondary"), status("/secondary/db9")] == [404, 503]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
