"""A setting that can't be: the start ends with one sentence, which says what it may be."""

import os
import subprocess

import pytest

from ecommerce.tests.starts import ROOT, run, told_of

FRESH = (
    "characters long; it must be 32 or more that nobody can guess: without it, `make env` writes"
    " such a one into .env."
)
EARLIER = (
    "characters long; it must be earlier keys, each of 32 or more: leave out what is shorter, it"
    " can be guessed."
)
RATE = "it must be a number of requests per s, min, hour or day: 60/min."
ORIGIN = "it must be an origin: https://shop.example."
TRUTH = "it must be one of 1, true, yes, on, 0, false, no, off."
DATABASE = (
    "it must be sqlite:///PATH or mysql://USER:PASSWORD@HOST:PORT/NAME, where / ? # % of a"
    " password are %2F %3F %23 %25."
)
STATIC = "it must be a folder for nothing else, without code or .env in or below it."
IN_A_FILE = "it must be sqlite:///PATH of a file: memory is not shared."
NO_OPTION = (
    "DATABASE_URL has an option that is none; ssl_mode is one, which may be"
    " DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY."
)
WRONG = [
    ("SECRET_KEY=" + "k" * 31, f"SECRET_KEY is 31 {FRESH}"),
    ("SECRET_KEY=" + "ㅋ" * 31, f"SECRET_KEY is 31 {FRESH}"),
    ("SECRET_KEY_FALLBACKS=" + "k" * 31, f"SECRET_KEY_FALLBACKS is 31 {EARLIER}"),
    (f"SECRET_KEY_FALLBACKS={'k' * 32},short", f"SECRET_KEY_FALLBACKS is 5 {EARLIER}"),
    ("WORKERS=0", "WORKERS is '0'; it must be a whole number from 1 up."),
    ("WORKERS=abc", "WORKERS is 'abc'; it must be a whole number from 1 up."),
    ("WORKERS=1_000", "WORKERS is '1_000'; it must be a whole number from 1 up."),
    ("WORKERS=+5", "WORKERS is '+5'; it must be a whole number from 1 up."),
    ("WORKERS=２", "WORKERS is '２'; it must be a whole number from 1 up."),
    ("THREADS=-1", "THREADS is '-1'; it must be a whole number from 1 up."),
    ("NUM_PROXIES=-1", "NUM_PROXIES is '-1'; it must be a whole number from 0 up."),
    ("CHARGE_MAX=1e3", "CHARGE_MAX is '1e3'; it must be a whole number from 1 up."),
    (
        "LOW_STOCK=" + "9" * 40,
        f"LOW_STOCK is '{'9' * 40}'; it must be a whole number from 0 up.",
    ),
    (
        "GROUP_COMMIT_WAIT_SECONDS=nan",
        "GROUP_COMMIT_WAIT_SECONDS is 'nan'; it must be a number from 0.1 up.",
    ),
    ("WORKERS=1001", "WORKERS is '1001'; it must be a whole number from 1 to 1000."),
    ("COMMITTERS=100000", "COMMITTERS is '100000'; it must be a whole number from 2 to 1000."),
    ("COMMITTERS=1", "COMMITTERS is '1'; it must be a whole number from 2 up."),
    ("HASHES_AT_ONCE=0", "HASHES_AT_ONCE is '0'; it must be a whole number from 1 up."),
    ("HASH_WAIT_SECONDS=0", "HASH_WAIT_SECONDS is '0'; it must be a number from 0.1 up."),
    ("ADMIN_IDLE_HOURS=0", "ADMIN_IDLE_HOURS is '0'; it must be a whole number from 1 up."),
    (
        "WRITE_THREADS=99999999999999",
        "WRITE_THREADS is '99999999999999'; it must be a whole number from 1 to 1000.",
    ),
    (
        "FAILOVER_SECONDS=99999999",
        "FAILOVER_SECONDS is '99999999'; it must be a number from 0 to 1000000.",
    ),
    ("FAILOVER_SECONDS=-1", "FAILOVER_SECONDS is '-1'; it must be a number from 0 up."),
    (
        "REFRESH_TOKEN_DAYS=100000000000",
        "REFRESH_TOKEN_DAYS is '100000000000'; it must be a whole number from 1 to 10000.",
    ),
    (
        "REQUEST_TIMEOUT_SECONDS=61",
        "REQUEST_TIMEOUT_SECONDS is '61'; it must be a whole number from 1 to 60.",
    ),
    ("COSTLY_READS_SHARE=1.5", "COSTLY_READS_SHARE is '1.5'; it must be a number from 0 to 1."),
    ("HSTS_SECONDS=-1", "HSTS_SECONDS is '-1'; it must be a whole number from 0 up."),
    (
        "DATABASE_TIMEOUT_SECONDS=soon",
        "DATABASE_TIMEOUT_SECONDS is 'soon'; it must be a whole number from 0 up.",
    ),
    ("THROTTLE_ANON=sixty", f"THROTTLE_ANON is 'sixty'; {RATE}"),
    ("THROTTLE_MEMBER=0/min", f"THROTTLE_MEMBER is '0/min'; {RATE}"),
    ("HTTPS=maybe", f"HTTPS is 'maybe'; {TRUTH}"),
    ("DEBUG=2", f"DEBUG is '2'; {TRUTH}"),
    (
        "ALLOWED_HOSTS=shop.example,https://www.shop.example/",
        "ALLOWED_HOSTS is 'https://www.shop.example/';"
        " it must be a host's name or address, without scheme, port or path.",
    ),
    (
        "CSRF_TRUSTED_ORIGINS=shop.example",
        "CSRF_TRUSTED_ORIGINS is 'shop.example'; it must be an origin: https://shop.example.",
    ),
    *(
        (f"CORS_ALLOWED_ORIGINS={text}", f"CORS_ALLOWED_ORIGINS is '{text}'; {ORIGIN}")
        for text in (
            "*",
            "https://*.example",
            "https://shop.example:443",
            "http://shop.example:80",
            "https://shop.example:65536",
            "https://Shop.example",
        )
    ),
    (
        "CSRF_TRUSTED_ORIGINS=https://shop.example:443",
        f"CSRF_TRUSTED_ORIGINS is 'https://shop.example:443'; {ORIGIN}",
    ),
    (
        "EVENT_SINK=webhooks",
        "EVENT_SINK is 'webhooks';"
        " it must be the dotted path of a class: events.webhooks.Webhooks.",
    ),
    (
        "LOG_LEVEL=loud",
        "LOG_LEVEL is 'loud'; it must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL.",
    ),
    (
        "METRICS_TOKEN=secret",
        "METRICS_TOKEN is 6 characters long;"
        " it must be 16 or more letters, digits, and . _ ~ + / = -.",
    ),
    (
        "METRICS_ALLOWED=10.0.0.0/8,intranet",
        "METRICS_ALLOWED is 'intranet'; it must be an address or a network: 10.0.0.0/8.",
    ),
    ("LOG_FORMAT=xml", "LOG_FORMAT is 'xml'; it must be json or text."),
    ("DATABASE_CA=/nothing", "DATABASE_CA is '/nothing'; it must be a file of certificates."),
    *(
        (f"STATIC_ROOT={folder}", f"STATIC_ROOT is '{folder}'; {STATIC}")
        for folder in (
            *(ROOT, ROOT.parent, "/", f"{ROOT}/docs/..", ".", f"{ROOT}/ecommerce", f"{ROOT}/users"),
            *(f"{ROOT}/.git", f"{ROOT}/manage.py"),
        )
    ),
    *(
        (f"DATABASE_URL={url}", f"DATABASE_URL is '{url}'; {IN_A_FILE}")
        for url in ("sqlite:///:memory:", "sqlite://:memory:", "sqlite:///file::memory:")
    ),
    *(
        (f"DATABASE_URL=mysql://shop:secret@db/shop?{options}", NO_OPTION)
        for options in ("foo=bar", "ssl_mode=NOPE", "ssl_mode=REQUIRED&passwd=secret", "x")
    ),
    (
        "DATABASE_URL=mysql:/shop:secret@db/shop",
        f"DATABASE_URL is 'mysql:…@db/shop'; {DATABASE}",
    ),
    ("DATABASE_URL=shop:secret@db/shop", f"DATABASE_URL is 'shop:…@db/shop'; {DATABASE}"),
    *(
        (f"DATABASE_URL=mysql://s:pw@{rest}", f"DATABASE_URL is 'mysql://s:…@{rest}'; {DATABASE}")
        for rest in ("db/shop/", "db/shop/x", " db /shop", "::1/shop", "[::1/shop", "/shop")
    ),
    ("DATABASE_URL=garbage", f"DATABASE_URL is 'garbage'; {DATABASE}"),
    ("DATABASE_URL=sqlite://", f"DATABASE_URL is 'sqlite://'; {DATABASE}"),
    (
        "DATABASE_URL=postgres://shop:secret@db/shop",
        f"DATABASE_URL is 'postgres://shop:…@db/shop'; {DATABASE}",
    ),
    (
        "DATABASE_URL=mysql://shop:secret@db:port/shop",
        f"DATABASE_URL is 'mysql://shop:…@db:port/shop'; {DATABASE}",
    ),
    ("DATABASE_URL=mysql://shop:secret@db", f"DATABASE_URL is 'mysql://shop:…@db'; {DATABASE}"),
    ("DATABASE_URL=mysql://shop:s/e:c@r@db", f"DATABASE_URL is 'mysql://shop:…@db'; {DATABASE}"),
]


def test_a_wrong_setting_stops_the_start_with_one_sentence():
    setting, complaint = WRONG[0]
    name, _, value = setting.partition("=")

    process = run("manage.py", "check", **{name: value})

    assert (process.returncode, process.stderr) == (1, complaint + "\n")


def test_a_sink_that_is_none_stops_the_start_and_so_not_only_the_relay():
    process = run("manage.py", "check", EVENT_SINK="no.such.Class")

    told = "EVENT_SINK is 'no.such.Class'; it can't be imported: No module named 'no'.\n"
    assert (process.returncode, process.stderr) == (1, told)


def test_each_wrong_setting_is_told_with_what_it_may_be():
    told = told_of(*([setting] for setting, _ in WRONG))

    assert told == [complaint for _, complaint in WRONG]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        (
            {"ADMIN_ALLOWED": "10.0.0.0/8,intranet"},
            "ADMIN_ALLOWED is 'intranet'; it must be an address or a network: 10.0.0.0/8.\n",
        ),
        (
            {"CONNECTIONS_PER_ADDRESS": "many"},
            "CONNECTIONS_PER_ADDRESS is 'many'; it must be a whole number from 1 up.\n",
        ),
        *(
            ({name: text}, f"{name} is '{text}'; it must be an address or a network: 10.0.0.0/8.\n")
            for name in ("ADMIN_ALLOWED", "METRICS_ALLOWED")
            for text in ("bad", "/", ",", " ", "*")
        ),
        (
            {"CONNECTIONS_PER_ADDRESS": "9" * 20},
            f"CONNECTIONS_PER_ADDRESS is '{'9' * 20}'; it must be a whole number from 1 to"
            " 999999999.\n",
        ),
        *(
            (
                {"TLS_CERTIFICATE": "shop.pem", "CERTIFICATE_FILE": file},
                "TLS_CERTIFICATE is 'shop.pem'; it must be a PEM file with a certificate and its"
                " key, readable by the image's user.\n",
            )
            for file in ("/nothing", "/usr")
        ),
        ({"ADMIN_ALLOWED": "10.0.0.0/8, 2001:db8::/32"}, ""),
        ({"TLS_CERTIFICATE": "shop.pem", "CERTIFICATE_FILE": "/bin/true"}, ""),
        ({}, ""),
    ],
)
def test_the_proxy_tells_what_it_reads_itself(tmp_path, setting, told):
    (tmp_path / "haproxy").symlink_to("/bin/true")
    defaults = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "CONNECTIONS_PER_ADDRESS": "200"}

    process = subprocess.run(  # noqa: S603
        [ROOT / "deploy" / "proxy" / "start"],
        env=defaults | setting,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (process.returncode, process.stderr) == (int(told != ""), told)
