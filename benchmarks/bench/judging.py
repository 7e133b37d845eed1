"""Submit a judgment and get the next pair, over HTTP, beside a bare view that inserts one row and selects it."""

import gzip
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from urllib.request import Request, urlopen

from django.db import connection
from django.utils import timezone

from annotations.models import Campaign, Seat
from annotations.services.seats import RING
from benchmarks.bench._bare_view import TABLE
from benchmarks.bench._load import Act, BareVisitor, Reviewer, Timings, timed
from benchmarks.campaign import make_campaign, make_reviewers, session_of
from benchmarks.stack import HOST, Stack, running
from benchmarks.table import Row
from evalsite.platform.embedded.processes import wait_until
from evalsite.platform.supervision.child import Child
from evalsite.platform.supervision.site import answers, free_port, web_command

FULL = os.environ.get("EVALSITE_BENCH_FULL") == "1"
SIZES = [1_000, 100_000, *([1_000_000] if FULL else [])]
CROWDS = [1, 8, 32]
SECONDS = 8.0 if FULL else 4.0
WARM_UP_SECONDS = 1.0
TURNS = 4

LEAST_RATE = 250
LARGEST_P95_RATIO = 5.0
LARGEST_SIZE_RATIO = 1.2
LARGEST_PAGE_KB = 60
# Each beside the yardstick of its own turns: minutes lie between the first size and the last.
GROWTH = f"p50 beside the yardstick <= {LARGEST_SIZE_RATIO:g}x that at {SIZES[0]:,}"

# Answers of a few hundred characters with light Markdown, no two alike, so that no cache of rendered text helps.
FILL = """
INSERT INTO annotations_comparisontask (campaign_id, system, turns, prompt, response_1, response_2, identical,
                                        random_key, needed, taken, judged, option_1_left)
SELECT %(campaign)s, '', '[]', 'My export fails with "row ' || n || ': bad encoding". How do I fix it?',
       'The file is in Windows-1252, not UTF-8. In Excel choose **File, Save As, CSV UTF-8** and upload that copy. '
           || E'Accents are kept.\n\n1. Open the file.\n2. Save it as CSV UTF-8.\n3. Upload it again.\n\nRow '
           || n || ' is only the first row with an accent; the others would fail too.',
       'I am sorry to hear that your export is failing! Encoding problems can be frustrating. Please remove the '
           || 'special characters from row ' || n || E', save and try again.\n\nIf it persists, write to `support`.',
       false, %(step)s * n + (random() * (%(step)s - 1))::bigint, %(needed)s, 0, 0, 0
FROM generate_series(0, %(pairs)s - 1) AS n
"""
DONE_BEFORE = """
INSERT INTO annotations_assignment (uuid, task_id, campaign_id, reviewer_id, first_option, state, lease_until,
                                    claimed_at, finished_at, surplus, skip_reason, skip_comment)
SELECT gen_random_uuid(), id, campaign_id, %(reviewer)s, 1, 'skipped', now(), now(), now(), false, 'other', ''
FROM annotations_comparisontask WHERE campaign_id = %(campaign)s AND random_key <= %(upto)s
"""


def rows() -> Iterable[Row]:
    with running(workers=0) as stack, bare_server(stack) as bare_port:
        yield from page_weight(stack)
        smallest: dict[int, Beside] = {}
        for size in SIZES:
            for crowd in CROWDS:
                found = judged_beside(stack, bare_port, pairs=size, reviewers=crowd)
                yield row_of_crowd(size, crowd, found, smallest.setdefault(crowd, found))
            if size > SIZES[0]:
                nearly_done = judged_beside(stack, bare_port, pairs=size, reviewers=1, done_before=0.99)
                yield row_of_size(f"{size:,} pairs, 99% of them done", nearly_done, smallest[1])


@dataclass(frozen=True)
class Beside:
    ours: Timings
    bare: Timings

    def times(self, share: float) -> float:
        return self.ours.percentile(share) / self.bare.percentile(share)


def row_of_crowd(size: int, crowd: int, found: Beside, smallest: Beside) -> Row:
    growth = found.times(0.5) / smallest.times(0.5)
    fast_enough = crowd != 8 or found.ours.rate >= LEAST_RATE
    bound = f"p95 <= {LARGEST_P95_RATIO:g}x" + (f", >= {LEAST_RATE}/s" if crowd == 8 else "")
    return Row(
        f"{size:,} pairs, {crowd} reviewer{'s' * (crowd > 1)}",
        found.ours.summary,
        found.bare.summary,
        f"{found.times(0.95):.1f}x",
        f"{bound}, {GROWTH}",
        ok=found.times(0.95) <= LARGEST_P95_RATIO and fast_enough and growth <= LARGEST_SIZE_RATIO,
        note=f"cost {growth:.2f}x" if size > SIZES[0] else "",
    )


def row_of_size(name: str, found: Beside, smallest: Beside) -> Row:
    growth = found.times(0.5) / smallest.times(0.5)
    return Row(
        name, found.ours.summary, found.bare.summary, f"cost {growth:.2f}x", GROWTH, ok=growth <= LARGEST_SIZE_RATIO
    )


@contextmanager
def bare_server(stack: Stack) -> Iterator[int]:
    """The yardstick behind the same kind of server, on the same database."""
    with connection.cursor() as cursor:
        cursor.execute(TABLE)
    port = free_port(HOST, stack.port + 1)
    command = [
        part.replace("evalsite.wsgi", "benchmarks.bench._bare_view") for part in web_command(host=HOST, port=port)
    ]
    child = Child("bare", command, {"EVALSITE_BARE_VIEW": "1", "DATABASE_URL": stack.database_url})
    child.start()
    try:
        if not wait_until(lambda: answers(HOST, port), seconds=30):
            raise RuntimeError("the bare view does not answer")
        yield port
    finally:
        child.kill()


def judged_beside(stack: Stack, bare_port: int, *, pairs: int, reviewers: int, done_before: float = 0.0) -> Beside:
    """Yardstick and judging in short turns, since the machine is busier at one time than at another."""
    visitors = [BareVisitor(bare_port).visit for _ in range(reviewers)]
    timed(visitors, seconds=WARM_UP_SECONDS)
    found = Beside(ours=Timings(), bare=Timings())
    with judging(stack, pairs=pairs, reviewers=reviewers, done_before=done_before) as acts:
        for _ in range(TURNS):
            found.bare.add(timed(visitors, seconds=SECONDS / TURNS))
            found.ours.add(timed(acts, seconds=SECONDS / TURNS))
    return found


@contextmanager
def judging(stack: Stack, *, pairs: int, reviewers: int, done_before: float = 0.0) -> Iterator[list[Act]]:
    campaign, sessions = make_round(pairs=pairs, reviewers=reviewers)
    if done_before:
        make_nearly_done(Seat.objects.get(campaign=campaign), share=done_before)
    crowd = [Reviewer(stack.port, str(campaign.uuid), session) for session in sessions]
    acts = [reviewer.submit_and_next for reviewer in crowd]
    timed(acts, seconds=min(WARM_UP_SECONDS, pairs / 4000))
    yield acts
    # Judgments cannot be deleted, so earlier rounds stay in the tables, as they would.
    Campaign.objects.filter(pk=campaign.pk).update(status=Campaign.Status.CLOSED)


def make_round(*, pairs: int, reviewers: int) -> tuple[Campaign, list[str]]:
    campaign = make_campaign(pairs=0, reviewers_per_pair=max(3, reviewers), rng=Random(1))
    with connection.cursor() as cursor:
        cursor.execute(
            FILL,
            {
                "campaign": campaign.pk,
                "pairs": pairs,
                "needed": campaign.reviewers_per_pair,
                "step": RING // pairs,
            },
        )
        cursor.execute("VACUUM (ANALYZE) annotations_comparisontask, annotations_assignment, annotations_seat")
    Campaign.objects.filter(pk=campaign.pk).update(n_tasks=pairs)
    people = make_reviewers(campaign=campaign, count=reviewers, now=timezone.now(), name=f"round{campaign.pk}-")
    Seat.objects.filter(campaign=campaign).update(guidelines_seen=1)
    return campaign, [session_of(person) for person in people]


def make_nearly_done(seat: Seat, *, share: float) -> None:
    """As if this reviewer had walked so far while nobody else had begun: every pair behind still wants others."""
    upto = int(RING * share)
    with connection.cursor() as cursor:
        cursor.execute(DONE_BEFORE, {"reviewer": seat.reviewer_id, "campaign": seat.campaign_id, "upto": upto})
        cursor.execute("VACUUM (ANALYZE) annotations_assignment")
    Seat.objects.filter(pk=seat.pk).update(ring_start=0, ring_cursor=upto)


def page_weight(stack: Stack) -> Iterator[Row]:
    """The first visit of a browser with an empty cache, as our server sends it."""
    campaign, sessions = make_round(pairs=10, reviewers=1)
    headers = {"Cookie": f"sessionid={sessions[0]}", "Accept-Encoding": "gzip"}
    page, page_size = fetch(f"{stack.url}/review/{campaign.uuid}/", headers)
    links = sorted(set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page.decode())))
    sizes = [page_size, *(fetch(f"{stack.url}{link}", headers)[1] for link in links)]
    total_kb = sum(sizes) / 1024
    yield Row(
        "judging page, first visit",
        f"{total_kb:.1f} KB over the wire in {len(sizes)} requests, headers included",
        bound=f"<= {LARGEST_PAGE_KB} KB",
        ok=total_kb <= LARGEST_PAGE_KB,
        note=f"the page itself {len(page) / 1024:.1f} KB as sent, {len(gzip.compress(page)) / 1024:.1f} KB compressed",
    )


def fetch(url: str, headers: dict[str, str]) -> tuple[bytes, int]:
    """The body as it came over the wire, still compressed, and the size of the whole answer as a browser counts it."""
    with urlopen(Request(url, headers=headers), timeout=30) as response:
        body = bytes(response.read())
        lines = [f"HTTP/1.1 {response.status} {response.reason}", *map(": ".join, response.headers.items()), ""]
        return body, sum(len(line) + len("\r\n") for line in lines) + len(body)
