from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client

from evalsite.platform import audit
from evalsite.platform.models import AuditEntry, User
from tests.factories.platform_ import NOW, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def lead(client: Client) -> User:
    lead = make_user(username="lena", roles=["lead"])
    client.force_login(lead)
    return lead


def record(action: str, subject: str = "campaign 1", days: int = 0, **details: str) -> AuditEntry:
    return audit.record(actor=None, action=action, subject=subject, details=details, now=NOW + timedelta(days=days))


def page(client: Client, query: str = "") -> str:
    return client.get(f"/audit{query}").content.decode()


def test_an_empty_log_says_what_will_be_in_it(client: Client) -> None:
    assert "No entries yet" in page(client)


def test_entries_are_shown_newest_first_with_their_details_as_text(client: Client) -> None:
    record("campaign.opened")
    record("campaign.closed", reason="<script>")
    text = page(client)
    assert text.index("campaign.closed") < text.index("campaign.opened")
    assert "&lt;script&gt;" in text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?action=closed", {"campaign.closed"}),
        ("?subject=import", {"import.done"}),
        ("?since=2026-03-03", {"campaign.closed", "import.done"}),
        ("?until=2026-03-02", {"campaign.opened"}),
        ("?since=2026-03-03&until=2026-03-03", {"campaign.closed"}),
        ("?actor=nobody", set()),
        ("?since=nonsense", set()),
    ],
)
def test_the_log_is_filtered(client: Client, query: str, shown: set[str]) -> None:
    record("campaign.opened")
    record("campaign.closed", days=1)
    record("import.done", subject="import 7", days=2)
    text = page(client, query)
    every = {"campaign.opened", "campaign.closed", "import.done"}
    assert {action for action in every if f">{action}<" in text} == shown


def test_the_log_is_paged(client: Client) -> None:
    for number in range(51):
        record("campaign.opened", subject=f"campaign {number}")
    assert "51–51 of 51" in page(client, "?page=2")


def test_a_whole_chain_is_said_to_be_whole(client: Client) -> None:
    record("campaign.opened")
    record("campaign.closed")
    assert "2 entries, each fits" in client.get("/audit/chain").content.decode()


def test_a_changed_entry_is_found_and_named(client: Client) -> None:
    entry = record("campaign.opened")
    record("campaign.closed")
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE platform_auditentry DISABLE TRIGGER USER")
        cursor.execute("UPDATE platform_auditentry SET subject = 'other' WHERE id = %s", [entry.pk])
        cursor.execute("ALTER TABLE platform_auditentry ENABLE TRIGGER USER")
    assert f"broken at entry {entry.pk}" in client.get("/audit/chain").content.decode()
