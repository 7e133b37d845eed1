"""What human review says about many judgments: computing it, and reading it on the lead's pages."""

import os
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from benchmarks.judged import Judged, make_judged
from benchmarks.stack import running
from benchmarks.table import Row
from experiments.models import CampaignResult
from experiments.reports.votes import VOTE_COLUMNS, VOTES
from experiments.services import results

SIZES = [10_000, 100_000, *([1_000_000] if os.environ.get("EVALSITE_BENCH_FULL") == "1" else [])]
LONGEST_PAGE_MS = 100
MOST_QUERIES = 10
LARGEST_GROWTH = 1.5
TIMES = 15


def rows() -> Iterable[Row]:
    settings.ALLOWED_HOSTS.append("testserver")
    with running(workers=0):
        first: dict[str, float] = {}
        for size in SIZES:
            judged = make_judged(judgments=size)
            yield opening(judged)
            yield computing(judged)
            yield from pages(judged, first)


def opening(judged: Judged) -> Row:
    pairs = judged.campaign.n_tasks
    return Row(
        f"open a campaign of {pairs:,} pairs",
        f"{judged.opening_seconds:.1f} s",
        note=f"{pairs / judged.opening_seconds:,.0f} pairs a second, texts frozen, sides drawn, plan registered",
    )


def computing(judged: Judged) -> Row:
    """Beside a raw COPY of the same joined rows as text, which is the least anybody could do."""
    ours = seconds(lambda: results.compute(campaign=judged.campaign, now=timezone.now()))
    raw = seconds(lambda: raw_copy(judged))
    return Row(
        f"results of {judged.judgments:,} judgments",
        f"{ours:.2f} s",
        f"{raw:.2f} s raw COPY of the rows",
        f"{ours / raw:.1f} x",
        note=f"{CampaignResult.objects.get(campaign=judged.campaign).n_judgments:,} counted, 4 criteria",
    )


def raw_copy(judged: Judged) -> None:
    columns = ", ".join(VOTE_COLUMNS.values())
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY (SELECT {columns}, judgment.criteria {VOTES}) TO STDOUT", {"campaigns": [judged.campaign.pk]}
        ) as copy,
    ):
        for _ in copy:
            pass


def pages(judged: Judged, first: dict[str, float]) -> Iterable[Row]:
    client = Client()
    client.force_login(judged.lead, backend="evalsite.platform.roles.RoleBackend")
    campaign = f"/campaigns/{judged.campaign.uuid}/"
    for name, url in (
        ("campaign page", campaign),
        ("experiment page", f"/experiments/{judged.experiment.pk}/"),
        ("pairs with a majority for the candidate", f"{campaign}pairs/?majority=candidate"),
    ):
        milliseconds, queries = measured(client, url)
        growth = milliseconds / first.setdefault(name, milliseconds)
        yield Row(
            f"{name} at {judged.judgments:,} judgments",
            f"{milliseconds:.0f} ms, {queries} queries",
            ratio=f"{growth:.2f} x that at {SIZES[0]:,}",
            bound=f"{LONGEST_PAGE_MS} ms, {MOST_QUERIES} queries",
            ok=milliseconds <= LONGEST_PAGE_MS and queries <= MOST_QUERIES,
        )


def measured(client: Client, url: str) -> tuple[float, int]:
    """Median server time in milliseconds, and the number of queries."""
    seen: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        assert client.get(url).status_code == 200
    times = sorted(seconds(lambda: client.get(url)) for _ in range(TIMES))
    return times[TIMES // 2] * 1000, len(seen)


def seconds(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started
