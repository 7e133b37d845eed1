"""Reads the counted judgments of campaigns as arrays, and turns what was seen into arms."""

from collections.abc import Sequence

import numpy as np
from django.db.models import Count, QuerySet
from numpy.typing import NDArray

from annotations.models import Campaign, Criterion
from evalsite.platform.models import User
from experiments.models import BlindedPair, JudgmentImport
from experiments.reports.binary_copy import Arrays, fetch
from experiments.reports.human.votes import (
    BASELINE,
    BOTH_BAD,
    CANDIDATE,
    LEFT,
    RIGHT,
    TIE,
    UNKNOWN,
    Ints,
    Pairs,
    Small,
    Votes,
)

SEEN_A, SEEN_B, SEEN_TIE, SEEN_BOTH_BAD = range(4)
NO_CATEGORY = "(none)"
OTHER_CATEGORIES = "(others)"
MOST_CATEGORIES = 200

PAIR_COLUMNS = {
    "task": "task_id::bigint",
    "case": "case_id::bigint",
    "option": "candidate_option::smallint",
    "difference": "(candidate_length - baseline_length)::integer",
    "category": "(coalesce(array_position(%(categories)s::varchar[], category), %(others)s) - 1)::smallint",
    "identical": "identical::int::smallint",
    "gold": "(coalesce(array_position('{baseline,candidate,tie,both_bad}'::varchar[], gold), 0) - 1)::smallint",
}
VOTE_COLUMNS = {
    "task": "assignment.task_id::bigint",
    "campaign": "assignment.campaign_id::bigint",
    "reviewer": "assignment.reviewer_id::bigint",
    "first_option": "assignment.first_option::smallint",
    "choice": "array_position('{a,b,tie,both_bad}'::varchar[], judgment.choice)::smallint",
    "active_ms": "judgment.active_ms::integer",
    "judged_at": "extract(epoch FROM assignment.finished_at)::bigint",
}
CRITERION_COLUMN = (
    "(CASE judgment.criteria->>%({name})s WHEN 'a' THEN 0 WHEN 'b' THEN 1 WHEN 'tie' THEN 2 ELSE -1 END)::smallint"
)
VOTES = """
FROM annotations_assignment AS assignment
JOIN annotations_judgment AS judgment ON judgment.id = assignment.current_judgment_id
WHERE assignment.campaign_id = ANY (%(campaigns)s) AND assignment.state = 'judged' AND NOT assignment.surplus
"""


def read_votes(campaigns: Sequence[Campaign]) -> Votes:
    ids = [campaign.pk for campaign in campaigns]
    pair_rows, categories = read_pairs(ids)
    keys = [criterion.key for criterion in criteria_of(campaigns)]
    params = {f"criterion_{place}": key for place, key in enumerate(keys)}
    columns = VOTE_COLUMNS | {name: CRITERION_COLUMN.format(name=name) for name in params}
    rows = fetch(columns, VOTES, {"campaigns": ids, **params})
    task = np.searchsorted(pair_rows["task"], rows["task"])
    reviewer_ids, reviewer = np.unique(rows["reviewer"], return_inverse=True)
    candidate_left = rows["first_option"] == pair_rows["option"][task]
    return Votes(
        pairs=Pairs(
            task_id=pair_rows["task"],
            case_id=pair_rows["case"],
            category=pair_rows["category"],
            length_difference=pair_rows["difference"],
            identical=pair_rows["identical"] == 1,
            gold=pair_rows["gold"].astype(np.int8),
            categories=categories,
        ),
        reviewers=names_of(reviewer_ids.tolist()),
        task=task,
        reviewer=reviewer,
        outcome=arms(rows["choice"] - 1, candidate_left),
        side=sides(rows, sideless_campaigns(ids)),
        active_ms=rows["active_ms"],
        judged_at=rows["judged_at"],
        criteria={key: arms(rows[name], candidate_left) for name, key in zip(params, keys, strict=True)},
        answers=answers_on_offer(campaigns),
    )


def read_pairs(campaigns: list[int]) -> tuple[Arrays, tuple[str, ...]]:
    """In the order of their ids, which is the random order of the ring."""
    pairs = BlindedPair.objects.filter(campaign__in=campaigns)
    categories, are_more = largest_categories(pairs)
    rows = fetch(
        PAIR_COLUMNS,
        "FROM experiments_blindedpair WHERE campaign_id = ANY (%(campaigns)s)",
        {"campaigns": campaigns, "categories": categories, "others": len(categories) + 1},
    )
    order = np.argsort(rows["task"])
    rows = {name: values[order] for name, values in rows.items()}
    names = tuple(name or NO_CATEGORY for name in categories)
    return rows, (*names, OTHER_CATEGORIES) if are_more else names


def largest_categories(pairs: QuerySet[BlindedPair]) -> tuple[list[str], bool]:
    """By name; and whether there are more: a column that differs in every row makes no result for each of them."""
    by_size = pairs.values("category").annotate(n=Count("pk")).order_by("-n", "category")
    found = list(by_size.values_list("category", flat=True)[: MOST_CATEGORIES + 1])
    return sorted(found[:MOST_CATEGORIES]), len(found) > MOST_CATEGORIES


def arms(seen: Ints, candidate_left: NDArray[np.bool_]) -> Small:
    """The one place where a side becomes an arm."""
    result = np.full(seen.size, UNKNOWN, dtype=np.int8)
    result[seen == SEEN_A] = np.where(candidate_left, CANDIDATE, BASELINE)[seen == SEEN_A]
    result[seen == SEEN_B] = np.where(candidate_left, BASELINE, CANDIDATE)[seen == SEEN_B]
    result[seen == SEEN_TIE] = TIE
    result[seen == SEEN_BOTH_BAD] = BOTH_BAD
    return result


def sides(rows: Arrays, sideless: list[int]) -> Small:
    """Where the winner stood; unknown for undecided votes, and where sides were never recorded."""
    chosen = rows["choice"] - 1
    result = np.full(chosen.size, UNKNOWN, dtype=np.int8)
    result[chosen == SEEN_A] = LEFT
    result[chosen == SEEN_B] = RIGHT
    result[np.isin(rows["campaign"], sideless)] = UNKNOWN
    return result


def sideless_campaigns(campaigns: list[int]) -> list[int]:
    imports = JudgmentImport.objects.filter(campaign__in=campaigns, sides_known=False)
    return list(imports.values_list("campaign_id", flat=True))


def criteria_of(campaigns: Sequence[Campaign]) -> list[Criterion]:
    """Each key once, in the order asked."""
    found = Criterion.objects.filter(campaign__in=[campaign.pk for campaign in campaigns])
    return list({one.key: one for one in found.order_by("-campaign_id", "position").iterator()}.values())


def answers_on_offer(campaigns: Sequence[Campaign]) -> tuple[int, ...]:
    tie = any(campaign.allow_tie for campaign in campaigns)
    both_bad = any(campaign.allow_both_bad for campaign in campaigns)
    return (BASELINE, CANDIDATE, *([TIE] if tie else []), *([BOTH_BAD] if both_bad else []))


def names_of(ids: list[int]) -> tuple[str, ...]:
    by_id = dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))
    return tuple(by_id[pk] for pk in ids)
