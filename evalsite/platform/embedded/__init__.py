"""Starts and stops the bundled PostgreSQL and Valkey; knows no Django.

Where they listen follows from the data folder alone, so any command in a second terminal finds running servers.
"""

from evalsite.platform.embedded.errors import EmbeddedError
from evalsite.platform.embedded.paths import Paths, default_data_dir
from evalsite.platform.embedded.servers import Servers, broker_url, database_url

__all__ = ["EmbeddedError", "Paths", "Servers", "broker_url", "database_url", "default_data_dir"]
