"""What a manager's browser does to import products, and what the pages say."""

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

IMPORT = "/admin/products/product/import/"
CONFIRM = "/admin/products/product/process_import/"
LIST = "/admin/products/product/"


def upload(
    browser: Client, content: bytes | str, *, name: str = "납품 17", file_name: str = "상품.csv"
) -> HttpResponse:
    """Send a file: the page is its preview, or says what is wrong."""
    data = content if isinstance(content, bytes) else content.encode()
    file = SimpleUploadedFile(file_name, data)
    form = {"import_file": file, "import_name": name}
    return browser.post(IMPORT, form)


def confirm(browser: Client, preview: HttpResponse) -> HttpResponse:
    """Press the button below a preview."""
    form = preview.context["confirm_form"]
    return browser.post(CONFIRM, {name: form[name].value() for name in form.fields}, follow=True)


def do_import(browser: Client, content: bytes | str, **more: str) -> list[str]:
    """Import a file, and the messages that the manager sees afterwards."""
    return messages_on(confirm(browser, upload(browser, content, **more)))


def exported(browser: Client, kind: str) -> bytes:
    """All products as a file, "csv" or "xlsx"."""
    answer = browser.get(f"{LIST}export_{kind}/")
    return b"".join(answer.streaming_content)  # type: ignore[attr-defined]


def messages_on(page: HttpResponse) -> list[str]:
    return [str(message) for message in page.context["messages"]]


def errors_of_lines(page: HttpResponse) -> dict[int, dict[str, str]]:
    """What is wrong, by line and column."""
    return {line.number: errors for line, errors in page.context["result"].refused}


def errors_of_file(page: HttpResponse) -> str:
    return " ".join(page.context["form"].errors["import_file"])


def counts(page: HttpResponse) -> tuple[int, int, int]:
    """How many products a preview would add, change and leave as they are."""
    result = page.context["result"]
    assert result.refused == []
    return result.new, result.changed, result.same
