"""Telling a lost database connection from a query the database refused."""

from django.db import InterfaceError, OperationalError, connection

# Said by a server that ends the connection or takes none now: shutdown, crash, start, time-outs of a session, too many.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
ENDS_THE_CONNECTION = {"57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "53300"}
CONNECTION_EXCEPTION = "08"


def is_lost_connection(error: BaseException | None) -> bool:
    """By what was said, not by the connection: where a transaction broke, Django has opened another one by now."""
    if isinstance(error, OperationalError):
        # The driver's own errors have no code: it found the connection broken, or could not open one.
        code = getattr(error.__cause__, "sqlstate", None)
        return code is None or code in ENDS_THE_CONNECTION or code.startswith(CONNECTION_EXCEPTION)
    return isinstance(error, InterfaceError) and not connection_answers()


def connection_answers() -> bool:
    try:
        return connection.connection is not None and connection.is_usable()
    except (OperationalError, InterfaceError):
        return False
