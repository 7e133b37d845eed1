"""`manage.py create_user NAME --role ROLE`: the first account, and any other that needs no invitation."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from evalsite.platform import audit, invitations, people
from evalsite.platform.models import Role, User


class Command(BaseCommand):
    help = "Make an account. Prints a random password unless one comes by standard input."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--role", action="append", required=True, choices=Role.values, help="may be repeated")
        parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")

    def handle(self, *args: Any, name: str, role: list[str], password_stdin: bool, **options: Any) -> None:
        password = sys.stdin.readline().rstrip("\r\n") if password_stdin else people.random_password()
        refuse_bad(name, password)
        with transaction.atomic():
            invitations.create_person(username=name, password=password, roles=role)
            audit.record(
                actor=None, action="person.created", subject=name, details={"roles": sorted(role)}, now=timezone.now()
            )
        self.stdout.write(f"{name} can log in as {' and '.join(sorted(role))}.")
        if not password_stdin:
            self.stdout.write(f"Password, shown this once: {password}")


def refuse_bad(name: str, password: str) -> None:
    user = User(username=name)
    try:
        User._meta.get_field("username").clean(name, user)
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    if User.objects.filter(username__iexact=name).exists():
        raise CommandError(f"There is an account {name} already.")
