"""JSON Schema: the published suite, with sockets closed, and what hostile schemas and values do."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.scorers.schema_check import checker
from tests.real_data import real_data


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def suite(folder: Path) -> Iterator[tuple[str, Any, Any, bool]]:
    for path in sorted((folder / "tests/draft7").glob("*.json")):
        for group in json.loads(path.read_text()):
            for test in group["tests"]:
                yield (
                    f"{path.stem}: {group['description']}: {test['description']}",
                    group["schema"],
                    test["data"],
                    test["valid"],
                )


def remotes(folder: Path) -> dict[str, Any]:
    root = folder / "remotes"
    return {
        f"http://localhost:1234/{path.relative_to(root)}": json.loads(path.read_text()) for path in root.rglob("*.json")
    }


@pytest.mark.real_data
def test_every_case_of_the_draft_7_suite_is_judged_as_flagged(no_sockets: None) -> None:
    folder = real_data("json_schema_suite")
    documents, cases = remotes(folder), list(suite(folder))
    wrong = [
        name
        for name, schema, data, valid in cases
        if bool(checker(schema, "draft7", documents if "localhost:1234" in json.dumps(schema) else None).problems(data))
        == valid
    ]
    assert len(cases) == 927
    assert wrong == []
