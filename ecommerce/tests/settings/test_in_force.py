"""What holds where nothing is set, and what is set."""

import pytest

from ecommerce.tests.starts import run, settings_with


def test_everything_else_has_a_safe_default():
    names = ["DEBUG", "ALLOWED_HOSTS", "CHARGE_MAX", "BALANCE_MAX", "TRANSACTION_ATTEMPTS"]
    names += [
        "LOCK_TIMEOUT_SECONDS",
        "WORKERS",
        "THREADS",
        "STAFF_THREADS",
        "SECURE_SSL_REDIRECT",
        "TIME_ZONE",
    ]

    assert settings_with(*names) == [
        False,
        ["127.0.0.1", "localhost", "[::1]"],
        10_000_000,
        1_000_000_000,
        3,
        3,
        2,
        8,
        4,
        False,
        "Asia/Seoul",
    ]


def test_what_is_set_is_used():
    names = ["DEBUG", "CHARGE_MAX", "BALANCE_MAX", "DATA_UPLOAD_MAX_MEMORY_SIZE", "WORKERS"]
    environment = {
        "DEBUG": "true",
        "CHARGE_MAX": "5",
        "BALANCE_MAX": "6",
        "MAX_BODY_BYTES": "7",
        "WORKERS": "8",
    }

    assert settings_with(*names, **environment) == [True, 5, 6, 7, 8]


def test_other_hosts_are_added_to_the_machine_itself():
    (hosts,) = settings_with("ALLOWED_HOSTS", ALLOWED_HOSTS="shop.example,www.shop.example")

    assert hosts == ["shop.example", "www.shop.example", "127.0.0.1", "localhost", "[::1]"]


@pytest.mark.parametrize("interface", ["rsgi", "wsgi"])
def test_a_server_can_load_the_application(interface):
    process = run("-c", f"from ecommerce.{interface} import application")

    assert (process.returncode, process.stderr) == (0, "")
