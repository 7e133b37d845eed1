"""The pieces every page is made of, rendered with the data pages give them."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from django.core.paginator import Paginator
from django.template import RequestContext, Template
from django.test import RequestFactory

from evalsite.platform.marks import MARKS, STATES


@dataclass(frozen=True)
class Result:
    estimate: float | None = 0.584
    ci_low: float | None = 0.539
    ci_high: float | None = 0.628
    p_value: float | None = 0.0004
    alpha: float = 0.05
    n: int = 1612
    method: str = "clustered by pair and reviewer"
    warnings: tuple[str, ...] = ()


def show(source: str, *, path: str = "/", **context: Any) -> str:
    request = RequestFactory().get(path)
    text = Template("{% load components %}" + source).render(RequestContext(request, context))
    return re.sub(r"\s+", " ", text)


def test_an_estimate_never_stands_without_interval_and_n() -> None:
    text = show("{% estimate result %}", result=Result())
    assert "58.4%" in text
    assert "95% interval 53.9 to 62.8%" in text
    assert "n 1,612" in text
    assert "clustered by pair and reviewer · p &lt; .001" in text


def test_an_estimate_from_json_looks_like_the_one_from_python() -> None:
    assert show("{% estimate result %}", result=vars(Result())) == show("{% estimate result %}", result=Result())


def test_the_level_of_the_interval_is_the_one_it_was_made_with() -> None:
    assert "90% interval" in show("{% estimate result %}", result=Result(alpha=0.1))


def test_an_undefined_estimate_is_no_number_and_says_why() -> None:
    nothing = Result(estimate=None, ci_low=None, ci_high=None, p_value=None, n=0, warnings=("No judgment <yet>.",))
    text = show("{% estimate result %}", result=nothing)
    assert "not defined" in text
    assert "0%" not in text
    assert "No judgment &lt;yet&gt;." in text
    assert "1 warning<" in text


def test_an_interval_bar_tells_its_numbers_to_those_who_cannot_see_it() -> None:
    text = show("{% interval_bar result threshold=0.6 tone='met' %}", result=Result())
    assert 'aria-label="58.4%, 95% interval 53.9 to 62.8%, threshold 60.0%"' in text
    assert 'class="threshold" x1="120.0"' in text
    assert 'class="band" x1="107.8" x2="125.6"' in text


def test_an_interval_bar_without_an_estimate_draws_only_its_axis() -> None:
    text = show("{% interval_bar result %}", result=Result(estimate=None, ci_low=None, ci_high=None))
    assert 'class="axis"' in text
    assert 'class="point"' not in text
    assert 'class="band"' not in text


def test_a_split_bar_shows_counts_and_shares() -> None:
    text = show("{% split_bar candidate=50 tie=25 baseline=25 %}")
    assert 'aria-label="candidate 50.0%, tie 25.0%, baseline 25.0%"' in text
    assert "(50)" in text
    assert "both bad" not in text


def test_a_split_of_nothing_says_so() -> None:
    assert "No judgments yet" in show("{% split_bar %}")


def test_a_heat_map_holds_each_pair_twice_with_its_n() -> None:
    kappas = [
        {"reviewers": ["Ana", "Bo"], "estimate": 0.71, "ci_low": 0.64, "ci_high": 0.78, "n": 212},
        {"reviewers": ["Ana", "Cem"], "estimate": None, "ci_low": None, "ci_high": None, "n": 3},
    ]
    text = show("{% heat_map kappas %}", kappas=kappas)
    assert text.count("n 212") == 2
    assert text.count("no shared pair") == 2  # Bo and Cem
    assert text.count("n 3<") == 2
    assert "level-unknown" in text


def test_a_heat_map_says_who_agrees_best_and_least_and_leads_to_their_pairs() -> None:
    kappas = [
        {"reviewers": ["Ana", "Bo"], "estimate": 0.71, "ci_low": 0.64, "ci_high": 0.78, "n": 212},
        {"reviewers": ["Ana", "Cem & Co"], "estimate": 0.2, "ci_low": 0.1, "ci_high": 0.3, "n": 30},
        {"reviewers": ["Bo", "Cem & Co"], "estimate": 0.4, "ci_low": 0.1, "ci_high": 0.7, "n": 30},
    ]
    text = show("{% heat_map kappas 'Kappa' href='/pairs/?criterion=safety' %}", kappas=kappas)
    assert "Kappa. Ana and Bo agree best (.71), Ana and Cem &amp; Co least (.20)." in text
    assert 'href="/pairs/?criterion=safety&amp;reviewer=Ana&amp;other=Cem+%26+Co&amp;agreed=no"' in text


def test_a_heat_map_of_two_reviewers_says_their_kappa() -> None:
    kappas = [{"reviewers": ["Ana", "Bo"], "estimate": 0.71, "ci_low": 0.64, "ci_high": 0.78, "n": 212}]
    assert "Ana and Bo agree with a kappa of .71." in show("{% heat_map kappas %}", kappas=kappas)


def test_a_chart_has_its_numbers_as_a_table() -> None:
    text = show("{% column_chart votes 'Most came at nine.' %}", votes=[("8:00", 3), ("9:00", 12)])
    assert "Most came at nine." in text
    assert '<th scope="row">9:00</th><td class="r">12</td>' in text


@pytest.mark.parametrize(("label", "columns", "labels"), [("8:00", 12, 12), ("12 Nov 08:00", 35, 6), ("x" * 200, 3, 1)])
def test_labels_of_a_chart_never_touch(label: str, columns: int, labels: int) -> None:
    text = show("{% column_chart votes 'c' %}", votes=[(label, 1)] * columns)
    assert text.count('text-anchor="middle"') == labels


def test_a_chart_of_nothing_is_only_its_sentence() -> None:
    assert "<svg" not in show("{% column_chart votes 'No votes yet.' %}", votes=[])


@pytest.mark.parametrize("state", sorted(STATES))
def test_every_state_has_a_word_and_a_mark(state: str) -> None:
    text = show("{% tag state %}", state=state)
    assert state.replace("_", " ") in text
    assert MARKS[STATES[state][1]] in text


def test_a_state_nobody_listed_is_still_readable() -> None:
    assert "half_done".replace("_", " ") in show("{% tag 'half_done' %}")


def test_a_pager_keeps_the_filters_of_the_address() -> None:
    text = show("{% pager page %}", path="/jobs/?kind=a%26b&page=2", page=Paginator(range(120), 50).page(2))
    assert "51–100 of 120" in text
    assert 'href="?kind=a%26b&amp;page=3" rel="next"' in text


def test_a_list_of_nothing_has_no_pager() -> None:
    assert show("{% pager page %}", page=Paginator([], 50).page(1)).strip() == ""


@pytest.mark.parametrize(
    ("path", "marked"),
    [
        ("/experiments/", ' aria-current="page"'),
        ("/experiments/7/", ' aria-current="true"'),
        ("/campaigns/x/", ' aria-current="true"'),
        ("/experimental/", ""),
    ],
)
def test_the_section_one_is_in_is_marked(path: str, marked: str) -> None:
    assert show("{% current '/experiments/' '/campaigns/' %}", path=path) == marked
