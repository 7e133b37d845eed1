"""Telling a lost database connection from a query the database refused."""

from django.db import InterfaceError, OperationalError, connection


def is_lost_connection(error: BaseException | None) -> bool:
    return isinstance(error, (OperationalError, InterfaceError)) and not connection_answers()


def connection_answers() -> bool:
    """A lock time-out or a full disk leaves the connection good; a killed server does not."""
    try:
        return connection.connection is not None and connection.is_usable()
    except (OperationalError, InterfaceError):
        return False
