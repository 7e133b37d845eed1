"""Server and clients give every unit the same bucket, to the byte."""

import hashlib
import json
from typing import Any

import pytest
from scipy.stats import binom, chi2_contingency

from evalsite_client import assign as client_assign
from evalsite_client import bucket as client_bucket
from experiments import routing
from tests.clients import javascript, vectors

CASES: list[dict[str, Any]] = json.loads(vectors.FILE.read_text())["cases"]
IN_JAVASCRIPT = """
({ bucket, assign }, { cases, splits }) => cases.map(({ experiment, unit, salt, version, buckets }) => ({
  bucket: bucket(experiment, unit, { salt, version, buckets }),
  treatment_at: splits.filter((split) => assign(experiment, unit, { split, salt, version, buckets }) === "treatment"),
}))
"""
MANY_IN_JAVASCRIPT = """
({ bucket }, { rules, n }) => rules.map((rule) => {
  const place = (_, number) => bucket("support-bot", `user-${number}`, { salt: "a1b2", ...rule });
  return Array.from({ length: n }, place).join(",");
})
"""


def rule_of(case: dict[str, Any]) -> dict[str, Any]:
    return {name: case[name] for name in ("salt", "version", "buckets")}


def test_the_published_vectors_are_those_of_the_server() -> None:
    assert vectors.FILE.read_text() == vectors.as_text()


def test_the_python_client_agrees_with_every_vector() -> None:
    for case in CASES:
        names, rule = (case["experiment"], case["unit"]), rule_of(case)
        assert client_bucket(*names, **rule) == case["bucket"]
        treated = [split for split in vectors.SPLITS if client_assign(*names, split=split, **rule) == "treatment"]
        assert treated == case["treatment_at"]


def test_the_javascript_client_agrees_with_every_vector() -> None:
    found = javascript.run(IN_JAVASCRIPT, {"cases": CASES, "splits": vectors.SPLITS})
    assert found == [{"bucket": case["bucket"], "treatment_at": case["treatment_at"]} for case in CASES]


def test_server_and_both_clients_are_byte_equal_on_100_000_units() -> None:
    in_javascript = javascript.run(MANY_IN_JAVASCRIPT, {"rules": vectors.RULES, "n": vectors.MANY})
    published = json.loads(vectors.FILE.read_text())["many"]
    for rule, text, said in zip(vectors.RULES, in_javascript, published, strict=True):
        here = [client_bucket("support-bot", unit, salt="a1b2", **rule) for unit in vectors.units()]
        assert ",".join(map(str, here)) == text
        # The same digest was made by the server's own rule, in the test of the published vectors.
        assert hashlib.sha256(text.encode()).hexdigest() == said["sha256"]


@pytest.mark.parametrize("rule", vectors.RULES, ids=str)
@pytest.mark.parametrize("split", [0.05, 0.2, 0.5])
def test_the_split_lies_within_the_binomial_interval(rule: dict[str, Any], split: float) -> None:
    arms = [client_assign("support-bot", f"user-{n}", split=split, salt="a1b2", **rule) for n in range(20_000)]
    low, high = binom.interval(0.999, len(arms), split)
    assert low <= arms.count("treatment") <= high


@pytest.mark.parametrize("rule", vectors.RULES, ids=str)
def test_the_arms_of_two_tests_are_independent(rule: dict[str, Any]) -> None:
    table = [[0, 0], [0, 0]]
    for number in range(20_000):
        one, two = (
            client_assign(key, f"user-{number}", split=0.5, **rule) == "treatment"
            for key in ("checkout", "support-bot")
        )
        table[one][two] += 1
    assert chi2_contingency(table).pvalue > 0.001


@pytest.mark.parametrize("words", [("a\0b", "c"), ("a", "b\0c")])
def test_version_2_refuses_the_separator_everywhere(words: tuple[str, str]) -> None:
    for rule in (routing.bucket, client_bucket):
        with pytest.raises(ValueError, match="NUL"):
            rule(*words, version=2)
    body = "({ bucket }, words) => { try { return bucket(...words); } catch (error) { return error.message; } }"
    assert "NUL" in javascript.run(body, list(words))


def test_version_2_tells_apart_what_version_1_cannot() -> None:
    def same(version: int) -> bool:
        return routing.bucket("a:b", "c", version=version) == routing.bucket("a", "b:c", version=version)

    assert same(1)
    assert not same(2)


@pytest.mark.parametrize("version", [1, 2])
def test_half_of_a_surrogate_pair_is_refused_everywhere(version: int) -> None:
    for rule in (routing.bucket, client_bucket):
        with pytest.raises(UnicodeEncodeError):
            rule("a", "\ud800", version=version)
    body = r"""({ bucket }, version) => {
      try { return bucket("a", "\ud800", { version }); } catch (error) { return error.message; }
    }"""
    assert "surrogate" in javascript.run(body, version)
