"""Reviewers claim and submit while they, the web server and PostgreSQL are killed with -9."""

import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.db import connections
from django.utils import timezone

from benchmarks.campaign import make_campaign, make_reviewers, session_of
from benchmarks.prove import _reviewer
from benchmarks.stack import Stack, running
from benchmarks.table import Row

PER_PAIR = 3
STUCK_AFTER_SECONDS = 120


@dataclass(frozen=True)
class Plan:
    reviewers: int
    pairs: int
    kills: int

    @property
    def judgments(self) -> int:
        return self.pairs * PER_PAIR


FULL, SHORT = Plan(reviewers=16, pairs=2000, kills=30), Plan(reviewers=6, pairs=100, kills=2)


def run(*, full: bool) -> Iterable[Row]:
    plan = FULL if full else SHORT
    with running() as stack:
        started = time.monotonic()
        crowd = Crowd.of(plan, stack)
        with crowd.at_work():
            kill_things(stack, crowd, plan)
            crowd.wait_until_all_are_done()
        seconds = time.monotonic() - started
        ledgers = Ledgers.read(crowd.folder)
        with stack.connect() as link:
            yield from [scale(plan, crowd, ledgers, seconds), *findings(plan, ledgers, link), *refusals(link)]


def scale(plan: Plan, crowd: "Crowd", ledgers: "Ledgers", seconds: float) -> Row:
    kills = f"{plan.kills} kills -9 of the web server, {plan.kills} of PostgreSQL, {crowd.killed} of reviewers"
    return Row(
        f"{plan.reviewers} processes, {plan.pairs:,} pairs x {PER_PAIR}",
        f"{len(ledgers.kept):,} judgments acknowledged in {seconds:.0f} s",
        note=kills,
    )


@dataclass
class Crowd:
    """Reviewer processes that are killed and come back with their ledger."""

    stack: Stack
    campaign: str
    folder: Path
    sessions: list[str]
    processes: list[subprocess.Popen[bytes]]
    killed: int = 0

    @classmethod
    def of(cls, plan: Plan, stack: Stack) -> "Crowd":
        campaign = make_campaign(pairs=plan.pairs, reviewers_per_pair=PER_PAIR, rng=random.Random(1))
        people = make_reviewers(campaign=campaign, count=plan.reviewers, now=timezone.now())
        sessions = [session_of(person) for person in people]
        # The next kill of PostgreSQL must not find a connection of ours.
        connections.close_all()
        folder = stack.folder / "ledgers"
        folder.mkdir()
        return cls(stack, str(campaign.uuid), folder, sessions, [])

    @contextmanager
    def at_work(self) -> Iterator[None]:
        try:
            self.processes = [self.start(number) for number in range(len(self.sessions))]
            yield
        finally:
            for process in self.processes:
                process.kill()
                process.wait()

    def start(self, number: int) -> subprocess.Popen[bytes]:
        ledger = self.folder / f"{number}.txt"
        arguments = [str(self.stack.port), self.campaign, self.sessions[number], str(ledger)]
        return subprocess.Popen([sys.executable, _reviewer.__file__, *arguments])

    def kill_one(self, rng: random.Random) -> None:
        number = rng.randrange(len(self.processes))
        if self.processes[number].poll() is None:
            self.processes[number].kill()
            self.processes[number].wait()
            self.processes[number] = self.start(number)
            self.killed += 1

    def n_kept(self) -> int:
        return sum(path.read_text().count("kept ") for path in self.folder.iterdir())

    def wait_for(self, judgments: int) -> None:
        """Until so many are acknowledged; a standstill is a finding, not a reason to wait for ever."""
        last, since = -1, time.monotonic()
        while (now := self.n_kept()) < judgments and any(process.poll() is None for process in self.processes):
            if now > last:
                last, since = now, time.monotonic()
            if time.monotonic() - since > STUCK_AFTER_SECONDS:
                raise RuntimeError(f"Nothing was acknowledged for {STUCK_AFTER_SECONDS} s:\n{self.stack.logs()}")
            time.sleep(0.05)

    def wait_until_all_are_done(self) -> None:
        for process in self.processes:
            process.wait(STUCK_AFTER_SECONDS)


def kill_things(stack: Stack, crowd: Crowd, plan: Plan) -> None:
    """Kills spread evenly over the work, so that each meets requests under way."""
    rng = random.Random(2)
    for number in range(plan.kills):
        crowd.wait_for(plan.judgments * (2 * number + 1) // (2 * plan.kills + 1))
        stack.kill_web()
        crowd.kill_one(rng)
        stack.start_web()
        crowd.wait_for(plan.judgments * (2 * number + 2) // (2 * plan.kills + 1))
        stack.kill_server("postgres")
        crowd.kill_one(rng)
        stack.restart_server("postgres")


@dataclass(frozen=True)
class Ledgers:
    sent: dict[str, str]
    kept: set[str]
    statuses: list[int]
    odd: list[str]

    @classmethod
    def read(cls, folder: Path) -> "Ledgers":
        lines = [line.split(" ") for path in folder.iterdir() for line in path.read_text().splitlines()]
        return cls(
            sent={words[1]: words[3] for words in lines if words[0] == "sent" and len(words) == 4},
            kept={words[1] for words in lines if words[0] == "kept" and len(words) == 2},
            statuses=[int(words[1]) for words in lines if words[0] == "status"],
            odd=[" ".join(words[1:]) for words in lines if words[0] == "odd"],
        )


def findings(plan: Plan, ledgers: Ledgers, link: psycopg.Connection) -> Iterator[Row]:
    stored: dict[str, str] = {str(key): choice for key, choice in link.execute(STORED).fetchall()}
    lost = ledgers.kept - stored.keys()
    changed = [key for key, choice in stored.items() if ledgers.sent.get(key) != choice]
    server_errors = [status for status in ledgers.statuses if status >= 500]
    yield count_row("live judgments", number(link, LIVE), plan.judgments)
    yield count_row("pairs over their number", number(link, OVER), 0)
    yield count_row("pairs short of their number", number(link, SHORT_OF), 0)
    yield count_row("judged twice by one reviewer", number(link, TWICE), 0)
    yield count_row("acknowledged judgments lost", len(lost), 0)
    yield count_row("judgments nobody sent, or changed on the way", len(changed), 0)
    yield count_row("counters that differ from the rows", number(link, MISCOUNTED), 0)
    yield count_row("answers 5xx", len(server_errors), 0, note=str(sorted(set(server_errors)) or ""))
    yield count_row("other unexpected answers", len(ledgers.odd), 0, note="; ".join(ledgers.odd[:2]))


STORED = "SELECT id, choice FROM annotations_judgment"
LIVE = "SELECT count(*) FROM annotations_assignment WHERE state = 'judged' AND NOT surplus"
COUNTED = """
    SELECT task.id, task.needed, task.judged, task.taken,
           count(*) FILTER (WHERE state = 'judged' AND NOT surplus) AS live,
           count(*) FILTER (WHERE state IN ('open', 'judged') AND NOT surplus) AS held
    FROM annotations_comparisontask AS task
    LEFT JOIN annotations_assignment AS assignment ON assignment.task_id = task.id
    GROUP BY task.id
"""
OVER = f"SELECT count(*) FROM ({COUNTED}) WHERE live > needed"
SHORT_OF = f"SELECT count(*) FROM ({COUNTED}) WHERE live < needed"
MISCOUNTED = f"""
    SELECT (SELECT count(*) FROM ({COUNTED}) WHERE live <> judged OR held <> taken)
         + (SELECT count(*) FROM annotations_seat AS seat WHERE done <>
               (SELECT count(*) FROM annotations_assignment AS mine
                WHERE mine.reviewer_id = seat.reviewer_id AND mine.campaign_id = seat.campaign_id
                  AND state = 'judged'))
"""
TWICE = """
    SELECT count(*) FROM (
        SELECT FROM annotations_judgment JOIN annotations_assignment ON annotations_assignment.id = assignment_id
        GROUP BY task_id, reviewer_id HAVING count(*) > 1
    )
"""


def refusals(link: psycopg.Connection) -> Iterator[Row]:
    for statement in (
        "UPDATE annotations_judgment SET choice = 'tie'",
        "DELETE FROM annotations_judgment",
        "TRUNCATE annotations_judgment CASCADE",
    ):
        before = number(link, "SELECT count(*) FROM annotations_judgment")
        try:
            link.execute(statement)
            said = "went through"
        except psycopg.Error as error:
            said = str(error).split("\n", 1)[0]
        kept = number(link, "SELECT count(*) FROM annotations_judgment") == before
        yield Row(f"raw SQL: {statement}", said, bound="refused", ok=kept and "append-only" in said)


def count_row(name: str, found: int, expected: int, *, note: str = "") -> Row:
    return Row(name, f"{found:,}", bound=f"{expected:,}", ok=found == expected, note=note)


def number(link: psycopg.Connection, statement: str) -> int:
    row = link.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0
