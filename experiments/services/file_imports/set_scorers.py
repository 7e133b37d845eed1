"""How the outputs to an eval set are scored: a list of scorers with parameters, checked and in one form."""

from collections.abc import Mapping, Sequence
from typing import Any

from experiments.scorers import registry
from experiments.scorers.base import BadParams
from experiments.services.file_imports.shapes import ImportRefused

Scorers = list[dict[str, Any]]


def settled(given: Sequence[Any]) -> Scorers:
    """Each with its name, what differs from its default parameters, a key and whether it is primary.

    Raises ImportRefused.
    """
    found = [one(each) for each in given]
    keys = [each["key"] for each in found]
    for key in keys:
        if keys.count(key) > 1:
            raise ImportRefused(f"Two scorers have the key {key!r}: give each its own.")
    return found


def one(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or not isinstance(given.get("scorer"), str):
        raise ImportRefused('A scorer is {"scorer": name, "params": {…}, "primary": true or false}.')
    name, params = given["scorer"], given.get("params", {})
    try:
        scorer = registry.get(name)
        whole, usual = scorer.settled(params), {param.name: param.default for param in scorer.params}
        scorer.bind(params)
    except (registry.NoSuchScorer, BadParams) as problem:
        raise ImportRefused(str(problem)) from None
    return {
        "scorer": name,
        "params": {key: value for key, value in whole.items() if value != usual[key]},
        "key": str(given.get("key") or name),
        "primary": bool(given.get("primary", False)),
    }


def suggested(checked: Mapping[str, Any]) -> Scorers:
    """By what the dry run saw in the cases."""
    sample = checked.get("expected_sample", [])
    return settled(registry.suggested(list(checked.get("checks_seen", {})), bool(checked.get("n_expected")), sample))
