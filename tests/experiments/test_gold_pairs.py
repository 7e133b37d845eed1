"""Pairs with a known answer measure reviewers: drawn by plan, dealt like all others, and no result counts them."""

import json
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.test import Client

from annotations.models import Campaign, ComparisonTask, Seat
from evalsite.platform.models import AuditEntry
from experiments.models import BlindedPair, CampaignPlan, CampaignResult, EvalCase, Experiment, GoldAnswer
from experiments.reports.exports.tables import table
from experiments.services import results
from experiments.services.campaigns import gold
from experiments.services.campaigns.gold import CannotMark
from experiments.services.campaigns.opening import CannotOpen
from tests.factories.annotations_ import claim, judge, make_reviewer
from tests.factories.platform_ import NOW, make_user
from tests.factories.results_ import make_lead, make_open_campaign, make_paired_experiment

pytestmark = pytest.mark.django_db

TEXTS = [(f"base {number}", f"cand {number}") for number in range(20)]


def make_gold(experiment: Experiment, **answers: str) -> None:
    """make_gold(experiment, case_3="candidate")."""
    for name, answer in answers.items():
        case = EvalCase.objects.get(eval_set__suites__experiment=experiment, external_id=name.removeprefix("case_"))
        GoldAnswer.objects.create(
            experiment=experiment, case=case, answer=answer, source=GoldAnswer.Source.IMPORT, created_at=NOW
        )


def jsonl(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def gold_of(campaign: Campaign) -> dict[str, str]:
    pairs = BlindedPair.objects.filter(campaign=campaign).exclude(gold="")
    return dict(pairs.values_list("case__external_id", "gold"))


def judge_by_case(campaign: Campaign, choose: Any) -> None:
    """`choose(name, case id)` names the arm a reviewer prefers."""
    for seat in Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer"):
        while assignment := claim(seat):
            pair = BlindedPair.objects.select_related("case").get(task_id=assignment.task_id)
            left = "candidate" if assignment.first_option == pair.candidate_option else "baseline"
            wanted = choose(seat.reviewer.username, pair.case.external_id)
            judge(seat, assignment, choice="a" if wanted == left else "b")


def test_the_registered_share_is_drawn_from_the_known_ones_and_frozen_in_the_plan() -> None:
    experiment = make_paired_experiment(*TEXTS, categories=["api", "billing"])
    known = {f"case_{number}": "candidate" for number in range(1, 9)}
    make_gold(experiment, **known)

    one, other = (make_open_campaign(experiment=experiment, gold_share=0.2, entropy_seed=seed) for seed in (1, 2))

    assert len(gold_of(one)) == 4
    assert gold_of(one) == gold_of(other)
    assert one.n_tasks == 20
    plan = CampaignPlan.objects.get(campaign=one)
    assert plan.registered is not None
    assert (plan.n_gold, plan.registered["gold"]["wanted"], plan.registered["gold"]["threshold"]) == (4, 4, 0.7)
    categories = BlindedPair.objects.filter(campaign=one).exclude(gold="").values_list("category", flat=True)
    assert sorted(categories) == ["api", "api", "billing", "billing"]


def test_a_sample_holds_its_share_of_gold_pairs_beside_ordinary_ones() -> None:
    experiment = make_paired_experiment(*TEXTS)
    make_gold(experiment, case_1="tie", case_2="baseline", case_3="candidate")

    campaign = make_open_campaign(experiment=experiment, sample_size=10, gold_share=0.3)

    assert gold_of(campaign) == {"1": "tie", "2": "baseline", "3": "candidate"}
    assert campaign.n_tasks == 10


def test_without_a_share_a_known_answer_changes_nothing() -> None:
    experiment = make_paired_experiment(*TEXTS[:4])
    make_gold(experiment, case_1="candidate")
    assert gold_of(make_open_campaign(experiment=experiment)) == {}


def test_identical_pairs_withdrawn_answers_and_answers_not_on_offer_are_not_drawn() -> None:
    experiment = make_paired_experiment(("same", "same"), *TEXTS[:5])
    make_gold(experiment, case_1="tie", case_2="candidate", case_3="both_bad", case_4="tie", case_5="candidate")
    make_gold(experiment, case_5="")

    campaign = make_open_campaign(experiment=experiment, gold_share=0.5, allow_both_bad=False)

    assert gold_of(campaign) == {"2": "candidate", "4": "tie"}


def test_a_plan_that_asks_for_gold_does_not_open_without_any() -> None:
    with pytest.raises(CannotOpen, match="no pair has a known answer"):
        make_open_campaign(experiment=make_paired_experiment(*TEXTS[:3]), gold_share=0.1)


def test_nothing_reviewers_or_their_tables_hold_tells_a_gold_pair_from_another() -> None:
    experiment = make_paired_experiment(*TEXTS)
    make_gold(experiment, **{f"case_{number}": "candidate" for number in range(1, 11)})
    campaign = make_open_campaign(experiment=experiment, gold_share=0.5)

    golden = set(BlindedPair.objects.exclude(gold="").values_list("task_id", flat=True))
    tasks = list(ComparisonTask.objects.filter(campaign=campaign).order_by("random_key"))
    same_for_all = {
        (task.needed, task.taken, task.judged, task.identical, task.reopened, task.option_1_left) for task in tasks
    }
    assert len(same_for_all) == 1
    order = [task.pk in golden for task in tasks]
    assert order not in (sorted(order), sorted(order, reverse=True))


def test_accuracy_is_told_for_each_reviewer_and_gold_pairs_count_in_no_result() -> None:
    experiment = make_paired_experiment(*TEXTS)
    make_gold(experiment, **{f"case_{number}": "baseline" for number in range(1, 11)})
    reviewers = [make_reviewer(username="careful"), make_reviewer(username="hasty")]
    campaign = make_open_campaign(experiment=experiment, gold_share=0.5, reviewers=reviewers)
    known = set(gold_of(campaign))
    assert len(known) == 10

    judge_by_case(campaign, lambda name, case: "baseline" if name == "careful" and case in known else "candidate")
    result = results.compute(campaign=campaign, now=NOW)

    assert result is not None
    human = result.payload["human"]
    assert human["n"] == 20
    assert result.n_judgments == 40
    assert human["outcomes"] == {"baseline": 0, "candidate": 20, "tie": 0, "both_bad": 0}
    assert human["agreement"]["percent"]["estimate"] == 1.0
    found = {one["name"]: (one["estimate"], one["n"], one["status"]) for one in human["gold"]["reviewers"]}
    assert found == {"careful": (1.0, 10, "shown_above"), "hasty": (0.0, 10, "shown_below")}
    assert human["gold"]["accuracy"]["estimate"] == 0.5
    assert human["gold"]["accuracy"]["method"] == "Wilson score interval"
    assert human["gold"]["failed"]
    assert any("hasty is below the registered 70%" in warning for warning in human["gold"]["warnings"])
    assert {one["name"]: one["n"] for one in human["reviewers"]} == {"careful": 20, "hasty": 20}


def test_gold_accuracy_is_told_while_the_direction_is_hidden_and_tells_nothing_of_it() -> None:
    experiment = make_paired_experiment(*TEXTS[:6])
    make_gold(experiment, case_1="candidate", case_2="baseline", case_3="tie")
    campaign = make_open_campaign(experiment=experiment, gold_share=0.5, reviewers_per_pair=2)
    seat = Seat.objects.filter(campaign=campaign).select_related("campaign", "reviewer")[0]
    while assignment := claim(seat):
        judge(seat, assignment, choice="tie")

    result = results.compute(campaign=campaign, now=NOW)

    assert result is not None
    human = result.payload["human"]
    assert human["direction_hidden"]
    assert human["gold"]["accuracy"]["estimate"] == pytest.approx(1 / 3)
    assert "sequential" not in human


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_lead())
    return client


def test_a_lead_marks_a_pair_by_response_while_the_direction_is_hidden(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_paired_experiment(*TEXTS[:3]))
    pair = BlindedPair.objects.all()[0]
    path = f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/"
    body = lead.get(path).content.decode()
    assert "Response 1 is better" in body
    assert "The candidate is better" not in body

    said = {"request": str(uuid4()), "answer": "response_1", "reason": "The manual says so."}
    assert lead.post(f"{path}gold", said).status_code == 302
    assert lead.post(f"{path}gold", said).status_code == 302

    answer = GoldAnswer.objects.get()
    assert answer.answer == ("candidate" if pair.candidate_option == 1 else "baseline")
    assert AuditEntry.objects.filter(action="pair.gold_marked").count() == 1
    shown = lead.get(path).content.decode()
    assert "response 1 is better" in shown
    assert f"the {answer.answer} is better" not in shown


def test_a_known_answer_needs_a_reason_and_is_never_rewritten(lead: Client) -> None:
    campaign = make_open_campaign(experiment=make_paired_experiment(*TEXTS[:3]))
    pair = BlindedPair.objects.all()[0]
    path = f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/gold"
    assert lead.post(path, {"request": str(uuid4()), "answer": "tie", "reason": " "}).status_code == 422
    assert lead.post(path, {"request": str(uuid4()), "answer": "candidate", "reason": "x"}).status_code == 422
    request = str(uuid4())
    lead.post(path, {"request": request, "answer": "tie", "reason": "Both quote the manual."})
    conflict = lead.post(path, {"request": request, "answer": "both_bad", "reason": "Both quote the manual."})
    assert conflict.status_code == 422
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        GoldAnswer.objects.update(answer="candidate")


def test_a_known_answer_is_withdrawn_by_a_later_row(lead: Client) -> None:
    experiment = make_paired_experiment(*TEXTS[:3])
    make_gold(experiment, case_1="candidate", case_2="candidate", case_3="candidate")
    campaign = make_open_campaign(experiment=experiment)
    pair = BlindedPair.objects.get(case__external_id="1")
    said = {"request": str(uuid4()), "answer": "none", "reason": "The manual changed."}
    assert lead.post(f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/gold", said).status_code == 302
    assert AuditEntry.objects.filter(action="pair.gold_withdrawn").exists()
    assert "1" not in gold_of(make_open_campaign(experiment=experiment, gold_share=0.5))


def test_exports_name_gold_pairs_and_leave_them_out_of_what_is_about_the_models() -> None:
    experiment = make_paired_experiment(*TEXTS[:10])
    make_gold(experiment, **{f"case_{number}": "baseline" for number in range(1, 6)})
    campaign = make_open_campaign(experiment=experiment, gold_share=0.5)
    judge_by_case(campaign, lambda name, case: "candidate")
    known = set(gold_of(campaign))

    def rows(name: str) -> list[list[Any]]:
        return list(table(name, experiment=experiment, campaigns=[campaign.pk]))

    assert {row[1] for row in rows("judgments") if row[-1] == "baseline"} == known
    assert {row[1] for row in rows("judgments") if row[-1] == ""} == set(map(str, range(1, 11))) - known
    for name in ("battles", "preferences", "labels"):
        assert {row[0] for row in rows(name)} == set(map(str, range(1, 11))) - known


def test_the_report_tells_accuracy_in_json_and_text() -> None:
    experiment = make_paired_experiment(*TEXTS[:10])
    make_gold(experiment, **{f"case_{number}": "baseline" for number in range(1, 6)})
    campaign = make_open_campaign(experiment=experiment, gold_share=0.5)
    judge_by_case(campaign, lambda name, case: "candidate")
    out = StringIO()
    call_command("report", experiment.name, format="json", stdout=out)
    told = json.loads(out.getvalue())["human"]["gold"]
    assert (told["failed"], told["n_pairs"], told["accuracy"]["n"], told["accuracy"]["estimate"]) == (True, 5, 10, 0.0)
    out = StringIO()
    call_command("report", experiment.name, format="text", stdout=out)
    assert "BELOW 70%" in out.getvalue()


def test_an_identical_pair_cannot_be_marked() -> None:
    make_open_campaign(experiment=make_paired_experiment(("same", "same"), *TEXTS[:1]))
    pair = BlindedPair.objects.get(identical=True)
    with pytest.raises(CannotMark, match="measure nobody"):
        gold.mark(pair=pair, answer="tie", reason="Same.", by=make_lead(), request=uuid4(), now=NOW)


def test_an_admin_reads_known_answers_but_does_not_make_them(client: Client) -> None:
    client.force_login(make_user(roles=["admin"]))
    campaign = make_open_campaign(experiment=make_paired_experiment(*TEXTS[:3]))
    pair = BlindedPair.objects.all()[0]
    assert "Say what is right" not in client.get(f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/").content.decode()
    assert client.post(f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/gold").status_code == 403


def test_lists_leave_gold_pairs_out_unless_asked_and_the_page_warns(lead: Client) -> None:
    experiment = make_paired_experiment(*TEXTS[:10])
    make_gold(experiment, **{f"case_{number}": "baseline" for number in range(1, 6)})
    campaign = make_open_campaign(experiment=experiment, gold_share=0.5)
    judge_by_case(campaign, lambda name, case: "candidate")
    results.compute(campaign=campaign, now=NOW)
    known = set(gold_of(campaign))

    def listed(**query: str) -> set[str]:
        found = lead.get(f"/campaigns/{campaign.uuid}/pairs/", query).context["found"]
        return {row.pair.case.external_id for row in found.rows}

    everything = {str(number) for number in range(1, 11)}
    assert listed() == listed(majority="candidate") == everything - known
    assert listed(gold="only") == known
    assert listed(gold="with") == everything
    page = lead.get(f"/campaigns/{campaign.uuid}/").content.decode()
    assert "Reviewers fall short on the gold pairs" in page
    assert CampaignResult.objects.get().payload["human"]["gold"]["n_pairs"] == 5


def test_a_draft_says_when_too_few_pairs_have_a_known_answer(lead: Client) -> None:
    experiment = make_paired_experiment(*TEXTS[:10])
    make_gold(experiment, case_1="candidate")
    form = {
        "title": "Round", "question": "Which?", "guidelines": "Be fair.", "reviewers_per_pair": "2",
        "sampling": "all", "gold_percent": "30", "gold_threshold_percent": "80", "stopping": "fixed",
        **{f"criterion_{key}": "no" for key in ("correctness", "helpfulness", "safety", "format")},
    }  # fmt: skip
    response = lead.post(f"/experiments/{experiment.pk}/campaigns/new", form, follow=True)
    assert "asks for 3 gold pairs, and only 1 has" in response.content.decode()
    plan = CampaignPlan.objects.get()
    assert (plan.gold_share, plan.gold_threshold) == (0.3, 0.8)


def test_a_gold_column_of_an_import_becomes_known_answers(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "prompt": "p1", "baseline": "b1", "candidate": "c1", "gold": "Candidate"},
        {"id": "2", "prompt": "p2", "baseline": "b2", "candidate": "c2", "gold": "both_bad"},
        {"id": "3", "prompt": "p3", "baseline": "b3", "candidate": "c3", "gold": ""},
    ]
    names = ["--baseline-name", "v1", "--candidate-name", "v2", "--experiment", "Bot"]
    call_command("import_pairs", str(jsonl(tmp_path, rows)), *names, stdout=StringIO(), stderr=StringIO())
    known = GoldAnswer.objects.order_by("case__external_id").values_list("case__external_id", "answer", "source")
    assert list(known) == [("1", "candidate", "import"), ("2", "both_bad", "import")]
    assert gold_of(make_open_campaign(experiment=Experiment.objects.get(), gold_share=0.5)).keys() <= {"1", "2"}


def test_a_gold_column_that_holds_something_else_is_refused_with_the_way_out(tmp_path: Path) -> None:
    rows = [{"id": "1", "prompt": "p1", "baseline": "b1", "candidate": "c1", "gold": "Paris"}]
    names = ["--baseline-name", "v1", "--candidate-name", "v2", "--experiment", "Bot"]
    errors = StringIO()
    with pytest.raises(CommandError):
        call_command("import_pairs", str(jsonl(tmp_path, rows)), *names, stdout=StringIO(), stderr=errors)
    assert "'paris' is no known answer" in errors.getvalue()
    assert "choose no column" in errors.getvalue()
