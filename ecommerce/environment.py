"""Settings as an operator writes them: read from the environment and checked where they are read.

A wrong one stops the start with one sentence: which it is, what it says, and what it may say.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.util import find_spec
from ipaddress import ip_network
from os.path import isfile
from pathlib import Path
from typing import Any, TypeAlias

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

# The types by other names: in the class below, these are its methods.
Text: TypeAlias = str
Whole: TypeAlias = int
Number: TypeAlias = float
Truth: TypeAlias = bool
Texts: TypeAlias = list[str]

TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
WHOLE, DECIMAL = re.compile(r"-?[0-9]{1,15}"), re.compile(r"-?[0-9]{1,15}(\.[0-9]+)?")
RATE = re.compile(r"[1-9][0-9]*/(s|sec|m|min|h|hour|d|day)")
HOST = re.compile(r"\*|\.?[\w-]+(\.[\w-]+)*|\[[0-9A-Fa-f:.]+\]", re.ASCII)
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,}")
ORIGIN = re.compile(r"(https?)://[\w*.-]+(?::([1-9][0-9]{0,4}))?", re.ASCII)
OWN_PORTS = {"http": 80, "https": 443}
CLASS = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
NO_DRIVER = (
    "DATABASE_URL names MySQL, and mysqlclient is not installed: it needs a C compiler, pkg-config,"
    " Python's headers and those of MySQL's client (gcc pkg-config python3-dev"
    " default-libmysqlclient-dev). Then remove .venv/installed and try again."
)
DATABASES = "sqlite:///PATH or mysql://USER:PASSWORD@HOST:PORT/NAME"

AT_LEAST: dict[str, float] = {
    "SERVERS": 1,
    "WORKERS": 1,
    "THREADS": 1,
    "SEARCH_THREADS": 1,
    "WRITE_THREADS": 1,
    "ACCOUNT_THREADS": 1,
    "STAFF_THREADS": 1,
    "GROUP_COMMIT_MAX_BATCH": 1,
    "LOCK_TIMEOUT_SECONDS": 1,
    "TRANSACTION_ATTEMPTS": 1,
    "ACCESS_TOKEN_MINUTES": 1,
    "REFRESH_TOKEN_DAYS": 1,
    "CHARGE_MAX": 1,
    "BALANCE_MAX": 1,
    "MAX_BODY_BYTES": 1,
    "MAX_IMPORT_BYTES": 1,
    "REQUEST_TIMEOUT_SECONDS": 1,
    "IMPORT_TIMEOUT_SECONDS": 1,
    "ADMIN_LOGIN_ATTEMPTS": 1,
    "ADMIN_LOCKED_MINUTES": 1,
    "EVENTS_DAYS": 1,
}
"""The least value of a number, where it is not 0."""

AT_MOST: dict[str, float] = {
    "SERVERS": 1_000,
    "WORKERS": 1_000,
    "THREADS": 1_000,
    "COMMITTERS": 1_000,
    "ONCE": 1_000,
    "ATTEMPTS": 1_000,
    "PROXIES": 100,
    "BATCH": 10_000,
    "SHARE": 1,
    "SECONDS": 1_000_000,
    "AGE": 1_000_000,
    "HSTS_SECONDS": 1_000_000_000,
    "REQUEST_TIMEOUT_SECONDS": 60,
    "MINUTES": 1_000_000,
    "HOURS": 100_000,
    "DAYS": 10_000,
}
"""The greatest value, by a number's name or by the last word of it.

What is beyond is a slip, and would fail later: clocks, timeouts and threads have their ends.
"""


def _is_origin(text: str) -> bool:
    """Whether browsers may say it: they leave out the port that is the scheme's own."""
    if not (found := ORIGIN.fullmatch(text)):
        return False
    scheme, port = found.groups()
    return not port or (int(port) < 65_536 and int(port) != OWN_PORTS[scheme])


def _is_one_origin(text: str) -> bool:
    return "*" not in text and text == text.lower() and _is_origin(text)


def _is_network(text: str) -> bool:
    with suppress(ValueError):
        return bool(ip_network(text))
    return False


FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "ALLOWED_HOSTS": (HOST.fullmatch, "a host's name or address, without scheme, port or path"),
    "THROTTLE_ANON": (RATE.fullmatch, "a number of requests per s, min, hour or day: 60/min"),
    "THROTTLE_MEMBER": (RATE.fullmatch, "a number of requests per s, min, hour or day: 60/min"),
    "CSRF_TRUSTED_ORIGINS": (_is_origin, "an origin: https://shop.example"),
    "CORS_ALLOWED_ORIGINS": (_is_one_origin, "an origin: https://shop.example"),
    "DATABASE_CA": (isfile, "a file of certificates"),
    "METRICS_TOKEN": (TOKEN.fullmatch, "16 or more letters, digits, and . _ ~ + / = -"),
    "METRICS_ALLOWED": (_is_network, "an address or a network: 10.0.0.0/8"),
    "WEBHOOK_NETWORKS": (_is_network, "an address or a network: 10.1.0.0/16"),
    "EVENT_SINK": (CLASS.fullmatch, "the dotted path of a class: events.webhooks.Webhooks"),
    "LOG_FORMAT": (("json", "text").__contains__, "json or text"),
    "LOG_LEVEL": (LOG_LEVELS.__contains__, f"one of {', '.join(LOG_LEVELS)}"),
}
"""What a text, or each part of a list, must look like, by a function and in words."""


class Environment(environ.Env):  # type: ignore[misc]
    """django-environ's, with types and ranges held to.

    Every method raises ImproperlyConfigured with the sentence for the operator.
    """

    def int(self, var: Text, default: Whole = 0) -> Whole:
        return Whole(self._number(var, default, WHOLE, "a whole number"))

    def float(self, var: Text, default: Number = 0.0) -> Number:
        return self._number(var, default, DECIMAL, "a number")

    def bool(self, var: Text, default: Truth = False) -> Truth:
        text = self._text(var)
        if not text:
            return default
        if text.lower() not in TRUE + FALSE:
            raise _wrong(var, text, f"one of {', '.join(TRUE + FALSE)}")
        return text.lower() in TRUE

    def str(self, var: Text, default: Text = "") -> Text:
        text = self._text(var)
        return _fitting(var, text) if text else default

    def list(self, var: Text, default: Iterable[Text] = ()) -> Texts:
        parts = [part.strip() for part in self._text(var).split(",")]
        return [_fitting(var, part) for part in parts if part] or [*default]

    def db(self, var: Text) -> dict[Text, Any]:
        """Django's settings of the database that a URL names."""
        url = self._text(var)
        scheme, _, rest = url.partition("://")
        if scheme == "sqlite" and rest.strip("/"):
            # A path, not a part of a URL: a folder may be called C# or 50%.
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": rest.removeprefix("/")}
        if scheme == "mysql":
            if find_spec("MySQLdb") is None:
                raise ImproperlyConfigured(NO_DRIVER)
            with suppress(ValueError, ImproperlyConfigured):  # a port that is none
                database: dict[Text, Any] = self.db_url_config(url)
                if database["HOST"] and database["NAME"]:
                    return database
        raise _wrong(var, re.sub(r":[^:@/]*@", ":…@", url), DATABASES)

    def _text(self, var: Text) -> Text:
        text: Text = self.ENVIRON.get(var, "")
        return text.strip()

    def _number(self, var: Text, default: Number, form: re.Pattern[Text], what: Text) -> Number:
        text = self._text(var)
        least = AT_LEAST.get(var, 0)
        if not text:
            return default
        if not form.fullmatch(text) or Number(text) < least:
            raise _wrong(var, text, f"{what} from {least} up")
        most = AT_MOST.get(var, AT_MOST.get(var.rpartition("_")[2]))
        if most is not None and Number(text) > most:
            raise _wrong(var, text, f"{what} from {least} to {most}")
        return Number(text)


def environment() -> Environment:
    """The environment, and what `.env` beside manage.py adds to it."""
    env = Environment()
    if env.bool("READ_DOT_ENV", default=True):
        env.read_env(BASE_DIR / ".env")  # never overrides what the environment already says
    return env


def _fitting(var: str, text: str) -> str:
    fits, what = FORMS.get(var, (bool, ""))
    if not fits(text):
        raise _wrong(var, text, what)
    return text


def _wrong(var: str, text: str, what: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{var} is {text!r}; it must be {what}.")
