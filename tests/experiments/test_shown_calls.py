"""Tool calls are part of what reviewers see and of what makes two responses the same."""

import json
from typing import Any

import pytest
from django.test import Client

from annotations.models import ComparisonTask
from evalsite.platform.safe_html import render_markdown
from experiments.models import BlindedPair, Experiment
from experiments.reports.available_pairs import LeftOut, available_pairs
from experiments.reports.shown_response import LONGEST_CALLS
from experiments.services import results
from tests.factories.experiments_ import make_case, make_output
from tests.factories.platform_ import NOW
from tests.factories.results_ import make_judged_campaign, make_lead, make_open_campaign, make_paired_experiment

pytestmark = pytest.mark.django_db

SAID = {"text": "Let me look."}
REFUND = {"name": "refund", "arguments": {"order": "A-7", "amount": 12.5}}
LOOK_UP = {"name": "look_up", "arguments": {"order": "A-7"}}
Answer = dict[str, Any]


def calling(*calls: Any, text: str = "") -> Answer:
    return {"text": text, "tool_calls": list(calls)}


def paired(*answers: tuple[Answer, Answer]) -> Experiment:
    """After one pair of plain texts, so that something can always be judged."""
    experiment = make_paired_experiment(("one", "two"))
    eval_set = experiment.suites.get().eval_set
    for position, (baseline, candidate) in enumerate(answers, start=1):
        case = make_case(eval_set=eval_set, position=position)
        make_output(model_version=experiment.baseline, case=case, **baseline)
        make_output(model_version=experiment.candidate, case=case, **candidate)
    return experiment


def frozen(baseline: Answer, candidate: Answer) -> BlindedPair:
    make_open_campaign(experiment=paired((baseline, candidate)))
    return BlindedPair.objects.select_related("task").get(case__position=1)


def test_other_calls_under_the_same_text_are_another_response() -> None:
    pair = frozen(calling(LOOK_UP), calling(REFUND))
    assert not pair.identical
    assert not pair.task.identical
    assert '"name": "look_up"' in pair.baseline_response
    assert '"name": "refund"' in pair.candidate_response


@pytest.mark.parametrize(
    "other",
    [
        {"arguments": {"amount": 12.5, "order": "A-7"}, "name": "refund", "id": "call_9"},
        {"id": "call_1", "function": {"name": "refund", "arguments": json.dumps(REFUND["arguments"])}},
        {"refund": REFUND["arguments"]},
        {"name": "refund", "parameters": REFUND["arguments"]},
    ],
    ids=["an id of its own", "an endpoint's form", "name as key", "parameters"],
)
def test_the_same_calls_written_otherwise_are_the_same(other: Answer) -> None:
    pair = frozen(calling({**REFUND, "id": "call_2"}, text="Done."), calling(other, text="Done."))
    assert pair.identical
    assert pair.task.response_1 == pair.task.response_2
    assert "call_" not in pair.task.response_1


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (SAID, {**SAID, "tool_calls": []}, True),
        (SAID, {**SAID, "tool_calls": [LOOK_UP]}, False),
        (calling(LOOK_UP, REFUND), calling(REFUND, LOOK_UP), False),
        (calling(REFUND), calling({**REFUND, "arguments": {"order": "A-7", "amount": "12.5"}}), False),
        (calling({"name": "stop"}), calling({"name": "stop", "arguments": ""}), True),
        (calling({"name": "stop", "arguments": "{not json"}), calling({"name": "stop"}), False),
    ],
    ids=["no calls", "one calls", "other order", "other type", "no arguments", "broken arguments"],
)
def test_responses_are_the_same_only_in_text_and_calls(one: Answer, other: Answer, *, same: bool) -> None:
    assert frozen(one, other).identical is same


def test_calls_stand_after_the_text_as_a_block_of_json() -> None:
    pair = frozen(calling({**REFUND, "id": "call_1", "type": "function"}, text="Done."), SAID)
    text, _, block = pair.baseline_response.partition("\n\n")
    assert text == "Done."
    assert json.loads(block.removeprefix("```json\n").removesuffix("\n```")) == [REFUND]
    assert pair.candidate_response == SAID["text"]
    assert "<pre>" in render_markdown(pair.baseline_response)


def test_a_call_without_text_is_shown_alone_and_counts_in_its_length() -> None:
    pair = frozen(calling(REFUND), {"text": "I cannot."})
    assert pair.baseline_response.startswith("```json\n")
    assert pair.baseline_length == len(pair.baseline_response)
    assert pair.candidate_length == len("I cannot.")


def test_what_is_no_call_is_shown_without_its_id() -> None:
    pair = frozen(calling({"id": "call_5", "model": "secret-7b", "function": "refund", "note": 1}, 3), SAID)
    block = pair.baseline_response.removeprefix("```json\n").removesuffix("\n```")
    assert json.loads(block) == [{"function": "refund", "note": 1}, 3]


def test_calls_are_cut_where_nobody_would_read_on_and_compared_whole() -> None:
    long = ["x" * LONGEST_CALLS + end for end in "ab"]
    pair = frozen(*(calling({"name": "write", "arguments": {"text": text}}) for text in long))
    assert not pair.identical
    assert len(pair.baseline_response) < LONGEST_CALLS + 100
    assert "characters more" in pair.baseline_response
    assert pair.baseline_response.endswith("\n```")


def test_a_fence_in_an_argument_ends_no_block() -> None:
    pair = frozen(calling({"name": "write", "arguments": {"text": "```\n# Heading\n"}}), SAID)
    assert "<h1>" not in render_markdown(pair.baseline_response)


def test_the_lead_sees_of_a_pair_what_reviewers_saw(client: Client) -> None:
    campaign = make_judged_campaign(experiment=paired((calling(LOOK_UP), calling(REFUND))))
    results.compute(campaign=campaign, now=NOW)
    client.force_login(make_lead())
    pair = BlindedPair.objects.get(case__position=1)
    body = client.get(f"/campaigns/{campaign.uuid}/pairs/{pair.pk}/").content.decode()
    assert "look_up" in body.split('id="second"')[0]
    assert "refund" in body.split('id="second"')[1]


def test_outputs_that_ended_in_an_error_are_left_out_and_counted_by_arm(client: Client) -> None:
    cut = {"text": "It ends in the mid", "error": "truncated"}
    experiment = paired((cut, SAID), (SAID, cut), (cut, cut))
    assert available_pairs(experiment).n == 1
    assert available_pairs(experiment).left_out == LeftOut(n=3, baseline=2, candidate=2)

    campaign = make_open_campaign(experiment=experiment)
    assert ComparisonTask.objects.count() == 1
    client.force_login(make_lead())
    for path in (f"/experiments/{experiment.pk}/campaigns/new", f"/campaigns/{campaign.uuid}/manage"):
        body = client.get(path).content.decode()
        assert "3 cases with an output that ended in an error: 2 of the baseline, 2 of the candidate" in body
