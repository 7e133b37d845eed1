"""The WSGI application granian serves."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "evalsite.settings")

application = get_wsgi_application()

# Every page and address is loaded before the first request asks, and the garbage collector never walks it again.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
