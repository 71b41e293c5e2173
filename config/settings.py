"""Every setting, driven by the environment. `.env.example` lists the variables; nothing else configures Guildhall.

One code in three sizes (docs/architecture.md, "How it runs"): with nothing set it runs by itself on SQLite with the embedded
worker; with `DATABASE_URL` and `REDIS_URL` it runs on those, with Celery and beat.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import sys
from pathlib import Path
from typing import Any

from corsheaders.defaults import default_headers
from environs import Env, validate

from config.database import database
from config.mail import email_settings
from guildhall import __version__

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()
if not env.bool("GUILDHALL_IGNORE_ENV_FILE", False):
    env.read_env(str(BASE_DIR / ".env"), recurse=False)

TESTING = "pytest" in sys.modules
# `make run` sets GUILDHALL_EMBEDDED: it is for trying Guildhall, so DEBUG is on there unless DEBUG says otherwise.
DEBUG = env.bool("DEBUG", env.bool("GUILDHALL_EMBEDDED", False))
VAR_DIR = Path(env.str("GUILDHALL_VAR", str(BASE_DIR / "var")))
VAR_DIR.mkdir(parents=True, exist_ok=True)


def _secret_key() -> str:
    """Return `SECRET_KEY`, or `SECRET_KEY_FILE`, or one made once and kept in `var/` for the embedded default."""
    given = env.str("SECRET_KEY", "")
    if given:
        return given
    path = Path(env.str("SECRET_KEY_FILE", "") or VAR_DIR / "secret_key")
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text().strip()


SECRET_KEY = _secret_key()
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["*"] if DEBUG or TESTING else ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
SITE_URL = env.str("SITE_URL", f"http://127.0.0.1:{env.int('PORT', 8000)}").rstrip("/")
GUILD_NAME = env.str("GUILD_NAME", "Guildhall")
# The guild tags that count as ours in a /who. Empty: nobody is judged by the tag.
GUILD_TAGS: list[str] = env.list("GUILD_TAGS", [])
GUILD_TIME_ZONE = env.str("GUILD_TIME_ZONE", "UTC")
# What officers set on the site comes first; read again after so many seconds (core/guild.py). None: after own changes alone.
GUILD_SETTINGS_SECONDS: float | None = None if TESTING else 3.0

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_filters",
    "corsheaders",
    "simple_history",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    # The project's apps, in the order of their layers: an app may use the apps above it.
    "guildhall.core",
    "guildhall.accounts",
    "guildhall.roster",
    "guildhall.points",
    "guildhall.raids",
    "guildhall.loot",
    "guildhall.auctions",
    "guildhall.recruitment",
    "guildhall.discord",
    "guildhall.discord.signin",
    "guildhall.eqdkp",
    "guildhall.ops",
    "guildhall.web",
    "guildhall.demo",
]

MIDDLEWARE = [
    "guildhall.core.middleware.BrowserPolicyMiddleware",
    # Before whatever may refuse: a page of another origin must be able to read the refusal too.
    "corsheaders.middleware.CorsMiddleware",
    "guildhall.ops.middleware.ProbeMiddleware",
    "guildhall.core.fault_middleware.DatabaseFaultMiddleware",
    "guildhall.core.middleware.ApiGuardMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "guildhall.accounts.page_middleware.WhiteNoiseMiddleware",
    "guildhall.accounts.page_middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "guildhall.accounts.page_middleware.CsrfViewMiddleware",
    "guildhall.accounts.page_middleware.AuthenticationMiddleware",
    "guildhall.accounts.page_middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "guildhall.accounts.middleware.RateLimitMiddleware",
    "guildhall.accounts.kept_middleware.KeptAnswerMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # First, so that allauth's few pages use the project's layout (`allauth/layouts/base.html`).
        "DIRS": [BASE_DIR / "guildhall" / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "guildhall.web.context.site",
            ],
        },
    }
]


DATABASES = {"default": database(env, base=BASE_DIR, var=VAR_DIR, testing=TESTING)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL and TESTING:
    # Tests empty the cache: each process of pytest-xdist has a database of Redis to itself.
    _base, _, _number = REDIS_URL.rpartition("/")
    REDIS_URL = f"{_base}/{int(_number) + int(os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:])}"
if REDIS_URL:
    CACHES: dict[str, Any] = {
        "default": {
            "BACKEND": "guildhall.core.cache.FaultTolerantRedisCache",
            "LOCATION": REDIS_URL,
        }
    }
    SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    CACHES["answers"] = CACHES["default"] | {"KEY_PREFIX": "answers"}
else:
    CACHES = {
        "default": {
            "BACKEND": "guildhall.core.cache.CountingLocMemCache",
            "LOCATION": "guildhall",
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    }
    SESSION_ENGINE = "django.contrib.sessions.backends.db"
    # Finished answers (core/kept.py) are shared by the web processes of this machine, so they are in files.
    CACHES["answers"] = (
        {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "answers"}
        if TESTING
        else {
            "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
            "LOCATION": str(VAR_DIR / "answers"),
            "OPTIONS": {"MAX_ENTRIES": 1000},
        }
    )

# Without Redis, counts against limits are in a file that the web processes of this machine share (core/shared_counts.py).
COUNTS_FILE = "" if TESTING else str(VAR_DIR / "counts.sqlite3")

AUTH_USER_MODEL = "accounts.User"
CSRF_FAILURE_VIEW = "guildhall.web.views.errors.csrf_failure"
LOGIN_URL = "/sign-in/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if TESTING
    else ["django.contrib.auth.hashers.PBKDF2PasswordHasher", "django.contrib.auth.hashers.ScryptPasswordHasher"]
)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

# Sign-in: a name and a password, or Discord through allauth (guildhall/discord/signin).
AUTHENTICATION_BACKENDS = [
    # First: it checks every password, under the throttle, and those behind it are not asked for one again.
    "guildhall.accounts.backends.PasswordBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
ACCOUNT_ADAPTER = "guildhall.discord.signin.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_UNIQUE_EMAIL = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if env.bool("HTTPS", False) else "http"
SOCIALACCOUNT_ADAPTER = "guildhall.discord.signin.adapter.SocialAdapter"
SOCIALACCOUNT_STORE_TOKENS = False  # they would be stored in clear; guildhall.discord.tokens keeps them encrypted
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
SOCIALACCOUNT_ONLY = True  # none of allauth's own sign-ups, password resets and address pages exists

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG or TESTING
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG or TESTING
MEDIA_ROOT = VAR_DIR / "media"
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("MAX_TEXT_BYTES", 16 * 1024 * 1024)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000
MAX_LOG_BYTES = env.int("MAX_LOG_BYTES", 1536 * 1024 * 1024)

HTTPS = env.bool("HTTPS", False)
if HTTPS:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 31_536_000)
    # A guild's site answers for its own name: not for its neighbours under the same domain, nor in browsers' preload lists.
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
CORS_ALLOWED_ORIGINS: list[str] = env.list("CORS_ALLOWED_ORIGINS", [])
CORS_URLS_REGEX = r"^/api/.*$"
# What another origin's page may send, besides what every page may, and what it may read of an answer.
CORS_ALLOW_HEADERS = [*default_headers, "Idempotency-Key", "If-None-Match", "Last-Event-ID", "Cache-Control"]
CORS_EXPOSE_HEADERS = [
    *("ETag", "Idempotent-Replayed", "Content-Disposition", "Link", "Location", "Retry-After", "WWW-Authenticate"),
    *("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"),
]
CORS_PREFLIGHT_MAX_AGE = 3600  # seconds a browser may remember a preflight's answer

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "guildhall.accounts.api.authentication.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["guildhall.accounts.api.permissions.ScopePermission"],
    "DEFAULT_RENDERER_CLASSES": [
        "guildhall.core.api.renderers.OrjsonRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "guildhall.core.api.negotiation.Negotiation",
    "DEFAULT_PARSER_CLASSES": [
        "guildhall.core.api.parsers.StrictJSONParser",
        "rest_framework.parsers.MultiPartParser",
        "rest_framework.parsers.FormParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "guildhall.core.api.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": [
        "guildhall.core.api.filters.Filters",
        "guildhall.core.api.columns.Columns",
        "guildhall.core.api.filters.Search",
        "guildhall.core.api.filters.Ordering",
    ],
    "DEFAULT_METADATA_CLASS": "guildhall.core.api.negotiation.Metadata",
    "DEFAULT_SCHEMA_CLASS": "guildhall.core.api.schema.GuildhallSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
DRF_STANDARDIZED_ERRORS = {
    "EXCEPTION_HANDLER_CLASS": "guildhall.core.api.errors.ExceptionHandler",
    "EXCEPTION_FORMATTER_CLASS": "guildhall.core.api.errors.ExceptionFormatter",
    "ENABLE_IN_DEBUG_FOR_UNHANDLED_EXCEPTIONS": True,
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Guildhall",
    "DESCRIPTION": "Roster, points, raids, loot, auctions and recruitment of a raiding guild.",
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    # Without a validator, which would be told the address of every guild's server.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/",
    # Choices stay where they are used ("status" means something else in each app), so not the usual hook.
    "POSTPROCESSING_HOOKS": [
        "guildhall.auctions.api.stream_view.describe_stream",
        "guildhall.core.api.examples.add_examples",
    ],
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}},
    "COMPONENT_NO_READ_ONLY_REQUIRED": False,
}

UNFOLD = {"SITE_TITLE": "Guildhall", "SITE_HEADER": "Guildhall", "SITE_SYMBOL": "castle", "SHOW_VIEW_ON_SITE": True}

# A key that a program gets for signing in (POST /api/auth/token/) ends after so many days; a person has so many at a time.
SIGN_IN_KEY_DAYS = env.int("SIGN_IN_KEY_DAYS", 30)
SIGN_IN_KEYS = env.int("SIGN_IN_KEYS", 10)

# Uses of keys are counted in memory and flushed after so many seconds (accounts.keys); 0: when somebody stores them.
KEY_USAGE_SECONDS = 0.0 if TESTING else 5.0

# Requests a minute, by kind of caller (accounts.middleware). 0 turns a limit off.
RATE_LIMITS = {
    "anonymous": env.int("RATE_LIMIT_ANONYMOUS", 120),
    "session": env.int("RATE_LIMIT_SESSION", 600),
    "personal": env.int("RATE_LIMIT_PERSONAL", 600),
    "bot": env.int("RATE_LIMIT_BOT", 6000),
}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0)

# Threads of each web process that `manage.py serve` starts.
WEB_THREADS = env.int("WEB_THREADS", 8, validate=validate.Range(min=1))
# Where the process listens that has all live streams of this machine (manage.py serve_stream); web processes hand them over to it.
STREAM_SOCKET = env.str("STREAM_SOCKET", "")
# Live streams at once. Without that process each takes a thread of the web server, which must have well more than that.
STREAM_LIMIT = env.int("STREAM_LIMIT", 1000 if STREAM_SOCKET else 32)
# Of those, how many one person and one API key may have; one more ends their oldest.
STREAMS_A_PERSON = env.int("STREAMS_A_PERSON", 6, validate=validate.Range(min=1))
STREAMS_A_KEY = env.int("STREAMS_A_KEY", 3, validate=validate.Range(min=1))

CELERY_BROKER_URL = REDIS_URL or "memory://"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# One schedule for both workers: Celery beat reads it, and so does `manage.py run_jobs`.
# A job with `has_work` is run only where that function, which reads alone, says so; an idle worker writes next to nothing.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "heartbeat": {"task": "guildhall.core.tasks.heartbeat", "schedule": dt.timedelta(minutes=1)},
    "run-queued": {
        "task": "guildhall.core.tasks.run_queued",
        "schedule": dt.timedelta(seconds=15),
        "has_work": "guildhall.core.jobs.has_queued",
    },
    "deliver-outbox": {
        "task": "guildhall.core.tasks.deliver_outbox",
        "schedule": dt.timedelta(seconds=2),
        "has_work": "guildhall.core.outbox.has_due",
    },
    "forget-old-rows": {"task": "guildhall.core.tasks.forget_old_rows", "schedule": dt.timedelta(hours=1)},
    "store-key-usage": {
        "task": "guildhall.accounts.tasks.store_key_usage",
        "schedule": dt.timedelta(minutes=1),
        "has_work": "guildhall.accounts.keys.has_usage",
    },
    "verify-ledger": {"task": "guildhall.points.tasks.verify_ledger_nightly", "schedule": dt.timedelta(hours=24)},
    "close-due-sessions": {
        "task": "guildhall.auctions.tasks.close_due_sessions",
        "schedule": dt.timedelta(seconds=2),
        "has_work": "guildhall.auctions.services.closing.has_due",
    },
    "close-due-votes": {
        "task": "guildhall.recruitment.tasks.close_due_votes",
        "schedule": dt.timedelta(seconds=15),
        "has_work": "guildhall.recruitment.services.voting.has_due_votes",
    },
    "back-up": {"task": "guildhall.ops.tasks.make_due_backup", "schedule": dt.timedelta(hours=1)},
    "check-trials": {"task": "guildhall.recruitment.tasks.check_trials", "schedule": dt.timedelta(minutes=10)},
    "reconcile-discord-roles": {
        "task": "guildhall.discord.tasks.reconcile_roles",
        "schedule": dt.timedelta(hours=24),
    },
    "follow-auctions-in-discord": {
        "task": "guildhall.discord.tasks.follow_auctions",
        "schedule": dt.timedelta(seconds=5),
        "has_work": "guildhall.discord.messages.auctions.has_auctions_to_follow",
    },
    "refresh-discord-tokens": {
        "task": "guildhall.discord.tasks.refresh_discord_tokens",
        "schedule": dt.timedelta(hours=1),
    },
    "run-point-rules": {"task": "guildhall.points.tasks.run_due_rules", "schedule": dt.timedelta(minutes=15)},
    "refresh-attendance": {
        "task": "guildhall.raids.tasks.refresh_attendance_summaries",
        "schedule": dt.timedelta(hours=6),
    },
}

# How long a worker that was killed keeps a job or a message from the others; one that lives renews it (core/leases.py).
LEASE_SECONDS = env.int("LEASE_SECONDS", 60, validate=validate.Range(min=1, max=3600))

# Discord (docs/discord.md). Point the two bases at `python -m tests.fake_discord` to try everything without an account.
DISCORD_API_BASE = env.str("DISCORD_API_BASE", "https://discord.com/api/v10")
DISCORD_OAUTH_BASE = env.str("DISCORD_OAUTH_BASE", "https://discord.com")
DISCORD_CLIENT_ID = env.str("DISCORD_CLIENT_ID", "")
DISCORD_CLIENT_SECRET = env.str("DISCORD_CLIENT_SECRET", "")
DISCORD_BOT_TOKEN = env.str("DISCORD_BOT_TOKEN", "")
DISCORD_PUBLIC_KEY = env.str("DISCORD_PUBLIC_KEY", "")
DISCORD_GUILD_ID = env.str("DISCORD_GUILD_ID", "")
for _name in ("STATUS", "RAIDS", "AWARDS", "AUCTIONS", "APPLICATIONS", "VOTES"):
    globals()[f"DISCORD_WEBHOOK_{_name}"] = env.str(f"DISCORD_WEBHOOK_{_name}", "")
# What happens when somebody changes mapped roles by hand in Discord: "enforce" puts them back, "report" only notes it.
DISCORD_AUTHORITY = env.str("DISCORD_AUTHORITY", "enforce")
DISCORD_TOKEN_KEYS: list[str] = env.list("DISCORD_TOKEN_KEYS", [])

if env.str("EMAIL_URL", ""):
    globals().update(email_settings(env.dj_email_url("EMAIL_URL")))
else:  # nothing is sent; while trying it out, the terminal shows what would be
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend" if DEBUG else email_settings(None)["EMAIL_BACKEND"]
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "guildhall@localhost")

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "lines": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "guildhall.core.logs.JSONFormatter"},
    },
    "handlers": {
        "console": {
            "class": "guildhall.core.logs.Console",
            "formatter": env.str("LOG_FORMAT", "lines", validate=validate.OneOf(["lines", "json"])),
        }
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "WARNING" if TESTING else "INFO")},
    "filters": {"said_already": {"()": "guildhall.core.fault_middleware.SaidAlready"}},
    "loggers": {
        "django.request": {"level": "ERROR", "filters": ["said_already"]},
        "psycopg.pool": {"level": "ERROR"},  # a line for each try to connect; an outage has its own
    },
}

# After how many days what is kept is forgotten (docs/retention.md); 0 keeps it for ever.
_days = validate.Range(min=0, max=36_500)
KEEP_DAYS: dict[str, int] = {
    "outbox": env.int("KEEP_OUTBOX_DAYS", 14, validate=_days),
    "dead_letters": env.int("KEEP_DEAD_LETTERS_DAYS", 90, validate=_days),
    "jobs": env.int("KEEP_JOBS_DAYS", 30, validate=_days),
    "inbound_events": env.int("KEEP_INBOUND_EVENTS_DAYS", 30, validate=_days),
    "discord_posts": env.int("KEEP_DISCORD_POSTS_DAYS", 400, validate=_days),
    "discord_log": env.int("KEEP_DISCORD_LOG_DAYS", 400, validate=_days),
    "log_findings": env.int("KEEP_LOG_FINDINGS_DAYS", 180, validate=_days),
    "applicant_addresses": env.int("KEEP_APPLICANT_ADDRESSES_DAYS", 400, validate=_days),
}
# Who may read /metrics: with a token whoever sends it, without one this machine alone.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")
BACKUP_DIR = env.str("BACKUP_DIR", str(VAR_DIR / "backups"))

# The demo sign-in (sign in as a persona) exists only where DEBUG is on.
DEMO_SIGN_IN = DEBUG
SILENCED_SYSTEM_CHECKS = [
    *("models.W036", "models.W037"),  # conditional constraints are not relied on where absent
    *("security.W005", "security.W021"),  # HSTS is for this name alone, see SECURE_HSTS_SECONDS
]
