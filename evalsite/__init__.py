"""Wiring, and the ground both apps stand on."""

import gc

# Starting, migrating and answering make objects by the hundred thousand, and next to no garbage that counting does
# not find: looking for some after every 700 of them took a quarter of the time of a start.
gc.set_threshold(50_000, 10, 10)

from evalsite.celery import app as celery_app  # noqa: E402

__all__ = ["celery_app"]
