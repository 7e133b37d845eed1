"""Decide again from a decision's frozen policy and evidence, and compare every byte. Exit 1 if one differs."""

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from experiments.models import Decision
from experiments.services import decisions
from experiments.services.decisions import Recomputed


class Command(BaseCommand):
    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("decision", metavar="DECISION", nargs="?", help="the id of a decision")
        parser.add_argument("--all", action="store_true", help="every decision there is")

    def handle(self, *, decision: str | None, **given: Any) -> None:
        if bool(decision) == given["all"]:
            raise CommandError("Name one decision, or say --all.")
        n = differ = earlier = 0
        for row in every() if given["all"] else [named(decision or "")]:
            found = decisions.recompute(row)
            n, differ = n + 1, differ + (not found.is_same)
            earlier += found.is_same and not found.is_by_this_rule
            self.stdout.write(f"{row.pk}: {told(found)}")
        word = "decision" if n == 1 else "decisions"
        if differ:
            raise CommandError(f"{differ:,} of {n:,} {word} {'differs' if differ == 1 else 'differ'}.")
        if given["all"] and earlier:
            self.stdout.write(f"{n:,} {word} recomputed, each untouched, {earlier:,} by an earlier rule.")
        elif given["all"]:
            self.stdout.write(f"{n:,} {word} recomputed, each the same to the byte.")


def told(found: Recomputed) -> str:
    names, was = ", ".join(part.name for part in found.differing), found.decision.computed_verdict
    if names:
        return f"DIFFERS in {names}{f' ({found.problem})' if found.problem else ''}"
    if found.is_by_this_rule:
        return f"the same to the byte, {was}"
    now = f"gives {found.verdict_now}" if found.verdict_now else f"cannot read it ({found.problem})"
    return f"untouched, {was} by rule {found.rule}; rule {found.rule_now} {now}"


def every() -> Iterator[Decision]:
    rows = Decision.objects.select_related("policy").defer("report").order_by("signed_at", "pk")
    return rows.iterator(chunk_size=100)


def named(decision_id: str) -> Decision:
    try:
        return Decision.objects.select_related("policy").get(pk=UUID(decision_id))
    except ValueError:
        raise CommandError(f"{decision_id!r} is not the id of a decision: it looks like {UUID(int=0)}.") from None
    except Decision.DoesNotExist:
        raise CommandError(f"There is no decision {decision_id}. The page of a decision shows its id.") from None
