"""What the view tests share: a reviewer's browser without JavaScript, and the ballot it would send."""

import re
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from annotations.models import Seat
from evalsite.platform.models import User

HTMX = {"HX-Request": "true"}
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')


def browser_of(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="evalsite.platform.roles.RoleBackend")
    return client


def address(name: str, seat: Seat) -> str:
    return reverse(name, args=[seat.campaign.uuid])


def open_page(client: Client, seat: Seat) -> Any:
    return client.get(address("judge", seat))


def ballot(response: Any) -> dict[str, str]:
    """The hidden fields of the ballot on a page."""
    html = response.content.decode()
    form = html[html.index('id="ballot"') :]
    form = form[: form.index("</form>")]
    return {name: value for name, value in HIDDEN.findall(form) if name != "csrfmiddlewaretoken"}


def pair_on(response: Any) -> UUID:
    return UUID(ballot(response)["pair"])


def submit(
    client: Client, seat: Seat, page: Any, *, htmx: bool = True, criteria: Mapping[str, str] | None = None, **said: Any
) -> HttpResponse:
    fields = {**ballot(page), "choice": "a", "active_ms": "1000", **said}
    fields |= {f"criterion-{key}": answer for key, answer in (criteria or {}).items()}
    headers = HTMX if htmx else {}
    return client.post(address("submit_judgment", seat), fields, headers=headers)  # type: ignore[return-value]
