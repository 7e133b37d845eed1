"""`manage.py demo`: the whole site with the shipped example and one account per role."""

import secrets

from django.core.management import call_command
from django.db import connections

from evalsite.platform import invitations
from evalsite.platform.management.commands import up
from evalsite.platform.models import User
from evalsite.platform.supervision.supervisor import say

DEMO_ROLES = ("reviewer", "admin", "lead")


class Command(up.Command):
    help = "Like up, with the example experiment and one account per role."

    def prepare_content(self) -> None:
        self.passwords = make_missing_accounts()
        say("up     | loading the example experiment")
        try:
            call_command("load_demo")
        except BaseException:
            # The accounts stay, so their passwords must not be lost with this start.
            say(password_table(self.passwords))
            raise
        connections.close_all()

    def announce(self, address: str) -> None:
        say(f"\nEvalsite is at {address}   (Ctrl-C stops it)\n")
        if self.passwords:
            say(password_table(self.passwords))
            say("They are shown this once.\n")
        else:
            say("The accounts reviewer, admin and lead got their passwords at the first start.")
            say("Set a new one with: .venv/bin/python manage.py changepassword reviewer\n")


def make_missing_accounts() -> dict[str, str]:
    """Names and passwords of the accounts made now."""
    passwords = {}
    for role in DEMO_ROLES:
        if not User.objects.filter(username=role).exists():
            passwords[role] = secrets.token_urlsafe(9)
            invitations.create_person(username=role, password=passwords[role], roles=[role])
    return passwords


def password_table(passwords: dict[str, str]) -> str:
    return "\n".join(f"  name {name:<10} password {password}" for name, password in passwords.items())
