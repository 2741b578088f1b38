"""What changes of an endpoint with a service, what stays, and commits whose answer is lost."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ecommerce.tests.lost_commits import lost_commits
from events.errors import NotSwitchedOff
from events.models import Delivery, Endpoint, Event
from events.services import change_endpoint, replace_secret, show_secret, switch_on_again, take_in
from events.tests.conftest import make_event

happened_or_not = pytest.mark.parametrize("happened", [True, False])
once = pytest.mark.django_db(transaction=True)


def failing(endpoint):
    """Have an endpoint and a delivery to it fail for a while; the delivery."""
    make_event()
    take_in()
    moment = timezone.now() - timedelta(hours=1)
    Endpoint.objects.update(failures=3, failing_since=moment, switched_off_at=moment)
    later = timezone.now() + timedelta(hours=8)
    event = Event.objects.get()
    return Delivery.objects.create(
        endpoint=endpoint, event=event, about=event.about, attempts=3, due_at=later
    )


def test_who_is_renamed_goes_on_where_it_was(listen):
    endpoint = listen()
    make_event()
    take_in()
    changed = change_endpoint(endpoint_id=endpoint.pk, name="another")
    assert (changed.name, changed.position) == ("another", endpoint.position)


def test_another_name_forgives_nothing(listen):
    delivery = failing(listen())
    change_endpoint(endpoint_id=delivery.endpoint_id, name="another")
    endpoint = Endpoint.objects.get()
    assert (endpoint.failures, endpoint.switched_off_at is None) == (3, False)
    delivery.refresh_from_db()
    assert delivery.attempts == 3


@pytest.mark.parametrize(
    "act",
    [
        lambda pk: change_endpoint(endpoint_id=pk, url="https://other.example/"),
        lambda pk: switch_on_again(endpoint_id=pk),
    ],
    ids=["another address", "switched on again"],
)
def test_who_gets_another_chance_is_tried_at_once(listen, act):
    delivery = failing(listen())
    act(delivery.endpoint_id)
    endpoint = Endpoint.objects.get()
    assert (endpoint.failures, endpoint.failing_since, endpoint.switched_off_at) == (0, None, None)
    delivery.refresh_from_db()
    assert delivery.attempts == 0
    assert delivery.due_at <= timezone.now()


@once
@happened_or_not
def test_an_endpoint_is_switched_on_again_once(listen, happened):
    delivery = failing(listen())
    with lost_commits(happened=happened):
        endpoint = switch_on_again(endpoint_id=delivery.endpoint_id)
    assert endpoint.switched_off_at is None
    with pytest.raises(NotSwitchedOff):
        switch_on_again(endpoint_id=endpoint.pk)


@once
@happened_or_not
def test_a_secret_is_shown_once(listen, happened):
    endpoint = listen()
    with lost_commits(happened=happened):
        shown = show_secret(endpoint_id=endpoint.pk)
    assert shown == Endpoint.objects.get().secret


@once
@happened_or_not
def test_a_secret_is_replaced_once(listen, happened):
    before = listen()
    with lost_commits(happened=happened):
        replaced = replace_secret(endpoint_id=before.pk)
    endpoint = Endpoint.objects.get()
    assert endpoint.secret == replaced.secret != before.secret
    assert endpoint.old_secret == before.secret  # not the new one once more
