"""`manage.py create_token NAME --user LEAD --scope read`: a token for a program, printed once."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from evalsite.platform import api_tokens
from evalsite.platform.models import ApiToken, User


class Command(BaseCommand):
    help = "Make a token for a program that uses the API. It is printed once and kept only as a hash."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what uses it")
        parser.add_argument("--user", required=True, help="lead or admin in whose name it acts")
        parser.add_argument("--scope", action="append", required=True, choices=ApiToken.Scope.values)
        parser.add_argument("--days", type=int, default=90, help="how long it works; 0 for until it is revoked")

    def handle(self, *args: Any, name: str, user: str, scope: list[str], days: int, **options: Any) -> None:
        person = User.objects.filter(username=user, is_active=True).first()
        if person is None or not person.has_role("lead", "admin"):
            raise CommandError(f"There is no active lead or admin named {user}.")
        if days < 0 or not 0 < len(name) <= 100:
            raise CommandError("A token has a name of at most 100 letters, and --days is not negative.")
        now = timezone.now()
        _, secret = api_tokens.make(
            name=name,
            scopes=sorted(set(scope)),
            expires_at=now + timedelta(days=days) if days else None,
            created_by=person,
            now=now,
        )
        self.stdout.write(secret)
