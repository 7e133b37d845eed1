"""Five secrets, used by the real site in all the ways a key is used, stand nowhere in the clear afterwards."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.models import Job
from experiments.models import Attempt, BenchmarkRun, Endpoint, EndpointState, RunItem
from experiments.services import keys
from experiments.services.runs import starting
from tests.endpoints.making import make_called_version, make_endpoint
from tests.factories.benchmarks_ import make_numbered_set
from tests.factories.results_ import make_lead
from tests.journeys.canaries import Canaries
from tests.journeys.reviewer_tour import Answer, WireLine
from tests.running.live_stack import LiveStack
from tests.running.model_server import ModelServer

WORKING = "sk-quokka-Working-5f0c1e77"
REPLACED = "sk-quokka-Replaced-90ab12cd"
REFUSED = "sk-quokka-Refused-be3377aa01"
ECHOED = "sk-quokka-Echoed-77d1c2b3e4"
MISTYPED = "sk-quokka-Mistyped-0d0e0f11"
SECRETS = [WORKING, REPLACED, REFUSED, ECHOED, MISTYPED]
CANARIES = Canaries(names=[*SECRETS, *settings.FIELD_KEYS], ids=[])


EXPORTS = ("lm-eval/results", "lm-eval/samples")


@dataclass
class Tap:
    """Everything that is said to the broker while it is open."""

    said: bytearray = field(default_factory=bytearray)


@contextmanager
def tapped_broker(url: str) -> Iterator[Tap]:
    path = urlsplit(url.replace("redis+socket://", "http://x")).path
    tap, over = Tap(), Event()
    link = socket.socket(socket.AF_UNIX)
    link.connect(path)
    link.sendall(b"MONITOR\r\n")
    link.settimeout(0.1)

    def listen() -> None:
        while not over.is_set():
            try:
                tap.said += link.recv(65536)
            except TimeoutError:
                continue

    thread = Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield tap
    finally:
        over.set()
        thread.join(5)
        link.close()


def database_dump() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 2")
        rows = []
        for _, table in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" AS t')
            rows += [f"{table} {row[0]}" for row in cursor.fetchall()]
    return "\n".join(rows)


def finished(job: Job) -> bool:
    job.refresh_from_db()
    return not job.is_live


def check(line: WireLine, endpoint: Endpoint) -> None:
    line.send("POST", f"/endpoints/{endpoint.pk}/check", {"model": "instant"})
    job = Job.objects.filter(kind="experiments.check_endpoint", args__endpoint=endpoint.pk).latest("created_at")
    assert wait_until(lambda: finished(job), seconds=60), job.status


def run_cases(endpoint: Endpoint, prompt: str) -> BenchmarkRun:
    run = starting.start(
        run_id=uuid4(),
        model_version=make_called_version(endpoint=endpoint),
        eval_set=make_numbered_set(n=5, prompt=prompt),
        created_by=None,
        now=timezone.now(),
    )
    assert wait_until(lambda: scored(run), seconds=60), run.status_reason
    return run


def scored(run: BenchmarkRun) -> bool:
    run.refresh_from_db()
    return run.status == BenchmarkRun.Status.DONE


def pages(line: WireLine, endpoints: list[Endpoint], runs: list[BenchmarkRun]) -> list[Answer]:
    own = [f"/endpoints/{each.pk}/{part}" for each in endpoints for part in ("", "edit")]
    of_runs = [f"/runs/{run.pk}/{part}" for run in runs for part in ("", "cases/", *EXPORTS)]
    of_cases = [f"/runs/{item.run_id}/cases/{item.pk}/" for item in RunItem.objects.all()]
    jobs_ = [f"/jobs/{pk}" for pk in Job.objects.values_list("pk", flat=True)]
    lists = ["/endpoints/", "/models/", "/models/new", "/runs/", "/jobs/", "/audit"]
    return [line.send("GET", address) for address in [*own, *of_runs, *of_cases, *jobs_, *lists]]


def test_five_secrets_appear_nowhere(live_stack: LiveStack) -> None:
    line = WireLine(live_stack.url, make_lead())
    answers: list[Answer] = []
    broker = str(live_stack.worker.environment["CELERY_BROKER_URL"])
    with ModelServer() as server, ModelServer(key="another") as strict, tapped_broker(broker) as tap:
        urls = {"plain": server.base_url, "echoing": server.base_url, "strict": strict.base_url}
        made = {name: make_endpoint(name=name, base_url=url, max_attempts=1) for name, url in urls.items()}

        def store(name: str, key: str) -> None:
            answers.append(line.send("POST", f"/endpoints/{made[name].pk}/key", {"key": key}))

        store("plain", f"{MISTYPED} {MISTYPED}")
        store("plain", REPLACED)
        store("plain", WORKING)
        store("echoing", ECHOED)
        store("strict", REFUSED)
        assert [answer.status for answer in answers] == [422, 302, 302, 302, 302]
        for endpoint in made.values():
            check(line, endpoint)
        runs = [
            run_cases(made["plain"], "case=a{n} answer={n}"),
            run_cases(made["echoing"], "case=b{n} behave=echo_key"),
            run_cases(made["strict"], "case=c{n} answer={n}"),
        ]
        # The keys were really used, and really thrown back.
        assert server.record.authorizations == {f"Bearer {WORKING}", f"Bearer {ECHOED}"}
        assert strict.record.authorizations == {f"Bearer {REFUSED}"}
        assert set(RunItem.objects.values_list("error_class", flat=True)) == {"", "http_4xx"}
        assert Attempt.objects.filter(detail__contains="You sent the header").exists()
        Endpoint.objects.filter(pk=made["plain"].pk).update(base_url="https://elsewhere.example.com/v1")
        made["plain"].refresh_from_db()
        with pytest.raises(keys.KeyNotReadable) as unreadable:
            keys.key_for(made["plain"])
        seen = pages(line, list(made.values()), runs)
        assert {answer.status for answer in seen} == {200}
        answers += seen
    errors = [*RunItem.objects.values_list("error_detail", flat=True), str(unreadable.value)]
    findings = str(list(EndpointState.objects.values_list("check_findings", flat=True)))
    logs = "".join(Path(child.log).read_text() for child in (live_stack.web, live_stack.worker) if child.log)
    assert b"RUN_JOB" in tap.said or b"run_job" in tap.said
    assert "experiments_endpoint " in database_dump()
    assert CANARIES.found_in(b"".join(answer.everything() for answer in answers)) == set()
    assert CANARIES.found_in(database_dump().encode()) == set()
    assert CANARIES.found_in(logs.encode()) == set()
    assert CANARIES.found_in(bytes(tap.said)) == set()
    assert CANARIES.found_in("".join([*errors, findings]).encode()) == set()


def test_a_secret_would_be_found() -> None:
    assert CANARIES.found_in(f"Authorization: Bearer {WORKING}".encode()) == {WORKING}
