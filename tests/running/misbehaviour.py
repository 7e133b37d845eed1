"""What the model server can be told to do wrong, and the error class a caller must then report."""

import hashlib
import re
from dataclasses import dataclass

# The class a case ends in when the server does this at every attempt; "" is a usable answer.
EXPECTED = {
    "ok": "",
    "slow": "",
    "tools": "",
    "parts": "",
    "no_usage": "",
    "refusal": "",
    "429": "rate_limited",
    "429_after": "rate_limited",
    "quota": "http_4xx",
    "500": "http_5xx",
    "503": "http_5xx",
    "400": "http_4xx",
    "401": "http_4xx",
    "404": "http_4xx",
    "echo_key": "http_4xx",
    "error_in_200": "http_5xx",
    "redirect": "blocked_address",
    "hang": "timeout",
    "hang_after_headers": "timeout",
    "drip": "timeout",
    "html": "malformed",
    "wrong_json": "malformed",
    "broken_json": "malformed",
    "no_http": "malformed",
    "gzip": "malformed",
    "nul": "malformed",
    "drop": "refused",
    "drop_within": "refused",
    "big": "too_large",
    "endless": "too_large",
    "big_headers": "too_large",
    "null": "empty",
    "empty": "empty",
    "length": "truncated",
    "content_filter": "filtered",
}
# A mix for runs of thousands of cases: kind, and how many in a thousand. "*1" passes at the second attempt.
MIX = [
    ("429*1", 40),
    ("429_after*1", 40),
    ("500*1", 40),
    ("503*2", 20),
    ("drop*1", 30),
    ("html*1", 15),
    ("broken_json*1", 15),
    ("hang_after_headers*1", 3),
    ("400", 15),
    ("500", 10),
    ("429", 5),
    ("html", 10),
    ("wrong_json", 10),
    ("drop", 10),
    ("big", 10),
    ("null", 15),
    ("empty", 10),
    ("length", 15),
    ("content_filter", 15),
    ("hang_after_headers", 3),
    ("drip", 3),
    ("slow", 20),
]
# What a caller tries again: with the model `passing` these pass at the second attempt, and nothing else goes wrong.
TRIED_AGAIN = ("", "rate_limited", "http_5xx", "timeout", "malformed", "refused")
COMMAND = re.compile(r"behave=([a-z0-9_]+)(?:\*(\d+))?")
MODEL_COMMAND = re.compile(r"(?:misbehave-)?([a-z0-9_]+)(?:\*(\d+))?")
ALWAYS = 1_000_000


@dataclass(frozen=True)
class Plan:
    """Do this at the first `times` calls of a case, then answer."""

    kind: str
    times: int = ALWAYS

    @property
    def expected(self) -> str:
        """The error class the case must end in, given enough attempts."""
        return EXPECTED[self.kind] if self.times == ALWAYS else ""


FINE = Plan("ok")


def read_plan(found: re.Match[str] | None) -> Plan | None:
    if found is None or found[1] not in EXPECTED:
        return None
    return Plan(found[1], int(found[2]) if found[2] else ALWAYS)


def mixed(marker: str, seed: str = "") -> Plan:
    """The same case does the same under the same seed, whoever asks."""
    place = int.from_bytes(hashlib.md5(f"{seed}:{marker}".encode()).digest()[:4]) % 1000
    for command, share in MIX:
        if place < share:
            return read_plan(MODEL_COMMAND.fullmatch(command)) or FINE
        place -= share
    return FINE


def passing(marker: str, seed: str) -> Plan:
    """The mix of a server that has its troubles, and answers every case in the end."""
    plan = mixed(marker, seed)
    if EXPECTED[plan.kind] not in TRIED_AGAIN:
        return FINE
    return plan if plan.times < ALWAYS else Plan(plan.kind, 1)


MIXES = {"mix": mixed, "passing": passing}


def plan_for(*, model: str, prompt: str, marker: str) -> Plan:
    """A command in the prompt (`behave=500*2`) beats the model's name (`500`, `mix`, `mix-SEED`, `passing-SEED`)."""
    if (told := COMMAND.search(prompt)) and (plan := read_plan(told)):
        return plan
    name, _, seed = model.partition("-")
    if name in MIXES:
        return MIXES[name](marker, seed)
    return read_plan(MODEL_COMMAND.fullmatch(model)) or FINE
