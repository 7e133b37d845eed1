import pytest
from django.test import Client

from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("query", ["", "?errors=", "?page=24"])
def test_every_piece_is_shown(client: Client, query: str) -> None:
    client.force_login(make_user(roles=["lead"]))
    text = client.get(f"/styleguide{query}").content.decode()
    for piece in ("estimate", "interval", "split", "heat", "chart", "progress", "notice", "empty", "field", "pager"):
        assert f'class="{piece}' in text


def test_fields_tie_their_errors_to_themselves(client: Client) -> None:
    client.force_login(make_user(roles=["lead"]))
    text = client.get("/styleguide?errors=").content.decode()
    assert 'aria-describedby="id_note_helptext id_note_error"' in text
    assert 'id="id_note_error"' in text
    assert 'aria-invalid="true"' in text
