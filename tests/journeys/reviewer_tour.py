"""Every answer a reviewer can get: all URLs of the site, asked in every way, and a whole round of judging."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from typing import Protocol
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.conf import settings
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from annotations.models import Assignment, Campaign
from evalsite.platform.models import User
from tests.factories.annotations_ import claim_some, judge
from tests.journeys.blinded_world import Names, World
from tests.running.browser import session_of

CSRF = "x" * 32
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Answer:
    request: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    def everything(self) -> bytes:
        lines = [f"{self.status}", *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join(lines).encode() + b"\n\n" + self.body


class Line(Protocol):
    """A way to the site for one person."""

    def send(
        self, method: str, path: str, fields: Mapping[str, object] | None = None, *, htmx: bool = False
    ) -> Answer: ...


def request_headers(*, htmx: bool) -> dict[str, str]:
    return {"X-CSRFToken": CSRF, "Accept": "text/html", **({"HX-Request": "true"} if htmx else {})}


class DirectLine:
    """Through Django's own client: no server between."""

    def __init__(self, user: User | None) -> None:
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        if user:
            self.client.force_login(user)
        self.client.cookies["csrftoken"] = CSRF

    def send(self, method: str, path: str, fields: Mapping[str, object] | None = None, *, htmx: bool = False) -> Answer:
        response = self.client.generic(
            method,
            path,
            urlencode(fields or {}),
            content_type=FORM if method == "POST" else "",
            headers=request_headers(htmx=htmx),
        )
        self.client.cookies["csrftoken"] = CSRF
        cookies = [("Set-Cookie", morsel.OutputString()) for morsel in response.cookies.values()]
        headers = (*response.headers.items(), *cookies)
        return Answer(f"{method} {path}", response.status_code, tuple(headers), response.getvalue())


class WireLine:
    """Through the real web server, byte for byte as it sends them."""

    def __init__(self, url: str, user: User | None) -> None:
        self.host = url.removeprefix("http://")
        self.cookies = {"csrftoken": CSRF}
        if user:
            self.cookies[settings.SESSION_COOKIE_NAME] = session_of(user)

    def send(self, method: str, path: str, fields: Mapping[str, object] | None = None, *, htmx: bool = False) -> Answer:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {**request_headers(htmx=htmx), "Cookie": cookies}
        link = HTTPConnection(self.host, timeout=30)
        try:
            if method == "POST":
                link.request(method, path, urlencode(fields or {}), {**headers, "Content-Type": FORM})
            else:
                link.request(method, path, headers=headers)
            response = link.getresponse()
            answer = Answer(f"{method} {path}", response.status, tuple(response.getheaders()), response.read())
        finally:
            link.close()
        self.keep_cookies(answer)
        return answer

    def keep_cookies(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name.lower() == "set-cookie":
                self.cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
        self.cookies["csrftoken"] = CSRF


def every_route(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[str]:
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from every_route(pattern.url_patterns, route)
        else:
            yield f"/{route}"


def filled_in(route: str, values: Mapping[str, object]) -> str:
    """A real row's name for each argument, by the argument's name, else by its type."""

    def value(match: re.Match[str]) -> str:
        return str(values.get(match["name"], values.get(match["type"] or "str", "x")))

    return re.sub(r"<(?:(?P<type>\w+):)?(?P<name>\w+)>", value, route)


def paths_of(world: World, assignment: UUID) -> list[str]:
    values: dict[str, object] = {
        "campaign": world.campaign.uuid,
        "campaign_uuid": world.campaign.uuid,
        "task_id": Assignment.objects.filter(campaign=world.campaign).values_list("task", flat=True).first(),
        "seat_id": world.campaign.seats.values_list("pk", flat=True).first(),
        "file": "judgments.jsonl",
        "assignment": assignment,
        "job_id": world.file_import.job_id,
        "person_id": world.lead.pk,
        "uuid": world.file_import.pk,
        "int": world.experiment.pk,
        "str": "something",
    }
    routes = sorted(route for route in every_route() if not route.startswith("/logout"))
    return [filled_in(route, values) for route in routes]


def ways_to_ask(line: Line, path: str) -> Iterator[Answer]:
    for htmx in (False, True):
        yield line.send("GET", path, htmx=htmx)
        yield line.send("POST", path, {}, htmx=htmx)


def another_reviewers_work(world: World, names: Names) -> Assignment:
    """Three judgments with a remark, and a pair left open."""
    seat = world.campaign.seats.select_related("campaign", "reviewer").get(reviewer=world.other)
    for choice in ("a", "b", "tie"):
        judge(seat, claim_some(seat), choice=choice, comment=names.remark)
    return claim_some(seat)


def tour(line: Line, world: World, names: Names) -> Iterator[Answer]:
    """All answers to one reviewer, from the first page to a closed campaign."""
    foreign = another_reviewers_work(world, names)
    review = f"/review/{world.campaign.uuid}/"
    yield line.send("GET", review)
    mine = open_pair(world)
    for path in paths_of(world, mine.uuid):
        yield from ways_to_ask(line, path)
    yield line.send("GET", f"/review/pairs/{foreign.uuid}/")
    yield line.send("GET", f"/review/{uuid4()}/")
    yield line.send("GET", "/no/such/page")
    yield from judging(line, world, review)
    for status in (Campaign.Status.PAUSED, Campaign.Status.CLOSED):
        Campaign.objects.filter(pk=world.campaign.pk).update(status=status)
        for path in (review, f"{review}recent", "/review/", f"/review/pairs/{mine.uuid}/"):
            yield line.send("GET", path)
    yield line.send("POST", "/logout")
    yield line.send("GET", review)


def judging(line: Line, world: World, review: str) -> Iterator[Answer]:
    """Refused, flagged, judged, changed, skipped, repeated, until nothing is left."""
    mine = open_pair(world)
    vote: dict[str, object] = {"pair": mine.uuid, "judgment": uuid4(), "guidelines": 1, "active_ms": 900}
    flag = {"pair": mine.uuid, "flag": uuid4(), "reason": "other", "comment": "Odd."}
    yield line.send("POST", f"{review}submit", vote, htmx=True)
    yield line.send("POST", f"{review}heartbeat", {"pair": mine.uuid})
    yield line.send("POST", f"{review}flag", flag, htmx=True)
    yield line.send("POST", f"{review}flag", {**flag, "comment": "Other words."})
    yield line.send("POST", f"{review}submit", {**vote, "choice": "a"}, htmx=True)
    yield line.send("POST", f"{review}submit", {**vote, "choice": "b"}, htmx=True)
    change = {**vote, "choice": "b", "judgment": uuid4(), "supersedes": vote["judgment"]}
    yield line.send("POST", f"{review}submit", change)
    yield line.send("POST", f"{review}skip", {"pair": mine.uuid, "reason": "other"})
    yield line.send("POST", f"{review}skip", {"pair": open_pair(world).uuid, "reason": "unclear"}, htmx=True)
    for htmx in (True, False, True, False, True, False, True):
        if (held := held_pair(world)) is None:
            break
        body = {"pair": held.uuid, "judgment": uuid4(), "choice": "tie", "criterion-safety": "a", "comment": "Same."}
        yield line.send("POST", f"{review}submit", body, htmx=htmx)
        yield line.send("GET", review, htmx=not htmx)
    assert held_pair(world) is None
    for path in (review, f"{review}recent", f"{review}back", f"{review}back?from={mine.uuid}", f"{review}guidelines"):
        yield line.send("GET", path)
        yield line.send("GET", path, htmx=True)
    for assignment in finished_pairs(world):
        yield line.send("GET", f"/review/pairs/{assignment.uuid}/")


def held_pair(world: World) -> Assignment | None:
    mine = Assignment.objects.filter(campaign=world.campaign, reviewer=world.reviewer)
    return mine.filter(state=Assignment.State.OPEN).first()


def open_pair(world: World) -> Assignment:
    held = held_pair(world)
    assert held is not None
    return held


def finished_pairs(world: World) -> list[Assignment]:
    mine = Assignment.objects.filter(campaign=world.campaign, reviewer=world.reviewer)
    return list(mine.finished().order_by("finished_at", "pk"))
