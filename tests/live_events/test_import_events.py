"""`manage.py import_events`: the whole file or nothing."""

from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command
from django.db.models import Count
from pyarrow import parquet

from experiments.models import ArmConflict, EventBatch, Exposure, LiveAmendment, LiveEvent, LiveTest, UnitMetric
from tests.factories.live_events_ import expose_units
from tests.factories.live_tests_ import COMPLETION, make_live_test
from tests.factories.platform_ import NOW
from tests.real_data import real_data

pytestmark = pytest.mark.django_db

MEANWHILE = NOW.isoformat()
ROUNDS = {"key": "rounds", "kind": "mean", "event": "rounds"}


def write_plan(folder: Path, *metrics: dict[str, Any], **fields: Any) -> Path:
    plan = {"metrics": list(metrics), "baseline": 0.45, "mde": 0.02, "days": 14, "method": "fixed_horizon", **fields}
    path = folder / "plan.json"
    path.write_bytes(orjson.dumps({"name": "Past test", "control": "old", "treatment": "new", "plan": plan}))
    return path


def rate(event: str, role: str = "secondary") -> dict[str, Any]:
    return {"key": event, "kind": "rate", "role": role, "event": event}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def run(file: Path, *options: Any) -> str:
    out = StringIO()
    call_command("import_events", str(file), "--test", "past", *map(str, options), stdout=out, stderr=out)
    return out.getvalue()


def refused(file: Path, *options: Any) -> str:
    out = StringIO()
    with pytest.raises(CommandError) as told:
        call_command("import_events", str(file), "--test", "past", *map(str, options), stdout=out, stderr=out)
    return out.getvalue() + str(told.value)


@pytest.fixture
def wide(tmp_path: Path) -> tuple[Path, list[Any]]:
    rows = "userid,version,rounds,won\na,A,3,TRUE\nb,B,0,FALSE\nc,B,5,TRUE\n"
    plan = write_plan(tmp_path, rate("won", "primary"), ROUNDS)
    options = ["--plan", plan, "--metric", "rounds", "--metric", "won", "--arm", "A=control", "--arm", "B=treatment"]
    return write(tmp_path, "wide.csv", rows), options


def test_one_unit_a_row_becomes_a_stopped_test_with_its_sums(wide: tuple[Path, list[Any]]) -> None:
    file, options = wide
    assert "Imported 3 units and 5 events into past." in run(file, *options, "--at", MEANWHILE)
    test = LiveTest.objects.get(key="past")
    assert (test.status, test.started_at, test.stopped_at) == ("stopped", NOW, NOW)
    assert [test.control.name, test.treatment.name] == ["old", "new"]
    exposures = Exposure.objects.order_by("unit_id").values_list("unit_id", "arm", "source", "exposed_at", "bucket")
    assert list(exposures) == [(unit, arm, "imported", NOW, None) for unit, arm in
                               (("a", "control"), ("b", "treatment"), ("c", "treatment"))]  # fmt: skip
    sums = UnitMetric.objects.order_by("metric", "unit_id").values_list("metric", "unit_id", "total")
    assert list(sums) == [("rounds", "a", 3), ("rounds", "b", 0), ("rounds", "c", 5), ("won", "a", 1), ("won", "c", 1)]


def test_the_same_file_twice_is_imported_once(wide: tuple[Path, list[Any]]) -> None:
    file, options = wide
    run(file, *options)
    assert "Imported before. Nothing new was stored." in run(file, *options)
    assert LiveEvent.objects.count() == 5
    assert LiveTest.objects.count() == 1
    assert sum(UnitMetric.objects.values_list("total", flat=True)) == 10


def test_a_dry_run_leaves_nothing(wide: tuple[Path, list[Any]]) -> None:
    file, options = wide
    assert "3 units and 5 events. Dry run: nothing was imported." in run(file, *options, "--dry-run")
    assert not LiveTest.objects.exists()
    assert not Exposure.objects.exists()


def test_one_problem_keeps_the_whole_file_out(tmp_path: Path, wide: tuple[Path, list[Any]]) -> None:
    file = write(tmp_path, "bad.csv", "userid,version,rounds,won\na,A,3,TRUE\nb,C,many,\n\nc,B,few,1\na,B,1,1\n")
    told = refused(file, *wide[1])
    assert "row 3, version: 'C' is no arm" in told
    assert "row 5, rounds: a number" in told
    assert "row 6, unit_id: 'a' stands in row 2 already" in told
    assert "3 problems (" in told
    assert not LiveTest.objects.exists()


def test_contradicting_rows_are_left_out_only_when_asked_to_be_and_it_is_said_beside_the_result(tmp_path: Path) -> None:
    rows = "user,group,page,bought\na,control,old,1\nb,control,new,1\nc,treatment,new,0\n"
    file = write(tmp_path, "pages.csv", rows)
    options = ["--plan", write_plan(tmp_path, rate("bought", "primary")), "--metric", "bought",
               "--require", "group=control:page=old", "--require", "group=treatment:page=new"]  # fmt: skip
    told = refused(file, *options)
    assert "row 3, page: group control without page old [mismatch]" in told
    assert "--leave-out-mismatches imports without those rows" in told
    assert "1 rows left out [mismatch]" in run(file, *options, "--leave-out-mismatches")
    assert set(Exposure.objects.values_list("unit_id", flat=True)) == {"a", "c"}
    assert LiveAmendment.objects.get().reason.startswith("1 rows of pages.csv were left out")
    assert EventBatch.objects.get().counts == {"left_out": 1}


EVENTS: list[dict[str, Any]] = [
    {"unit_id": "a", "event": "exposure", "timestamp": "2026-03-02T09:00:00Z", "properties": {"arm": "control"}},
    {"unit_id": "a", "event": "won", "timestamp": "2026-03-02T10:00:00Z", "event_id": "1"},
    {"unit_id": "b", "event": "exposure", "timestamp": "2026-03-02T09:30:00Z", "arm": "treatment"},
    {"unit_id": "b", "event": "rounds", "timestamp": "2026-03-02T09:00:00Z", "value": 3},
    {"unit_id": "b", "event": "rounds", "timestamp": "2026-03-02T11:00:00Z", "value": 4},
    {"unit_id": "a", "event": "won", "timestamp": "2026-03-02T10:00:00Z", "event_id": "1"},
    {"unit_id": "b", "event": "exposure", "timestamp": "2026-03-02T12:00:00Z", "arm": "control"},
]


def as_parquet(folder: Path) -> Path:
    path = folder / "events.parquet"
    names = ("unit_id", "event", "timestamp", "value", "arm", "event_id")
    rows = [{name: one.get(name) for name in names} for one in EVENTS]
    rows[0]["arm"] = "control"
    parquet.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_one_event_a_row_in_any_format(tmp_path: Path, kind: str) -> None:
    lines = "\n".join(orjson.dumps(one).decode() for one in EVENTS)
    file = write(tmp_path, "events.jsonl", lines) if kind == "jsonl" else as_parquet(tmp_path)
    told = run(file, "--plan", write_plan(tmp_path, rate("won", "primary"), ROUNDS))
    assert "row 4, timestamp: left out: 'b' was exposed later" in told
    assert "1 units were told in both arms" in told
    assert "Imported 2 units and 5 events into past." in told
    assert EventBatch.objects.get().counts == {"duplicate": 1, "before_exposure": 1}
    assert dict(UnitMetric.objects.values_list("unit_id", "total")) == {"a": 1, "b": 4}
    assert (ArmConflict.objects.get().unit_id, ArmConflict.objects.get().seen_arm) == ("b", "control")


def test_the_clocks_of_past_traffic_may_be_apart_too(tmp_path: Path) -> None:
    at = ["2026-03-02T09:30:00Z", "2026-03-02T09:20:00Z", "2026-03-02T09:19:59Z"]
    sent = [{"unit_id": "a", "event": "exposure", "timestamp": at[0], "arm": "control"},
            {"unit_id": "b", "event": "exposure", "timestamp": at[0], "arm": "treatment"},
            *({"unit_id": "a", "event": "rounds", "timestamp": one, "value": 3} for one in at[1:])]  # fmt: skip
    file = write(tmp_path, "events.jsonl", "\n".join(orjson.dumps(one).decode() for one in sent))
    told = run(file, "--plan", write_plan(tmp_path, rate("won", "primary"), ROUNDS))
    assert "row 4, timestamp: left out: 'a' was exposed later" in told
    assert dict(UnitMetric.objects.values_list("unit_id", "total")) == {"a": 3}


def test_events_go_into_a_test_that_is_here(tmp_path: Path) -> None:
    test = make_live_test(key="past", metrics=[COMPLETION])
    expose_units(test, "ada")
    lines = [{"unit_id": "ada", "event": "task_completed", "timestamp": MEANWHILE, "event_id": "1"}]
    file = write(tmp_path, "events.jsonl", orjson.dumps(lines[0]).decode())
    assert "Imported 0 units and 1 events" in run(file)
    changed = write(tmp_path, "changed.jsonl", orjson.dumps({**lines[0], "value": 3}).decode())
    assert "row 1, event_id: the test has another event '1' already" in refused(changed)
    unknown = write(tmp_path, "unknown.jsonl", orjson.dumps({**lines[0], "event_id": "2", "unit_id": "bob"}).decode())
    assert "row 1, unit_id: nothing says which arm 'bob' was in" in refused(unknown)
    ahead = {**lines[0], "event_id": "3", "timestamp": "2099-01-01T00:00:00Z"}
    assert "is still to come" in refused(write(tmp_path, "ahead.jsonl", orjson.dumps(ahead).decode()))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "There is no live test “past” yet: give its plan with --plan."),
        (["--map", "colour=x"], "--map colour: it is FIELD=COLUMN"),
        (["--arm", "A=left"], "--arm A: it is WORD=control or WORD=treatment"),
        (["--require", "a=b"], "--require a=b: it is COLUMN=VALUE:COLUMN=VALUE"),
        (["--zone", "Mars/Olympus"], "--zone Mars/Olympus: no such time zone"),
        (["--at", "noon"], "--at noon: a time with its zone is expected"),
        (["--map", "value=x"], "file, x: no row has this column"),
        (["--plan", "nowhere.json"], "nowhere.json cannot be read"),
    ],
)
def test_what_was_said_wrongly_is_said_back(tmp_path: Path, options: list[str], words: str) -> None:
    file = write(tmp_path, "e.csv", "unit_id,event,timestamp\na,won,2026-03-02T09:00:00Z\n")
    assert words in refused(file, *options)


def test_a_file_without_the_columns_it_needs_is_refused(tmp_path: Path) -> None:
    told = refused(write(tmp_path, "e.csv", "who,what\na,b\n"))
    assert "no column holds the unit_id; known names are unit_id, user_id" in told
    assert "3 problems" in told


def test_an_id_with_two_contents_is_refused(tmp_path: Path) -> None:
    lines = [EVENTS[0], EVENTS[1], {**EVENTS[1], "value": 2}]
    file = write(tmp_path, "e.jsonl", "\n".join(orjson.dumps(one).decode() for one in lines))
    told = refused(file, "--plan", write_plan(tmp_path, rate("won", "primary")))
    assert "row 3, event_id: '1' stands in row 2 already, with another content" in told


def test_a_draft_takes_no_import(tmp_path: Path) -> None:
    make_live_test(key="past", status="draft")
    file = write(tmp_path, "e.csv", "unit_id,event,timestamp\na,won,2026-03-02T09:00:00Z\n")
    assert "“past” is a draft: register its plan first." in refused(file)


@pytest.mark.real_data
def test_rows_of_the_landing_page_that_contradict_themselves_are_327(tmp_path: Path) -> None:
    [file] = real_data("ab_landing_page").glob("*.csv")
    plan = write_plan(tmp_path, rate("converted", "primary"), baseline=0.12, mde=0.01)
    options = ["--plan", plan, "--metric", "converted", "--require", "group=control:landing_page=old_page",
               "--require", "group=treatment:landing_page=new_page"]  # fmt: skip
    assert "327 mismatch" in refused(file, *options)
    assert "327 rows left out [mismatch]" in run(file, *options, "--leave-out-mismatches")
    assert Exposure.objects.count() == 24_559 - 327
    test = LiveTest.objects.get()
    assert test.started_at is not None
    assert (test.started_at.year, test.started_at.month) == (2017, 1)


@pytest.mark.real_data
def test_the_players_of_cookie_cats_come_in_whole(tmp_path: Path) -> None:
    file = real_data("cookie_cats") / "cookie_cats.csv"
    plan = write_plan(
        tmp_path, rate("retention_1", "primary"), rate("retention_7"), {**ROUNDS, "event": "sum_gamerounds"}
    )
    options = ["--plan", plan, "--arm", "gate_30=control", "--arm", "gate_40=treatment"]
    for name in ("retention_1", "retention_7", "sum_gamerounds"):
        options += ["--metric", name]
    run(file, *options)
    arms = dict(Exposure.objects.values_list("arm").annotate(n=Count("pk")))
    assert arms == {"control": 44_700, "treatment": 45_489}
    retained = dict(UnitMetric.objects.filter(n__gt=0).values_list("metric").annotate(n=Count("pk")))
    assert retained == {"retention_1": 40_153, "retention_7": 16_781, "rounds": 90_189}
    assert max(UnitMetric.objects.values_list("total", flat=True)) == 49_854
