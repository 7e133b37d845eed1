from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID, uuid4

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from pytest_django.fixtures import Settings

from evalsite.platform import prepared

pytestmark = pytest.mark.django_db(transaction=True)

SUM = "SELECT %(first)s + %(second)s AS summed"
PREPARED = "SELECT name, statement FROM pg_prepared_statements ORDER BY prepare_time"


@pytest.fixture(autouse=True)
def fresh_connection() -> Iterator[None]:
    connection.close()
    yield
    connection.close()


def prepared_statements() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(PREPARED)
        return {statement: name for name, statement in cursor.fetchall()}


def test_numbers_of_every_size_share_one_statement() -> None:
    for number in (1, 40_000, 3_000_000_000):
        assert prepared.fetch(SUM, {"first": number, "second": 1}) == [(number + 1,)]
    assert len(prepared_statements()) == 1


def test_nothing_is_prepared_where_the_operator_says_so(settings: Settings) -> None:
    settings.PREPARED_STATEMENTS = False
    assert prepared.fetch(SUM, {"first": 1, "second": 2}) == [(3,)]
    assert not prepared_statements()


def test_statements_of_the_orm_are_left_alone() -> None:
    prepared.fetch(SUM, {"first": 1, "second": 2})
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::int", [7])
    assert len(prepared_statements()) == 1


def test_a_lost_connection_is_replaced() -> None:
    prepared.fetch(SUM, {"first": 1, "second": 2})
    connection.close()
    assert prepared.fetch(SUM, {"first": 2, "second": 2}) == [(4,)]


def test_errors_are_djangos_and_a_rollback_does_no_harm() -> None:
    prepared.fetch(SUM, {"first": 1, "second": 2})
    with pytest.raises(IntegrityError), transaction.atomic():
        prepared.fetch("INSERT INTO platform_sweep (id, at, woken) VALUES (%(id)s, NULL, 0) RETURNING id", {"id": 7})
    assert prepared.fetch(SUM, {"first": 2, "second": 2}) == [(4,)]


def test_values_come_back_as_they_went() -> None:
    name = uuid4()
    [(text, uuid, nothing)] = prepared.fetch(
        "SELECT %(text)s::text, %(uuid)s::uuid, %(nothing)s::int", {"text": "a%b", "uuid": name, "nothing": None}
    )
    assert (text, uuid, nothing) == ("a%b", name, None)
    assert isinstance(uuid, UUID)


GROWING = "CREATE TEMPORARY TABLE growing (n bigint PRIMARY KEY)"
PAIRED = "SELECT count(*) FROM growing AS one JOIN growing AS other ON one.n + %(apart)s = other.n + 0"


def plan_of(part_of_statement: str) -> str:
    name = next(name for statement, name in prepared_statements().items() if part_of_statement in statement)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN EXECUTE {name}(1)")
        return "\n".join(line for (line,) in cursor.fetchall())


def test_a_table_of_a_few_rows_is_read_by_its_index_from_the_first_time() -> None:
    with connection.cursor() as cursor:
        cursor.execute(GROWING)
        cursor.execute("INSERT INTO growing SELECT generate_series(1, 3)")
        cursor.execute("ANALYZE growing")
    prepared.fetch("SELECT n FROM growing WHERE n = %(n)s", {"n": 1})
    assert "Index" in plan_of("growing")


@pytest.mark.parametrize("fails", [False, True])
def test_statements_of_the_orm_are_planned_as_before(fails: bool) -> None:
    statement = "SELECT 1 / %(n)s AS shared"
    with suppress(DataError), transaction.atomic():
        prepared.fetch(statement, {"n": int(not fails)})
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("on",)


@pytest.mark.parametrize(("kept_seconds", "plan"), [(0.0, "Hash Join"), (60.0, "Nested Loop")])
def test_a_table_that_has_grown_gets_a_new_plan(
    monkeypatch: pytest.MonkeyPatch, kept_seconds: float, plan: str
) -> None:
    monkeypatch.setattr(prepared, "PLANS_KEPT_SECONDS", kept_seconds)
    with connection.cursor() as cursor:
        cursor.execute(GROWING)
        cursor.execute("INSERT INTO growing SELECT generate_series(1, 2)")
        cursor.execute("ANALYZE growing")
        prepared.fetch(PAIRED, {"apart": 1})
        cursor.execute("INSERT INTO growing SELECT generate_series(3, 3000)")
        prepared.fetch(PAIRED, {"apart": 1})
    assert plan in plan_of("growing")
