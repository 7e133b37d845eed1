from datetime import timedelta

import pytest
from celery import current_app
from django.conf import settings
from django.utils import timezone

from annotations.models import Assignment
from tests.factories.annotations_ import claim_some, make_campaign, make_seat

pytestmark = pytest.mark.django_db


def test_the_beat_gives_back_pairs_whose_lease_ran_out() -> None:
    current_app.loader.import_default_modules()
    name = str(settings.CELERY_BEAT_SCHEDULE["release expired leases"]["task"])
    campaign = make_campaign(tasks=2)
    gone, there = make_seat(campaign=campaign), make_seat(campaign=campaign)
    claim_some(gone, now=timezone.now() - timedelta(minutes=31))
    claim_some(there, now=timezone.now())
    current_app.tasks[name]()
    states = dict(Assignment.objects.values_list("reviewer", "state"))
    assert states == {gone.reviewer_id: "lapsed", there.reviewer_id: "open"}
