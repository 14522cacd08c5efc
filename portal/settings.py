"""Django settings, read from the environment (`.env.example` explains each variable).

Three modes: `production` has safe defaults and demands what it can't guess; `development` and
`demo` loosen them for loopback. Bad combinations are system checks in `portal/checks.py`.
"""

from pathlib import Path
from urllib.parse import urlsplit

from celery.schedules import crontab
from django.utils.csp import CSP

from portal import environment

BASE_DIR = Path(__file__).resolve().parent.parent

PORTAL_MODE = environment.choice(
    "PORTAL_MODE", ("production", "development", "demo"), "development"
)
PRODUCTION = PORTAL_MODE == "production"
DEMO = PORTAL_MODE == "demo"
DEBUG = environment.flag("DEBUG", default=False)

# Where the portal is reached; agents and mails are given it, and its host is never captured.
PORTAL_ORIGIN = environment.origin("PORTAL_ORIGIN", None if PRODUCTION else "http://127.0.0.1:8000")
PORTAL_HOST = urlsplit(PORTAL_ORIGIN).hostname or ""
HTTPS = PORTAL_ORIGIN.startswith("https://")

# Files that are not in the database: keys, the demo's servers and mail.
VAR_DIR = environment.folder("VAR_DIR", BASE_DIR / "var")
KEYS_DIR = environment.folder("KEYS_DIR", VAR_DIR / "keys")

SECRET_KEY = environment.text("SECRET_KEY", None if PRODUCTION else "development-only-" + "x" * 50)
SECRET_KEY_FALLBACKS = environment.words("SECRET_KEY_FALLBACKS", "")
ALLOWED_HOSTS = environment.words(
    "ALLOWED_HOSTS", ",".join({PORTAL_HOST, "127.0.0.1", "localhost"})
)
CSRF_TRUSTED_ORIGINS = [PORTAL_ORIGIN]

# Applications

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",  # its widgets, for the renderer below
    "allauth",
    "allauth.account",
    "django_htmx",
    "consent_app.audit",
    "consent_app.people",
    "consent_app.notifications",
    "consent_app.access",
    "consent_app.contacts",
    "consent_app.register",
    "consent_app.restrictions",
    "consent_app.erasure",
    "consent_app.devices",
    "consent_app.ledger",
    "exemptions",
    "portal",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.sessions.SessionsEnd",
    # Every page asks for sign-in unless it says otherwise.
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.ReadersTimeZone",
    "portal.middleware.PrivatePages",
]

ROOT_URLCONF = "portal.urls"
ASGI_APPLICATION = "portal.asgi.application"
WSGI_APPLICATION = "portal.wsgi.application"

# `{{ form }}` renders through templates/components/form.html.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.navigation",
            ],
        },
    },
]

# Database, cache, broker

DATABASES = {
    "default": environment.postgresql(
        "DATABASE_URL", None if PRODUCTION else "postgresql://portal@127.0.0.1:1/consent_portal"
    )
}
DATABASES["default"]["OPTIONS"] |= {
    "connect_timeout": 2,
    # Each process names itself, so that the page about the service can count them.
    "application_name": environment.process_name(),
}
DATABASE_POOL_SIZE = environment.integer("DATABASE_POOL_SIZE", 10, least=0, most=500)
if DATABASE_POOL_SIZE:
    DATABASES["default"]["OPTIONS"]["pool"] = {
        "min_size": 1,
        "max_size": DATABASE_POOL_SIZE,
        "timeout": 2.5,
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# The cache holds sign-in rate limits. It lives in the database: a broker that is away must not
# keep anybody from signing in, and all processes share it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "cache_entry",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

CELERY_BROKER_URL = environment.text(
    "CELERY_BROKER_URL", None if PRODUCTION else "redis://127.0.0.1:1/0"
)
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 60
CELERY_TASK_TIME_LIMIT = 90
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
# A decision must not wait for a broker that is away: two quick tries; the sweeper does the rest.
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A killed worker's task comes back after this long; the sweeper is the guarantee, not this.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "socket_timeout": 2,
    "socket_connect_timeout": 2,
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {
    "note-pulse": {"task": "portal.note_pulse", "schedule": 30.0},
    "sweep-notifications": {"task": "notifications.sweep", "schedule": 15.0},
    "keep-time-of-requests": {"task": "exemptions.keep_time", "schedule": 60.0},
    "keep-policies": {"task": "devices.keep_policies", "schedule": 60.0},
    # How often another filter is built at most, and how soon an objection counts.
    "keep-counterparties": {"task": "devices.keep_counterparties", "schedule": 50.0},
    "sweep-contact-mails": {"task": "contacts.sweep", "schedule": 15.0},
    "remind-of-ends": {"task": "restrictions.remind_of_ends", "schedule": 20.0},
    "announce-register": {"task": "register.announce", "schedule": 300.0},
    "send-digests": {"task": "exemptions.send_digests", "schedule": crontab(minute="*/15")},
    "keep-days-of-the-ledger": {
        "task": "ledger.keep_days",
        "schedule": crontab(hour=2, minute=40),
    },
    "note-erasures-told": {"task": "devices.note_erasures_told", "schedule": 60.0},
    "send-erasures": {"task": "erasure.sweep", "schedule": 15.0},
    "keep-time-of-erasures": {"task": "erasure.keep_time", "schedule": 60.0},
    "keep-copies-of-data": {"task": "access.sweep", "schedule": 60.0},
    "forget-notifications": {
        "task": "notifications.forget",
        "schedule": crontab(hour=3, minute=20),
    },
}

# People

AUTH_USER_MODEL = "people.Employee"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "portal.sign_in.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # addresses come from the directory
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_SESSION_REMEMBER = False
# Per address generous: a whole office may stand behind one. Per account strict.
ACCOUNT_RATE_LIMITS = {"login": "300/m/ip", "login_failed": "100/m/ip,5/5m/key"}
# allauth's own generator would keep copies of the addresses.
ACCOUNT_PASSWORD_RESET_TOKEN_GENERATOR = "django.contrib.auth.tokens.PasswordResetTokenGenerator"
PASSWORD_RESET_TIMEOUT = 60 * 60
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
# For how long a password that was given again opens what is confidential (portal.lib.step_up).
STEP_UP_SECONDS = 10 * 60

SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "portal.views.csrf_failure"

# Language and time: stored in UTC, shown in each reader's own zone

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# Transport and browser

SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 2 * 365 * 24 * 60 * 60 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrf"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Only a proxy of ours may say that a request came by https; docs/operations.md shows its lines.
BEHIND_PROXY = environment.flag("BEHIND_PROXY", default=False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "font-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "frame-ancestors": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "manifest-src": [CSP.SELF],
}

# What somebody attaches never touches the disk before it is encrypted: all of a body stays in
# memory, and portal/lib/limited_bodies.py lets none in that is larger.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
FILE_UPLOAD_MAX_MEMORY_SIZE = 11 * 1024 * 1024  # a file of 10 MiB and the form around it

# Static files

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = environment.folder("STATIC_ROOT", VAR_DIR / "static") if PRODUCTION else None
WHITENOISE_USE_FINDERS = not PRODUCTION
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Mail

MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": environment.text("EMAIL_HOST", None if PRODUCTION else "localhost"),
            "port": environment.integer("EMAIL_PORT", 587, least=1, most=65535),
            "username": environment.text("EMAIL_USER", ""),
            "password": environment.text("EMAIL_PASSWORD", ""),
            "use_tls": environment.flag("EMAIL_TLS", default=True),
            "timeout": 10,
        },
    }
    if PRODUCTION
    else {
        "BACKEND": "django.core.mail.backends.filebased.EmailBackend",
        "OPTIONS": {"file_path": str(VAR_DIR / "mail")},
    }
}
DEFAULT_FROM_EMAIL = environment.text("MAIL_FROM", f"Consent Portal <portal@{PORTAL_HOST}>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# The copy of everything that is held about somebody: what each room adds, in the order of reading
ACCESS_SECTIONS = [
    "consent_app.people.access.section",
    "portal.held.sign_in_section",
    "consent_app.devices.access.section",
    "consent_app.restrictions.access.section",
    "consent_app.register.access.section",
    "exemptions.access.section",
    "consent_app.ledger.access.section",
    "consent_app.erasure.access.section",
    "consent_app.contacts.access.section",
    "consent_app.notifications.access.section",
    "consent_app.access.access.section",
    "portal.held.records_section",
]

# The policy

FRESHNESS_MINUTES = environment.integer("FRESHNESS_MINUTES", 15, least=1, most=60)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": environment.text("LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "django.server": {"propagate": True}},
}
