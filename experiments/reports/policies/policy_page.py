"""All that the page of an experiment's policy shows: what counts, what is drafted, and how it came to be."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from experiments.models import Experiment
from experiments.policy import Policy
from experiments.reports.policies import words
from experiments.reports.policies.fitting import Place, gaps
from experiments.reports.policies.open_evidence import open_evidence
from experiments.reports.policies.registered import Registered, draft_of, on_record
from experiments.reports.policies.words import CriterionRow, health_words


@dataclass(frozen=True)
class Shown:
    """A policy as a table."""

    policy: Policy
    place: Place
    is_draft: bool = False

    @cached_property
    def rows(self) -> list[CriterionRow]:
        return words.rows(self.policy, self.place, gaps(self.policy, self.place) if self.is_draft else None)

    @property
    def point_rule(self) -> str:
        return words.point_rule_words(self.policy)

    @property
    def counting(self) -> list[str]:
        """The checks whose failure makes the verdict INVALID."""
        return [words for words, counts in health_words(self.policy) if counts]

    @property
    def ignored(self) -> list[str]:
        return [words for words, counts in health_words(self.policy) if not counts]

    @property
    def has_gaps(self) -> bool:
        return any(row.gap for row in self.rows)


@dataclass(frozen=True)
class Version:
    """One on record, and what it changed of the one before."""

    registered: Registered
    changes: Sequence[str]


@dataclass(frozen=True)
class PolicyPage:
    experiment: Experiment
    place: Place
    versions: Sequence[Version]
    draft: Shown | None

    @property
    def current(self) -> Registered | None:
        return self.versions[0].registered if self.versions else None

    @cached_property
    def shown(self) -> Shown | None:
        return Shown(self.current.policy, self.place) if self.current else None

    @cached_property
    def draft_changes(self) -> list[str]:
        """What registering the draft would amend."""
        if not self.draft or not self.current:
            return []
        return words.changes(self.current.policy, self.draft.policy, self.place)

    @cached_property
    def open_evidence(self) -> list[str]:
        return open_evidence(self.experiment)

    @property
    def is_amendment(self) -> bool:
        return self.draft is not None and self.current is not None


def policy_page(experiment: Experiment) -> PolicyPage:
    place, draft = Place(experiment), draft_of(experiment)
    return PolicyPage(
        experiment=experiment,
        place=place,
        versions=versions_of(on_record(experiment), place),
        draft=Shown(draft, place, is_draft=True) if draft else None,
    )


def versions_of(registered: Sequence[Registered], place: Place) -> list[Version]:
    """registered: the newest first."""
    found = [Version(now, words.changes(before.policy, now.policy, place)) for now, before in pairwise(registered)]
    return [*found, Version(registered[-1], ())] if registered else []
