"""The README's tour, as it stands there, against a real server with the demo shop."""

import json

import pytest
from django.core.management import call_command

from scripts import tour


@pytest.mark.django_db(transaction=True)
def test_the_tour_runs_as_the_readme_shows_it(live_server, capsys):
    call_command("seed")
    assert tour.main(live_server.url) == 0, capsys.readouterr().err
    call_command("audit")


def test_the_tour_goes_from_signing_up_to_the_best_sellers():
    commands = "".join(commands for commands, _ in tour.read_steps(tour.README.read_text()))
    paths = ["signup", "token", "charge", "products", "coupons", "issue", "orders", "cancel", "top"]
    assert [path for path in paths if path not in commands] == []


@pytest.mark.parametrize(
    ("got", "problem"),
    [
        ({"a": 2, "b": [{"c": "y"}, {"c": "z"}]}, None),
        ({"a": 2, "b": []}, None),
        ({"a": "2", "b": []}, "answer.a: '2' instead of something like 1"),
        ({"a": 2}, "answer: fields ['a'] instead of ['a', 'b']"),
        ({"a": 2, "b": [{"c": None}]}, "answer.b[].c: None instead of something like 'x'"),
    ],
)
def test_an_answer_of_another_shape_is_told(got, problem):
    shown = json.loads('{"a": 1, "b": [{"c": "x"}]}')
    assert tour.difference(shown, got) == problem


def test_a_failing_command_is_told():
    with pytest.raises(RuntimeError, match="no such thing"):
        tour.run_steps([("echo no such thing >&2; false\n", None)], "http://127.0.0.1:9")
