"""What no browser sends to the pages of the import.

The kind is a POST that isn't as the page made it; it ends in a sentence, and changes nothing.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from common.admin.told import told_again
from ecommerce.tests.expectations import nothing_changes
from ecommerce.tests.lost_commits import lost_commits
from ecommerce.tests.races import race
from ecommerce.tests.staff import staff_client
from products.models import ImportFile, Product
from products.services import change_product, content_of, finish_file, keep_file, take_file
from products.services.importing import FILE_KEPT
from products.tests.importing import CONFIRM, IMPORT, confirm, counts, messages_on, upload
from users.models import User

FILE = "sku,name,price,stock\nCUP,컵,5,7\n"
GONE = "This file was imported already, or is gone. Send it again if need be."


@pytest.fixture
def importer(db: None) -> Client:
    """Somebody who may import, and no more."""
    return staff_client(*(f"products.{one}_product" for one in ("view", "add", "change")))


def key_of(page: Any) -> dict[str, Any]:
    return {"import_key": page.context["confirm_form"]["import_key"].value()}


@pytest.mark.parametrize(
    "sent",
    [
        {}, {"import_key": ""}, {"import_key": "x"}, {"import_key": "\x00"},
        {"import_key": "9" * 4_000},
        {"import_key": str(uuid4())}, {"import_key": ["a", "b"]},
        {"import_file_name": "../../etc/passwd"},
        {"import_file_name": "tmp", "original_file_name": "a.csv", "format": "0", "resource": "0"},
        {"import_key": f"{uuid4()}' OR 1=1 --"},
    ],
)  # fmt: skip
def test_confirming_what_was_never_looked_at(importer: Client, sent: dict[str, Any]) -> None:
    with nothing_changes():
        page = importer.post(CONFIRM, sent, follow=True)
    assert page.redirect_chain == [(IMPORT, 302)]
    assert messages_on(page) == [GONE]


@pytest.mark.parametrize(
    ("method", "status"),
    [("get", 302), ("head", 302), ("put", 405), ("delete", 405), ("options", 405), ("patch", 405)],
)
def test_confirming_by_another_method(importer: Client, method: str, status: int) -> None:
    preview = upload(importer, FILE)
    with nothing_changes():
        answer = getattr(importer, method)(CONFIRM, key_of(preview) if method == "get" else None)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {key: ["This field is required."] for key in ("import_file", "import_name")}),
        ({"import_name": "n", "import_file": "text"}, {"import_file": ["This field is required."]}),
        ({"import_name": "n", "format": "99"}, {"import_file": ["This field is required."]}),
    ],
)  # fmt: skip
def test_an_upload_without_its_fields(
    importer: Client, sent: dict[str, Any], errors: dict[str, list[str]]
) -> None:
    for more in ({}, {"content_type": "application/json"}, {"content_type": "text/plain"}):
        with nothing_changes():
            page = importer.post(IMPORT, sent if not more else "{}", **more)
        assert page.status_code == 200
        if not more:
            assert page.context["form"].errors == errors


@pytest.mark.parametrize("name", ["a" * 151, "a\x00b", " ", ""])
def test_an_upload_under_a_name_that_is_none(importer: Client, name: str) -> None:
    with nothing_changes():
        page = upload(importer, FILE, name=name)
    assert list(page.context["form"].errors) == ["import_name"]
    assert ImportFile.objects.count() == 0


@pytest.mark.parametrize(
    "name", ["../../a.csv", "\x00.csv", "가" * 300, "a.csv\r\nX: 1", "C:\\a.csv"]
)
def test_a_file_may_be_called_anything(importer: Client, name: str) -> None:
    assert counts(upload(importer, FILE, file_name=name)) == (1, 0, 0)


def test_unknown_formats_and_two_files_change_nothing_of_what_is_read(importer: Client) -> None:
    files = [SimpleUploadedFile("a.csv", FILE.encode()) for _ in range(2)]
    sent = {"import_file": files, "import_name": ["a", "b"], "format": "77", "resource": "x"}
    assert counts(importer.post(IMPORT, sent)) == (1, 0, 0)


def test_a_file_that_is_too_large(importer: Client, settings: Any) -> None:
    settings.MAX_IMPORT_BYTES = 1_100_000
    with nothing_changes():
        page = upload(importer, b"sku\n" + b"A" * 1_000_000)
    assert page.context["form"].errors == {"import_file": ["The file is larger than 1 MB."]}


def test_another_of_the_staff_confirms_nothing(importer: Client, admin_client: Client) -> None:
    preview = upload(importer, FILE)
    with nothing_changes():
        assert messages_on(confirm(admin_client, preview)) == [GONE]
    assert messages_on(confirm(importer, preview)) == [
        "Imported: 1 new, 0 changed, 0 as they were."
    ]


def test_who_may_no_longer_import_confirms_nothing(importer: Client) -> None:
    preview = upload(importer, FILE)
    user = ImportFile.objects.get().created_by
    user.user_permissions.clear()
    with nothing_changes():
        assert importer.post(CONFIRM, key_of(preview)).status_code == 403
    assert ImportFile.objects.get().taken_at is None


def test_two_confirmations_import_once_and_say_the_same(importer: Client) -> None:
    preview = upload(importer, FILE)
    done = "Imported: 1 new, 0 changed, 0 as they were."
    assert messages_on(confirm(importer, preview)) == [done]
    with nothing_changes():
        again = messages_on(confirm(importer, preview))
    assert again == [f"This file was imported already. {done}"]
    file = ImportFile.objects.get()
    assert (bytes(file.content), str(told_again(file.outcome))) == (b"", done)


def test_a_confirmation_after_hours_is_taken_and_after_a_day_it_is_gone(importer: Client) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False):
        old, new = upload(importer, FILE), upload(importer, FILE.replace("CUP", "POT"))
    with time_machine.travel(start + FILE_KEPT / 8, tick=False):
        assert messages_on(confirm(importer, new)) == [
            "Imported: 1 new, 0 changed, 0 as they were."
        ]
    with time_machine.travel(start + FILE_KEPT * 1.01, tick=False):
        importer.force_login(User.objects.get(is_staff=True))  # a day is a session's idle end
        upload(importer, FILE)
        assert ImportFile.objects.filter(taken_at=None).count() == 1
        assert messages_on(confirm(importer, old)) == [GONE]
    assert list(Product.objects.values_list("sku", flat=True)) == ["POT"]


def test_a_product_that_another_added_since_the_preview_is_not_added_twice(
    importer: Client, make_product: Callable[..., Product]
) -> None:
    preview = upload(importer, FILE)
    make_product(sku="CUP", name="컵", price=5)
    with nothing_changes():
        assert messages_on(confirm(importer, preview)) == [
            "Imported: 0 new, 0 changed, 1 as they were."
        ]


@pytest.mark.parametrize(
    ("column", "cell", "theirs", "said"),
    [
        ("price", "900", 1_200, "to 1200; the file says 900."),
        ("name", "cup", "큰 컵", "to 큰 컵; the file says cup."),
        ("description", "d", "e", "to e; the file says d."),
    ],
)
def test_what_a_colleague_changed_since_the_preview_stays(
    importer: Client,
    make_product: Callable[..., Product],
    column: str,
    cell: str,
    theirs: Any,
    said: str,
) -> None:
    cup, pot = make_product(sku="CUP"), make_product(sku="POT", price=1)
    preview = upload(importer, f"sku,{column}\nCUP,{cell}\nPOT,{cell}\n")
    change_product(product_id=cup.pk, **{column: theirs})
    assert messages_on(confirm(importer, preview)) == [
        "Imported: 0 new, 1 changed, 0 as they were.",
        f"Line 2 was refused: {column} has changed since the preview, {said} Send the file again.",
    ]
    cup.refresh_from_db()
    pot.refresh_from_db()
    assert getattr(cup, column) == theirs
    assert str(getattr(pot, column)) == cell  # the other line is none the worse


def test_what_a_colleague_changed_to_the_same_is_as_it_was(
    importer: Client, product: Product
) -> None:
    preview = upload(importer, f"sku,price\n{product.sku},1200\n")
    change_product(product_id=product.pk, price=1_200)
    assert messages_on(confirm(importer, preview)) == [
        "Imported: 0 new, 0 changed, 1 as they were."
    ]


def test_a_product_that_a_colleague_added_as_another_is_not_changed(
    importer: Client, make_product: Callable[..., Product]
) -> None:
    preview = upload(importer, FILE)
    make_product(sku="CUP", name="다른 컵", price=5)
    with nothing_changes():
        _done, refused = messages_on(confirm(importer, preview))
    assert "name has changed since the preview, to 다른 컵; the file says 컵." in refused


@pytest.mark.parametrize("happened", [True, False])
@pytest.mark.django_db(transaction=True)
def test_a_file_is_kept_and_taken_once_also_when_the_commit_was_lost(
    make_member: Callable[..., User], happened: bool
) -> None:
    staff_id = make_member().pk
    with lost_commits(happened=happened):
        file = keep_file(content=b"x", name="n", seen={}, staff_id=staff_id)
    assert content_of(ImportFile.objects.get(pk=file.pk)) == b"x"
    with lost_commits(happened=happened):
        assert take_file(file)
    assert not take_file(file)
    with lost_commits(happened=happened):
        finish_file(file, outcome="done")
    assert ImportFile.objects.get().outcome == "done"


@pytest.mark.django_db(transaction=True)
def test_of_those_who_confirm_at_once_one_imports(make_member: Callable[..., User]) -> None:
    staff_id = make_member().pk
    file = keep_file(content=b"x", name="n", seen={}, staff_id=staff_id)
    taken: list[bool] = []
    works = [lambda: taken.append(take_file(file)) for _ in range(8)]
    race([], meanwhile=works)
    assert sorted(taken) == [False] * 7 + [True]
