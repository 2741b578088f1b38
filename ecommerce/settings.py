"""All settings, in one file: from the environment, then from `.env`, each with a safe default.

docs/operations.md lists the variables that an operator may set.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from ecommerce import logs
from ecommerce.environment import BASE_DIR, DATABASE_FILE, environment

env = environment()

# --- Safety -----------------------------------------------------------------------------------

SECRET_KEY = env.str("SECRET_KEY")
# Earlier keys, by which what they signed is still known: tokens, and the admin's sessions.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
if not SECRET_KEY:
    raise ImproperlyConfigured("SECRET_KEY is not set: `make env` writes one into .env.")
DEBUG = env.bool("DEBUG", default=False)
# The machine itself always may: health checks ask by its own address.
ALLOWED_HOSTS = [*env.list("ALLOWED_HOSTS", default=[]), "127.0.0.1", "localhost", "[::1]"]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

HTTPS = env.bool("HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
# The probe of a load balancer and Prometheus speak plain HTTP, past the proxy; the API refuses it,
# where pages are redirected.
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics$", r"^api/(?!docs/|redoc/)"]
_HSTS_SECONDS = env.int("HSTS_SECONDS", default=31_536_000)
SECURE_HSTS_SECONDS = _HSTS_SECONDS if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
# The back office's: how long one may be idle, and how long one lasts in any case.
SESSION_ENGINE = "common.admin.sessions"
SESSION_COOKIE_AGE = env.int("ADMIN_IDLE_HOURS", default=12) * 3_600
ADMIN_SESSION_DAYS = env.int("ADMIN_SESSION_DAYS", default=14)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
# By such a name a browser takes a cookie from this very host alone, and over HTTPS alone: no
# neighbour under the same domain can plant one.
_of_this_host = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{_of_this_host}sessionid"
CSRF_COOKIE_NAME = f"{_of_this_host}csrftoken"
LANGUAGE_COOKIE_NAME = f"{_of_this_host}django_language"
CSRF_FAILURE_VIEW = "ecommerce.error_pages.form_too_old"
CSRF_COOKIE_HTTPONLY = LANGUAGE_COOKIE_HTTPONLY = True  # no script of ours reads them
LANGUAGE_COOKIE_SAMESITE = "Lax"
BEHIND_PROXY = env.bool("BEHIND_PROXY", default=False)
# How many proxies in front may be believed about a client's address: others can lie.
NUM_PROXIES = env.int("NUM_PROXIES", default=0)
if BEHIND_PROXY:
    # Only when the proxy in front sets this header itself: a client could forge it otherwise.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Applications -----------------------------------------------------------------------------

INSTALLED_APPS = [
    "ecommerce.apps.EcommerceConfig",
    "common.apps.CommonConfig",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "ecommerce.apps.ShopAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "events",
    "users",
    "products",
    "coupons",
    "stats",
    "orders",
]

MIDDLEWARE = [
    "common.http.request_log.RequestLogMiddleware",
    "common.http.content_policy.ContentPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "common.api.conditional.KnownAnswersMiddleware",
    "common.http.methods.MethodsMiddleware",
    "common.http.for_pages.WhiteNoiseMiddleware",
    "common.http.language.LanguageMiddleware",
    "common.http.https.HttpsOnlyMiddleware",
    "common.admin.busy_page.BusyPageMiddleware",
    "common.http.bodies.BodyLimitMiddleware",
    "common.http.for_pages.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "common.http.for_pages.AuthenticationMiddleware",
    "common.http.for_pages.MessageMiddleware",
    "axes.middleware.AxesMiddleware",  # makes the answer to a login that is locked out
]

# Pages of other origins that may use the API from a browser: none unless named.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
if CORS_ALLOWED_ORIGINS:
    INSTALLED_APPS.append("corsheaders")
    # It answers preflights itself, and those have the headers of all other answers, too.
    first = MIDDLEWARE.index("common.api.conditional.KnownAnswersMiddleware")
    MIDDLEWARE.insert(first, "corsheaders.middleware.CorsMiddleware")
    CORS_URLS_REGEX = r"^/api/"
    CORS_ALLOW_HEADERS = [
        "accept", "accept-language", "authorization", "content-type", "idempotency-key",
        "if-none-match", "traceparent", "x-request-id",
    ]  # fmt: skip
    CORS_EXPOSE_HEADERS = ["ETag", "Idempotency-Replayed", "Retry-After", "X-Request-ID"]

ROOT_URLCONF = "ecommerce.urls"
WSGI_APPLICATION = "ecommerce.wsgi.application"
LOGIN_REDIRECT_URL = "admin:index"
APPEND_SLASH = True  # for people at /admin; under /api/ every path is answered as it stands

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "DIRS": [],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            # Its `csrf_token` gives the admin's forms their key, too.
            "builtins": ["common.admin.form_key"],
        },
    }
]

# --- Database ---------------------------------------------------------------------------------

LOCK_TIMEOUT_SECONDS = env.int("LOCK_TIMEOUT_SECONDS", default=3)
TRANSACTION_ATTEMPTS = env.int("TRANSACTION_ATTEMPTS", default=3)
# How long a write whose commit's answer was lost asks what became of it (seconds): as long as a new
# primary may take to be there.
FAILOVER_SECONDS = env.float("FAILOVER_SECONDS", default=12.0)
# How many requests share a transaction at most (1: each has its own), and how long one may wait
# for its turn (seconds).
GROUP_COMMIT_MAX_BATCH = env.int("GROUP_COMMIT_MAX_BATCH", default=64)
GROUP_COMMIT_WAIT_SECONDS = env.float("GROUP_COMMIT_WAIT_SECONDS", default=5.0)
# Threads of each process that run batches, with a database connection each: half of them batches
# that may wait for a row that others hold.
COMMITTERS = env.int("COMMITTERS", default=4)
# How long a process remembers that a campaign has nothing left (seconds).
SOLD_OUT_MEMORY_SECONDS = env.float("SOLD_OUT_MEMORY_SECONDS", default=1.0)
# How long a process remembers what sells best (seconds; 0: each request asks).
BEST_SELLERS_MEMORY_SECONDS = env.float("BEST_SELLERS_MEMORY_SECONDS", default=1.0)
# How long the dashboard remembers the sums of days that are over. With 0, it asks each time.
DASHBOARD_MEMORY_SECONDS = env.float("DASHBOARD_MEMORY_SECONDS", default=5.0)
# How many processes serve, and how many threads of each: for the API's reads, its searches (so few
# that a crowd of them leaves the processor to who buys), its writes, those to accounts, and pages.
WORKERS = env.int("WORKERS", default=2)
# How many such servers share the database: for the checks of what all of them come to.
SERVERS = env.int("SERVERS", default=1)
THREADS = env.int("THREADS", default=8)
SEARCH_THREADS = env.int("SEARCH_THREADS", default=1)
WRITE_THREADS = env.int("WRITE_THREADS", default=4)
ACCOUNT_THREADS = env.int("ACCOUNT_THREADS", default=4)
STAFF_THREADS = env.int("STAFF_THREADS", default=4)
# Whether each process keeps to one core, where the cores divide the processes evenly.
PIN_WORKERS = env.bool("PIN_WORKERS", default=True)
# What may go through a whole table: how long one such read of a customer's may take, which share of
# the time all of them may take in a process, and how long staff may wait for a list (seconds).
COSTLY_READ_SECONDS = env.float("COSTLY_READ_SECONDS", default=0.5)
COSTLY_READS_SHARE = env.float("COSTLY_READS_SHARE", default=0.2)
ADMIN_LIST_SECONDS = env.float("ADMIN_LIST_SECONDS", default=5.0)


# How far behind a secondary may be that answers reads which may be a moment old (seconds).
REPLICA_LAG_SECONDS = env.float("REPLICA_LAG_SECONDS", default=2.0)


def _database(name: str) -> dict[str, Any]:
    """A connection, from a variable, with what docs/locking.md asks of it."""
    # A path, not a URL: a folder may be called C# or 50%.
    database: dict[str, Any] = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(DATABASE_FILE),
    }
    # A file, not shared memory: the memory database ignores the busy timeout.
    test_file = env.path("TEST_SQLITE", default="test.sqlite3")
    authorities = env.path("DATABASE_CA")
    timeout = env.int("DATABASE_TIMEOUT_SECONDS", default=10)
    if env.str(name):
        database = env.db(name)
    database["CONN_HEALTH_CHECKS"] = True
    database["CONN_MAX_AGE"] = env.int("CONN_MAX_AGE", default=60)
    if database["ENGINE"] == "django.db.backends.sqlite3":
        database["ENGINE"] = "common.db.sqlite"  # Django's, that knows the case of all letters
        database["OPTIONS"] = {
            # A deferred transaction that turns from reading to writing fails at once when another
            # has written meanwhile; taking the write lock first makes it wait instead.
            "transaction_mode": "IMMEDIATE",
            "timeout": LOCK_TIMEOUT_SECONDS,
            # FULL: an acknowledged commit survives a power cut, also in WAL mode.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        }
        database["TEST"] = {"NAME": test_file}
    elif database["ENGINE"] == "django.db.backends.mysql":
        database["ENGINE"] = "common.db.mysql"  # Django's, with a round trip less
        database["OPTIONS"] = {
            **database.get("OPTIONS", {}),
            "charset": "utf8mb4",
            "isolation_level": "read committed",
            "init_command": (
                f"SET SESSION innodb_lock_wait_timeout={LOCK_TIMEOUT_SECONDS},"
                " sql_mode='STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,"
                "NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION'"
            ),
            "connect_timeout": 3,
        }
        if authorities:
            database["OPTIONS"] |= {"ssl_mode": "VERIFY_IDENTITY", "ssl": {"ca": authorities}}
        # Zero waits for ever, as commands do.
        if timeout:
            database["OPTIONS"] |= {"read_timeout": timeout, "write_timeout": timeout}
        database["TEST"] = {"CHARSET": "utf8mb4"}
    return database


def _secondary() -> dict[str, Any]:
    """The connection to a secondary, which is given up sooner: the primary can do the same."""
    database = _database("DATABASE_REPLICA_URL")
    if database["ENGINE"] == "common.db.mysql":
        options = database["OPTIONS"]
        options["connect_timeout"] = 1
        if "read_timeout" in options:
            options["read_timeout"] = options["write_timeout"] = 3
    return database


DATABASES = {"default": _database("DATABASE_URL")}
if env.str("DATABASE_REPLICA_URL"):
    DATABASES["replica"] = _secondary()
# A unique text of more than 255 characters: the servers' indexes have taken 768 for long.
SILENCED_SYSTEM_CHECKS = ["mysql.W003"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Members and tokens -----------------------------------------------------------------------

AUTH_USER_MODEL = "users.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["users.backends.LoginThrottle", "users.backends.MemberBackend"]
AXES_FAILURE_LIMIT = env.int("ADMIN_LOGIN_ATTEMPTS", default=5)
AXES_COOLOFF_TIME = timedelta(minutes=env.int("ADMIN_LOCKED_MINUTES", default=15))
# Both together: neither can others lock a colleague out, nor one colleague the whole office.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # whoever goes on trying waits no longer
AXES_CLIENT_IP_CALLABLE = "common.http.client_address.client_address"
AXES_LOCKOUT_TEMPLATE = "admin/locked_out.html"
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_SENSITIVE_PARAMETERS = ["username"]  # people type passwords there; the log has addresses only
# How long a session lasts from its sign-in on, however often its refresh token is rotated.
SESSION_DAYS = env.int("SESSION_DAYS", default=90)
# How many passwords a process hashes at once, and how long one may wait for that (seconds).
HASHES_AT_ONCE = env.int("HASHES_AT_ONCE", default=1)
HASH_WAIT_SECONDS = env.float("HASH_WAIT_SECONDS", default=2.0)
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.int("ACCESS_TOKEN_MINUTES", default=10)),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=env.int("REFRESH_TOKEN_DAYS", default=14)),
    "AUTH_TOKEN_CLASSES": ("users.tokens.MemberAccessToken",),
    "TOKEN_USER_CLASS": "users.authentication.TokenMember",
}

# --- The shop's rules (won) -------------------------------------------------------------------

CHARGE_MAX = env.int("CHARGE_MAX", default=10_000_000)
BALANCE_MAX = env.int("BALANCE_MAX", default=1_000_000_000)
CURRENCY = "KRW"
# How few pieces of a product are few: the admin points them out.
LOW_STOCK = env.int("LOW_STOCK", default=10)

# --- Events -----------------------------------------------------------------------------------

# What brings events to whoever listens, and how long a process remembers who does (seconds).
EVENT_SINK = env.str("EVENT_SINK", default="events.webhooks.Webhooks")
EVENTS_MEMORY_SECONDS = env.float("EVENTS_MEMORY_SECONDS", default=1.0)
# How long events are kept, for who asks for them later.
EVENTS_DAYS = env.int("EVENTS_DAYS", default=30)
# Networks of our own that webhooks may go to, also unencrypted: 10.1.0.0/16. None unless named.
WEBHOOK_NETWORKS = env.list("WEBHOOK_NETWORKS", default=[])

# --- HTTP -------------------------------------------------------------------------------------

# For every path, but for the file that staff may send to the import page.
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_BODY_BYTES", default=65_536)
MAX_IMPORT_BYTES = env.int("MAX_IMPORT_BYTES", default=10_100_000)
# Where the server listens, and whether `make run` starts a relay beside it.
HOST = env.str("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000)
RELAY = env.bool("RELAY", default=False)
# How long a client may take to send its request (seconds).
# How long a request waits for a thread before it is told `busy` (seconds).
QUEUE_SECONDS = env.float("QUEUE_SECONDS", default=5.0)
REQUEST_TIMEOUT_SECONDS = env.int("REQUEST_TIMEOUT_SECONDS", default=10)
IMPORT_TIMEOUT_SECONDS = env.int("IMPORT_TIMEOUT_SECONDS", default=60)

# Who may read /metrics: who knows the token, and who asks from one of these addresses or networks.
METRICS_TOKEN = env.str("METRICS_TOKEN")
METRICS_ALLOWED = env.list("METRICS_ALLOWED", default=[])

# No throttles unless set, e.g. THROTTLE_ANON=60/min THROTTLE_MEMBER=600/min.
_throttles = {
    "common.http.client_address.AnonThrottle": ("anon", env.str("THROTTLE_ANON", default="")),
    "common.http.client_address.MemberThrottle": (
        "user",
        env.str("THROTTLE_MEMBER", default=""),
    ),
}
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["users.authentication.MemberAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["common.api.parsers.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "common.api.renderers.ContentNegotiation",
    "DEFAULT_PAGINATION_CLASS": "common.api.pagination.KeysetPagination",
    "DEFAULT_FILTER_BACKENDS": ["common.api.filters.FilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "common.api.schema.AutoSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": [name for name, (_, rate) in _throttles.items() if rate],
    "DEFAULT_THROTTLE_RATES": {scope: rate for scope, rate in _throttles.values() if rate},
    "NUM_PROXIES": NUM_PROXIES,
    "URL_FORMAT_OVERRIDE": None,  # `?format=` is an unknown query parameter like any other
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "common.api.exception_handler.ExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "common.api.exception_handler.ErrorFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "E-commerce API",
    "DESCRIPTION": (
        "Balance, products, orders, first-come-first-served coupons and top sellers.\n\n"
        "Amounts are whole won. Times are ISO 8601 with their offset; the shop's day is"
        " Asia/Seoul. Lists are paged: follow `next` until it is null. Every answer has the header"
        " `X-Request-ID`, by which the server's log knows the request: yours, if you sent one."
        " The texts of errors are in English or Korean, as `Accept-Language` asks; their codes"
        " never change.\n\n"
        "To try it here: `POST auth/token/`, then **Authorize** with the `access` token."
    ),
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,  # they describe themselves
    # Not the library's own: enums stay where they are read, not in components of their own.
    "POSTPROCESSING_HOOKS": ["common.api.schema.finish"],
    "SERVERS": [{"url": "/", "description": "Where this description is served."}],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {
        "persistAuthorization": True,
        "displayRequestDuration": True,
        "defaultModelsExpandDepth": 0,
    },
    "TAGS": [
        {"name": "auth", "description": "Accounts and tokens."},
        {"name": "users", "description": "The signed-in member and their balance."},
        {"name": "products", "description": "What is on sale, for anyone."},
        {"name": "coupons", "description": "Campaigns for anyone; coupons for members."},
        {"name": "orders", "description": "The signed-in member's orders."},
        {"name": "stats", "description": "The best sellers, for anyone."},
        {"name": "events", "description": "What happened, for other systems of the shop."},
    ],
}

# --- Time, language, static files -------------------------------------------------------------

TIME_ZONE = "Asia/Seoul"  # the shop's day; times are stored in UTC
USE_TZ = True
LANGUAGE_CODE = "en"  # the texts in the sources; commands and logs speak it
LANGUAGES = [("en", "English"), ("ko", "한국어")]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "libraries"]
USE_I18N = True
FORMAT_MODULE_PATH = "ecommerce.formats"
USE_THOUSAND_SEPARATOR = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.path("STATIC_ROOT", default="staticfiles"))
# Without `collectstatic` (a first run) whitenoise serves straight from the packages.
WHITENOISE_USE_FINDERS = not STATIC_ROOT.is_dir()

UNFOLD = {
    "SITE_TITLE": _("Shop"),
    "SITE_HEADER": _("Shop"),
    "SITE_SYMBOL": "storefront",
    "SHOW_LANGUAGES": True,
    "SIDEBAR": {
        "navigation": "ecommerce.backoffice.navigation.sidebar",
        "show_search": True,
        "command_search": True,
    },
    "DASHBOARD_CALLBACK": "ecommerce.backoffice.dashboard.dashboard",
    "STYLES": ["ecommerce.backoffice.navigation.stylesheet"],
    "SCRIPTS": ["ecommerce.backoffice.navigation.script"],
    "SITE_URL": None,  # customers use the shop by their own programs: there is no site to view
}

# --- Logs: a line each, to standard output ------------------------------------------------------

# From how many seconds on a request's line says where its time went.
SLOW_REQUEST_SECONDS = env.float("SLOW_REQUEST_SECONDS", default=1.0)

structlog.configure(
    processors=[
        *logs.PROCESSORS,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        # The request log has the status already; what is worth a line more is a bug's trace.
        "with_trace": {
            "()": "django.utils.log.CallbackFilter",
            "callback": lambda record: bool(record.exc_info),
        }
    },
    "formatters": logs.FORMATTERS,
    "handlers": {
        "stdout": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": env.str("LOG_FORMAT", default="json"),
        }
    },
    "root": {"handlers": ["stdout"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # Django's own handlers would print each line a second time, in another format.
        "django": {"handlers": [], "propagate": True},
        "django.request": {"filters": ["with_trace"], "level": "ERROR", "propagate": True},
        "django.security.DisallowedHost": {"level": "CRITICAL", "propagate": True},
        # Who was locked out, and each guess at the admin's login; not how they are counted.
        "axes": {"level": "WARNING", "propagate": True},
        "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
    },
}

env.check()
