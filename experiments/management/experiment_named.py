"""How commands name an experiment: by its number, or by its name."""

from django.core.management.base import CommandError

from experiments.models import Experiment


def experiment_named(said: str) -> Experiment:
    rows = Experiment.objects.select_related("baseline", "candidate")
    found = rows.filter(name=said).first()
    if found is None and said.isascii() and said.isdigit() and len(said) < 19:
        found = rows.filter(pk=int(said)).first()
    if found is None:
        raise CommandError(f"There is no experiment {said!r}. Name one by its name, or by the number in its address.")
    return found
