import pytest

from tests.running.short_proof import run_short


@pytest.mark.slow
def test_no_judgment_is_lost_or_doubled_while_everything_is_killed() -> None:
    done = run_short("stress")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "300 judgments acknowledged" in done.stdout
