"""The rule and its words have a number: who changes either raises it, so that no old decision looks forged."""

import hashlib

import pytest

from experiments.deciding import verdict
from experiments.go_no_go import decide
from experiments.policy import Policy
from tests.deciding.deciding import an_experiment, policy

BYTES_OF_RULE = {2: "0f5d7993485585722b20a4034c4753e0d29dd8bb9bd80e963b51ed4904761a2f"}


def test_other_bytes_need_another_version_of_the_rule() -> None:
    """Where this fails: raise `verdict.VERSION` and add its line here. Never change the line of a released version."""
    found = hashlib.sha256()
    for seed in range(300):
        found.update(decide(*an_experiment(seed)).canonical())
    assert found.hexdigest() == BYTES_OF_RULE[verdict.VERSION]


def test_a_registered_policy_is_read_though_a_check_of_today_would_refuse_it() -> None:
    kept = policy().to_dict()
    kept["criteria"][0]["level"] = 0.9999
    assert Policy.frozen(kept).canonical() == policy().canonical().replace(b'"level":0.95', b'"level":0.9999')


@pytest.mark.parametrize("raw", [{}, [], "text", {"title": "x"}, policy().to_dict() | {"of_tomorrow": 1}])
def test_what_is_no_policy_is_refused_as_a_value_error(raw: object) -> None:
    with pytest.raises(ValueError, match="no policy as one is registered"):
        Policy.frozen(raw)
