"""What an audit leaves behind for the dashboard."""

from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from common.admin.told import Told
from common.errors import Busy
from ecommerce.audit import SHOWN, AuditReport, Finding, keep_result
from ecommerce.models import TEXT_MAX, AuditRun
from ecommerce.tests.audit.shop import Shop
from ecommerce.tests.lost_commits import lost_commits
from products.models import Product
from users.models import Wallet


def test_a_clean_audit_is_kept(shop: Shop) -> None:
    before = timezone.now()
    call_command("audit")
    run = AuditRun.objects.get()
    assert (run.violation_count, run.text) == (0, "")
    assert before <= run.started_at <= timezone.now()
    assert 0 <= run.seconds < 60


def test_what_was_violated_is_kept_in_words(shop: Shop) -> None:
    Product.objects.filter(pk=shop.cup.pk).update(stock=9)
    with pytest.raises(CommandError):
        call_command("audit")
    run = AuditRun.objects.get()
    assert run.violation_count == 1
    assert run.text == (
        f"products: product {shop.cup.pk}: its stock is 9;"
        " adjustments of 10 less 2 sold and not cancelled make 8"
    )


def test_of_very_many_the_count_is_kept_and_as_many_words_as_fit(shop: Shop) -> None:
    Wallet.objects.update(balance=1)
    with (
        mock.patch("ecommerce.audit.run.TEXT_MAX", 30),
        pytest.raises(CommandError, match="4 violations"),
    ):
        call_command("audit")
    run = AuditRun.objects.get()
    assert (run.violation_count, len(run.text)) == (4, 30)
    assert TEXT_MAX > 100 * SHOWN


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.django_db(transaction=True)
def test_a_result_whose_commit_was_lost_is_kept_once(happened: bool) -> None:
    report = AuditReport([Finding("each is sound", "wallets", 3, 1.25, [Told("wallet 1: no")], 1)])
    before = timezone.now()
    AuditRun.objects.create(
        started_at=before, seconds=2.5, violation_count=0
    )  # another's, of the same moment
    with lost_commits(happened=happened):
        run = keep_result(report, started_at=before)
    kept = AuditRun.objects.order_by("pk").values_list("pk", "seconds", "text")
    assert run is not None
    assert list(kept)[1:] == [(run.pk, 1.25, "wallets: wallet 1: no")]


@pytest.mark.parametrize("failure", [Busy(), DatabaseError("no such table")], ids=repr)
@pytest.mark.parametrize("sound", [True, False])
def test_a_result_that_cannot_be_kept_does_not_change_the_verdict(
    shop: Shop, capsys: pytest.CaptureFixture[str], sound: bool, failure: Exception
) -> None:
    if not sound:
        Product.objects.filter(pk=shop.cup.pk).update(stock=9)
    with mock.patch("ecommerce.models.AuditRun.save", side_effect=failure) as save:
        if sound:
            call_command("audit")
            assert capsys.readouterr().out.endswith("No violations.\n")
        else:
            with pytest.raises(CommandError, match=r"^1 violations\.$"):
                call_command("audit")
    save.assert_called()
    assert not AuditRun.objects.exists()


def test_results_are_shown_and_cannot_be_changed(admin_client: Client) -> None:
    run = AuditRun.objects.create(seconds=1.5, violation_count=1, text="wallet 1: <b>")
    url = f"/admin/ecommerce/auditrun/{run.pk}/"
    assert "wallet 1: &lt;b&gt;" in admin_client.get(url + "change/").content.decode()
    for page in ("change/", "delete/"):
        assert admin_client.post(url + page, {"post": "yes", "text": ""}).status_code == 403
    assert list(AuditRun.objects.values_list("text", flat=True)) == ["wallet 1: <b>"]
    assert admin_client.get("/admin/ecommerce/auditrun/").status_code == 200
