#!/usr/bin/env python
"""Every administrative act, from the command line."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db import OperationalError, connection


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalsite.settings")
    try:
        execute_from_command_line(sys.argv)
    except OperationalError as error:
        if connection.connection is not None or "--traceback" in sys.argv:
            raise
        sys.exit(
            f"The database does not answer: {str(error).strip()}\n"
            "Start the site with make up or make demo in another window, or set DATABASE_URL."
        )


if __name__ == "__main__":
    main()
