import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotations.models import Assignment, Criterion, Judgment, Seat
from tests.annotations.pages import ballot, browser_of, open_page, pair_on, submit
from tests.factories.annotations_ import make_campaign, make_reviewer, make_seat

pytestmark = pytest.mark.django_db


def test_submitting_keeps_the_judgment_and_brings_the_next_pair_in_the_same_round_trip() -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    browser = browser_of(seat.reviewer)
    page = open_page(browser, seat)
    following = submit(browser, seat, page, choice="tie", comment="Alike.", criteria={"safety": "b", "format": ""})
    assert following.status_code == 200
    assert pair_on(following) != pair_on(page)
    kept = Judgment.objects.get()
    assert (str(kept.pk), kept.assignment.uuid) == (ballot(page)["judgment"], pair_on(page))
    assert (kept.choice, kept.comment, kept.criteria) == ("tie", "Alike.", {"safety": "b"})


def test_progress_counts_the_judgment_just_sent() -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    browser = browser_of(seat.reviewer)
    page = open_page(browser, seat)
    assert b"0 of 3" in page.content
    page = submit(browser, seat, page)
    assert b"1 of 3" in page.content
    assert b"1 of 3" in open_page(browser, seat).content
    assert b"2 of 3" in submit(browser, seat, page).content


def test_submitting_without_javascript_redirects_to_the_next_pair() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    browser = browser_of(seat.reviewer)
    page = open_page(browser, seat)
    response = submit(browser, seat, page, htmx=False)
    assert response.status_code == 302
    assert pair_on(browser.get(response.headers["Location"])) != pair_on(page)


def test_the_last_pair_is_followed_by_thanks() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    browser = browser_of(seat.reviewer)
    assert b"That was all for you" in submit(browser, seat, open_page(browser, seat)).content


def test_sending_the_same_again_gets_the_same_next_pair() -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    browser = browser_of(seat.reviewer)
    page = open_page(browser, seat)
    first, second = submit(browser, seat, page), submit(browser, seat, page)
    assert second.status_code == 200
    assert pair_on(first) == pair_on(second)
    assert Judgment.objects.count() == 1


def test_the_same_id_with_another_verdict_is_409_and_shows_what_is_kept() -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    browser = browser_of(seat.reviewer)
    page = open_page(browser, seat)
    submit(browser, seat, page, choice="a")
    response = submit(browser, seat, page, choice="b")
    assert response.status_code == 409
    assert pair_on(response) == pair_on(page)
    assert b'value="a" data-choice aria-pressed="true"' in response.content
    assert Judgment.objects.get().choice == "a"


def test_without_a_verdict_the_ballot_comes_back_filled_in() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    browser = browser_of(seat.reviewer)
    response = submit(browser, seat, open_page(browser, seat), choice="", comment="So far.")
    assert response.status_code == 422
    assert b"Choose a verdict" in response.content
    assert b"So far." in response.content
    assert not Judgment.objects.exists()


def test_a_missing_required_criterion_is_named() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    Criterion.objects.filter(key="format").update(required=True)
    browser = browser_of(seat.reviewer)
    response = submit(browser, seat, open_page(browser, seat), choice="b")
    assert response.status_code == 422
    assert b"Still to answer: Format." in response.content
    assert b'value="b" data-choice aria-pressed="true"' in response.content


def test_another_reviewers_pair_is_404() -> None:
    campaign = make_campaign(tasks=3)
    mine, theirs = make_seat(campaign=campaign), make_seat(campaign=campaign)
    page = open_page(browser_of(theirs.reviewer), theirs)
    assert submit(browser_of(mine.reviewer), mine, page).status_code == 404
    assert submit(browser_of(make_reviewer()), mine, page).status_code == 404
    assert not Judgment.objects.exists()


@pytest.mark.parametrize("pair", ["", "nonsense", "00000000-0000-0000-0000-000000000000"])
def test_a_pair_that_does_not_exist_is_404(pair: str) -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    browser = browser_of(seat.reviewer)
    assert submit(browser, seat, open_page(browser, seat), pair=pair).status_code == 404


def test_a_nul_in_a_comment_is_refused_in_words() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    browser = browser_of(seat.reviewer)
    assert submit(browser, seat, open_page(browser, seat), comment="a\0b").status_code == 422


def test_submit_and_next_takes_at_most_eight_queries() -> None:
    seat = make_seat(campaign=make_campaign(tasks=20))
    browser = browser_of(seat.reviewer)
    Seat.objects.update(ring_cursor=0, ring_start=0)
    page = submit(browser, seat, open_page(browser, seat))
    with CaptureQueriesContext(connection) as queries:
        submit(browser, seat, page)
    statements = [query["sql"] for query in queries if "SAVEPOINT" not in str(query["sql"])]
    assert len(statements) <= 8
    assert Assignment.objects.count() == 3


def test_a_line_break_counts_once_however_the_browser_writes_it() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    browser = browser_of(seat.reviewer)
    text = "line\r\n" * 800
    response = submit(browser, seat, open_page(browser, seat), comment=text)
    assert response.status_code == 200
    assert Judgment.objects.get().comment == "line\n" * 800


def test_the_same_comment_by_form_and_by_script_is_the_same_judgment() -> None:
    seat = make_seat(campaign=make_campaign(tasks=2))
    browser = browser_of(seat.reviewer)
    page = open_page(browser, seat)
    for text in ("first\nsecond", "first\r\nsecond"):
        assert submit(browser, seat, page, comment=text).status_code == 200
    assert Judgment.objects.count() == 1
