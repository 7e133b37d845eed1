"""Sessions in the database, read by a prepared statement: it runs at every request."""

from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone

from evalsite.platform import prepared

LIVE_SESSION = """
SELECT session_data FROM django_session WHERE session_key = %(key)s AND expire_date > %(now)s
"""


class SessionStore(db.SessionStore):
    def load(self) -> dict[str, Any]:
        found = prepared.fetch(LIVE_SESSION, {"key": self.session_key, "now": timezone.now()})
        if not found:
            self._session_key = None
            return {}
        return self.decode(found[0][0])
