"""Inputs and outputs from published tables and independent packages; each test names the vector it reproduces."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

FILE = Path(__file__).with_name("vectors.json")


class Vector:
    def __init__(self, record: dict[str, Any]) -> None:
        self.inputs = record["inputs"]
        self.expected = record["expected"]
        self.tolerance = float(record["tol"])

    def near(self, expected: Any) -> Any:
        return pytest.approx(expected, rel=self.tolerance, abs=self.tolerance)

    def cases(self) -> list[tuple[Any, Any]]:
        return list(zip(self.inputs, self.expected, strict=True))


@cache
def all_vectors() -> dict[str, dict[str, Any]]:
    records = json.loads(FILE.read_text())["vectors"]
    return {record["id"]: record for record in records}


def vector(name: str) -> Vector:
    return Vector(all_vectors()[name])
