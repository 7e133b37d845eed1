"""A file of judgments becomes a closed campaign, as if it had been judged here: all of it, or nothing."""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import IntegrityError, connection, transaction

from annotations.models import Campaign, Criterion, Seat
from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.importers import judgments
from experiments.importers.judgments import JudgmentRow
from experiments.importers.problems import Kind, Problem, Unreadable
from experiments.importers.source import Source, open_source
from experiments.models import CampaignPlan, Experiment, JudgmentImport
from experiments.services.campaigns import opening
from experiments.services.imported_judgments import rows, sql

PROBLEMS_KEPT = 10_000


class ImportRefused(Exception):
    """The file has problems; nothing of it was kept."""

    def __init__(self, problems: "Problems") -> None:
        super().__init__(f"{problems.n:,} problems; nothing was imported.")
        self.problems = problems


@dataclass
class Problems:
    """All are counted, the first ones kept."""

    n: int = 0
    kept: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        self.n += 1
        if len(self.kept) < PROBLEMS_KEPT:
            self.kept.append(problem)

    def refuse_any(self) -> None:
        if self.n:
            raise ImportRefused(self)


@dataclass(frozen=True)
class Imported:
    judgment_import: JudgmentImport
    is_new: bool


def import_judgments(
    *,
    path: Path,
    filename: str,
    experiment: Experiment,
    created_by: User | None,
    now: datetime,
    chosen_columns: dict[str, str] | None = None,
    entropy: opening.Entropy = secrets.token_bytes,
) -> Imported:
    """Raises ImportRefused with every problem by row. The same bytes again make nothing new."""
    sha256 = file_hash(path)
    problems = Problems()
    try:
        with transaction.atomic():
            if known := imported_before(experiment, sha256):
                return Imported(known, is_new=False)
            source, mapping = open_file(path, filename, chosen_columns, problems)
            sides_known = rows.stage(read_rows(source, mapping, problems), now=now)
            for problem in rows.problems(experiment, mapping):
                problems.add(problem)
            problems.refuse_any()
            made = build(
                experiment=experiment, filename=filename, sha256=sha256, sides_known=sides_known,
                created_by=created_by, now=now, entropy=entropy,
            )  # fmt: skip
    except IntegrityError:
        # Another process imported the same bytes between our look and our COMMIT.
        if known := imported_before(experiment, sha256):
            return Imported(known, is_new=False)
        raise
    return Imported(made, is_new=True)


def imported_before(experiment: Experiment, sha256: str) -> JudgmentImport | None:
    return JudgmentImport.objects.filter(experiment=experiment, sha256=sha256).select_related("campaign").first()


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_file(
    path: Path, filename: str, chosen: dict[str, str] | None, problems: Problems
) -> tuple[Source, judgments.Columns]:
    try:
        source = open_source(path, filename=filename)
        names = source.columns()
    except Unreadable as problem:
        problems.add(problem.problem())
        raise ImportRefused(problems) from None
    mapping = judgments.columns(names, chosen=chosen)
    for absent in judgments.absent_columns(mapping, names):
        problems.add(absent)
    problems.refuse_any()
    return source, mapping


def read_rows(source: Source, mapping: judgments.Columns, problems: Problems) -> Iterable[JudgmentRow]:
    count = 0
    try:
        records = source.records(problems.add)
        for row in judgments.read(records, mapping=mapping, limits=source.limits, report=problems.add):
            count += 1
            yield row
    except Unreadable as problem:
        problems.add(problem.problem())
    if not count and not problems.n:
        problems.add(Problem(0, "", Kind.EMPTY_FILE, "the file holds no judgments"))


def build(
    *,
    experiment: Experiment,
    filename: str,
    sha256: str,
    sides_known: bool,
    created_by: User | None,
    now: datetime,
    entropy: opening.Entropy,
) -> JudgmentImport:
    counts = rows.counts()
    campaign = Campaign.objects.create(
        title=f"Judgments of {filename}"[:200],
        question="Judged elsewhere",
        status=Campaign.Status.CLOSED,
        reviewers_per_pair=counts["most_per_pair"],
        allow_tie=counts["ties"] > 0,
        allow_both_bad=counts["both_bad"] > 0,
        created_by=created_by,
        created_at=now,
        opened_at=now,
        closed_at=now,
    )
    for position, key in enumerate(rows.criteria()):
        label = key.replace("_", " ").replace("-", " ").capitalize()
        Criterion.objects.create(campaign=campaign, key=key, label=label, position=position)
    plan = register(campaign, experiment, sha256, counts["judgments"], created_by, now)
    rows.choose_judged_pairs(plan)
    opening.draw(entropy=entropy)
    pairs = opening.insert_pairs(campaign=campaign, plan=plan, progress=lambda done, total, note: None)
    rows.number_reviewers(reviewer_accounts(rows.reviewers()))
    rows.insert_judgments(campaign)
    Seat.objects.bulk_create(seats(campaign, now))
    campaign.n_tasks = pairs["n_tasks"]
    campaign.save(update_fields=["n_tasks"])
    rows.forget()
    made = JudgmentImport.objects.create(
        experiment=experiment, campaign=campaign, filename=filename[:255], sha256=sha256,
        n_judgments=counts["judgments"], sides_known=sides_known, created_by=created_by, created_at=now,
    )  # fmt: skip
    audit.record(
        actor=created_by,
        action="judgments.imported",
        subject=str(campaign.uuid),
        details={"experiment": experiment.name, "file": filename, "sha256": sha256, "judgments": made.n_judgments},
        now=now,
    )
    return made


def register(
    campaign: Campaign, experiment: Experiment, sha256: str, n: int, by: User | None, now: datetime
) -> CampaignPlan:
    """What was planned elsewhere is not known: the plan says so, and names the bytes."""
    content: dict[str, Any] = {"campaign": str(campaign.uuid), "source": "imported judgments", "sha256": sha256}
    return CampaignPlan.objects.create(
        campaign=campaign,
        experiment=experiment,
        sampling=CampaignPlan.Sampling.IMPORTED,
        seed=0,
        planned_judgments=n,
        registered=content,
        hash=CampaignPlan.hash_of(content),
        registered_at=now,
        registered_by=by,
    )


def reviewer_accounts(names: list[str]) -> dict[str, int]:
    """Inactive people without a password. An account that can log in is somebody else, whatever its name."""
    marked = {name: f"{name} (imported)" for name in names}
    taken = User.objects.filter(username__in=names)
    others = {user.username for user in taken if user.is_active or user.has_usable_password()}
    usernames = {name: marked[name] if name in others else name for name in names}
    kept = set(User.objects.filter(username__in=usernames.values()).values_list("username", flat=True))
    missing = [User(username=one, is_active=False) for one in usernames.values() if one not in kept]
    for user in missing:
        user.set_unusable_password()
    User.objects.bulk_create(missing)
    ids = dict(User.objects.filter(username__in=usernames.values()).values_list("username", "pk"))
    return {name: ids[username] for name, username in usernames.items()}


def seats(campaign: Campaign, now: datetime) -> list[Seat]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SEATS, {"campaign": campaign.pk})
        return [
            Seat(
                campaign=campaign,
                reviewer_id=reviewer,
                created_at=now,
                removed_at=now,
                done=done,
                served=done,
                active_ms=active_ms,
                last_judged_at=last,
                option_1_left=option_1_left,
                ring_start=0,
                ring_cursor=0,
                lap=Seat.Lap.WALKED,
            )
            for reviewer, done, active_ms, last, option_1_left in cursor.fetchall()
        ]
