"""Finding an experiment by what a person types."""

from experiments.models import Experiment


class NoSuchExperiment(Exception):
    """Says what was looked for."""


def named(name_or_id: str) -> Experiment:
    """By name, else by number."""
    experiments = Experiment.objects.select_related("baseline", "candidate")
    found = experiments.filter(name=name_or_id).first()
    if found is None and name_or_id.isdecimal():
        found = experiments.filter(pk=int(name_or_id)).first()
    if found is None:
        raise NoSuchExperiment(f"There is no experiment {name_or_id!r}.")
    return found
