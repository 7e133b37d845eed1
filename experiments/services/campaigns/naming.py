"""A reviewer must not learn from a campaign's words which models it compares."""

import re
from collections.abc import Iterable

from experiments.models import Experiment


class NamesAModel(Exception):
    """The message says which name stands where."""


def refuse_model_names(*, experiment: Experiment, texts: Iterable[tuple[str, str]]) -> None:
    """texts: (what it is, what it says). Whole words only, so that a model called "a" forbids no sentence."""
    for model in (experiment.baseline, experiment.candidate):
        pattern = re.compile(rf"(?<!\w){re.escape(model.name.strip())}(?!\w)", re.IGNORECASE)
        for what, text in texts:
            if len(model.name.strip()) > 1 and pattern.search(text):
                raise NamesAModel(
                    f"{what} names the model “{model.name}”. Reviewers would know what they compare: leave it out."
                )
