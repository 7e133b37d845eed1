"""Rows of hand-written statements as model instances.

On the reviewers' path, building a queryset costs more than the database needs to answer it.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import orjson
from django.db import models

M = TypeVar("M", bound=models.Model)


class Columns(Generic[M]):
    """All columns of a model under an alias, and the way back from their values."""

    def __init__(self, model: type[M], alias: str) -> None:
        self.model = model
        fields = model._meta.concrete_fields
        self.names = [field.attname for field in fields]
        self.json = [number for number, field in enumerate(fields) if isinstance(field, models.JSONField)]
        self.sql = ", ".join(f'{alias}."{field.column}"' for field in fields)

    def __len__(self) -> int:
        return len(self.names)

    def read(self, values: Sequence[Any]) -> M:
        """Django leaves jsonb as text in hand-written statements, so it is parsed here."""
        row = list(values)
        for number in self.json:
            row[number] = orjson.loads(row[number])
        return self.model.from_db("default", self.names, row)
