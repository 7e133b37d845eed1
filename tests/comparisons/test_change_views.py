"""Cases that got worse or better, one at a time, with both texts word by word."""

from http import HTTPStatus

import pytest
from django.test import Client
from django.urls import reverse

from experiments.models import RunComparison
from experiments.reports import scores
from experiments.reports.comparisons import change_list
from tests.comparisons.compared import make_comparison
from tests.factories.platform_ import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def lead(client: Client) -> Client:
    client.force_login(make_user(roles=["lead"]))
    return client


def text_of(client: Client, comparison: RunComparison, **query: str) -> str:
    response = client.get(reverse("comparison_changes", args=[comparison.pk]), query)
    assert response.status_code == HTTPStatus.OK
    return response.content.decode()


def test_both_texts_stand_side_by_side_with_the_words_that_differ(lead: Client) -> None:
    text = text_of(lead, make_comparison())
    assert "The answer is <del>7</del>." in text
    assert "The answer is <ins>8</ins>." in text
    assert "1 of 2" in text
    assert "Reference" in text


def test_paging_reaches_each_case_once_and_stops_at_the_ends(lead: Client) -> None:
    comparison = make_comparison([1.0] * 5, [0.0] * 5)
    seen = []
    for at in range(1, 6):
        page = change_list.change_page(comparison, change_list.Wanted(at=at))
        assert page is not None
        assert page.shown is not None
        seen.append(page.shown.case.external_id)
        assert bool(page.next) == (at < 5)
        assert bool(page.previous) == (at > 1)
    assert seen == ["1", "2", "3", "4", "5"]
    assert "5 of 5" in text_of(lead, comparison, at="99")


def test_the_next_case_is_a_part_of_the_page(lead: Client) -> None:
    comparison = make_comparison()
    address = reverse("comparison_changes", args=[comparison.pk])
    part = lead.get(address, {"at": "2"}, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'data-announce="2 of 2: case 3"' in part


def test_improvements_have_their_own_list(lead: Client) -> None:
    text = text_of(lead, make_comparison(), kind="improvement")
    assert "Was wrong, is right" in text
    assert "1 of 1" in text
    assert "case 4" in text


def test_a_category_narrows_the_list(lead: Client) -> None:
    text = text_of(lead, make_comparison(), category="hard")
    assert "1 of 1" in text
    assert "case 2" in text


def test_the_rarest_categories_are_found_together(lead: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "MOST_CATEGORIES", 1)
    comparison = make_comparison([1.0] * 6, [0.0] * 6, categories=("a", "b", "c"))
    assert "1 of 4" in text_of(lead, comparison, category="(others)")
    assert "1 of 2" in text_of(lead, comparison, category="a")


@pytest.mark.parametrize(("q", "found"), [("What is 2", "case 3"), ("ANSWER IS 8", "case 2"), ("%", "No such case")])
def test_search_looks_into_ids_prompts_and_answers(lead: Client, q: str, found: str) -> None:
    assert found in text_of(lead, make_comparison(), q=q)


@pytest.mark.parametrize(
    "query",
    [{"at": "0"}, {"at": "-4"}, {"at": "x"}, {"at": "9" * 40}, {"kind": "nonsense"}, {"scorer": "none"}, {"q": "\x00"}],
)
def test_an_address_that_means_nothing_is_forgiven(lead: Client, query: dict[str, str]) -> None:
    assert "1 of 2" in text_of(lead, make_comparison(), **query)


def test_what_a_model_said_is_text_and_never_markup(lead: Client) -> None:
    comparison = make_comparison(
        texts=("<script>alert(1)</script> one", "<img src=x onerror=alert(1)> two"),
        details={"found": "<b>bold</b>"},
        prompt="<i>{}</i>",
    )
    for view in ("", "rendered"):
        text = text_of(lead, comparison, view=view)
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>bold" not in text
        assert "<i>" not in text


def test_what_the_scorer_saw_stands_under_each_answer(lead: Client) -> None:
    text = text_of(lead, make_comparison(details={"found_number": "8", "counts": [1, 2, 3, 4, 5]}))
    assert "<dt>found number</dt><dd>8</dd>" in text
    assert "counts" not in text


def test_a_very_long_answer_is_cut_and_can_be_shown_whole(lead: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_list, "SHOWN_CHARACTERS", 10)
    comparison = make_comparison()
    text = text_of(lead, comparison)
    assert "Show the whole of it" in text
    assert "is 7." not in text
    assert "<del>7</del>." in text_of(lead, comparison, whole="yes")


def test_nothing_worse_says_so(lead: Client) -> None:
    assert "Nothing got worse" in text_of(lead, make_comparison([1, 0], [1, 0]))


def test_a_comparison_without_a_metric_leads_back(lead: Client) -> None:
    comparison = make_comparison()
    comparison.payload = None
    comparison.save()
    response = lead.get(reverse("comparison_changes", args=[comparison.pk]))
    assert response.status_code == HTTPStatus.FOUND
