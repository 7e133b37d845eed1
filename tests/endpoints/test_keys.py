"""Keys: encrypted, bound to one origin, erased when it changes, rotated, and audited without the key."""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection

from evalsite import boot
from evalsite.platform.models import AuditEntry
from experiments.models import Endpoint
from experiments.services import endpoints, keys
from experiments.services.endpoints import EndpointDraft
from tests.endpoints.making import make_endpoint
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db

KEY = "sk-test-0123456789"
OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def stored(endpoint: Endpoint) -> Endpoint:
    return Endpoint.objects.get(pk=endpoint.pk)


def moved(endpoint: Endpoint, base_url: str) -> bool:
    draft = EndpointDraft(name=endpoint.name, base_url=base_url)
    return endpoints.change(endpoint=endpoint, draft=draft, changed_by=None, now=NOW)


def test_a_key_is_stored_encrypted_and_read_again() -> None:
    endpoint = make_endpoint(key=KEY)
    assert KEY not in endpoint.key_ciphertext
    assert endpoint.key_origin == "https://api.example.com:443"
    assert keys.key_for(endpoint) == KEY
    assert keys.key_for(make_endpoint()) == ""


def test_the_same_key_has_another_ciphertext_each_time() -> None:
    assert make_endpoint(key=KEY).key_ciphertext != make_endpoint(key=KEY).key_ciphertext


@pytest.mark.parametrize(
    "base_url",
    [
        "http://api.example.com/v1",
        "https://api.example.com:8443/v1",
        "https://api.example.org/v1",
        "https://evil.example.com/v1",
        "https://api.example.com.evil.org/v1",
    ],
)
def test_another_scheme_port_or_host_erases_the_key(base_url: str) -> None:
    endpoint = make_endpoint(key=KEY)
    assert moved(endpoint, base_url)
    assert (stored(endpoint).key_ciphertext, stored(endpoint).key_origin, stored(endpoint).key_set_at) == ("", "", None)
    entry = AuditEntry.objects.get(action="endpoint.changed")
    assert entry.details["key"] == ["set", "erased, since the origin changed"]


@pytest.mark.parametrize("base_url", ["https://api.example.com/v2", "https://API.example.com:443/v1"])
def test_another_path_or_spelling_of_the_same_origin_keeps_it(base_url: str) -> None:
    endpoint = make_endpoint(key=KEY)
    assert not moved(endpoint, base_url)
    assert keys.key_for(stored(endpoint)) == KEY


def test_a_row_changed_behind_our_back_sends_the_key_nowhere() -> None:
    """Whoever can write to the table, but does not know FIELD_KEYS, cannot point a key at a server of his own."""
    endpoint = make_endpoint(key=KEY)
    Endpoint.objects.filter(pk=endpoint.pk).update(base_url="https://evil.example.org/v1")
    with pytest.raises(keys.KeyNotReadable, match="another address"):
        keys.key_for(stored(endpoint))
    Endpoint.objects.filter(pk=endpoint.pk).update(key_origin="https://evil.example.org:443")
    with pytest.raises(keys.KeyNotReadable, match="another address"):
        keys.key_for(stored(endpoint))


def test_the_table_refuses_a_key_without_an_origin() -> None:
    with pytest.raises(IntegrityError):
        make_endpoint(key_ciphertext="x", key_origin="")


@pytest.mark.parametrize("bad", ["", " ", "two words", "tab\tinside", "line\nbreak", "clé", "k" * 4001, "nul\0"])
def test_what_cannot_be_a_key_is_refused_without_repeating_it(bad: str) -> None:
    with pytest.raises(keys.BadKey) as raised:
        keys.set_key(endpoint=make_endpoint(), key=bad, actor=None, now=NOW)
    assert not bad.strip() or bad not in str(raised.value)


def test_without_field_keys_nothing_is_stored_and_the_way_out_is_told(settings: Any) -> None:
    settings.FIELD_KEYS = []
    endpoint = make_endpoint()
    with pytest.raises(keys.NoFieldKeys, match="FIELD_KEYS"):
        keys.set_key(endpoint=endpoint, key=KEY, actor=None, now=NOW)
    assert stored(endpoint).key_ciphertext == ""
    with pytest.raises(CommandError, match="FIELD_KEYS"):
        call_command("rotate_keys")


def test_production_starts_without_field_keys_and_a_local_start_makes_its_own(tmp_path: Any) -> None:
    assert boot.field_keys([], data_dir=tmp_path, production=True) == []
    [made] = boot.field_keys([], data_dir=tmp_path, production=False)
    assert boot.field_keys([], data_dir=tmp_path, production=False) == [made]
    assert (tmp_path / "field_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["field_key"]


def test_a_field_key_that_is_none_stops_the_start_without_being_told(tmp_path: Any) -> None:
    with pytest.raises(Exception, match="key 2 of 2 is not a Fernet key") as raised:
        boot.field_keys([NEW, "canary-not-a-key"], data_dir=tmp_path, production=True)
    assert "canary" not in str(raised.value)


def test_rotation_encrypts_all_anew_so_that_the_old_key_can_go(settings: Any) -> None:
    settings.FIELD_KEYS = [OLD]
    endpoints_with_keys = [make_endpoint(key=f"{KEY}-{number}") for number in range(3)]
    without = make_endpoint()
    settings.FIELD_KEYS = [NEW, OLD]
    out = StringIO()
    call_command("rotate_keys", stdout=out)
    assert out.getvalue() == "3 keys encrypted anew.\n"
    settings.FIELD_KEYS = [NEW]
    assert [keys.key_for(stored(each)) for each in endpoints_with_keys] == [f"{KEY}-{number}" for number in range(3)]
    assert stored(without).key_ciphertext == ""


def test_rotation_names_what_no_key_can_read_and_leaves_it(settings: Any) -> None:
    settings.FIELD_KEYS = [Fernet.generate_key().decode()]
    lost = make_endpoint(name="lost one", key=KEY)
    settings.FIELD_KEYS = [OLD]
    kept = make_endpoint(key=KEY)
    settings.FIELD_KEYS = [NEW, OLD]
    with pytest.raises(CommandError, match="lost one"):
        call_command("rotate_keys", stdout=StringIO())
    assert stored(lost).key_ciphertext == lost.key_ciphertext
    settings.FIELD_KEYS = [NEW]
    assert keys.key_for(stored(kept)) == KEY
    with pytest.raises(keys.KeyNotReadable, match="Enter the key again"):
        keys.key_for(stored(lost))


def test_setting_replacing_and_erasing_is_audited_without_the_key() -> None:
    endpoint = make_endpoint(key=KEY)
    keys.set_key(endpoint=endpoint, key=KEY + "-second", actor=None, now=NOW)
    keys.remove_key(endpoint=endpoint, actor=None, now=NOW)
    keys.remove_key(endpoint=endpoint, actor=None, now=NOW)
    entries = AuditEntry.objects.order_by("pk")
    assert [entry.action for entry in entries] == ["endpoint.key_set", "endpoint.key_set", "endpoint.key_removed"]
    assert all(entry.details == {"origin": "https://api.example.com:443"} for entry in entries)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM platform_auditentry WHERE details::text LIKE %s", ["%0123456789%"])
        assert cursor.fetchone() == (0,)


def test_a_key_shows_in_no_repr_of_what_calls_with_it() -> None:
    caller = endpoints.caller(make_endpoint(key=KEY))
    assert caller.key == KEY
    assert KEY not in repr(caller)
    assert KEY not in str(vars(caller.client))
