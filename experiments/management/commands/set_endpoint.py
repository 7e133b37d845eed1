"""`manage.py set_endpoint NAME --base-url URL`: enter an endpoint or change it, as its page does."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import uuid4

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.endpoints.errors import CallError
from experiments.models import Endpoint
from experiments.services import endpoints, keys
from experiments.services.endpoints import EndpointDraft

LARGEST = {"max_concurrency": 1000, "timeout_seconds": 3600, "max_attempts": 20, "max_response_bytes": 64 * 1024 * 1024}
WAYS_OUT = {"same_models": "Add --same-models if they do; if not, enter a new endpoint under a name of its own."}


class Command(BaseCommand):
    help = "Enter an endpoint, or change what is named of one that is there. The key is read from standard input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--base-url", help="up to and with /v1; needed for a new one")
        parser.add_argument(
            "--same-models", action="store_true", help="the models that versions call answer at the new address too"
        )
        parser.add_argument("--key-stdin", action="store_true", help="read the API key from standard input")
        for option in ("max-concurrency", "timeout-seconds", "max-attempts", "max-response-bytes"):
            parser.add_argument(f"--{option}", type=number_up_to(LARGEST[option.replace("-", "_")]), metavar="N")
        parser.add_argument("--requests-per-minute", type=number_up_to(1_000_000), metavar="N")
        parser.add_argument("--tokens-per-minute", type=number_up_to(2_000_000_000), metavar="N")
        parser.add_argument("--price-per-million-input", type=price, metavar="PRICE")
        parser.add_argument("--price-per-million-output", type=price, metavar="PRICE")
        parser.add_argument("--currency", help="three letters, like EUR")

    def handle(self, *, name: str, key_stdin: bool, same_models: bool, **given: Any) -> None:
        known = {field.name for field in fields(EndpointDraft)}
        said = {option: value for option, value in given.items() if option in known and value is not None}
        try:
            endpoint = self.stored(name, said, same_models=same_models)
            if key_stdin:
                keys.set_key(endpoint=endpoint, key=sys.stdin.read().strip(), actor=None, now=timezone.now())
                self.stdout.write("The key is stored, encrypted.")
        except endpoints.NotPossible as error:
            raise CommandError(" ".join([str(error), WAYS_OUT.get(error.field_name, "")]).rstrip()) from None
        except (CallError, keys.BadKey, keys.NoFieldKeys) as error:
            raise CommandError(str(error)) from None

    def stored(self, name: str, said: dict[str, Any], *, same_models: bool) -> Endpoint:
        now = timezone.now()
        found = Endpoint.objects.filter(name=name).first()
        if found is None:
            if "base_url" not in said:
                raise CommandError(f"There is no endpoint called {name}; give --base-url to enter it.")
            made = endpoints.create(token=uuid4(), draft=EndpointDraft(name=name, **said), created_by=None, now=now)
            self.stdout.write(f"Endpoint {name} is entered. Check it with: manage.py check_endpoint {name}")
            return made
        as_it_is = {field.name: getattr(found, field.name) for field in fields(EndpointDraft)}
        draft = EndpointDraft(**{**as_it_is, **said})
        if endpoints.change(endpoint=found, draft=draft, same_models=same_models, changed_by=None, now=now):
            self.stdout.write("Its key was erased, because it was given for another origin. Enter it anew.")
        self.stdout.write(f"Endpoint {name} is as asked.")
        return found


def number_up_to(largest: int) -> Any:
    def read(text: str) -> int:
        if not (text.isdecimal() and text.isascii() and 1 <= int(text) <= largest):
            raise ArgumentTypeError(f"{text!r} is not a number from 1 to {largest:,}")
        return int(text)

    return read


def price(text: str) -> Decimal:
    try:
        read = Decimal(text)
    except InvalidOperation:
        read = Decimal(-1)
    if not (read.is_finite() and 0 <= read <= 100_000):
        raise ArgumentTypeError(f"{text!r} is not a price from 0 to 100,000")
    return read
