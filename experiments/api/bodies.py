"""What every JSON body has in common: each text in it is one that the database and a page can hold."""

from typing import Any

from ninja import Schema
from pydantic import field_validator

NO_TEXT = "A NUL character or half of a surrogate pair stands in it."


class Body(Schema):
    @field_validator("*", mode="before")
    @classmethod
    def storable(cls, value: Any) -> Any:
        if not is_storable(value):
            raise ValueError(NO_TEXT)
        return value


def is_storable(value: Any) -> bool:
    """With a list of its own instead of recursion, which a body could nest too deeply for."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text) if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
                return False
            case dict(parts):
                waiting += [*parts, *parts.values()]
            case list(parts):
                waiting += parts
    return True
