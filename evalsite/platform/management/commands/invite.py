"""`manage.py invite --role ROLE`: an invitation link, as the people page makes it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse
from django.utils import timezone

from evalsite.platform import invitations
from evalsite.platform.models import Role, User


class Command(BaseCommand):
    help = "Make an invitation link that works once, for seven days."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--role", action="append", required=True, choices=Role.values, help="may be repeated")
        parser.add_argument("--note", default="", help="for whom it is")
        parser.add_argument("--by", default="", help="the admin who invites (default: the first one)")
        parser.add_argument("--site", default="http://localhost:8000", help="address of the site (%(default)s)")

    def handle(self, *args: Any, role: list[str], note: str, by: str, site: str, **options: Any) -> None:
        admins = User.objects.having_role(Role.ADMIN).filter(is_active=True).order_by("pk")
        host = (admins.filter(username=by) if by else admins).first()
        if host is None:
            raise CommandError("No such admin. Make one first: manage.py create_user NAME --role admin")
        _, token = invitations.invite(invited_by=host, roles=role, note=note, now=timezone.now())
        self.stdout.write(site.rstrip("/") + reverse("accept_invitation", args=[token]))
