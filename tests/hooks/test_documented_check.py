"""The check that the documents offer to receivers takes what is sent here, and nothing else."""

import runpy
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from experiments.models import HookDelivery
from experiments.services.hooks import message

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "pipelines.md"
SECRET, BODY = "sixteen-letters-or-more", b'{"event":"decision.signed"}'


@pytest.fixture
def is_genuine(tmp_path: Path) -> Callable[[dict[str, str], bytes, str], bool]:
    code = DOCUMENT.read_text().split("```python\n")[1].split("```")[0]
    (tmp_path / "check.py").write_text(code)
    found: Callable[[dict[str, str], bytes, str], bool] = runpy.run_path(str(tmp_path / "check.py"))["is_genuine"]
    return found


def sent(*, ago: int = 0) -> dict[str, str]:
    delivery = HookDelivery(hook_id=1, decision_id=uuid4())
    return message.headers(delivery, BODY, secret=SECRET, second=int(time.time()) - ago)


def test_the_documented_check_takes_a_message_of_ours(is_genuine: Callable[..., bool]) -> None:
    assert is_genuine(sent(), BODY, SECRET)


def test_it_refuses_another_body_another_secret_another_time_and_an_old_message(
    is_genuine: Callable[..., bool],
) -> None:
    assert not is_genuine(sent(), BODY + b" ", SECRET)
    assert not is_genuine(sent(), BODY, "another-secret-of-ours")
    assert not is_genuine(sent(ago=10) | {"X-Evalsite-Timestamp": str(int(time.time()))}, BODY, SECRET)
    assert not is_genuine(sent(ago=3600), BODY, SECRET)
