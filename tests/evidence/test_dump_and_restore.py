"""Decisions give the same bytes from a restored dump, on whatever machine that is."""

from pathlib import Path

import orjson
import psycopg
import pytest
from django.db import connection

from benchmarks.prove import decisions as proof
from experiments.go_no_go import Evidence, decide
from experiments.models import Experiment
from experiments.policy import Policy
from experiments.reports.evidence.gathering import Gathered, gather
from tests.factories.evidence_ import make_decided_experiment, make_decision
from tests.factories.platform_ import NOW
from tests.running import databases

N = 30


@pytest.mark.django_db(transaction=True)
def test_a_restored_dump_gives_the_same_verdicts_to_the_byte(tmp_path: Path) -> None:
    proof.store(N)
    experiment = make_decided_experiment()
    signed = make_decision(experiment=experiment)
    name, copy, file = databases.this_process(), f"{databases.this_process()}_restored", tmp_path / "decisions.dump"
    with databases.maintenance() as link:
        link.execute(f"CREATE DATABASE {copy}")
    try:
        proof.call([proof.program("pg_dump"), "--format=custom", f"--file={file}", *server(), name])
        restore = [proof.program("pg_restore"), "--exit-on-error", *server(), f"--dbname={copy}", str(file)]
        proof.call(restore)
        with databases.maintenance() as link:
            url = psycopg.conninfo.make_conninfo(link.info.dsn, dbname=copy)
        rows = proof.frozen(url)
        again = gathered_in(copy, experiment)
    finally:
        databases.drop(copy)
    assert (again.evidence.canonical().decode(), again.dashboard.data_sha256) == (
        signed.evidence_text,
        signed.data_sha256,
    )
    assert len(rows) == N + 1
    for policy, _, evidence, _, verdict, digest, word in rows:
        found = decide(Policy.from_dict(orjson.loads(policy)), Evidence.from_dict(orjson.loads(evidence)))
        assert (found.canonical().decode(), found.sha256, found.verdict) == (verdict, digest, word)


def gathered_in(name: str, experiment: Experiment) -> Gathered:
    """From the rows of another database than that of this process."""
    mine = connection.settings_dict["NAME"]
    try:
        connection.close()
        connection.settings_dict["NAME"] = name
        return gather(Experiment.objects.get(pk=experiment.pk), now=NOW)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = mine


def server() -> list[str]:
    """How its programs reach the server of this run."""
    given = connection.settings_dict
    said = {"host": given["HOST"], "port": given["PORT"], "username": given["USER"]}
    return [f"--{name}={value}" for name, value in said.items() if value]
