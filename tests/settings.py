"""Settings of a test run: its own folder, its own servers, nothing taken from the developer's environment."""

import os
import tempfile
from pathlib import Path

for name in (
    "EVALSITE_ENV",
    "SECRET_KEY",
    "DEBUG",
    "ALLOWED_HOSTS",
    "HTTPS",
    "TRUST_PROXY",
    "TRUSTED_PROXIES",
    "FIELD_KEYS",
):
    os.environ.pop(name, None)

# The first process of the run makes the folder; xdist workers and subprocesses inherit its name.
if "EVALSITE_TEST_DIR" not in os.environ:
    folder = tempfile.mkdtemp(prefix="evalsite-test-")
    Path(folder).chmod(0o755)
    os.environ["EVALSITE_TEST_DIR"] = folder
os.environ["EVALSITE_DATA_DIR"] = os.environ["EVALSITE_TEST_DIR"]
Path(os.environ["EVALSITE_TEST_DIR"], "static").mkdir(exist_ok=True)

# The model servers of tests.
os.environ["ENDPOINT_ALLOWED_HOSTS"] = "127.0.0.1"

from evalsite.settings import *  # noqa: E402, F403

ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
