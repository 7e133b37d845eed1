"""Arms given over HTTP, beside a bare view of one INSERT and SELECT; and computed offline, beside the bare hash."""

import hashlib
import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from django.db import connections

from benchmarks.bench._load import Timings, timed
from benchmarks.bench.judging import bare_server, visit_for_a_while
from benchmarks.live_traffic import make_test, make_token
from benchmarks.stack import HOST, Stack, running
from benchmarks.table import Row
from experiments import routing

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
KEY, UNITS = "assigned", 20_000
CROWD, SECONDS, WARM_UP_SECONDS = 8, 4.0, 1.0
OFFLINE, ROUNDS = 50_000, 5
# An assignment is a bare view's work and more: a token, a limit, the rule. Three times its time is the most.
LEAST_RATIO = 0.33
LEAST_OFFLINE_RATIO = 0.2
IN_JAVASCRIPT = """
import {{ assign }} from {module};
const seconds = [];
for (let round = 0; round < {rounds}; round += 1) {{
  const began = performance.now();
  for (let n = 0; n < {n}; n += 1) assign("bot", `user-${{n}}`, {{ split: 0.5, salt: "s" }});
  seconds.push((performance.now() - began) / 1000);
}}
console.log(JSON.stringify(seconds));
"""


def rows() -> Iterable[Row]:
    yield from offline()
    with running(workers=0, environment={"EVENTS_PER_MINUTE": str(10**9)}) as stack, bare_server(stack) as bare_port:
        try:
            make_test(units=UNITS, key=KEY)
            yield from over_http(stack, visit_for_a_while(bare_port, visitors=CROWD))
        finally:
            connections.close_all()


def offline() -> Iterator[Row]:
    sys.path.insert(0, str(CLIENTS / "python"))
    from evalsite_client import assign

    bare = rate_of(lambda unit: hashlib.sha256(f"s\0bot\0{unit}".encode()).hexdigest())
    rules: dict[str, Callable[[str], object]] = {
        "offline, the server's own rule": lambda unit: routing.assign("bot", unit, split=0.5, salt="s", version=2),
        "offline, Python client": lambda unit: assign("bot", unit, split=0.5, salt="s"),
    }
    for name, rule in rules.items():
        yield row_of(name, rate_of(rule), bare, least=LEAST_OFFLINE_RATIO, yardstick="sha256")
    if node := shutil.which("node"):
        yield row_of("offline, JavaScript client", javascript_rate(node), bare, least=None, yardstick="Python's sha256")


def rate_of(rule: Callable[[str], object]) -> float:
    units = [f"user-{number}" for number in range(OFFLINE)]
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for unit in units:
            rule(unit)
        seconds.append(time.perf_counter() - began)
    return OFFLINE / median(seconds)


def javascript_rate(node: str) -> float:
    module = json.dumps((CLIENTS / "javascript" / "evalsite-client.js").as_uri())
    script = IN_JAVASCRIPT.format(module=module, rounds=ROUNDS, n=OFFLINE)
    done = subprocess.run([node, "--input-type=module", "--eval", script], capture_output=True, check=True)
    seconds: list[float] = json.loads(done.stdout)
    return OFFLINE / median(seconds)


def over_http(stack: Stack, bare: Timings) -> Iterator[Row]:
    secret, fresh = make_token(), count()
    known: list[Callable[[], list[str]]] = [partial(list, (f"user-{number}",)) for number in range(CROWD)]
    yield http_row("one known unit a request", ask_for_a_while(stack, secret, known), bare, units=1)
    one = [lambda: [f"new-{next(fresh)}"]] * CROWD
    yield http_row("one new unit a request", ask_for_a_while(stack, secret, one), bare, units=1)
    many = [lambda: [f"new-{next(fresh)}" for _ in range(1_000)]]
    yield http_row("1,000 new units a request, one client", ask_for_a_while(stack, secret, many), bare, units=1_000)


def ask_for_a_while(stack: Stack, secret: str, units: Sequence[Callable[[], list[str]]]) -> Timings:
    acts = [asker(stack, secret, each) for each in units]
    timed(acts, seconds=WARM_UP_SECONDS)
    return timed(acts, seconds=SECONDS)


def asker(stack: Stack, secret: str, units: Callable[[], list[str]]) -> Callable[[], bool]:
    link = http.client.HTTPConnection(HOST, stack.port, timeout=60)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def ask() -> bool:
        wanted = units()
        link.request("POST", "/api/v1/assign", json.dumps({"experiment": KEY, "unit_ids": wanted}), headers)
        response = link.getresponse()
        told = json.loads(response.read())
        if response.status != 200 or len(told["assignments"]) != len(wanted):
            raise RuntimeError(f"{response.status} {told}")
        return True

    return ask


def http_row(name: str, ours: Timings, bare: Timings, *, units: int) -> Row:
    return row_of(
        name,
        ours.rate * units,
        bare.rate,
        least=LEAST_RATIO,
        yardstick="requests of the bare view",
        note=f"{CROWD if units == 1 else 1} at once; {ours.summary}",
    )


def row_of(name: str, rate: float, bare: float, *, least: float | None, yardstick: str, note: str = "") -> Row:
    return Row(
        name,
        f"{rate:,.0f} assignments/s",
        f"{bare:,.0f}/s ({yardstick})",
        f"{rate / bare:.2f}x",
        f">= {least:g}x" if least else "",
        rate / bare >= least if least else None,
        note,
    )
