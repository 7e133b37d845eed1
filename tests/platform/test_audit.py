import pytest
from django.db import IntegrityError, connection, transaction

from evalsite.platform import audit
from evalsite.platform.models import AuditEntry
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db


def record(action: str = "campaign.opened") -> AuditEntry:
    return audit.record(actor=make_user(), action=action, subject="campaign 1", details={"pairs": 40}, now=NOW)


def test_each_entry_carries_the_hash_of_the_one_before() -> None:
    first, second = record(), record("campaign.closed")
    assert first.previous_hash == audit.FIRST_HASH
    assert second.previous_hash == first.hash
    assert audit.first_broken_entry() is None


@pytest.mark.parametrize(
    "statement", ["UPDATE platform_auditentry SET action = 'x'", "DELETE FROM platform_auditentry"]
)
def test_raw_sql_cannot_change_the_log(statement: str) -> None:
    record()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.django_db(transaction=True)
def test_truncate_is_refused_too() -> None:
    record()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE platform_auditentry CASCADE")


def test_an_entry_changed_behind_the_trigger_breaks_the_chain() -> None:
    record()
    forged = record()
    record()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE platform_auditentry SET subject = 'campaign 2' WHERE id = %s", [forged.pk])
    assert audit.first_broken_entry() == forged
