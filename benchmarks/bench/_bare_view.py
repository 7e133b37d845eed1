"""The yardstick: a Django view without middleware, session or template that inserts one row and selects it."""

import os

import django
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import path

TABLE = "CREATE TABLE IF NOT EXISTS bench_bare (id bigserial PRIMARY KEY, said text NOT NULL)"


def bare(request: HttpRequest) -> HttpResponse:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_bare (said) VALUES (%s) RETURNING id", [request.POST.get("choice", "")])
        cursor.execute("SELECT id, said FROM bench_bare WHERE id = %s", cursor.fetchone())
        number, said = cursor.fetchone()
    return HttpResponse(f"{number} {said}")


def healthz(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


urlpatterns = [path("bare", bare), path("healthz", healthz)]

if os.environ.get("EVALSITE_BARE_VIEW"):
    django.setup(set_prefix=False)

    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler

    settings.MIDDLEWARE = []
    settings.ROOT_URLCONF = __name__
    application = WSGIHandler()
