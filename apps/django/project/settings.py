"""Settings: https://docs.djangoproject.com/en/4.2/ref/settings/."""

from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent

# A real project reads its key from its environment, and keeps it to itself.
SECRET_KEY = "not a secret: the golden responses are public"
DEBUG = False
ALLOWED_HOSTS = ["matrix.test", "localhost", "127.0.0.1"]
ROOT_URLCONF = "project.urls"
USE_TZ = True

# No CsrfViewMiddleware: the scenario's clients are no browsers, and carry no token.
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "templates"]}]

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "static"

# No database: a session is what the client's signed cookie says.
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
SESSION_EXPIRE_AT_BROWSER_CLOSE = True

# Without it, nobody hears of an exception in a view: Django's default is to mail it.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "ERROR"},
}
