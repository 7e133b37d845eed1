"""Comparisons as programs ask for them: figures, their finding, and whether they still hold."""

from uuid import UUID

import pytest

from experiments.models import RunComparison
from tests.api.calling import Program, work_off
from tests.factories.benchmarks_ import make_scored_run
from tests.factories.experiments_ import make_eval_set

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def program() -> Program:
    return Program("read", "benchmarks")


def two_runs(*, errors: int = 0) -> dict[str, UUID]:
    eval_set = make_eval_set(n_cases=20)
    failed = {str(number + 1): "timeout" for number in range(errors)}
    before = make_scored_run(eval_set=eval_set, values=[1.0] * 20)
    after = make_scored_run(eval_set=eval_set, values=[0.0] * 12 + [1.0] * 8, errors=failed)
    return {"baseline_run": before.pk, "candidate_run": after.pk}


def test_the_finding_stands_beside_the_figures(program: Program) -> None:
    asked = program.post("/comparisons", two_runs())
    assert asked.status_code == 202, asked.content
    waiting = asked.json()
    assert (waiting["state"], waiting["headline"], waiting["is_valid"], waiting["is_stale"]) == (
        None,
        None,
        None,
        False,
    )
    work_off()
    found = program.get(f"/comparisons/{waiting['id']}")
    assert found.status_code == 200
    said = found.json()
    assert (said["state"], said["is_valid"], said["is_stale"]) == ("worse", True, False)
    assert "Exact match" in said["headline"]


def test_an_invalid_comparison_says_so_at_the_top(program: Program) -> None:
    asked = program.post("/comparisons", two_runs(errors=3)).json()
    work_off()
    said = program.get(f"/comparisons/{asked['id']}").json()
    assert (said["state"], said["is_valid"]) == ("INVALID", False)


def test_figures_out_of_date_are_answered_as_such_until_they_are_renewed(program: Program) -> None:
    runs = two_runs()
    path = f"/comparisons/{program.post('/comparisons', runs).json()['id']}"
    work_off()
    assert program.post("/comparisons", runs).status_code == 200
    RunComparison.objects.update(source="as computed before")
    for answer in (program.get(path), program.post("/comparisons", runs)):
        assert (answer.status_code, answer.json()["is_stale"]) == (202, True)
    work_off()
    answer = program.get(path)
    assert (answer.status_code, answer.json()["is_stale"]) == (200, False)
