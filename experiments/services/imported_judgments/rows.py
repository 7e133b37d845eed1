"""The staged rows of a judgment import: filled by COPY, asked for problems, moved to their tables by SQL."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from annotations.models import Campaign
from experiments.importers.judgments import Columns, JudgmentRow
from experiments.importers.problems import Kind, Problem
from experiments.models import CampaignPlan, Experiment
from experiments.reports.available_pairs import AVAILABLE, parameters
from experiments.services.imported_judgments import sql

MOST_PER_PAIR = 32_767


def stage(judgments: Iterable[JudgmentRow], *, now: datetime) -> bool:
    """Whether the file says which arm stood on the left; `now` stands in where a row has no time."""
    sides_known = False
    with connection.cursor() as cursor:
        cursor.execute(sql.STAGE)
        with connection.wrap_database_errors, cursor.copy(sql.FILL) as copy:
            for one in judgments:
                sides_known = bool(one.left_arm)
                copy.write_row(
                    (one.row, one.id, one.reviewer, one.choice, one.left_arm, Jsonb(one.criteria), one.comment,
                     one.active_ms, one.time or now)
                )  # fmt: skip
        cursor.execute(sql.ANALYZE)
    return sides_known


def problems(experiment: Experiment, mapping: Columns) -> Iterator[Problem]:
    """What only the database can tell: ids that are not this experiment's, and judgments given twice."""
    column, reviewer = mapping.by_field["id"], mapping.by_field["reviewer"]
    with connection.cursor() as cursor:
        cursor.execute(sql.KNOWN_CASES, parameters(experiment))
        cursor.execute(sql.UNFIT_IDS)
        for row, external_id, sets, has_pair in cursor.fetchall():
            yield Problem(row, column, Kind.UNKNOWN_ID, why_unfit(external_id, sets, has_pair=has_pair))
        cursor.execute(sql.REPEATED)
        for row, external_id, name, first_row in cursor.fetchall():
            reason = f"{name!r} has judged {external_id!r} in row {first_row} already"
            yield Problem(row, reviewer, Kind.DUPLICATE_ID, reason)
    if counts()["most_per_pair"] > MOST_PER_PAIR:
        yield Problem(0, column, Kind.TOO_LONG, f"a pair has more than {MOST_PER_PAIR:,} judgments")


def why_unfit(external_id: str, sets: int | None, *, has_pair: bool | None) -> str:
    if sets is None:
        return f"no case of this experiment has the id {external_id!r}"
    if sets > 1:
        return f"{sets} sets of this experiment have a case {external_id!r}: which one was judged cannot be told"
    return f"the models have not both answered the case {external_id!r}"


def counts() -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(sql.COUNTS)
        judgments, most_per_pair, ties, both_bad = cursor.fetchone()
    return {"judgments": judgments, "most_per_pair": most_per_pair, "ties": ties, "both_bad": both_bad}


def criteria() -> list[str]:
    return column_of(sql.CRITERIA)


def reviewers() -> list[str]:
    return column_of(sql.REVIEWERS)


def column_of(statement: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [row[0] for row in cursor.fetchall()]


def number_reviewers(accounts: dict[str, int]) -> None:
    run(sql.NUMBER_REVIEWERS, {"names": list(accounts), "ids": list(accounts.values())})


def choose_judged_pairs(plan: CampaignPlan) -> None:
    run(sql.CHOSEN.format(available=AVAILABLE), parameters(plan.experiment))


def insert_judgments(campaign: Campaign) -> None:
    for statement in (sql.PLACE, sql.ANALYZE, sql.ASSIGN, sql.JUDGE, sql.SETTLE):
        run(statement, {"campaign": campaign.pk})


def forget() -> None:
    run(sql.FORGET, None)


def run(statement: str, params: dict[str, Any] | None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
