"""An audit that is started in the back office, and that there is never more than one."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone

from ecommerce.audit import AuditReport, running
from ecommerce.models import DEAD_AFTER, AuditRun, RunningAudit
from ecommerce.tests.audit.shop import Shop
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.rendered_forms import form_on
from ecommerce.tests.staff import logged, staff_client
from products.models import Product

START = "/admin/ecommerce/auditrun/start/"
PROGRESS = START + "progress/"
MAY_LOOK, MAY_START = "ecommerce.view_auditrun", "ecommerce.add_auditrun"


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[RunningAudit]:
    """The audits that would begin in a thread; they wait."""
    marks: list[RunningAudit] = []
    monkeypatch.setattr(running, "_begin", marks.append)
    return marks


def progress(browser: Client, mark: RunningAudit) -> Any:
    return browser.get(PROGRESS, {"started": mark.started_at.isoformat()}).json()


@pytest.mark.parametrize(
    "started",
    [
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "9999-12-31T23:59:59.999999Z",
        "2026-02-30T00:00:00Z",
        "2026-11-26T12:00:00",
        "2026-11-26T12:00:00+99:00",
        "２０２６-11-26T12:00:00Z",
        "now",
        "\0",
        "9" * 5_000,
        "",
    ],
    ids=lambda text: repr(text[:40]),
)
def test_how_far_an_audit_is_that_never_began(admin_client: Client, db: None, started: str) -> None:
    answer = admin_client.get(PROGRESS, {"started": started})
    assert (answer.status_code, answer.json()) == (200, {"next": START})


def test_it_is_started_shown_while_it_runs_and_leads_to_its_result(
    shop: Shop, admin_client: Client, begun: list[RunningAudit]
) -> None:
    listed = admin_client.get("/admin/ecommerce/auditrun/").content.decode()
    assert START in listed
    Product.objects.filter(pk=shop.cup.pk).update(stock=9)
    answer = admin_client.post(START, form_on(admin_client.get(START)))
    assert (answer.status_code, answer["Location"]) == (302, START)
    (mark,) = begun
    page = admin_client.get(START).content.decode()
    assert "The books are being checked" in page
    assert 'data-live="' + PROGRESS in page
    assert "started by: admin" in page
    assert progress(admin_client, mark)["done"] == 0

    running._audit(mark)

    run = AuditRun.objects.get()
    assert (run.violation_count, run.started_at) == (1, mark.started_at)
    assert not RunningAudit.objects.exists()
    result = f"/admin/ecommerce/auditrun/{run.pk}/change/"
    assert progress(admin_client, mark) == {"next": result}
    told = admin_client.get(result).content.decode()
    assert "1 thing does not add up: tell your operator at once." in told
    assert f"product {shop.cup.pk}: its stock is 9; adjustments of 10 less 2 sold" in told
    assert logged() == [("admin", "Started an audit.")]
    assert "The books are being checked" not in admin_client.get(START).content.decode()


def test_its_findings_are_told_in_the_readers_language(shop: Shop, admin_client: Client) -> None:
    Product.objects.filter(pk=shop.cup.pk).update(stock=9)
    with pytest.raises(CommandError):
        call_command("audit")
    url = f"/admin/ecommerce/auditrun/{AuditRun.objects.get().pk}/change/"
    page = admin_client.get(url, headers={"accept-language": "ko"}).content.decode()
    assert f"상품 {shop.cup.pk}: 재고가 9개입니다" in page


def test_a_form_that_is_sent_twice_starts_one(
    shop: Shop, admin_client: Client, begun: list[RunningAudit]
) -> None:
    form = form_on(admin_client.get(START))
    answers = [admin_client.post(START, form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [302, 302]
    running._audit(begun[0])
    assert admin_client.post(START, form).status_code == 302  # also when it is over
    assert len(begun) == 1


def test_a_second_one_is_refused_while_one_runs(
    shop: Shop, admin_client: Client, begun: list[RunningAudit]
) -> None:
    first, second = (form_on(admin_client.get(START)) for _ in range(2))
    admin_client.post(START, first)
    with nothing_changes():
        page = admin_client.post(START, second).content.decode()
        with pytest.raises(CommandError, match="Another audit is running") as refusal:
            call_command("audit")
    assert "The books are being checked already." in page
    assert refusal.value.returncode == 2
    assert len(begun) == 1


@pytest.mark.parametrize("permissions", [(), (MAY_LOOK,), (MAY_START,)])
def test_who_may_not_start_one_is_refused(
    db: None, begun: list[RunningAudit], permissions: tuple[str, ...]
) -> None:
    browser = staff_client(*permissions)
    with nothing_changes():
        assert browser.get(START).status_code == 403
        assert browser.post(START).status_code == 403
        assert browser.get(PROGRESS).status_code == 403
    assert begun == []
    if MAY_LOOK in permissions:
        assert START not in browser.get("/admin/ecommerce/auditrun/").content.decode()


def test_managers_may_start_one(db: None, begun: list[RunningAudit]) -> None:
    browser = staff_client(MAY_LOOK, MAY_START)
    assert browser.post(START).status_code == 302
    assert len(begun) == 1


@pytest.mark.parametrize("how", ["died", "failed"])
def test_one_that_ended_without_a_result_is_told_and_stands_in_nobodys_way(
    shop: Shop, admin_client: Client, begun: list[RunningAudit], how: str
) -> None:
    admin_client.post(START, form_on(admin_client.get(START)))
    (mark,) = begun
    if how == "died":
        RunningAudit.objects.update(alive_at=timezone.now() - DEAD_AFTER)
    else:
        with (
            mock.patch("ecommerce.audit.running.run_audit", side_effect=DatabaseError("gone")),
            pytest.raises(DatabaseError),
        ):
            running._audit(mark)
    assert progress(admin_client, mark) == {"next": START}
    assert "ended without a result" in admin_client.get(START).content.decode()
    texts = [alert.text for alert in admin_client.get("/admin/").context["dashboard"]["alerts"]]
    assert [text for text in texts if "ended without a result" in text]
    assert admin_client.post(START, form_on(admin_client.get(START))).status_code == 302
    assert len(begun) == 2

    running._write(mark, alive_at=None)  # the first, if it was only slow, takes nothing away
    assert RunningAudit.objects.get().is_alive
    call_command_refused()


def call_command_refused() -> None:
    with pytest.raises(CommandError, match="Another audit"):
        call_command("audit")


def test_who_audits_says_so_again_and_again(
    shop: Shop, begun: list[RunningAudit], monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = RunningAudit(alive_at=timezone.now() - timedelta(days=1))
    mark.save()
    said: list[dict[str, object]] = []
    beaten = running.Event()

    def write(mark: RunningAudit, **columns: object) -> None:
        said.append(columns)
        beaten.set()

    monkeypatch.setattr(running, "BEAT_SECONDS", 0.001)
    monkeypatch.setattr(running, "_write", write)
    with running._kept_alive(mark):
        assert beaten.wait(10)
    assert said[0]["done"] == 0
    assert said[0]["alive_at"] > mark.alive_at  # type: ignore[operator]


@pytest.mark.parametrize("text", ["", "x", "2026-13-45", "2026-11-26T10:00:00", "9" * 5_000])
def test_a_question_after_no_audit_leads_back(admin_client: Client, text: str) -> None:
    assert admin_client.get(PROGRESS, {"started": text}).json() == {"next": START}


def test_the_dashboard_says_that_one_runs(
    db: None, begun: list[RunningAudit], admin_client: Client
) -> None:
    admin_client.post(START, form_on(admin_client.get(START)))
    alerts = admin_client.get("/admin/").context["dashboard"]["alerts"]
    (told,) = [alert for alert in alerts if "being checked" in alert.text]
    assert (told.level, told.url) == ("success", START)


@pytest.fixture
def threads() -> Iterator[list[Any]]:
    """Those that an audit makes, its own first."""
    made: list[Any] = []
    thread = running.Thread

    def kept(*args: Any, **kwargs: Any) -> Any:
        made.append(thread(*args, **kwargs))
        return made[-1]

    with mock.patch("ecommerce.audit.running.Thread", kept):
        yield made


@pytest.mark.django_db(transaction=True)
def test_it_runs_in_a_thread_of_its_own_once_it_is_committed(
    shop: Shop, threads: list[Any]
) -> None:
    assert staff_client(MAY_LOOK, MAY_START).post(START).status_code == 302
    threads[0].join(20)
    assert AuditRun.objects.get().violation_count == 0
    assert not RunningAudit.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_its_statements_may_take_longer_than_those_of_a_request(
    shop: Shop, threads: list[Any]
) -> None:
    options = connection.settings_dict["OPTIONS"]
    used: list[dict[str, Any]] = []

    def note(*args: Any) -> AuditReport:
        used.append(connection.settings_dict["OPTIONS"])  # of the thread that asks
        return AuditReport([])

    with (
        mock.patch.dict(options, read_timeout=10),
        mock.patch("ecommerce.audit.running.run_audit", note),
    ):
        assert staff_client(MAY_LOOK, MAY_START).post(START).status_code == 302
        threads[0].join(20)
        assert (used[0].get("read_timeout"), options["read_timeout"]) == (None, 10)
    assert AuditRun.objects.count() == 1
