"""Settings of the site's own processes in browser tests: the real ones, with passwords that are quick to check."""

from evalsite.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
