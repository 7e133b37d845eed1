"""A database that ends our connection and goes on serving."""

import psycopg
from django.db import connection


def lose_the_database() -> None:
    """As a restarting server does it: the next statement on this connection fails."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [pid])
