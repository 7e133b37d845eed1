import pytest

from tests.running.short_proof import run_short


@pytest.mark.slow
def test_an_import_finishes_once_though_its_worker_and_the_broker_are_killed() -> None:
    done = run_short("jobs")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 killed in the dry run, 1 in the commit" in done.stdout
