"""JSON Schema without a network, without a pattern that backtracks, and without an end to the work.

The `$schema` of the schema decides its draft (3 to 2020-12); references reach what the schema itself holds, the
meta-schemas, and documents given along. `format` is an annotation, as the specification has it by default.

Patterns are matched by RE2 (see `ecma_patterns`). A schema with a pattern that RE2 cannot express is refused as a
whole, before the first value: half of it would be another schema. So are schemas inside it that name another draft,
and `unevaluatedProperties` beside `patternProperties`.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from fractions import Fraction
from functools import lru_cache, wraps
from itertools import islice
from math import isfinite
from typing import Any

import jsonschema
import referencing
from jsonschema import validators
from jsonschema.exceptions import SchemaError, ValidationError, _WrappedReferencingError
from referencing.jsonschema import specification_with

from experiments.scorers.ecma_patterns import translated
from experiments.scorers.patterns import BadPattern, Pattern, compiled
from experiments.scorers.shown import shown

DRAFTS = {
    "draft3": jsonschema.Draft3Validator,
    "draft4": jsonschema.Draft4Validator,
    "draft6": jsonschema.Draft6Validator,
    "draft7": jsonschema.Draft7Validator,
    "2019-09": jsonschema.Draft201909Validator,
    "2020-12": jsonschema.Draft202012Validator,
}
DEFAULT_DRAFT = "2020-12"
# What the library raises on keywords of another draft, which the draft's meta-schema lets pass.
MALFORMED = (AttributeError, KeyError, TypeError, ValueError)
MOST_STEPS = 250_000
MOST_ERRORS = 3
VALUES = ("const", "enum", "default", "examples")
NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")

_steps: ContextVar[list[int]] = ContextVar("steps")

Keyword = Callable[[Any, Any, Any, Any], Any]


class BadSchema(ValueError):
    """The schema cannot be used; the message says why."""


class TooMuchWork(Exception):
    """The value would take more steps than allowed."""


class Checker:
    """One schema, ready for many values."""

    def __init__(self, validator: Any) -> None:
        self._validator = validator

    def problems(self, value: Any) -> list[str]:
        """The first few places where the value does not fit, none where it is valid. Raises BadSchema, TooMuchWork."""
        token = _steps.set([MOST_STEPS])
        try:
            return [_sentence(error) for error in islice(self._validator.iter_errors(value), MOST_ERRORS)]
        except RecursionError:
            raise TooMuchWork("the value or the schema is nested too deeply") from None
        except _WrappedReferencingError as error:
            raise BadSchema(f"it refers to {shown(error.ref)}, which is not part of it; nothing is fetched") from None
        except (jsonschema.exceptions.UnknownType, referencing.exceptions.Unresolvable) as error:
            raise BadSchema(shown(str(error))) from None
        except MALFORMED:
            raise BadSchema("a part of it that its draft does not check is no schema") from None
        finally:
            _steps.reset(token)


def checker(schema: Any, draft: str = DEFAULT_DRAFT, documents: Mapping[str, Any] | None = None) -> Checker:
    """Checks values against the schema.

    schema: a JSON value (object or boolean). draft: of a schema without `$schema`. documents: what references may
    reach beside the schema, by URI. Raises BadSchema.
    """
    try:
        source = json.dumps(schema, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        raise BadSchema("the schema is not JSON, or nested too deeply") from None
    if documents:
        return _checker(schema, draft, documents)
    return _cached(source, draft)


@lru_cache(maxsize=256)
def _cached(source: str, draft: str) -> Checker:
    return _checker(json.loads(source), draft, {})


def _checker(schema: Any, draft: str, documents: Mapping[str, Any]) -> Checker:
    if not isinstance(schema, dict | bool):
        raise BadSchema(f"a schema is an object or true or false, not {shown(schema)}")
    stock = _draft_of(schema, draft)
    if isinstance(schema, dict):
        _refuse(schema, stock)
        schema = {key: value for key, value in schema.items() if key != "$schema"}
    specification = specification_with(stock.META_SCHEMA["$schema"])
    resources = [(uri, specification.create_resource(document)) for uri, document in documents.items()]
    registry: Any = referencing.Registry().with_resources(resources)
    try:
        return Checker(_careful(stock)(schema, registry=registry))
    except MALFORMED:
        raise BadSchema("its names ($id, $anchor) cannot be followed") from None


def _draft_of(schema: Any, draft: str) -> Any:
    named = schema.get("$schema") if isinstance(schema, dict) else None
    if named is None:
        return DRAFTS[draft]
    stock = validators.validator_for({"$schema": named}, default=None) if isinstance(named, str) else None
    if stock is None:
        raise BadSchema(f"its $schema, {shown(named)}, is none of the drafts {', '.join(DRAFTS)}")
    return stock


def _refuse(schema: dict[str, Any], stock: Any) -> None:
    try:
        stock.check_schema(schema, format_checker=jsonschema.FormatChecker(formats=()))
    except SchemaError as error:
        raise BadSchema(f"it is no valid schema: {_sentence(error)}") from None
    except RecursionError:
        raise BadSchema("it is nested too deeply") from None
    parts = list(_parts(schema))
    for part in parts:
        if part is not schema and isinstance(part.get("$schema"), str):
            raise BadSchema("a schema inside it names a $schema of its own")
        patterns = [part.get("pattern"), *_keys(part.get("patternProperties"))]
        for pattern in patterns:
            if isinstance(pattern, str):
                _pattern(pattern)
    if all(any(key in part for part in parts) for key in ("patternProperties", "unevaluatedProperties")):
        raise BadSchema("patternProperties beside unevaluatedProperties are not supported")


def _keys(value: Any) -> list[str]:
    return list(value) if isinstance(value, dict) else []


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema and all schemas in it, but not what it merely quotes as values."""
    waiting = [(schema, False)]
    while waiting:
        part, names_only = waiting.pop()
        if isinstance(part, list):
            waiting += [(item, False) for item in part]
        elif isinstance(part, dict):
            if not names_only:
                yield part
            waiting += [
                (value, key in NAMED and not names_only)
                for key, value in part.items()
                if names_only or key not in VALUES
            ]


def _pattern(source: str) -> Pattern:
    try:
        return compiled(translated(source))
    except BadPattern as error:
        raise BadSchema(str(error)) from None


def _sentence(error: ValidationError | SchemaError) -> str:
    where = shown(error.json_path, 100)
    return f"{where}: {shown(error.message)}"


@lru_cache
def _careful(stock: Any) -> Any:
    """The draft with the keywords that could run long replaced, and every step counted."""
    replaced = {name: keyword for name, keyword in KEYWORDS.items() if name in stock.VALIDATORS}
    keywords = {name: _counted(keyword) for name, keyword in {**stock.VALIDATORS, **replaced}.items()}
    return validators.extend(stock, keywords)


def _counted(keyword: Keyword) -> Keyword:
    @wraps(keyword)
    def counted(validator: Any, value: Any, instance: Any, schema: Any) -> Any:
        left = _steps.get()
        left[0] -= 1
        if left[0] < 0:
            raise TooMuchWork(f"checking it takes more than {MOST_STEPS:,} steps")
        return keyword(validator, value, instance, schema)

    return counted


def _match(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(instance, "string") and _pattern(pattern).search(instance) is None:
        yield ValidationError(f"{shown(instance)} does not match {shown(pattern)}")


def _pattern_properties(validator: Any, patterns: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    for pattern, subschema in patterns.items():
        for key, value in instance.items():
            if _pattern(pattern).search(key) is not None:
                yield from validator.descend(value, subschema, path=key, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if not validator.is_type(instance, "object"):
        return
    patterns = [_pattern(source) for source in schema.get("patternProperties", {})]
    known = schema.get("properties", {})
    extras = (key for key in instance if key not in known and all(one.search(key) is None for one in patterns))
    for key in extras:
        if allowed is False:
            yield ValidationError(f"{shown(key)} is a property the schema does not know")
        else:
            yield from validator.descend(instance[key], allowed, path=key)


def _unique_items(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if wanted and validator.is_type(instance, "array"):
        seen = set()
        for item in instance:
            key = _hashable(item)
            if key in seen:
                yield ValidationError(f"{shown(item)} stands in it twice")
                return
            seen.add(key)


def _hashable(value: Any) -> Any:
    """Equal where JSON Schema calls two values equal: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool):
        return ("boolean", value)
    if isinstance(value, list):
        return ("array", tuple(_hashable(item) for item in value))
    if isinstance(value, dict):
        return ("object", frozenset((key, _hashable(item)) for key, item in value.items()))
    return value


def _multiple_of(validator: Any, step: Any, instance: Any, schema: Any) -> Iterator[ValidationError]:
    """As decimals, in which 19.99 is a multiple of 0.01, though not of the double next to 0.01."""
    if not validator.is_type(instance, "number"):
        return
    wanted = _decimal(step)
    if wanted <= 0:
        raise ValueError
    if isinstance(instance, float) and not isfinite(instance):
        yield ValidationError(f"{shown(instance)} is no finite number")
    elif _decimal(instance) % wanted:
        yield ValidationError(f"{shown(instance)} is not a multiple of {shown(step)}")


def _decimal(number: Any) -> Fraction:
    """Exactly what is written. A double has an exponent of at most three digits, which bounds the work."""
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise TypeError
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


KEYWORDS: dict[str, Keyword] = {
    "pattern": _match,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional_properties,
    "uniqueItems": _unique_items,
    "multipleOf": _multiple_of,
    "divisibleBy": _multiple_of,
}
