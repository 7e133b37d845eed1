"""A policy file, described as JSON Schema, so that editors complete it and programs check it."""

from collections.abc import Iterable
from typing import Any

from experiments import policy
from experiments.deciding import catalogue, reading


def schema() -> dict[str, Any]:
    """What `Policy.from_dict` reads. Some rules join fields and stand in no schema: it alone has the last word."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Evalsite policy",
        "type": "object",
        "additionalProperties": False,
        "required": ["title", "criteria"],
        "properties": {
            "version": {"const": policy.VERSION},
            "title": text(100, least=1),
            "criteria": {"type": "array", "minItems": 1, "maxItems": reading.MOST_CRITERIA, "items": criterion()},
            "improvement_threshold": {"type": "number", "description": "of the point rule: 0.05 is 5 points"},
            "max_error_share": {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
            "ignored_health": {
                "type": "array",
                "items": one_of(policy.HEALTH_CHECKS),
                "description": "checks whose failure is told but does not make the verdict INVALID",
            },
        },
    }


def criterion() -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["key", "title", "evidence", "comparison", "direction", "threshold"],
        "properties": {
            "key": {"type": "string", "pattern": f"^{reading.KEY.pattern}$", "not": {"const": policy.IMPROVEMENT}},
            "title": text(120, least=1),
            "evidence": evidence(),
            "comparison": one_of(catalogue.COMPARISONS),
            "direction": one_of(catalogue.BOUNDS),
            "threshold": {"type": "number", "description": "shares and relative changes as 0.05, ratios as 2"},
            "level": {"type": "number", "minimum": reading.LEAST_LEVEL, "maximum": reading.MOST_LEVEL},
            "rule": one_of(catalogue.RULES),
            "shown_beyond": {"type": ["number", "null"], "description": "by default the threshold itself"},
            "required": {"type": "boolean"},
            "unit": one_of(catalogue.UNITS),
        },
    }


def evidence() -> dict[str, Any]:
    metrics = {layer: list(known) for layer, known in catalogue.METRICS.items()}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["layer", "metric"],
        "properties": {
            "layer": one_of(catalogue.LAYERS),
            "metric": text(100, least=1),
            "role": one_of(("", *catalogue.ROLES)),
            "eval_set_id": {"type": ["integer", "null"], "minimum": 1},
            "scorer": text(120),
            "category": text(200),
            "campaign": text(36),
            "live_test": text(100),
        },
        "allOf": [
            {
                "if": {"properties": {"layer": {"const": layer}}},
                "then": {"properties": {"metric": one_of(names)}},
            }
            for layer, names in metrics.items()
            if layer != "live"
        ],
    }


def text(most: int, *, least: int = 0) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def one_of(values: Iterable[str]) -> dict[str, Any]:
    return {"enum": list(values)}
