"""Nothing a reviewer receives, and nothing in the tables of `annotations`, names what is compared."""

import re

import pytest
from django.db import connection

from experiments.models import CampaignPlan, EvalCase, EvalSet, ModelVersion, Output
from tests.journeys.blinded_world import FIRST_ID, Names, World, make_world
from tests.journeys.canaries import Canaries
from tests.journeys.reviewer_tour import Answer, WireLine, every_route, paths_of, tour, ways_to_ask
from tests.running.live_stack import LiveStack

NAMES = Names()


def canaries_of(world: World) -> Canaries:
    plan = CampaignPlan.objects.get(campaign=world.campaign)
    models = ModelVersion.objects.all()
    sets = EvalSet.objects.all()
    rows = [world.experiment, *models, *sets, *EvalCase.objects.all(), *Output.objects.all()]
    hashes = [*(model.content_hash for model in models), *(one.content_hash for one in sets)]
    upload = world.file_import.upload
    ids = [row.pk for row in rows]
    assert min(ids) >= FIRST_ID
    return Canaries(
        names=NAMES.all(),
        ids=[*ids, *hashes, upload.pk, upload.sha256, world.file_import.pk, plan.hash, plan.seed],
    )


def leaks(canaries: Canaries, answers: list[Answer]) -> list[tuple[str, set[str]]]:
    """What was in the question may be in the answer: it tells nothing new."""
    found = [
        (answer.request, canaries.found_in(answer.everything()) - canaries.found_in(answer.request.encode()))
        for answer in answers
    ]
    return [(request, names) for request, names in found if names]


def static_files(line: WireLine, answers: list[Answer]) -> list[Answer]:
    paths = {path for answer in answers for path in re.findall(r"/static/[^\"' )]+", answer.text)}
    return [line.send("GET", path) for path in sorted(paths)]


def annotation_tables() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'annotations\\_%' ORDER BY 1")
        tables = [row[0] for row in cursor.fetchall()]
        rows = []
        for table in tables:
            # Judgments have random ids.
            order = "to_jsonb(t) -> 'assignment_id', to_jsonb(t) -> 'revision', id"
            cursor.execute(f'SELECT to_jsonb(t)::text FROM "{table}" AS t ORDER BY {order}')
            rows += [f"{table} {row[0]}" for row in cursor.fetchall()]
    return "\n".join(rows)


def test_no_answer_to_a_reviewer_names_what_is_compared(live_stack: LiveStack) -> None:
    world = make_world(names=NAMES)
    canaries = canaries_of(world)
    line = WireLine(live_stack.url, world.reviewer)

    answers = list(tour(line, world, NAMES))
    answers += static_files(line, answers)

    judging_pages = [answer for answer in answers if b'name="judgment"' in answer.body]
    assert len(judging_pages) > 20
    assert {200, 204, 302, 403, 404, 405, 409, 422} <= {answer.status for answer in answers}
    assert not [answer.request for answer in answers if answer.status >= 500 and "/readyz" not in answer.request]
    assert leaks(canaries, answers) == []


def test_no_answer_to_a_stranger_names_what_is_compared(live_stack: LiveStack) -> None:
    world = make_world(names=Names(experiment="Stranger-showdown-pp31"), number=1)
    canaries = canaries_of(world)
    line = WireLine(live_stack.url, None)
    answers = [answer for path in paths_of(world, world.campaign.uuid) for answer in ways_to_ask(line, path)]
    assert leaks(canaries, answers) == []


def test_what_is_for_leads_is_refused_to_a_reviewer(live_stack: LiveStack) -> None:
    world = make_world(names=Names(experiment="Refused-showdown-cc77"), number=2)
    line = WireLine(live_stack.url, world.reviewer)
    open_to_all = ("/review/", "/account", "/theme", "/login", "/invite/", "/healthz", "/readyz", "/favicon.ico",
                   "/api/v1/openapi.json")  # fmt: skip
    for path in paths_of(world, world.campaign.uuid):
        if path != "/" and not path.startswith(open_to_all):
            statuses = {answer.status for answer in ways_to_ask(line, path)}
            # The API answers to tokens, never to the session of a browser.
            assert statuses <= {401, 403, 404, 405}, (path, statuses)


@pytest.mark.django_db
def test_the_tables_of_annotations_do_not_name_what_is_compared() -> None:
    world = make_world(names=NAMES)
    dump = annotation_tables()
    assert dump.count("annotations_comparisontask") == world.campaign.n_tasks
    # Who reviews is known there: a lead has to see how each reviewer is doing.
    assert canaries_of(world).found_in(dump.encode()) == set()


def test_every_url_of_the_site_is_asked() -> None:
    routes = set(every_route())
    assert {"/review/<uuid:campaign>/submit", "/review/pairs/<uuid:assignment>/", "/account"} <= routes


@pytest.mark.parametrize(
    "leak",
    ["quokkatron-BASE-7b-zx91", "UXVva2thdHJvbi1CYXNlLTdiLXp4OTE=", "51756f6b6b6174726f6e2d42617365", "TmFycXVva2th"],
)
def test_a_disguised_name_would_be_found(leak: str) -> None:
    canaries = Canaries(names=["Quokkatron-Base-7b-zx91", "Quokkatron-Base"], ids=[])
    hidden = leak.startswith("TmFy")
    assert bool(canaries.found_in(f"<p data-x='{leak}'>".encode())) is not hidden
