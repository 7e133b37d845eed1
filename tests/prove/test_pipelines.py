import pytest

from tests.running.short_proof import run_short


@pytest.mark.slow
def test_a_pipeline_on_the_example_ends_with_one_verdict_though_its_worker_is_killed_three_times() -> None:
    done = run_short("pipelines")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "second pipeline: calls made" in done.stdout
