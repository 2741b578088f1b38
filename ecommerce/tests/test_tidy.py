"""`manage.py tidy`: what is old goes, in batches, and nothing else does."""

from datetime import timedelta
from io import StringIO

import pytest
from axes.models import AccessAttempt
from django.contrib.sessions.models import Session as AdminSession
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from common.errors import Busy
from common.models import SentForm
from ecommerce import tidying
from ecommerce.models import AuditRun
from ecommerce.trouble import in_a_sentence
from users.models import Session
from users.services import sign_in

pytestmark = pytest.mark.django_db(transaction=True)


def told():
    out = StringIO()
    call_command("tidy", stdout=out)
    return {
        what: int(count.replace(",", ""))
        for count, what in (line.split(maxsplit=1) for line in out.getvalue().splitlines())
    }


def days_ago(days):
    return timezone.now() - timedelta(days=days)


NOTHING = {
    "sessions of members": 0,
    "sessions of the back office": 0,
    "wrong passwords": 0,
    "audits": 0,
    "sent forms": 0,
}


def test_an_empty_shop_has_nothing_old():
    assert told() == NOTHING


def test_what_is_old_goes_and_what_is_of_use_stays(make_member):
    member = make_member(password="pw")
    for _ in range(2):
        sign_in(username=member.username, password="pw")
    old = Session.objects.order_by("pk").first()
    Session.objects.filter(pk=old.pk).update(used_at=days_ago(15))
    for key, days in (("old", 1), ("new", -1)):
        AdminSession.objects.create(session_key=key, session_data="", expire_date=days_ago(days))
    for name, minutes in (("old", 16), ("new", 14)):
        attempt = AccessAttempt.objects.create(username=name, failures_since_start=1)
        AccessAttempt.objects.filter(pk=attempt.pk).update(
            attempt_time=timezone.now() - timedelta(minutes=minutes)
        )
    for days in (200, 91, 89):
        AuditRun.objects.create(started_at=days_ago(days), seconds=1, violation_count=0)
    for key, days in (("old", 31), ("new", 29)):
        SentForm.objects.create(key=key, body="", created_at=days_ago(days))

    assert told() == {
        "sessions of members": 1,
        "sessions of the back office": 1,
        "wrong passwords": 1,
        "audits": 2,
        "sent forms": 1,
    }

    assert Session.objects.exclude(pk=old.pk).count() == Session.objects.count() == 1
    assert [one.session_key for one in AdminSession.objects.all()] == ["new"]
    assert [one.username for one in AccessAttempt.objects.all()] == ["new"]
    assert AuditRun.objects.get().started_at > days_ago(90)
    assert [one.key for one in SentForm.objects.all()] == ["new"]
    assert told() == NOTHING


def test_the_last_audit_stays_however_old():
    for days in (400, 300):
        last = AuditRun.objects.create(started_at=days_ago(days), seconds=1, violation_count=7)

    assert told()["audits"] == 1
    assert AuditRun.objects.get() == last


def test_each_batch_is_a_transaction_of_its_own(monkeypatch):
    monkeypatch.setattr(tidying, "BATCH", 3)
    AdminSession.objects.bulk_create(
        AdminSession(session_key=f"s{n}", session_data="", expire_date=days_ago(1))
        for n in range(7)
    )
    sizes, real = [], tidying.run_transaction

    def noted(work):
        sizes.append(real(work))
        return sizes[-1]

    monkeypatch.setattr(tidying, "run_transaction", noted)

    assert told()["sessions of the back office"] == 7
    assert [size for size in sizes if size] == [3, 3, 1]


def test_a_database_that_is_busy_ends_it_with_a_sentence(monkeypatch):
    def fail(work):
        raise Busy from OperationalError("database is locked")

    AdminSession.objects.create(session_key="old", session_data="", expire_date=days_ago(1))
    monkeypatch.setattr(tidying, "run_transaction", fail)

    with pytest.raises(SystemExit, match="somebody else holds what is needed"), in_a_sentence():
        told()
    assert AdminSession.objects.count() == 1
