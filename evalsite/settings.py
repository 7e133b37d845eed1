"""Django settings. Every value that differs between machines comes from the environment; see .env.example."""

from pathlib import Path

from celery.schedules import schedule
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from kombu import Exchange, Queue

from evalsite import boot, env
from evalsite.platform import embedded

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("EVALSITE_DATA_DIR") or embedded.default_data_dir(BASE_DIR))

ENVIRONMENT = env.text("EVALSITE_ENV", "local")
if ENVIRONMENT not in {"local", "production"}:
    raise ImproperlyConfigured(f"EVALSITE_ENV={ENVIRONMENT!r} is neither local nor production")
PRODUCTION = ENVIRONMENT == "production"

DEBUG = env.flag("DEBUG", default=False)
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", [] if PRODUCTION else ["localhost", "127.0.0.1", "[::1]"])
SECRET_KEY = env.text("SECRET_KEY") or ("" if PRODUCTION else boot.local_secret_key(DATA_DIR))
FIELD_KEYS = boot.field_keys(env.words("FIELD_KEYS"), data_dir=DATA_DIR, production=PRODUCTION)
boot.refuse_unsafe(secret_key=SECRET_KEY, debug=DEBUG, hosts=ALLOWED_HOSTS, production=PRODUCTION)

INSTALLED_APPS = [
    "evalsite.platform",
    "annotations",
    "experiments",
    "axes",
    "corsheaders",
    "csp",
    "django_htmx",
    "template_partials.apps.SimpleAppConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
]

MIDDLEWARE = [
    "evalsite.platform.middleware.request_id",
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "evalsite.platform.middleware.content_policy",
    "evalsite.platform.middleware.private_pages",
    "evalsite.platform.middleware.outlive_database_restarts",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "evalsite.platform.middleware.lead_on_the_whole_page",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "evalsite.urls"
WSGI_APPLICATION = "evalsite.wsgi.application"

TEMPLATE_LOADERS = [
    "django.template.loaders.filesystem.Loader",
    "django.template.loaders.app_directories.Loader",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    TEMPLATE_LOADERS if DEBUG else [("django.template.loaders.cached.Loader", TEMPLATE_LOADERS)],
                )
            ],
            "builtins": ["template_partials.templatetags.partials"],
        },
    }
]

DATABASES = {"default": env.database(env.text("DATABASE_URL") or embedded.database_url(DATA_DIR))}
PREPARED_STATEMENTS = env.flag("PREPARED_STATEMENTS", default=True)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "platform.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "evalsite.platform.roles.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"

# Rate-limited login: five wrong passwords for one name from one address lock that pair for a quarter of an hour.
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_CLIENT_IP_CALLABLE = "evalsite.platform.client_address.client_address"
AXES_LOCKOUT_TEMPLATE = "platform/locked_out.html"
AXES_HTTP_RESPONSE_CODE = 429
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
USE_THOUSAND_SEPARATOR = False

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True

# Uploads go to a temporary file while they arrive and into the database in chunks; only the form fields count here.
FILE_UPLOAD_HANDLERS = ["evalsite.platform.capped_upload.CappedUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
UPLOAD_MAX_BYTES = env.number("UPLOAD_MAX_MB", 4096) * 1024 * 1024

# Of one token; what comes above is answered with 429 and Retry-After.
API_REQUESTS_PER_MINUTE = env.number("API_REQUESTS_PER_MINUTE", 600)
# The same of what production sends: events, assignments and gateway calls.
EVENTS_PER_MINUTE = env.number("EVENTS_PER_MINUTE", 300_000)

# Pages of client applications, each origin in full, may call these addresses of the API with a token, never a cookie.
CLIENT_ORIGINS = boot.client_origins(env.words("CLIENT_ORIGINS"), production=PRODUCTION)
CORS_ALLOWED_ORIGINS = CLIENT_ORIGINS
CORS_URLS_REGEX = r"^/api/v1/(events|assign|live-tests/[-a-zA-Z0-9_]+/plan)$"
CORS_ALLOW_METHODS = ["GET", "POST"]
CORS_ALLOW_HEADERS = ["authorization", "content-type"]
CORS_EXPOSE_HEADERS = ["retry-after"]
CORS_PREFLIGHT_MAX_AGE = 3600

# Model calls that one web process relays at once. Each holds one of its threads for as long as the model takes.
GATEWAY_CALLS_AT_ONCE = env.number("GATEWAY_CALLS_AT_ONCE", 2)

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_ENGINE = "evalsite.platform.sessions"
SESSION_COOKIE_AGE = 14 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "evalsite.platform.views.errors.csrf_failure"
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS")

# Behind TLS in production; HTTPS=0 is for a production start on a private network without it.
HTTPS = env.flag("HTTPS", default=PRODUCTION)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
# A proxy of ours ends TLS and says whom it speaks for; TRUSTED_PROXIES are further ones before it.
TRUST_PROXY = env.flag("TRUST_PROXY", default=False)
TRUSTED_PROXIES = env.words("TRUSTED_PROXIES")
if TRUST_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Outbound calls go to public addresses only, and to what the operator names here.
ENDPOINT_ALLOWED_HOSTS = boot.allowed_hosts(env.words("ENDPOINT_ALLOWED_HOSTS"))

# Celery only wakes work up: ids in JSON, no results, late acknowledgement, one message at a time.
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL") or embedded.broker_url(DATA_DIR)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {
        "visibility_timeout": 6 * 3600,
        "unacked_restore_interval": 2,
        "unacked_restore_throttle": 1,
        "socket_connect_timeout": 3,
        "max_retries": 1,
    }
    if CELERY_BROKER_URL.startswith(("redis", "valkey"))
    else {}
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
# Jobs may take hours, so they have a queue of their own; sweeps, leases, results and quick jobs never wait behind them.
CELERY_TASK_QUEUES = [Queue(name, Exchange(name), routing_key=name) for name in ("quick", "long")]
CELERY_TASK_DEFAULT_QUEUE = "quick"
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# Every schedule is a short interval, so beat keeps nothing on disk that a kill could break.
CELERY_BEAT_SCHEDULER = "celery.beat:Scheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep jobs": {"task": "evalsite.platform.sweep", "schedule": schedule(5.0), "options": {"expires": 5}},
    "release expired leases": {
        "task": "annotations.release_expired",
        "schedule": schedule(60.0),
        "options": {"expires": 60},
    },
    "refresh stale results": {
        "task": "experiments.refresh_stale_results",
        "schedule": schedule(10.0),
        "options": {"expires": 10},
    },
    "wake idle runs": {
        "task": "experiments.wake_idle_runs",
        "schedule": schedule(10.0),
        "options": {"expires": 10},
    },
    "compare finished runs": {
        "task": "experiments.compare_finished_runs",
        "schedule": schedule(5.0),
        "options": {"expires": 5},
    },
    "gather due evidence": {
        "task": "experiments.gather_due_evidence",
        "schedule": schedule(5.0),
        "options": {"expires": 5},
    },
    "fold waiting events": {
        "task": "experiments.fold_waiting_events",
        "schedule": schedule(5.0),
        "options": {"expires": 5},
    },
    "refresh stale live results": {
        "task": "experiments.refresh_stale_live_results",
        "schedule": schedule(5.0),
        "options": {"expires": 5},
    },
    "advance pipelines": {
        "task": "experiments.advance_pipelines",
        "schedule": schedule(3.0),
        "options": {"expires": 3},
    },
    "deliver hooks": {
        "task": "experiments.deliver_hooks",
        "schedule": schedule(3.0),
        "options": {"expires": 3},
    },
    "drop unneeded bytes": {
        "task": "experiments.drop_unneeded_bytes",
        "schedule": schedule(5.0),
        "options": {"expires": 5},
    },
    "drop refused events": {
        "task": "experiments.drop_refused_events",
        "schedule": schedule(300.0),
        "options": {"expires": 300},
    },
}
JOB_LEASE_SECONDS = env.number("JOB_LEASE_SECONDS", 15)
JOB_MAX_DELIVERIES = 3

# A benchmark run is worked on by so many jobs at once, and repeats failed calls after pauses that double.
RUN_LANES = env.number("RUN_LANES", 2)
RUN_BACKOFF_SECONDS = env.number("RUN_BACKOFF_MS", 1000) / 1000
RUN_BACKOFF_MOST_SECONDS = float(env.number("RUN_BACKOFF_MOST_SECONDS", 60))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"request_id": {"()": "evalsite.platform.logs.RequestIdFilter"}},
    "formatters": {
        "json": {"()": "evalsite.platform.logs.JsonFormatter"},
        "line": {"()": "evalsite.platform.logs.LineFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "filters": ["request_id"],
            "formatter": env.text("LOG_FORMAT", "json" if PRODUCTION else "line"),
        }
    },
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "INFO")},
    "loggers": {"django.security.DisallowedHost": {"level": "CRITICAL"}, "axes": {"level": "WARNING"}},
}
SILENCED_SYSTEM_CHECKS = ["axes.W003"]
