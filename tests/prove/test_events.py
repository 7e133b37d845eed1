import pytest

from tests.running.short_proof import run_short


@pytest.mark.slow
def test_every_event_counts_once_while_the_web_server_is_killed() -> None:
    done = run_short("events")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "12,000 events sent, 2,000 of them again" in done.stdout
