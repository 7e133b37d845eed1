import hashlib
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.routing import assign, bucket
from tests.stats.vectors import vector

names = st.text(max_size=40)


def test_arms_match_vector_router_md5() -> None:
    for expected in vector("router_md5").expected:
        experiment, unit = expected["experiment"], expected["user"]
        assert hashlib.md5(f"{experiment}:{unit}".encode()).hexdigest() == expected["md5"]
        for buckets in (10_000, 1_000):
            assert bucket(experiment, unit, buckets=buckets) == expected[f"mod{buckets}"]
            for split, label in ((0.2, "02"), (0.5, "05")):
                arm = assign(experiment, unit, split=split, buckets=buckets)
                assert arm == expected[f"arm{buckets}_at_{label}"]


@given(names, names, st.floats(0, 1), names)
def test_a_unit_always_gets_the_same_arm(experiment: str, unit: str, split: float, salt: str) -> None:
    experiment, unit, salt = (text.encode(errors="ignore").decode() for text in (experiment, unit, salt))
    first = assign(experiment, unit, split=split, salt=salt)
    assert first == assign(experiment, unit, split=split, salt=salt)


@given(names.map(lambda text: text.encode(errors="ignore").decode()), st.floats(0, 0.5), st.floats(0, 0.5))
def test_raising_the_split_never_takes_a_unit_out_of_the_treatment(unit: str, split: float, more: float) -> None:
    if assign("exp", unit, split=split) == "treatment":
        assert assign("exp", unit, split=split + more) == "treatment"


def test_the_treatment_gets_its_share_of_units() -> None:
    arms = Counter(assign("exp", f"user-{index}", split=0.2) for index in range(20_000))
    assert arms["treatment"] == pytest.approx(4000, abs=4 * (20_000 * 0.2 * 0.8) ** 0.5)


def test_two_experiments_split_independently() -> None:
    both = Counter(
        (assign("one", str(index), split=0.5), assign("two", str(index), split=0.5)) for index in range(20_000)
    )
    assert all(count == pytest.approx(5000, abs=250) for count in both.values())


def test_a_salt_redraws_the_arms() -> None:
    moved = sum(
        assign("exp", str(index), split=0.5) != assign("exp", str(index), split=0.5, salt="again")
        for index in range(2_000)
    )
    assert moved == pytest.approx(1000, abs=100)


def test_the_two_numbers_of_buckets_disagree_on_half_the_units() -> None:
    differ = sum(
        assign("exp", str(index), split=0.5) != assign("exp", str(index), split=0.5, buckets=1_000)
        for index in range(4_000)
    )
    assert differ == pytest.approx(2000, abs=150)


@pytest.mark.parametrize(("split", "arm"), [(0, "control"), (1, "treatment")])
def test_all_or_none_are_possible(split: float, arm: str) -> None:
    assert {assign("exp", str(index), split=split) for index in range(500)} == {arm}


@pytest.mark.parametrize(
    ("arguments", "name"),
    [({"split": 1.1}, "split"), ({"split": 0.5, "buckets": 0}, "buckets"), ({"split": 0.5, "version": 3}, "version")],
)
def test_bad_input_names_the_argument(arguments: dict[str, float], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        assign("exp", "unit", **arguments)  # type: ignore[arg-type]
