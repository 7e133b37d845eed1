"""`manage.py simulate_traffic KEY`: units and events of a known truth, to try a plan and to see a result arrive."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.models import LiveTest
from experiments.services import live_results
from experiments.services.live_tests import simulating
from experiments.services.live_tests.drafting import TestRefused
from experiments.services.live_tests.truths import SimulatedUnit, Truth
from experiments.services.live_traffic import folding
from experiments.services.live_traffic.assigning import UnknownTest

LONGEST_PAUSE = 1.0


def truth(text: str) -> tuple[str, Truth]:
    key, _, levels = text.partition("=")
    try:
        control, treatment, *rest = (float(one) for one in levels.split(":"))
        [sd] = rest or [1.0]
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: write METRIC=CONTROL:TREATMENT, with :SD for a mean") from None
    return key, Truth(control=control, treatment=treatment, sd=sd)


def per_arm(text: str) -> tuple[int, int]:
    try:
        control, treatment = (int(one) for one in text.split(":"))
    except ValueError:
        raise ArgumentTypeError(f"{text!r}: write CONTROL:TREATMENT") from None
    return control, treatment


def show(live_test: LiveTest) -> None:
    """What workers do after real traffic, so that the result is there without one as well."""
    folding.fold(live_test.pk, now=timezone.now())
    live_results.calculate(live_test=live_test, now=timezone.now())


class Command(BaseCommand):
    help = (
        "Send simulated traffic to a running live test, through the same services as real traffic. Units are made up, "
        "their arms are those of the plan's rule, and what they do follows the truth you give. Never on a test whose "
        "result is wanted: simulated units stay in it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("key", metavar="KEY")
        parser.add_argument("--units", type=int, default=1000, help="how many come in all, as the rule deals them")
        parser.add_argument("--arms", type=per_arm, metavar="CONTROL:TREATMENT", help="exactly so many per arm instead")
        parser.add_argument(
            "--rates", "--truth", dest="truths", nargs="+", type=truth, default=[], metavar="METRIC=CONTROL:TREATMENT"
        )
        parser.add_argument("--exact", action="store_true", help="fix the counts of rates instead of drawing each unit")
        parser.add_argument("--seed", type=int, default=1, help="another seed makes other units")
        parser.add_argument("--hours", type=float, default=0, help="spread over so many hours up to now")
        parser.add_argument("--per-second", type=float, help="send them as they come from now on, so many a second")

    def handle(self, *, key: str, hours: float, per_second: float | None, **said: Any) -> None:
        found = LiveTest.objects.filter(key=key).first()
        if found is None:
            raise CommandError(f"There is no live test {key!r}.")
        try:
            coming = simulating.traffic(
                found,
                units=said["arms"] or said["units"],
                truths=dict(said["truths"]),
                exact=said["exact"],
                seed=said["seed"],
            )
            sent = self.live(found, coming, per_second) if per_second else self.at_once(found, coming, hours)
        except (TestRefused, UnknownTest, ValueError) as refusal:
            raise CommandError(str(refusal)) from None
        show(found)
        units = ", ".join(f"{n:,} {arm}" for arm, n in sorted(sent.units.items()))
        answers = ", ".join(f"{n:,} {status}" for status, n in sent.answers.most_common())
        self.stdout.write(f"{key}: units {units or 'none'}; events {answers or 'none'}")

    def at_once(self, live_test: LiveTest, coming: list[SimulatedUnit], hours: float) -> simulating.Sent:
        now = timezone.now()
        start = max(now - timedelta(hours=hours), live_test.started_at or now)
        return simulating.spread(live_test, coming, start=start, end=now)

    def live(self, live_test: LiveTest, coming: list[SimulatedUnit], per_second: float) -> simulating.Sent:
        """In small portions; Ctrl-C ends it between two."""
        sent, portion = simulating.Sent(), max(1, round(per_second * LONGEST_PAUSE))
        for place in range(0, len(coming), portion):
            now = timezone.now()
            simulating.send(live_test, coming[place : place + portion], at=now, now=now, sent=sent)
            show(live_test)
            time.sleep(min(LONGEST_PAUSE, portion / per_second))
        return sent
