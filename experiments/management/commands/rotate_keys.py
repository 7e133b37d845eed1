"""`manage.py rotate_keys`: encrypt every stored API key anew with the first of FIELD_KEYS."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.services import keys


class Command(BaseCommand):
    help = (
        "Encrypt every stored API key anew with the first of FIELD_KEYS. "
        "Put the new key first in FIELD_KEYS, restart web and workers, run this, then drop the old key."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rotation = keys.rotate(actor=None, now=timezone.now())
        except keys.NoFieldKeys as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{rotation.rotated} key{'' if rotation.rotated == 1 else 's'} encrypted anew.")
        if rotation.unreadable:
            raise CommandError(
                f"These could not be read with any of FIELD_KEYS: {', '.join(rotation.unreadable)}. "
                "Add the key they were encrypted with and run this again, or enter their API keys anew."
            )
