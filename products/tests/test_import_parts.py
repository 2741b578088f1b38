"""An import, and its undo, that end in the middle: what is done is logged, and the rest follows.

Both are written in parts, each a transaction. The kind: a process that dies between two parts or
within one, a database that is busy for one of them, the form sent again, or by two in one moment.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client

from common.models import SentForm
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.races import assert_sound, send_at_once
from ecommerce.tests.rendered_forms import Form, filled, form_on
from ecommerce.tests.staff import errors_on
from products import import_pages, import_undo
from products.models import ImportedBatch, ImportFile, Product
from products.services import change_product, importing
from products.tests.importing import CONFIRM, do_import, messages_on, upload
from users.models import User

pytestmark = pytest.mark.django_db

COUNT, BATCH = 5, 2
FILE = "sku,price,stock_adjustment\n" + "".join(f"A-{n},1000,+5\n" for n in range(COUNT))
IMPORTED = ["Imported: 0 new, 5 changed, 0 as they were."]
UNDONE = ["Import undone: 10 put back, 0 left as they are: 이유"]
BEFORE, AFTER = (500, 10), (1_000, 15)


DEADLOCK = OperationalError(1213, "Deadlock found when trying to get lock")


class Killed(Exception):
    pass


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (importing, import_pages):
        monkeypatch.setattr(module, "IMPORT_BATCH", BATCH)


@pytest.fixture(autouse=True)
def products(db: None, make_product: Callable[..., Product]) -> list[Product]:
    return [make_product(sku=f"A-{n}", price=500, stock=10) for n in range(COUNT)]


def states() -> list[tuple[int, int]]:
    return list(Product.objects.order_by("sku").values_list("price", "stock"))


def importing_form(browser: Client) -> tuple[str, Form]:
    return CONFIRM, form_on(upload(browser, FILE))


def undoing_form(browser: Client) -> tuple[str, Form]:
    if not ImportFile.objects.exists():
        do_import(browser, FILE)
        LogEntry.objects.all().delete()
    address = f"/admin/products/importfile/{ImportFile.objects.get().pk}/undo/"
    return address, filled(form_on(browser.get(address)), reason="이유")


Act = Callable[[Client], tuple[str, Form]]
ACTS = [
    pytest.param(importing_form, import_pages, "import_products", IMPORTED, id="import"),
    pytest.param(undoing_form, import_undo, "undo_batch", UNDONE, id="undo"),
]
acts = pytest.mark.parametrize(("act", "module", "service", "done"), ACTS)


def logged_products() -> list[str]:
    return sorted(
        LogEntry.objects.filter(content_type__model="product").values_list("object_repr", flat=True)
    )


@contextmanager
def failing(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, *, after: int, error: Any
) -> Iterator[None]:
    """Let a function of a module fail once it was called so often."""
    works, calls = getattr(module, name), []

    def fails(*args: Any, **kwargs: Any) -> Any:
        calls.append(name)
        if len(calls) > after:
            raise error
        return works(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fails)
        yield
    assert len(calls) > after


def send(browser: Client, address: str, form: Form) -> HttpResponse:
    return browser.post(address, form, follow=True)


@acts
@pytest.mark.parametrize("after", range(3))
def test_one_that_is_killed_between_parts_has_logged_what_it_did_and_goes_on(
    admin_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    act: Act,
    module: Any,
    service: str,
    done: list[str],
    after: int,
) -> None:
    address, form = act(admin_client)
    old, new = (BEFORE, AFTER) if module is import_pages else (AFTER, BEFORE)
    with failing(monkeypatch, module, service, after=after, error=Killed), pytest.raises(Killed):
        send(admin_client, address, form)
    written = after * BATCH
    assert states() == [new] * written + [old] * (COUNT - written)
    assert len(logged_products()) == written
    kept = [change for batch in ImportedBatch.objects.all() for change in batch.changes]
    assert len([one for one in kept if bool(one.undone_at) == (act is undoing_form)]) == 2 * written

    first = send(admin_client, address, form)
    assert messages_on(first) == done
    assert states() == [new] * COUNT
    assert len(logged_products()) == len(set(logged_products())) == COUNT
    with nothing_changes():
        again = admin_client.post(address, form)
    assert again["Idempotency-Replayed"] == "true"
    assert messages_on(admin_client.get(again["Location"])) == done


@pytest.mark.parametrize(
    ("act", "module", "log"),
    [(importing_form, import_pages, "log_message"), (undoing_form, import_undo, "told_several")],
)
def test_what_is_not_logged_is_not_done(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, act: Act, module: Any, log: str
) -> None:
    address, form = act(admin_client)
    before = states()
    with failing(monkeypatch, module, log, after=3, error=Killed), pytest.raises(Killed):
        send(admin_client, address, form)
    assert len(logged_products()) == BATCH
    assert states()[BATCH:] == before[BATCH:]
    assert states()[:BATCH] != before[:BATCH]


def test_of_an_import_that_was_killed_what_it_did_is_undone(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, form = importing_form(admin_client)
    with (
        failing(monkeypatch, import_pages, "import_products", after=1, error=Killed),
        pytest.raises(Killed),
    ):
        send(admin_client, address, form)
    page = send(admin_client, *undoing_form(admin_client))
    assert messages_on(page) == ["Import undone: 4 put back, 0 left as they are: 이유"]
    assert states() == [BEFORE] * COUNT


@acts
def test_one_that_is_busy_in_the_middle_says_so_and_goes_on_when_its_page_is_sent(
    admin_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    settings: Any,
    act: Act,
    module: Any,
    service: str,
    done: list[str],
) -> None:
    settings.TRANSACTION_ATTEMPTS = 1
    address, form = act(admin_client)
    with failing(monkeypatch, module, service, after=2, error=DEADLOCK):
        page = send(admin_client, address, form)
    assert "The shop is busy, and only a part of this is done." in page.content.decode()
    assert form_on(page)["form_key"] == form["form_key"]
    assert len(logged_products()) == 2 * BATCH
    assert messages_on(send(admin_client, address, form_on(page))) == done


def test_one_of_which_nothing_can_be_undone_leaves_no_trace(
    admin_client: Client, products: list[Product]
) -> None:
    address, form = undoing_form(admin_client)
    for product in products:
        change_product(product_id=product.pk, price=7)
        Product.objects.filter(pk=product.pk).update(stock=0)
    claims = SentForm.objects.count()
    with nothing_changes():
        page = send(admin_client, address, form)
    assert "Nothing of this import can be undone now" in errors_on(page)["__all__"][0]
    assert SentForm.objects.count() == claims
    change_product(product_id=products[0].pk, price=1_000)
    (*_left, last) = messages_on(send(admin_client, address, form))
    assert last == "Import undone: 1 put back, 9 left as they are: 이유"


@acts
@pytest.mark.django_db(transaction=True)
def test_who_send_one_form_in_one_moment_share_the_work_and_are_told_the_same(
    admin_user: User, act: Act, module: Any, service: str, done: list[str]
) -> None:
    browsers = [Client() for _ in range(3)]
    for browser in browsers:
        browser.force_login(admin_user)
    address, form = act(browsers[0])
    answers = send_at_once([partial(browser.post, address, form) for browser in browsers])
    told = [messages_on(browser.get(answer["Location"]))
            for browser, answer in zip(browsers, answers, strict=True)]  # fmt: skip
    assert told == [done] * 3
    assert len(set(logged_products())) == len(logged_products()) == COUNT
    assert states() == [AFTER if module is import_pages else BEFORE] * COUNT
    assert_sound()
