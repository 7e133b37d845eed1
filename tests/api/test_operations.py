import io
import json
from uuid import uuid4

import orjson
import pytest
from django.test import Client, override_settings

from evalsite.platform.models import Job
from experiments.api import taking
from experiments.api.problems import ApiProblem
from experiments.models import BenchmarkRun, EvalSet, FileImport, Upload, UploadChunk
from tests.api.calling import Program, work_off
from tests.factories.experiments_ import make_model_version
from tests.factories.platform_ import make_user
from tests.scoring.outputs import jsonl
from tests.scoring.scored import make_set

pytestmark = pytest.mark.django_db(transaction=True)

CASES = [{"expected": "4", "category": "sums"}, {"expected": "6", "category": "sums"}, {"expected": "x"}]
RIGHT = [{"id": "1", "response": "4"}, {"id": "2", "response": "6"}, {"id": "3", "response": "x"}]


@pytest.fixture
def program() -> Program:
    return Program("read", "benchmarks")


def uploaded(program: Program, eval_set: EvalSet, rows: list[dict[str, str]], model: str) -> str:
    """The run over these outputs."""
    path = f"/outputs?eval_set={eval_set.pk}&model={model}"
    answer = program.send(path, jsonl(rows), "application/x-ndjson")
    assert answer.status_code == 202, answer.content
    work_off()
    found = program.get(f"/imports/{answer.json()['id']}").json()
    assert found["status"] == "done", found
    return str(found["run_id"])


def test_a_pipeline_uploads_outputs_reads_scores_and_compares(program: Program) -> None:
    eval_set = make_set(CASES)
    baseline = uploaded(program, eval_set, [*RIGHT[:2], {"id": "3", "response": "y"}], "old")
    candidate = uploaded(program, eval_set, [RIGHT[0], {"id": "2", "response": "7"}, RIGHT[2]], "new")
    run = program.get(f"/runs/{candidate}").json()
    assert (run["status"], run["n_done"], run["model_version"]["name"]) == ("done", 3, "new")
    [scorer] = [one for one in run["scorers"] if one["is_primary"]]
    assert (scorer["n_passed"], scorer["overall"]["n"]) == (2, 3)
    assert 0 < scorer["overall"]["ci_low"] < 2 / 3 < scorer["overall"]["ci_high"] < 1
    assert {one["name"] for one in scorer["categories"]} == {"sums", "(none)"}
    asked = program.post("/comparisons", {"baseline_run": baseline, "candidate_run": candidate})
    assert asked.status_code == 202, asked.content
    work_off()
    again = program.post("/comparisons", {"baseline_run": baseline, "candidate_run": candidate})
    assert (again.status_code, again.json()["id"]) == (200, asked.json()["id"])
    found = program.get(f"/comparisons/{asked.json()['id']}").json()
    assert found["is_computed"]
    assert found["payload"]


def test_multipart_is_taken_as_well_as_a_bare_body(program: Program) -> None:
    eval_set = make_set(CASES)
    file = io.BytesIO(jsonl(RIGHT))
    file.name = "outputs.jsonl"
    answer = program.upload(f"/outputs?eval_set={eval_set.pk}&model=solver", file)
    assert answer.status_code == 202, answer.content
    work_off()
    assert program.get(f"/runs/{answer.json()['id']}").json()["n_done"] == 3


def test_a_file_with_problems_is_answered_with_rows_and_reasons(program: Program) -> None:
    path = f"/outputs?eval_set={make_set(CASES).pk}&model=solver"
    answer = program.send(path, jsonl([*RIGHT, {"id": "9", "response": "?"}]), "application/x-ndjson")
    work_off()
    found = program.get(f"/imports/{answer.json()['id']}").json()
    assert (found["status"], found["n_errors"]) == ("checked", 1)
    [problem] = [one for one in found["problems"] if one["severity"] == "error"]
    assert (problem["row"], problem["column"], problem["kind"]) == (4, "id", "unknown_id")


def test_the_same_bytes_under_another_key_lead_to_what_they_made(program: Program) -> None:
    eval_set = make_set(CASES)
    first = uploaded(program, eval_set, RIGHT, "solver")
    path = f"/outputs?eval_set={eval_set.pk}&model=solver"
    answer = program.send(path, jsonl(RIGHT), "application/x-ndjson")
    work_off()
    found = program.get(f"/imports/{answer.json()['id']}").json()
    assert (found["status"], found["same_as"]) == ("discarded", first)


@pytest.mark.parametrize(
    ("content_type", "data", "status", "code"),
    [
        ("image/png", b"\x89PNG", 415, "unsupported_type"),
        ("multipart/form-data; boundary=x", b"--x--\r\n", 422, "no_file"),
    ],
)
def test_a_body_that_is_no_file_is_refused(
    program: Program, content_type: str, data: bytes, status: int, code: str
) -> None:
    answer = program.send(f"/outputs?eval_set={make_set(CASES).pk}&model=solver", data, content_type)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not FileImport.objects.exists()


def test_a_body_that_broke_off_is_not_taken_for_the_whole(program: Program) -> None:
    class Broken(io.BytesIO):
        content_type = "application/x-ndjson"
        headers = {"Content-Length": "5000"}
        auth = program.token

    with pytest.raises(ApiProblem, match="did not arrive whole"):
        taking.store(Broken(jsonl(RIGHT)), filename="")  # type: ignore[arg-type]
    assert not Upload.objects.exists()
    assert not UploadChunk.objects.exists()


@override_settings(UPLOAD_MAX_BYTES=10)
def test_a_file_too_large_is_refused(program: Program) -> None:
    answer = program.send(f"/outputs?eval_set={make_set(CASES).pk}&model=s", jsonl(RIGHT), "application/x-ndjson")
    assert (answer.status_code, answer.json()["code"]) == (413, "upload_refused")


def test_a_run_over_imported_outputs_is_started_listed_and_scored_again(program: Program) -> None:
    eval_set = make_set(CASES)
    uploaded(program, eval_set, RIGHT, "solver")
    [version] = program.get("/model-versions", name="solver").json()["items"]
    body = {"model_version": version["id"], "eval_set": eval_set.pk, "scorers": ["contains"]}
    started = program.post("/runs", body)
    assert started.status_code == 201, started.content
    work_off()
    listed = program.get("/runs", eval_set=eval_set.pk, status="done").json()
    assert (listed["count"], listed["items"][0]["id"]) == (2, started.json()["id"])
    again = program.post(f"/runs/{started.json()['id']}/scores", {"scorers": ["exact_match"]})
    assert (again.status_code, again.json()["status"]) == (202, "scoring")
    work_off()
    [scorer] = program.get(f"/runs/{started.json()['id']}").json()["scorers"]
    assert (scorer["key"], scorer["n_passed"]) == ("exact_match", 3)


def test_samples_come_as_json_lines(program: Program) -> None:
    run = uploaded(program, make_set(CASES), RIGHT, "solver")
    answer = program.get(f"/runs/{run}/samples")
    lines = [orjson.loads(line) for line in b"".join(answer).splitlines()]
    assert [line["filtered_resps"] for line in lines] == [["4"], ["6"], ["x"]]


def test_errors_are_told_by_class(program: Program) -> None:
    run = uploaded(program, make_set(CASES), RIGHT[:1], "solver")
    assert program.get(f"/runs/{run}/errors").json() == [{"error": "missing", "words": "no output imported", "n": 2}]


def test_steps_are_taken_once_and_refused_where_they_make_no_sense(program: Program) -> None:
    run = uploaded(program, make_set(CASES), RIGHT, "solver")
    refused = program.post(f"/runs/{run}/steps/pause")
    assert (refused.status_code, refused.json()["code"]) == (409, "run_refused")
    BenchmarkRun.objects.filter(pk=run).update(status="running")
    first, again = program.post(f"/runs/{run}/steps/pause"), program.post(f"/runs/{run}/steps/pause")
    assert [first.json()["status"], again.json()["status"]] == ["paused", "paused"]
    assert program.post(f"/runs/{run}/steps/cancel").json()["status"] == "cancelled"
    assert program.post(f"/runs/{run}/steps/dance").json()["code"] == "invalid"


def test_eval_sets_are_listed_page_by_page(program: Program) -> None:
    for _ in range(3):
        make_set(CASES)
    listed = program.get("/eval-sets", per_page=2, page=2).json()
    assert (listed["count"], listed["page"], listed["pages"], len(listed["items"])) == (3, 2, 2, 1)
    one = program.get(f"/eval-sets/{listed['items'][0]['id']}").json()
    assert one["n_cases"] == 3


def test_runs_of_different_sets_are_not_compared(program: Program) -> None:
    runs = [uploaded(program, make_set(CASES), RIGHT, model) for model in ("one", "two")]
    answer = program.post("/comparisons", {"baseline_run": runs[0], "candidate_run": runs[1]})
    assert (answer.status_code, answer.json()["code"]) == (409, "cannot_compare")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"model_version": "x"}', b'{"model_version": 1e400, "eval_set": 1}', b"\xff\xfe",
     b'{"model_version": 99999999999999999999, "eval_set": 1}'],
)  # fmt: skip
def test_a_body_that_does_not_fit_is_explained(program: Program, body: bytes) -> None:
    answer = program.send("/runs", body, "application/json")
    assert answer.status_code in (400, 422)
    assert set(answer.json()) >= {"code", "message"}


@pytest.mark.parametrize("scorer", ["a\0b", {"scorer": "contains", "params": {"any_of": ["\0"]}}, 7, None, [[]],
                                    {"scorer": "contains", "key": "\ud800"}])  # fmt: skip
def test_no_scorer_can_break_the_server(program: Program, scorer: object) -> None:
    body = {"model_version": make_model_version().pk, "eval_set": make_set(CASES).pk, "scorers": [scorer]}
    answer = program.send("/runs", json.dumps(body).encode(), "application/json")
    assert (answer.status_code, answer.json()["code"]) in [
        (422, "scorers_refused"),
        (422, "invalid"),
        (400, "bad_request"),
    ]


def test_what_is_not_there_is_answered_in_json(program: Program) -> None:
    for path in (f"/runs/{uuid4()}", "/eval-sets/7", f"/imports/{uuid4()}", f"/comparisons/{uuid4()}", "/nonsense"):
        answer = program.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    wrong = program.client.delete("/api/v1/runs", headers=program.headers())
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["Allow"]) == (405, "method_not_allowed", "GET, POST")


@override_settings(API_REQUESTS_PER_MINUTE=3)
def test_too_many_requests_are_told_when_to_come_again(program: Program) -> None:
    answers = [program.get("/runs") for _ in range(4)]
    assert [answer.status_code for answer in answers] in ([200, 200, 200, 429], [200, 200, 200, 200])
    if answers[-1].status_code == 429:
        assert answers[-1].json()["code"] == "rate_limited"
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


def test_the_description_names_every_operation_for_people_and_programs(client: Client) -> None:
    described = client.get("/api/v1/openapi.json").json()
    assert described["openapi"].startswith("3.")
    client.force_login(make_user(roles=["lead"]))
    page = client.get("/api/v1/docs").content.decode()
    for path, methods in described["paths"].items():
        for told in methods.values():
            assert f'id="{told["operationId"]}"' in page
        assert path in page
    assert "curl -X POST" in page


def test_a_set_is_uploaded_and_each_version_is_a_set_of_its_own(program: Program) -> None:
    rows = [{"id": str(number), "prompt": f"{number} + 1?", "expected": str(number + 1)} for number in range(5)]
    made = []
    for some in (rows, rows[:3]):
        answer = program.send("/eval-sets?name=sums", jsonl(some), "application/x-ndjson")
        assert answer.status_code == 202, answer.content
        work_off()
        found = program.get(f"/imports/{answer.json()['id']}").json()
        assert found["status"] == "done", found
        made.append(program.get(f"/eval-sets/{found['eval_set_id']}").json())
    assert [(one["name"], one["version"], one["n_cases"]) for one in made] == [("sums", 1, 5), ("sums", 2, 3)]
    assert made[0]["scorers"][0]["primary"]
    assert made[0]["content_hash"] != made[1]["content_hash"]
    run = uploaded(program, EvalSet.objects.get(pk=made[1]["id"]), [{"id": "0", "response": "1"}], "adder")
    assert program.get(f"/runs/{run}").json()["n_errors"] == 2


def test_a_set_whose_columns_cannot_be_told_asks_for_them(program: Program) -> None:
    answer = program.send("/eval-sets?name=odd", b'{"colour": "red"}\n', "application/x-ndjson")
    work_off()
    found = program.get(f"/imports/{answer.json()['id']}").json()
    assert (found["status"], found["missing"]) == ("checked", ["prompt"])
    assert found["error"] == "It must still be said what is the prompt. The columns are: colour."


def test_an_import_whose_job_was_stopped_is_told_as_failed(program: Program) -> None:
    answer = program.send("/eval-sets?name=odd", b'{"prompt": "red"}\n', "application/x-ndjson")
    assert answer.json()["status"] == "checking"
    Job.objects.update(status=Job.Status.CANCELLED)
    found = program.get(f"/imports/{answer.json()['id']}").json()
    assert (found["status"], found["error"]) == ("failed", "Its job was cancelled.")


def test_a_program_says_which_column_holds_what_and_how_a_set_is_scored(program: Program) -> None:
    query = "name=colours&description=Of+things&map=prompt%3Dfrage&map=expected%3Dsoll&scorers=%5B%22contains%22%5D"
    file = jsonl([{"frage": "sky?", "soll": "blue", "nr": "a"}])
    answer = program.send(f"/eval-sets?{query}&map=id%3Dnr", file, "application/x-ndjson")
    assert answer.status_code == 202, answer.content
    work_off()
    made = EvalSet.objects.get()
    assert (made.description, [each["scorer"] for each in made.scorers]) == ("Of things", ["contains"])
    assert made.cases.values_list("external_id", "prompt", "expected").get() == ("a", "sky?", "blue")
    outputs = f"/outputs?eval_set={made.pk}&model=m&map=id%3Dnr&map=text%3Dsagt"
    answer = program.send(outputs, jsonl([{"nr": "a", "sagt": "Blue or blue"}]), "application/x-ndjson")
    work_off()
    run = program.get(f"/runs/{answer.json()['id']}").json()
    assert [(one["scorer"], one["n_passed"]) for one in run["scorers"]] == [("contains", 1)]


@pytest.mark.parametrize(
    "query",
    ["map=colour%3Dx", "map=prompt", "scorers=contains", "scorers=%5B%22nonsense%22%5D", "scorers=%5B5%5D"],
)
def test_choices_that_cannot_be_followed_are_refused_before_the_file_is_kept(program: Program, query: str) -> None:
    answer = program.send(f"/eval-sets?name=x&{query}", b'{"prompt": "x"}\n', "application/x-ndjson")
    assert (answer.status_code, answer.json()["code"]) == (422, "import_refused")
    assert not Upload.objects.exists()
