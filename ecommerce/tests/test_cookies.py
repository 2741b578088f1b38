"""The cookies of the back office; the API has none.

The kind: a cookie that another host, a script or a request from another site gets to use. All are
looked at that any page sets.
"""

import json

import pytest

from ecommerce.tests.starts import run

SIGN_IN = """
import json
import django
django.setup()
from django.core.management import call_command
from django.test import Client
call_command("migrate", verbosity=0)
from users.models import User
User.objects.create_superuser(username="root", password="pw")
client = Client(SERVER_NAME="localhost")
client.get("/admin/login/", secure=True)
signed_in = client.post(
    "/admin/login/?next=/admin/", {"username": "root", "password": "pw"}, secure=True
)
assert signed_in.status_code == 302, signed_in.status_code
client.post("/admin/language/", {"language": "ko"}, secure=True)
page = client.get("/admin/", secure=True)
assert page.status_code == 200 and page.headers["Content-Language"] == "ko"
print(json.dumps({name: dict(cookie) for name, cookie in client.cookies.items()}))
"""


def cookies_of_a_session(tmp_path, **environment):
    """What a browser keeps after staff signed in and chose a language."""
    process = run(
        "-c",
        SIGN_IN,
        DJANGO_SETTINGS_MODULE="ecommerce.settings",
        DATABASE_URL=f"sqlite:///{tmp_path}/shop.sqlite3",
        LOG_LEVEL="ERROR",
        **environment,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_with_https_each_cookie_is_of_this_host_alone(tmp_path):
    cookies = cookies_of_a_session(tmp_path, HTTPS="1")

    assert cookies.keys() == {"__Host-sessionid", "__Host-csrftoken", "__Host-django_language"}
    for cookie in cookies.values():
        # What a browser asks of a cookie of such a name.
        assert (cookie["secure"], cookie["path"], cookie["domain"]) == (True, "/", "")


@pytest.mark.parametrize("https", ["0", "1"])
def test_no_script_and_no_other_site_uses_a_cookie(tmp_path, https):
    for cookie in cookies_of_a_session(tmp_path, HTTPS=https).values():
        assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_without_https_cookies_work_on_plain_http(tmp_path):
    cookies = cookies_of_a_session(tmp_path)

    assert cookies.keys() == {"sessionid", "csrftoken", "django_language"}
    assert {cookie["secure"] for cookie in cookies.values()} == {""}
