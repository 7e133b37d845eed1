"""What the documents say of the rule is so: their SQL gives the server's buckets, their example its answer."""

import re
from pathlib import Path

import pytest
from django.db import connection

from experiments.routing import assign, bucket

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "live-tests-clients.md").read_text()


@pytest.mark.django_db
@pytest.mark.parametrize("unit", ["user-17", "user-18", "ünïcode 🦊", ""])
def test_the_sql_of_the_guide_gives_the_bucket(unit: str) -> None:
    [statement] = re.findall(r"```sql\n(.*?);\n```", GUIDE, re.DOTALL)
    with connection.cursor() as cursor:
        cursor.execute(statement.replace("%", "%%").replace("'user-17'", "%s"), [unit])
        assert cursor.fetchone() == (bucket("support-bot", unit, salt="a1b2", version=2),)


def test_the_example_of_the_guide_is_the_answer() -> None:
    [(arm, place)] = re.findall(r'"unit_id":"user-17","arm":"(\w+)","bucket":(\d+)', GUIDE)
    assert int(place) == bucket("support-bot", "user-17", salt="a1b2", version=2)
    assert arm == assign("support-bot", "user-17", split=0.5, salt="a1b2", version=2)
