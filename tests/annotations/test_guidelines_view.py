import pytest

from annotations.models import Seat
from annotations.services import guidelines
from tests.annotations.pages import HTMX, address, browser_of
from tests.factories.annotations_ import make_campaign, make_reviewer, make_seat
from tests.factories.platform_ import NOW

pytestmark = pytest.mark.django_db


def test_guidelines_are_rendered_and_opening_them_counts_as_seen() -> None:
    seat = make_seat(campaign=make_campaign(text="Prefer the **safe** one."))
    html = browser_of(seat.reviewer).get(address("read_guidelines", seat)).content.decode()
    assert "<strong>safe</strong>" in html
    assert "Version 1" in html
    assert Seat.objects.get(pk=seat.pk).guidelines_seen == 1


def test_the_dialog_gets_only_the_text() -> None:
    seat = make_seat(campaign=make_campaign())
    part = browser_of(seat.reviewer).get(address("read_guidelines", seat), headers=HTMX).content.decode()
    assert "<html" not in part
    assert 'class="prose"' in part


def test_strangers_get_404() -> None:
    seat = make_seat(campaign=make_campaign())
    assert browser_of(make_reviewer()).get(address("read_guidelines", seat)).status_code == 404


def test_publishing_the_same_text_again_makes_no_new_version() -> None:
    campaign = make_campaign(text="One.")
    assert guidelines.publish(campaign=campaign, text="One.", now=NOW).number == 1
    assert guidelines.publish(campaign=campaign, text="Two.", now=NOW).number == 2
    campaign.refresh_from_db()
    assert campaign.current_guidelines
    assert campaign.current_guidelines.number == 2
