"""Settings as an operator writes them: read from the environment and checked where they are read.

A wrong one stops the start with one sentence: which it is, what it says, and what it may say. So do
two that contradict each other, and a name in `.env` that is none.
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from difflib import get_close_matches
from importlib.util import find_spec
from io import StringIO
from ipaddress import ip_network
from operator import le
from os.path import isfile
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
DATABASE_FILE = BASE_DIR / "db.sqlite3"
"""The database where DATABASE_URL names none."""
COMPOSE_FILES = (BASE_DIR / "docker-compose.yml", BASE_DIR / "deploy" / "cluster" / "compose.yml")
"""They read `.env`, too."""
COMPOSES_OWN = ("COMPOSE_", "DOCKER_")
IN_COMPOSE = re.compile(r"\$\{([A-Z_]+)|^ +([A-Z_]+):$", re.MULTILINE)
LINE = re.compile(
    r"""((?:export\ )?([A-Za-z_0-9]+)=(?:"[^"\0]*"|'[^'\0]*'|[^\0]*?))(?:\s+\#.*)?\s*""", re.VERBOSE
)
"""A name and its value; blanks and a comment may follow, as Compose has it."""
DOT_ENV_ENCODING = "utf-8-sig"
"""UTF-8, also with the mark that editors of Windows put in front."""
PROXY_SECONDS = 120
"""How long deploy/proxy waits for an answer."""

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
DATABASES = (
    "sqlite:///PATH or mysql://USER:PASSWORD@HOST:PORT/NAME, where / ? # % of a password are"
    " %2F %3F %23 %25"
)
SSL_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
IN_MEMORY = (":memory:", "file:")
"""How names of SQLite databases begin that each process, or each thread, would have for itself."""
SQLITE_HEAD = b"SQLite format 3\0"
SECRETS = ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "METRICS_TOKEN")
"""What is never printed."""

AT_LEAST: dict[str, float] = {
    "PORT": 1,
    "SERVERS": 1,
    "WORKERS": 1,
    "THREADS": 1,
    "SEARCH_THREADS": 1,
    "WRITE_THREADS": 1,
    "ACCOUNT_THREADS": 1,
    "STAFF_THREADS": 1,
    "GROUP_COMMIT_MAX_BATCH": 1,
    "GROUP_COMMIT_WAIT_SECONDS": 0.1,
    "COMMITTERS": 2,
    "HASHES_AT_ONCE": 1,
    "HASH_WAIT_SECONDS": 0.1,
    "COSTLY_READ_SECONDS": 0.05,
    "ADMIN_LIST_SECONDS": 0.1,
    "LOCK_TIMEOUT_SECONDS": 1,
    "TRANSACTION_ATTEMPTS": 1,
    "ACCESS_TOKEN_MINUTES": 1,
    "REFRESH_TOKEN_DAYS": 1,
    "SESSION_DAYS": 1,
    "CHARGE_MAX": 1,
    "BALANCE_MAX": 1,
    "MAX_BODY_BYTES": 1,
    "MAX_IMPORT_BYTES": 1_100_000,
    "REQUEST_TIMEOUT_SECONDS": 1,
    "IMPORT_TIMEOUT_SECONDS": 1,
    "ADMIN_LOGIN_ATTEMPTS": 1,
    "ADMIN_LOCKED_MINUTES": 1,
    "ADMIN_IDLE_HOURS": 1,
    "ADMIN_SESSION_DAYS": 1,
    "EVENTS_DAYS": 1,
}
"""The least value of a number, where it is not 0."""

AT_MOST: dict[str, float] = {
    "PORT": 65_535,
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


def _place(path: str) -> Path:
    """Where a path leads. A relative one begins beside manage.py, wherever a command is run."""
    return (BASE_DIR / path).resolve()


def _is_long(key: str) -> bool:
    return len(key) >= 32


def _is_network(text: str) -> bool:
    with suppress(ValueError):
        return bool(ip_network(text))
    return False


def _is_apart(text: str) -> bool:
    """Whether everybody may be served what such a folder holds: no code, no keys, no history."""
    with suppress(OSError, RuntimeError):  # nobody may look, a loop of links
        folder, project = _place(text), BASE_DIR.resolve()
        if folder.exists() and not folder.is_dir():
            return False
        if folder == project or folder in project.parents:
            return False
        if folder in (BASE_DIR / ".env").resolve().parents or (folder / ".env").exists():
            return False
        if project not in folder.parents:
            return True
        is_hidden = any(part.startswith(".") for part in folder.relative_to(project).parts)
        return not is_hidden and next(folder.rglob("*.py"), None) is None
    return False


FORMS: dict[str, tuple[Callable[[str], object], str]] = {
    "SECRET_KEY": (
        _is_long,
        "32 or more that nobody can guess: without it, `make env` writes such a one into .env",
    ),
    "SECRET_KEY_FALLBACKS": (
        _is_long,
        "earlier keys, each of 32 or more: leave out what is shorter, it can be guessed",
    ),
    "ALLOWED_HOSTS": (HOST.fullmatch, "a host's name or address, without scheme, port or path"),
    "THROTTLE_ANON": (RATE.fullmatch, "a number of requests per s, min, hour or day: 60/min"),
    "THROTTLE_MEMBER": (RATE.fullmatch, "a number of requests per s, min, hour or day: 60/min"),
    "CSRF_TRUSTED_ORIGINS": (_is_origin, "an origin: https://shop.example"),
    "CORS_ALLOWED_ORIGINS": (_is_one_origin, "an origin: https://shop.example"),
    "STATIC_ROOT": (_is_apart, "a folder for nothing else, without code or .env in or below it"),
    "DATABASE_CA": (
        lambda text: isfile(BASE_DIR / text),  # noqa: PTH113  a name too long is none, too
        "a file of certificates",
    ),
    "METRICS_TOKEN": (TOKEN.fullmatch, "16 or more letters, digits, and . _ ~ + / = -"),
    "METRICS_ALLOWED": (_is_network, "an address or a network: 10.0.0.0/8"),
    "WEBHOOK_NETWORKS": (_is_network, "an address or a network: 10.1.0.0/16"),
    "EVENT_SINK": (CLASS.fullmatch, "the dotted path of a class: events.webhooks.Webhooks"),
    "LOG_FORMAT": (("json", "text").__contains__, "json or text"),
    "LOG_LEVEL": (LOG_LEVELS.__contains__, f"one of {', '.join(LOG_LEVELS)}"),
}
"""What a text, or each part of a list, must look like, by a function and in words."""


class Rule(NamedTuple):
    """What several settings must be for each other."""

    names: tuple[str, ...]
    holds: Callable[..., bool]
    """Asked with their values, in the order of the names."""
    words: str
    """The rule, as the end of a sentence."""


def _is_mysql(url: str) -> bool:
    return url.startswith("mysql:")


def _file(url: str) -> Path | None:
    """The file that the database is; None of a server."""
    if _is_mysql(url):
        return None
    return _place(url.partition("://")[2].removeprefix("/")) if url else DATABASE_FILE


def _holds_sqlite(url: str) -> bool:
    """Whether the file is one of SQLite's, or may become one."""
    file = _file(url)
    if file is None:
        return True
    try:
        with file.open("rb") as opened:
            return opened.read(len(SQLITE_HEAD)) in (b"", SQLITE_HEAD)
    except IsADirectoryError:
        return False
    except OSError:  # it is not there yet; or nobody may read it, which the database tells
        return True


def _shorter_than_the_database_waits(seconds: float, timeout: int, url: str) -> bool:
    return not _is_mysql(url) or not timeout or seconds < timeout


def _proxy_waits(
    is_behind: bool, queue: float, turn: float, lock: int, attempts: int, failover: float
) -> bool:
    return not is_behind or queue + turn + lock * attempts + failover < PROXY_SECONDS


RULES = (
    Rule(("CHARGE_MAX", "BALANCE_MAX"), le, "no charge can be more than a wallet may hold"),
    Rule(
        ("ACCESS_TOKEN_MINUTES", "REFRESH_TOKEN_DAYS"),
        lambda minutes, days: minutes <= days * 1_440,
        "an access token must not outlive the refresh token that came with it",
    ),
    Rule(
        ("REFRESH_TOKEN_DAYS", "SESSION_DAYS"), le, "a refresh token must not outlive its session"
    ),
    Rule(
        ("ADMIN_IDLE_HOURS", "ADMIN_SESSION_DAYS"),
        lambda hours, days: hours <= days * 24,
        "nobody can be idle for longer than signed in",
    ),
    Rule(
        ("MAX_BODY_BYTES", "MAX_IMPORT_BYTES"),
        le,
        "the import page must take what every path takes",
    ),
    Rule(
        ("REQUEST_TIMEOUT_SECONDS", "IMPORT_TIMEOUT_SECONDS"),
        le,
        "an import must have the time that every request has",
    ),
    *(
        Rule(
            (name, "DATABASE_TIMEOUT_SECONDS", "DATABASE_URL"),
            _shorter_than_the_database_waits,
            f"{name} must be less, or the connection is given up first",
        )
        for name in ("LOCK_TIMEOUT_SECONDS", "COSTLY_READ_SECONDS", "ADMIN_LIST_SECONDS")
    ),
    Rule(
        (
            *("BEHIND_PROXY", "QUEUE_SECONDS", "GROUP_COMMIT_WAIT_SECONDS"),
            *("LOCK_TIMEOUT_SECONDS", "TRANSACTION_ATTEMPTS", "FAILOVER_SECONDS"),
        ),
        _proxy_waits,
        "all waiting together, a lock's as often as it is tried, must be less than the"
        f" {PROXY_SECONDS} s that a proxy waits",
    ),
    Rule(
        ("BEHIND_PROXY", "NUM_PROXIES"),
        lambda is_behind, number: number > 0 or not is_behind,
        "NUM_PROXIES must be how many proxies write X-Forwarded-For, or all clients would have the"
        " proxy's address",
    ),
    Rule(
        ("DATABASE_CA", "DATABASE_URL"),
        lambda authorities, url: not authorities or _is_mysql(url),
        "only the way to MySQL can be encrypted",
    ),
    Rule(
        ("DATABASE_REPLICA_URL", "DATABASE_URL"),
        lambda secondary, primary: not secondary or _is_mysql(secondary) == _is_mysql(primary),
        "a secondary has the rows of the primary, and so is of its kind",
    ),
    Rule(
        ("TEST_SQLITE", "DATABASE_URL"),
        lambda file, url: _place(file) != _file(url),
        "tests must not have the shop's own database",
    ),
    *(
        Rule(
            ("STATIC_ROOT", name),
            lambda folder, url: _place(folder) not in (_file(url) or Path()).parents,
            "the database must not be among the files that everybody is served",
        )
        for name in ("DATABASE_URL", "DATABASE_REPLICA_URL")
    ),
    Rule(
        ("DATABASE_URL",),
        _holds_sqlite,
        f"the file, {DATABASE_FILE.name} beside manage.py where none is named, is no database of"
        " SQLite's",
    ),
    Rule(
        ("DATABASE_REPLICA_URL",),
        lambda url: not url or _holds_sqlite(url),
        "the file is no database of SQLite's",
    ),
)
"""What contradicts each other otherwise. Each is the sentence that an operator gets."""


class Environment(environ.Env):  # type: ignore[misc]
    """django-environ's, with types, ranges and rules held to.

    Every method raises ImproperlyConfigured with the sentence for the operator.
    """

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        """What was read so far, by name."""
        self.named: list[str] = []
        """The names in `.env`."""

    def int(self, var: Text, default: Whole = 0) -> Whole:
        number = Whole(self._number(var, default, WHOLE, "a whole number"))
        self.values[var] = number
        return number

    def float(self, var: Text, default: Number = 0.0) -> Number:
        number = self._number(var, default, DECIMAL, "a number")
        self.values[var] = number
        return number

    def bool(self, var: Text, default: Truth = False) -> Truth:
        text = self._text(var)
        if text and text.lower() not in TRUE + FALSE:
            raise _wrong(var, text, f"one of {', '.join(TRUE + FALSE)}")
        is_on = text.lower() in TRUE if text else default
        self.values[var] = is_on
        return is_on

    def str(self, var: Text, default: Text = "") -> Text:
        text = self._text(var)
        text = _fitting(var, text) if text else default
        self.values[var] = text
        return text

    def path(self, var: Text, default: Text = "") -> Text:
        """A relative one begins beside manage.py; none is empty."""
        text = self.str(var, default)
        return text and str(BASE_DIR / text)

    def list(self, var: Text, default: Iterable[Text] = ()) -> Texts:
        parts = [part.strip() for part in self._text(var).split(",")]
        texts = [_fitting(var, part) for part in parts if part] or [*default]
        self.values[var] = texts
        return texts

    def db(self, var: Text) -> dict[Text, Any]:
        """Django's settings of the database that a URL names."""
        url = self._text(var)
        scheme, _, rest = url.partition("://")
        if scheme == "sqlite" and rest.strip("/"):
            # A path, not a part of a URL: a folder may be called C# or 50%.
            name = rest.removeprefix("/")
            if name.startswith(IN_MEMORY):
                raise _wrong(var, url, "sqlite:///PATH of a file: memory is not shared")
            return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(BASE_DIR / name)}
        if scheme == "mysql":
            if find_spec("MySQLdb") is None:
                raise ImproperlyConfigured(NO_DRIVER)
            for option in url.partition("?")[2].split("&"):
                name, _, mode = option.partition("=")
                if option and (name != "ssl_mode" or mode not in SSL_MODES):
                    takes = f"ssl_mode is one, which may be {', '.join(SSL_MODES)}"
                    raise ImproperlyConfigured(f"{var} has an option that is none; {takes}.")
            with suppress(ValueError, ImproperlyConfigured):  # a port that is none
                database: dict[Text, Any] = self.db_url_config(url)
                host, name = database["HOST"], database["NAME"]
                if (HOST.fullmatch(host) or ":" in host) and name and "/" not in name:
                    return database
        raise _wrong(var, _without_password(url), DATABASES)

    def check(self) -> None:
        """Hold what was read against the rules, and `.env` against what was read: all settings."""
        of_compose = "".join(file.read_text() for file in COMPOSE_FILES if file.is_file())
        known = self.values.keys() | {one or two for one, two in IN_COMPOSE.findall(of_compose)}
        for name in self.named:
            if name not in known and not name.startswith(COMPOSES_OWN):
                near = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
                meant = f" Is {near[0]} meant?" if near else ""
                raise ImproperlyConfigured(f".env sets {name}, which is no setting.{meant}")
        for rule in RULES:
            if not rule.holds(*(self.values[name] for name in rule.names)):
                said = [self.said(name) for name in rule.names]
                every = " and ".join(filter(None, [", ".join(said[:-1]), said[-1]]))
                raise ImproperlyConfigured(f"{every}; {rule.words}.")

    def read_dot_env(self, file: Path) -> None:
        """Add to the environment what it does not say itself."""
        try:
            text = file.read_text(DOT_ENV_ENCODING)
        except FileNotFoundError:
            return
        except UnicodeDecodeError as error:
            raise ImproperlyConfigured(".env is not in UTF-8.") from error
        except OSError as error:
            raise ImproperlyConfigured(
                f".env can't be read ({error.strerror}); READ_DOT_ENV=0 does without it."
            ) from error
        lines = {}
        for number, line in enumerate(text.splitlines(), start=1):
            if found := LINE.fullmatch(line):
                lines[found[2]] = found[1]  # the last one counts, as for Compose
            elif line.strip() and not line.lstrip().startswith("#"):
                raise ImproperlyConfigured(
                    f"Line {number} of .env is not NAME=value, without a space beside the name."
                )
        self.named = list(lines)
        self.read_env(StringIO("\n".join(lines.values())))

    def said(self, var: Text) -> Text:
        """What a setting says, without a password."""
        if text := self._text(var):
            return f"{var} is {_without_password(text)!r}"
        value = self.values[var]
        if isinstance(value, bool):
            value = "on" if value else "off"
        return f"{var} is {value} (its default)" if value != "" else f"{var} is not set"

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
        env.read_dot_env(BASE_DIR / ".env")
    return env


def wait_for_ever(database: dict[str, Any]) -> None:
    """Let a command have the database as long as it takes: a migration, an audit, a copy.

    DATABASE_TIMEOUT_SECONDS is for requests.
    """
    for timeout in ("read_timeout", "write_timeout"):
        database["OPTIONS"].pop(timeout, None)


def _fitting(var: str, text: str) -> str:
    fits, what = FORMS.get(var, (bool, ""))
    if not fits(text):
        raise _wrong(var, text, what)
    return text


def _without_password(url: str) -> str:
    return re.sub(r"^((?:\w+://)?[^:@/]*):.*@", r"\1:…@", url)


def _wrong(var: str, text: str, what: str) -> ImproperlyConfigured:
    said = f"{len(text)} characters long" if var in SECRETS else repr(text)
    return ImproperlyConfigured(f"{var} is {said}; it must be {what}.")
