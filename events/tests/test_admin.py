"""The back office of events."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from ecommerce.tests.staff import errors_on, filled_in, logged, staff_client
from events.models import Delivery, Endpoint, Event, Outgoing
from events.services import Answer, Sent, exchange, take_in
from events.tests.conftest import ALL_KINDS, make_event

ADD = "/admin/events/endpoint/add/"
HTTPS = "https://warehouse.example/events"

pytestmark = pytest.mark.django_db(transaction=True)


def change_url(obj):
    return reverse(f"admin:events_{obj._meta.model_name}_change", args=[obj.pk])


def page_of(obj, name):
    return reverse(f"admin:events_{obj._meta.model_name}_{name}", args=[obj.pk])


@pytest.fixture
def manager():
    return staff_client(
        *("events.add_endpoint", "events.change_endpoint", "events.view_endpoint"),
        *("events.view_delivery", "events.view_event"),
    )


@pytest.fixture
def failed(listen):
    """A delivery that was set aside."""
    endpoint = listen(url=HTTPS)
    make_event(about="order:7", kind="order.paid", total=1)
    take_in()
    (lane,) = exchange(endpoint_id=endpoint.pk, sent=[], most=1)
    answer = Answer(is_good=False, status=500, trouble="Server Error", text="<b>oops</b>")
    exchange(endpoint_id=endpoint.pk, sent=[Sent(lane, [answer])], most=0)
    Delivery.objects.update(state="set_aside", due_at=None)
    return Delivery.objects.get()


# --- Endpoints ------------------------------------------------------------------------------------


def test_an_endpoint_is_set_up_and_its_secret_shown_once(manager):
    form = {"name": "창고 📦", "url": HTTPS, "kinds": ["order.paid", "order.cancelled"]}
    answer = manager.post(ADD, {**form, "is_active": "on"}, follow=True)
    assert answer.status_code == 200
    endpoint = Endpoint.objects.get()
    assert (endpoint.name, endpoint.url, endpoint.kinds) == tuple(form.values())
    assert endpoint.secret not in answer.content.decode()

    asked = manager.get(page_of(endpoint, "secret"))
    assert endpoint.secret not in asked.content.decode()
    shown = manager.post(page_of(endpoint, "secret"))
    assert endpoint.secret in shown.content.decode()
    assert "no-store" in shown.headers["Cache-Control"]

    again = manager.post(page_of(endpoint, "secret"))
    assert endpoint.secret not in again.content.decode()
    assert "shown already" in again.content.decode()
    assert "Secret shown." in [what for _who, what in logged()]
    for page in (change_url(endpoint), reverse("admin:events_endpoint_changelist")):
        assert endpoint.secret not in manager.get(page).content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"url": "http://warehouse.example"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "nonsense"}, "url"),
        ({"kinds": []}, "kinds"),
        ({"kinds": ["order.lost"]}, "kinds"),
        ({"name": ""}, "name"),
    ],
)
def test_what_makes_no_endpoint_is_refused(manager, change, field):
    form = {"name": "warehouse", "url": HTTPS, "kinds": ["order.paid"], "is_active": "on"}
    page = manager.post(ADD, form | change)

    assert list(errors_on(page)) == [field]
    assert not Endpoint.objects.exists()


def test_a_form_that_is_sent_twice_makes_one_endpoint(manager):
    page = manager.get(ADD)
    key = page.content.decode().split('name="form_key" value="')[1].split('"')[0]
    form = {"name": "one", "url": "", "kinds": ["order.paid"], "is_active": "on", "form_key": key}
    assert manager.post(ADD, form).status_code == 302
    assert manager.post(ADD, form).status_code == 302
    assert Endpoint.objects.count() == 1


def test_an_endpoint_is_changed_for_a_reason(manager, listen):
    endpoint = listen("order.paid", url=HTTPS)
    form = filled_in(manager.get(change_url(endpoint)))
    page = manager.post(change_url(endpoint), form | {"kinds": ["coupon.issued"]})
    assert list(errors_on(page)) == ["reason"]

    changed = form | {"kinds": ["coupon.issued"], "reason": "they asked"}
    assert manager.post(change_url(endpoint), changed).status_code == 302
    endpoint.refresh_from_db()
    assert endpoint.kinds == ["coupon.issued"]
    (_, said) = logged()[-1]
    assert "order paid → coupon issued" in said
    assert "they asked" in said


def test_a_stale_form_undoes_nothing(manager, listen):
    endpoint = listen("order.paid", url=HTTPS)
    form = filled_in(manager.get(change_url(endpoint)))
    Endpoint.objects.update(kinds=ALL_KINDS)

    assert manager.post(change_url(endpoint), form | {"name": "new", "reason": "x"}).status_code
    endpoint.refresh_from_db()
    assert (endpoint.name, endpoint.kinds) == ("new", ALL_KINDS)


def test_a_new_secret_is_shown_and_the_old_one_goes_on_for_a_day(manager, listen):
    endpoint = listen(url=HTTPS)
    manager.post(page_of(endpoint, "secret"))
    answer = manager.post(page_of(endpoint, "new_secret"), {"reason": "it leaked"}, follow=True)

    old, (endpoint,) = endpoint.secret, Endpoint.objects.all()
    assert endpoint.secrets_at(timezone.now()) == [endpoint.secret, old]
    assert endpoint.secret != old
    assert endpoint.secret not in answer.content.decode()
    assert endpoint.secret in manager.post(page_of(endpoint, "secret")).content.decode()


def test_an_endpoint_that_only_failed_is_switched_on_again(manager, listen):
    endpoint = listen(url=HTTPS)
    answer = manager.post(page_of(endpoint, "switch_on"), {"reason": "?"})
    assert list(errors_on(answer)) == ["__all__"]

    Endpoint.objects.update(switched_off_at=timezone.now(), failures=9)
    manager.post(page_of(endpoint, "switch_on"), {"reason": "they repaired it"})
    endpoint.refresh_from_db()
    assert (endpoint.switched_off_at, endpoint.failures) == (None, 0)


def test_who_may_only_look_changes_nothing(listen, failed):
    viewer = staff_client("events.view_endpoint", "events.view_delivery", "events.view_event")
    for name in ("secret", "new_secret", "switch_on"):
        assert viewer.post(page_of(failed.endpoint, name), {"reason": "x"}).status_code == 403
    for name in ("again", "aside"):
        assert viewer.post(page_of(failed, name), {"reason": "x"}).status_code == 403
    assert viewer.get(change_url(failed)).status_code == 200
    assert staff_client().get(change_url(failed.endpoint)).status_code == 403

    before = failed.endpoint.secret
    assert Endpoint.objects.get().secret == before
    assert Endpoint.objects.get().secret_shown_at is None
    assert Delivery.objects.get().state == "set_aside"


# --- Deliveries -----------------------------------------------------------------------------------


def test_deliveries_and_answers_are_shown(manager, failed):
    page = manager.get(change_url(failed)).content.decode()
    assert "&lt;b&gt;oops&lt;/b&gt;" in page
    assert "<b>oops</b>" not in page
    assert "Server Error" in page
    assert "&quot;total&quot;: 1" in page
    for url in (
        reverse("admin:events_delivery_changelist"),
        reverse("admin:events_delivery_changelist", query={"q": "order:7"}),
        change_url(failed.endpoint),
        change_url(failed.event),
    ):
        assert failed.event.number in manager.get(url).content.decode()
    other = reverse("admin:events_delivery_changelist", query={"q": "order:8"})
    assert failed.event.number not in manager.get(other).content.decode()


def test_a_delivery_is_sent_again(manager, failed):
    manager.post(page_of(failed, "again"), {"reason": "they lost it"})
    failed.refresh_from_db()
    assert (failed.state, failed.attempts) == ("pending", 0)
    assert failed.due_at <= timezone.now()
    assert "they lost it" in logged()[-1][1]

    Delivery.objects.update(due_at=timezone.now() + timedelta(hours=8))
    manager.post(page_of(failed, "again"), {"reason": "it is mended"})
    failed.refresh_from_db()
    assert failed.due_at <= timezone.now()
    manager.post(page_of(failed, "aside"), {"reason": "enough"})
    failed.refresh_from_db()
    assert (failed.state, failed.due_at) == ("set_aside", None)
    page = manager.post(page_of(failed, "aside"), {"reason": "once more"})
    assert list(errors_on(page)) == ["__all__"]


def test_many_are_sent_again_at_once(manager, failed):
    chosen = {"action": "send_all_again", "_selected_action": [failed.pk], "select_across": "0"}
    url = reverse("admin:events_delivery_changelist")
    assert manager.post(url, chosen).status_code == 200
    assert manager.post(url, {**chosen, "step": "confirm", "reason": "all"}).status_code == 302
    failed.refresh_from_db()
    assert failed.state == "pending"


def test_events_are_never_changed_by_hand(manager, failed):
    for obj in (failed, failed.event):
        assert manager.post(change_url(obj), {"about": "order:8"}).status_code == 403
        delete = reverse(f"admin:events_{obj._meta.model_name}_delete", args=[obj.pk])
        assert manager.post(delete, {"post": "yes"}).status_code == 403
    assert Event.objects.get().about == "order:7"


# --- The dashboard --------------------------------------------------------------------------------


def dashboard(client):
    return client.get("/admin/").content.decode()


def test_the_dashboard_points_out_who_was_switched_off(manager, listen):
    assert "switched off" not in dashboard(manager)
    listen(url=HTTPS, name="창고")
    Endpoint.objects.update(switched_off_at=timezone.now())

    page = dashboard(manager)
    assert "창고" in page
    assert "switched off" in page
    assert "창고" not in dashboard(staff_client("products.view_product"))


def test_the_dashboard_points_out_what_was_set_aside(manager, failed):
    assert "1 event was set aside" in dashboard(manager)


def test_the_dashboard_points_out_that_nobody_delivers(manager, listen):
    listen(url=HTTPS)
    make_event()
    assert "relay" not in dashboard(manager)
    Outgoing.objects.update(occurred_at=timezone.now() - timedelta(minutes=6))
    assert "relay" in dashboard(manager)
