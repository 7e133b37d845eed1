"""Sessions in the database, read by a prepared statement: it runs at every request."""

from copy import deepcopy
from functools import lru_cache
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

from evalsite.platform import prepared

LIVE_SESSION = """
SELECT session_data FROM django_session WHERE session_key = %(key)s AND expire_date > %(now)s
"""
SESSIONS_REMEMBERED = 1024


class SessionStore(db.SessionStore):
    def load(self) -> dict[str, Any]:
        found = prepared.fetch(LIVE_SESSION, {"key": self.session_key, "now": timezone.now()})
        if not found:
            self._session_key = None
            return {}
        return deepcopy(decoded(found[0][0]))


@lru_cache(maxsize=SESSIONS_REMEMBERED)
def decoded(session_data: str) -> dict[str, Any]:
    """What was signed stays as it is, so its signature is checked and its text read once per process."""
    return SessionStore().decode(session_data)
