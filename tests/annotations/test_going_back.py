from datetime import timedelta

import pytest

from annotations.models import Assignment, Judgment, Seat
from tests.annotations.pages import address, ballot, browser_of, pair_on, submit
from tests.factories.annotations_ import claim_some, judge, make_campaign, make_reviewer, make_seat, skip
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db


def judged_in_order(seat: Seat, count: int) -> list[Assignment]:
    turns = []
    for number in range(count):
        turn = claim_some(seat)
        judge(seat, turn, choice="ab"[number % 2], now=NOW + timedelta(minutes=number))
        turns.append(turn)
    return turns


def test_back_leads_through_the_last_ten_one_by_one() -> None:
    seat = make_seat(campaign=make_campaign(tasks=14))
    turns = judged_in_order(seat, 12)
    browser = browser_of(seat.reviewer)
    here, seen = str(claim_some(seat).uuid), []
    for _ in range(10):
        response = browser.get(address("back", seat), {"from": here})
        here = response.headers["Location"].rstrip("/").rpartition("/")[2]
        seen.append(here)
    assert seen == [str(turn.uuid) for turn in reversed(turns[2:])]
    beyond = browser.get(address("back", seat), {"from": here})
    assert beyond.headers["Location"] == address("recent_pairs", seat)


def test_a_judged_pair_is_shown_with_its_judgment_and_can_be_changed() -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    turn = claim_some(seat)
    first = judge(seat, turn, choice="b", criteria={"safety": "a"}, comment="Shorter.")
    browser = browser_of(seat.reviewer)
    page = browser.get(f"/review/pairs/{turn.uuid}/")
    html = page.content.decode()
    assert 'value="b" data-choice aria-pressed="true"' in html
    assert 'name="criterion-safety" value="a" checked' in html
    assert "Shorter." in html
    assert ballot(page)["supersedes"] == str(first.pk)
    open_pair = claim_some(seat)
    following = submit(browser, seat, page, choice="tie")
    assert pair_on(following) == open_pair.uuid
    assert Judgment.objects.count() == 2
    turn.refresh_from_db()
    assert turn.current_judgment_id != first.pk


def test_the_list_shows_the_last_ten_newest_first() -> None:
    seat = make_seat(campaign=make_campaign(tasks=12))
    turns = judged_in_order(seat, 10)
    skipped = claim_some(seat)
    skip(seat, skipped, now=NOW + timedelta(hours=1))
    page = browser_of(seat.reviewer).get(address("recent_pairs", seat))
    assert [turn.uuid for turn in page.context["turns"]] == [
        skipped.uuid,
        *[turn.uuid for turn in reversed(turns[1:])],
    ]
    assert "Skipped" in page.content.decode()


def test_an_empty_list_says_what_will_stand_there() -> None:
    seat = make_seat(campaign=make_campaign(tasks=1))
    assert b"Nothing judged yet" in browser_of(seat.reviewer).get(address("recent_pairs", seat)).content


def test_nobody_reads_anothers_pairs() -> None:
    seat = make_seat(campaign=make_campaign(tasks=3))
    turn = judged_in_order(seat, 1)[0]
    stranger = browser_of(make_reviewer())
    assert stranger.get(f"/review/pairs/{turn.uuid}/").status_code == 404
    assert stranger.get(address("recent_pairs", seat)).status_code == 404
    assert stranger.get(address("back", seat)).status_code == 404
    colleague = make_seat(campaign=seat.campaign)
    assert browser_of(colleague.reviewer).get(f"/review/pairs/{turn.uuid}/").status_code == 404
    assert Assignment.objects.count() == 1


def test_a_pair_beyond_the_last_ten_is_shown_with_what_was_said_but_not_changed() -> None:
    seat = make_seat(campaign=make_campaign(tasks=14))
    turns = judged_in_order(seat, 12)
    browser = browser_of(seat.reviewer)
    response = browser.get(f"/review/pairs/{turns[0].uuid}/")
    assert response.status_code == 403
    html = response.content.decode()
    assert "Only your last 10 pairs can be changed" in html
    assert "A is better" in html
    assert address("recent_pairs", seat) in html
    assert browser.get(f"/review/pairs/{turns[2].uuid}/").status_code == 200


def test_a_change_sent_from_an_old_page_is_refused_and_the_same_sending_again_is_not() -> None:
    seat = make_seat(campaign=make_campaign(tasks=16))
    turn = judged_in_order(seat, 1)[0]
    browser = browser_of(seat.reviewer)
    page, other_page = (browser.get(f"/review/pairs/{turn.uuid}/") for _ in range(2))
    fields = {**ballot(page), "choice": "tie"}
    assert browser.post(address("submit_judgment", seat), fields).status_code == 302
    for number in range(12):
        judge(seat, claim_some(seat), now=NOW + timedelta(hours=1, minutes=number))
    assert browser.post(address("submit_judgment", seat), fields).status_code == 302
    turn.refresh_from_db()
    late = {**ballot(other_page), "supersedes": str(turn.current_judgment_id), "choice": "b"}
    refused = browser.post(address("submit_judgment", seat), late)
    assert refused.status_code == 422
    assert "Only your last 10 pairs can be changed" in refused.content.decode()
    assert turn.judgments.count() == 2
