"""Which scorers a run is scored by: what was asked for, checked, and kept as its rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from django.db import connection

from experiments.models import BenchmarkRun, EvalSet, RunScorer
from experiments.scorers import registry
from experiments.scorers.base import BadParams, Scorer

MOST_SCORERS = 30
ANSWERS_LOOKED_AT = 200
KNOWN_FIELDS = {"scorer", "params", "key", "primary"}
CHECKS_SEEN = """
SELECT DISTINCT jsonb_object_keys(checks) FROM experiments_evalcase
WHERE eval_set_id = %s AND checks <> '{}' ORDER BY 1
"""


class ScorersRefused(Exception):
    """What was asked for cannot be applied, for a reason its sender can read."""


@dataclass(frozen=True)
class Chosen:
    key: str
    scorer: Scorer
    params: dict[str, Any]
    fingerprint: str
    is_primary: bool


def chosen(config: Sequence[Mapping[str, Any] | str]) -> list[Chosen]:
    """What a list of names, or of {"scorer", "params", "key", "primary"}, asks for. Raises ScorersRefused.

    Where none is said to be primary, the first with a pass mark is.
    """
    if not config:
        raise ScorersRefused("Name at least one scorer.")
    if len(config) > MOST_SCORERS:
        raise ScorersRefused(f"A run is scored by at most {MOST_SCORERS} scorers, not {len(config)}.")
    found = [one(entry) for entry in config]
    refuse_repeated("key", [entry.key for entry in found])
    refuse_repeated("scorer with the same parameters", [entry.fingerprint for entry in found])
    if any(entry.is_primary for entry in found):
        return found
    first = next((place for place, entry in enumerate(found) if entry.scorer.has_pass_mark), 0)
    return [
        Chosen(entry.key, entry.scorer, entry.params, entry.fingerprint, is_primary=place == first)
        for place, entry in enumerate(found)
    ]


def one(entry: Mapping[str, Any] | str) -> Chosen:
    asked: Any = {"scorer": entry} if isinstance(entry, str) else entry
    if not isinstance(asked, Mapping) or not isinstance(asked.get("scorer"), str):
        raise ScorersRefused('Each scorer is a name, or an object with "scorer" and "params".')
    if unknown := sorted(set(asked) - KNOWN_FIELDS):
        raise ScorersRefused(f"{asked['scorer']}: there is no field {unknown[0]!r}.")
    params, key = asked.get("params") or {}, asked.get("key") or asked["scorer"]
    if not isinstance(params, Mapping) or not isinstance(key, str) or len(key) > 120:
        raise ScorersRefused(f"{asked['scorer']}: params is an object, and key a text of at most 120 letters.")
    params, key = storable(params, asked["scorer"]), str(storable(key, asked["scorer"]))
    try:
        scorer = registry.get(asked["scorer"])
        scorer.bind(params)
        settled = scorer.settled(params)
        return Chosen(key, scorer, settled, registry.fingerprint(scorer, settled), bool(asked.get("primary")))
    except (registry.NoSuchScorer, BadParams) as refusal:
        raise ScorersRefused(str(refusal)) from refusal


def storable(value: Any, scorer: str) -> Any:
    """As JSON gives it back. Raises ScorersRefused for what the database cannot hold."""
    try:
        text = orjson.dumps(value)
    except TypeError:
        raise ScorersRefused(f"{scorer[:50]!r}: a text that is not Unicode, or a number too long to keep.") from None
    if b"\\u0000" in text:
        raise ScorersRefused(f"{scorer[:50]!r}: a NUL character stands in it.")
    return orjson.loads(text)


def refuse_repeated(what: str, values: Sequence[str]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ScorersRefused(f"The same {what} stands there twice" + (f": {repeated[0]}." if what == "key" else "."))


def of_set(eval_set: EvalSet) -> list[Chosen]:
    """What the set itself says, else what suits its cases. Raises ScorersRefused where nothing does."""
    if eval_set.scorers:
        return chosen(eval_set.scorers)
    with connection.cursor() as cursor:
        cursor.execute(CHECKS_SEEN, [eval_set.pk])
        seen: Collection[str] = [key for (key,) in cursor.fetchall()]
    with_answer = eval_set.cases.exclude(expected="").order_by("position")
    sample = list(with_answer.values_list("expected", flat=True)[:ANSWERS_LOOKED_AT])
    suggested = registry.suggested(seen, has_expected=bool(sample), expected_sample=sample)
    if not suggested:
        raise ScorersRefused(f"No case of {eval_set} says what is right, so name the scorers to use.")
    return chosen(suggested)


def attach(*, run: BenchmarkRun, scorers: Sequence[Chosen]) -> None:
    """From now on the run is scored by these; others it was scored by are kept, but not current any more."""
    RunScorer.objects.filter(run=run, is_current=True).update(is_current=False)
    kept = {row.fingerprint: row for row in RunScorer.objects.filter(run=run)}
    for entry in scorers:
        row = kept.get(entry.fingerprint) or RunScorer(
            run=run,
            scorer=entry.scorer.name,
            version=entry.scorer.version,
            params=entry.params,
            fingerprint=entry.fingerprint,
        )
        row.key, row.is_primary, row.is_current = entry.key, entry.is_primary, True
        row.save()
