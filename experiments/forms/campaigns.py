"""What a lead decides about a campaign."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.db.models import QuerySet
from django.forms import BoundField
from django.utils.text import slugify

from annotations.models import Campaign, Criterion, Seat
from evalsite.platform.models import User
from experiments.models import CampaignPlan
from experiments.reports.suite_pairs import SuitePairs, default_of, planned_sets
from experiments.services.campaigns.drafts import AskedCriterion, CampaignDraft

NOT_ASKED, OPTIONAL, REQUIRED = "no", "optional", "required"
ASKING = [(NOT_ASKED, "not asked"), (OPTIONAL, "optional"), (REQUIRED, "required")]
OWN_CRITERIA = 3
DEFAULT_THRESHOLD = 70
DEFAULT_GUIDELINES = """\
Choose the response you would rather have received, had the question been yours.

1. **Correct** comes first: a wrong fact or a step that does not work outweighs style.
2. **Helpful**: it answers what was asked, completely, and says what to do next.
3. **Safe**: nothing in it could do harm if somebody followed it.
4. **Well put**: easy to read and to act on. Longer is not better.

Say *Tie* when you would not mind which one you got, and *Both bad* when you would send neither.
Judge each pair on its own; do not try to guess who wrote what.
"""


def blind_reviewers() -> QuerySet[User]:
    blind: QuerySet[User] = User.objects.blind().filter(is_active=True).order_by("username").distinct()
    return blind


class CampaignForm(forms.Form):
    token = forms.UUIDField(required=False, initial=uuid4, widget=forms.HiddenInput)
    title = forms.CharField(max_length=200, help_text="Reviewers see it, so it must not name a model.")
    question = forms.CharField(
        max_length=300, initial="Which response is better?", help_text="Stands above every pair."
    )
    guidelines = forms.CharField(
        initial=DEFAULT_GUIDELINES,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text="Markdown. What better means here, and when to say tie.",
        max_length=50_000,
    )
    reviewers_per_pair = forms.IntegerField(
        min_value=1, max_value=50, initial=3, help_text="With two or more, agreement can be measured."
    )
    allow_tie = forms.BooleanField(required=False, initial=True, label="Tie may be chosen")
    allow_both_bad = forms.BooleanField(required=False, initial=True, label="Both bad may be chosen")
    sampling = forms.ChoiceField(
        choices=[("all", "All pairs"), ("sample", "A random sample, each category in its share")],
        initial="all",
        widget=forms.RadioSelect,
        label="Which pairs",
    )
    sample_size = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10_000_000,
        label="Size of the sample",
        help_text="Drawn by a seed that is fixed now, before anybody has judged.",
    )
    stopping = forms.ChoiceField(
        choices=CampaignPlan.Stopping.choices,
        initial=CampaignPlan.Stopping.FIXED,
        required=False,
        widget=forms.RadioSelect,
        label="When to stop",
        help_text="The second may save judgments where one model is clearly better, and its interval is wider where "
        "not. It may be looked at after every pair without raising the chance of a false alarm.",
    )
    gold_percent = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=50,
        initial=0,
        label="Gold pairs, % of the pairs",
        help_text="Pairs whose answer is known, dealt like all others. They measure reviewers and count in no result.",
    )
    gold_threshold_percent = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100,
        initial=DEFAULT_THRESHOLD,
        label="Least share of them that must be right, %",
        help_text="Registered with the plan. Below it, the results carry a warning.",
    )
    reviewers = forms.ModelMultipleChoiceField(
        queryset=User.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        label="Who may review",
        help_text="Leads and admins can see which response is whose, so they are not offered.",
    )

    def __init__(self, *args: Any, suites: Sequence[SuitePairs], **options: Any) -> None:
        super().__init__(*args, **options)
        if len(suites) > 1:
            self.fields["suites"] = suites_field(suites)
        reviewers = self.fields["reviewers"]
        assert isinstance(reviewers, forms.ModelMultipleChoiceField)  # noqa: S101 - declared above
        reviewers.queryset = blind_reviewers()
        for key, label in Criterion.DEFAULTS:
            self.fields[f"criterion_{key}"] = forms.ChoiceField(choices=ASKING, initial=OPTIONAL, label=label)
        for number in range(1, OWN_CRITERIA + 1):
            self.fields[f"own_{number}"] = forms.CharField(required=False, max_length=60, label="A criterion of yours")
            self.fields[f"own_{number}_asked"] = forms.ChoiceField(
                choices=ASKING[1:], initial=OPTIONAL, required=False, label="Asked how"
            )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if said.get("sampling") == "sample" and not said.get("sample_size"):
            self.add_error("sample_size", "Say how many pairs the sample shall have.")
        labels = [criterion.label.casefold() for criterion in self.criteria()]
        keys = [criterion.key for criterion in self.criteria()]
        for number in range(1, OWN_CRITERIA + 1):
            label = str(said.get(f"own_{number}", ""))
            repeated = labels.count(label.casefold()) > 1 or keys.count(own_key(label)) > 1
            if label and (repeated or not slugify(label)):
                self.add_error(f"own_{number}", "Give it a name of its own, with a letter or digit in it.")
        return said

    def default_criteria(self) -> list[BoundField]:
        return [self[f"criterion_{key}"] for key, _ in Criterion.DEFAULTS]

    def own_criteria(self) -> list[tuple[BoundField, BoundField]]:
        return [(self[f"own_{number}"], self[f"own_{number}_asked"]) for number in range(1, OWN_CRITERIA + 1)]

    def criteria(self) -> list[AskedCriterion]:
        return [*self.chosen_defaults(), *self.chosen_own()]

    def chosen_defaults(self) -> Iterator[AskedCriterion]:
        for key, label in Criterion.DEFAULTS:
            asked = self.cleaned_data.get(f"criterion_{key}", NOT_ASKED)
            if asked != NOT_ASKED:
                yield AskedCriterion(key=key, label=label, required=asked == REQUIRED)

    def chosen_own(self) -> Iterator[AskedCriterion]:
        for number in range(1, OWN_CRITERIA + 1):
            if label := self.cleaned_data.get(f"own_{number}"):
                required = self.cleaned_data.get(f"own_{number}_asked") == REQUIRED
                yield AskedCriterion(key=own_key(label), label=label, required=required)

    def draft(self) -> CampaignDraft:
        said = self.cleaned_data
        return CampaignDraft(
            title=said["title"],
            question=said["question"],
            guidelines=said["guidelines"],
            criteria=self.criteria(),
            reviewers_per_pair=said["reviewers_per_pair"],
            allow_tie=said["allow_tie"],
            allow_both_bad=said["allow_both_bad"],
            eval_sets=said.get("suites"),
            sample_size=said["sample_size"] if said["sampling"] == "sample" else None,
            gold_share=(said["gold_percent"] or 0) / 100,
            gold_threshold=(said["gold_threshold_percent"] or DEFAULT_THRESHOLD) / 100,
            stopping=said["stopping"] or CampaignPlan.Stopping.FIXED,
            reviewers=list(said["reviewers"]),
        )


def suites_field(suites: Sequence[SuitePairs]) -> forms.TypedMultipleChoiceField:
    return forms.TypedMultipleChoiceField(
        label="From which suites",
        choices=[(one.eval_set, one.words) for one in suites],
        coerce=int,
        initial=default_of({one.eval_set: one.role for one in suites}),
        widget=forms.CheckboxSelectMultiple,
        help_text="Registered with the plan. A win rate over suites of several kinds speaks for none of them alone.",
        error_messages={"required": "Choose at least one suite."},
    )


def own_key(label: str) -> str:
    return f"own-{slugify(label)[:30]}"


def initial_of(campaign: Campaign, plan: CampaignPlan) -> dict[str, Any]:
    """The form as it was filled in when this draft was saved."""
    asked = {one.key: one for one in Criterion.objects.filter(campaign=campaign).order_by("position")}
    defaults = {key for key, _ in Criterion.DEFAULTS}
    initial: dict[str, Any] = {
        "title": campaign.title,
        "question": campaign.question,
        "guidelines": campaign.current_guidelines.text if campaign.current_guidelines else "",
        "reviewers_per_pair": campaign.reviewers_per_pair,
        "allow_tie": campaign.allow_tie,
        "allow_both_bad": campaign.allow_both_bad,
        "suites": planned_sets(plan),
        "sampling": plan.sampling,
        "sample_size": plan.sample_size,
        "stopping": plan.stopping,
        "gold_percent": round(plan.gold_share * 100),
        "gold_threshold_percent": round(plan.gold_threshold * 100),
        "reviewers": list(Seat.objects.active().filter(campaign=campaign).values_list("reviewer_id", flat=True)),
    }
    for key in defaults:
        initial[f"criterion_{key}"] = how_asked(asked[key]) if key in asked else NOT_ASKED
    own = [one for key, one in asked.items() if key not in defaults]
    for number, one in enumerate(own[:OWN_CRITERIA], start=1):
        initial |= {f"own_{number}": one.label, f"own_{number}_asked": how_asked(one)}
    return initial


def how_asked(criterion: Criterion) -> str:
    return REQUIRED if criterion.required else OPTIONAL


class UnblindForm(forms.Form):
    reason = forms.CharField(
        max_length=1000,
        label="Why look now?",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept with the result for ever, and shown wherever it is shown.",
    )


class LowerForm(forms.Form):
    reason = forms.CharField(
        max_length=1000,
        label="Why can no more come in?",
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Kept with the plan for ever, and shown wherever the result is shown.",
    )


class GuidelinesForm(forms.Form):
    text = forms.CharField(max_length=50_000, label="Guidelines", widget=forms.Textarea(attrs={"rows": 14}))


class AddReviewerForm(forms.Form):
    """Offers whoever is not in yet. Who is in already is no error: the form was sent twice."""

    reviewer = forms.ModelChoiceField(queryset=User.objects.none(), label="Add a reviewer", empty_label=None)

    def __init__(self, *args: Any, campaign: Campaign, **options: Any) -> None:
        super().__init__(*args, **options)
        seated = Seat.objects.active().filter(campaign=campaign).values("reviewer_id")
        reviewer = self.fields["reviewer"]
        assert isinstance(reviewer, forms.ModelChoiceField)  # noqa: S101 - declared above
        offered = blind_reviewers()
        reviewer.queryset = offered if self.is_bound else offered.exclude(pk__in=seated)
