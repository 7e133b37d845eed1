"""Names of models, experiments, files and people, as hostile as their fields allow, on every list."""

import itertools
from collections.abc import Callable

import pytest
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.utils import timezone

from evalsite.platform.models import User
from experiments.models import Experiment, FileImport, ModelVersion, Upload
from experiments.services.file_imports.pair_options import PairOptions
from experiments.services.uploads import stored_name
from tests.factories.experiments_ import make_model_version
from tests.factories.platform_ import make_user
from tests.journeys.blinded_world import import_rows
from tests.journeys.test_naughty_strings import STRINGS, assert_nothing_ran, unprotected_page
from tests.running.browser import WatchedBrowser

LONGEST_NAME = 200
TEXTS = "[...document.querySelectorAll('main a, main span, main h1, main td, main th')].map((node) => node.textContent)"


def names_among(texts: list[str]) -> list[str]:
    """What the forms make of them: without spaces around, one line, not too long, each once."""
    kept = [text.strip()[:LONGEST_NAME].strip() for text in texts]
    return list(dict.fromkeys(name for name in kept if name and "\n" not in name and "\r" not in name))


def may_be_a_username(text: str) -> bool:
    try:
        UnicodeUsernameValidator()(text)
    except ValidationError:
        return False
    return len(text) <= 150


@pytest.mark.parametrize("strings", STRINGS[:2])
def test_names_stand_on_the_lists_as_they_are_and_run_nothing(
    browser: WatchedBrowser, strings: Callable[[], list[str]]
) -> None:
    taken = set(Experiment.objects.values_list("name", flat=True))
    names = [name for name in names_among(strings()) if name not in taken]
    admin = make_user(roles=["admin", "lead"])
    for name in names:
        versions = [make_model_version(name=name, version=str(number)) for number in (1, 2)]
        experiment = Experiment.objects.create(
            name=name, baseline=versions[0], candidate=versions[1], created_by=admin, created_at=timezone.now()
        )
        upload = Upload.objects.create(filename=stored_name(name), size=1, sha256="0" * 64, created_at=timezone.now())
        FileImport.objects.create(
            upload=upload, status=FileImport.Status.DONE, experiment=experiment, fingerprint=str(experiment.pk),
            created_at=timezone.now(), committed_at=timezone.now(),
        )  # fmt: skip
    people = [make_user(username=f"{name}", roles=["reviewer"]).username for name in names if is_new_username(name)]

    page = unprotected_page(browser, admin)
    seen: set[str] = set()
    for address, rows in (("/experiments/?page=", 25), ("/imports/?page=", 50), ("/people?page=", 10**9)):
        for number in itertools.count(1):
            page.goto(f"{address}{number}")
            assert_nothing_ran(page)
            seen |= {text.strip() for text in page.evaluate(TEXTS)}
            if number * rows >= len(taken) + len(names):
                break
    assert set(names) <= seen
    assert {stored_name(name) for name in names} <= seen
    assert set(people) <= seen


def is_new_username(name: str) -> bool:
    normal = User.normalize_username(name)
    return may_be_a_username(name) and not User.objects.filter(username__iexact=normal).exists()


def test_names_given_at_the_import_are_kept_as_they_are(browser: WatchedBrowser) -> None:
    lead = make_user(roles=["lead"])
    rows = [{"id": 1, "prompt": "Which?", "baseline": "This.", "candidate": "That."}]
    baseline, candidate = (
        "<img src=x onerror=ran.push(1)> ‮ 👩‍👩‍👧‍👦",
        "=cmd|' /C calc'!A0 </script><script>ran.push(2)</script>",
    )
    options = PairOptions(
        baseline_name=baseline, candidate_name=candidate, experiment="'; DROP TABLE x; -- {{ 7|add:1 }}"
    )
    done = import_rows(rows, filename='../"<b>.jsonl', options=options, by=lead)

    assert sorted(ModelVersion.objects.filter(name__in=[baseline, candidate]).values_list("name", flat=True)) == sorted(
        [baseline, candidate]
    )
    page = unprotected_page(browser, lead)
    for path in (f"/experiments/{done.experiment_id}/", f"/imports/{done.pk}/", "/experiments/"):
        page.goto(path)
        assert_nothing_ran(page)
