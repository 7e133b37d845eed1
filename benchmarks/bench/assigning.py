"""Arms given over HTTP, beside a bare view of one INSERT and SELECT; and computed offline, beside the bare hash."""

import hashlib
import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

from django.db import connections

from benchmarks.bench._load import BareVisitor, Timings, timed
from benchmarks.bench.judging import bare_server
from benchmarks.live_traffic import make_test, make_token
from benchmarks.stack import HOST, Stack, running
from benchmarks.table import Row
from experiments import routing

CLIENTS = Path(__file__).resolve().parents[2] / "clients"
KEY, UNITS = "assigned", 20_000
CROWD, TURNS, SECONDS, WARM_UP_SECONDS = 8, 4, 1.5, 1.0
OFFLINE, ROUNDS = 50_000, 5
# For units that were seen before, as most are, a token, a limit and the rule beside one look: three times a bare view's
# time is the most. New units are measured without a bound: what they cost is a write to three indexes.
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
            yield from over_http(stack, bare_port)
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


def over_http(stack: Stack, bare_port: int) -> Iterator[Row]:
    secret, fresh = make_token(), count()
    known: list[Callable[[], list[str]]] = [partial(list, (f"user-{number}",)) for number in range(CROWD)]
    one = [lambda: [f"new-{next(fresh)}"]] * CROWD
    many = [lambda: [f"new-{next(fresh)}" for _ in range(1_000)]]
    kinds = {"one known unit a request": known, "one new unit a request": one, "1,000 new units a request": many}
    for name, units in kinds.items():
        asking = [asker(stack, secret, each) for each in units]
        ours, bare = in_turns(asking, [BareVisitor(bare_port).visit for _ in range(CROWD)])
        yield http_row(name, ours, bare, units=len(units[0]()), crowd=len(units))


def in_turns(ours: list[Callable[[], bool]], bare: list[Callable[[], bool]]) -> tuple[Timings, Timings]:
    """The machine may be busier at one time than at another."""
    measured = (Timings(), Timings())
    for each in (ours, bare):
        timed(each, seconds=WARM_UP_SECONDS)
    for _ in range(TURNS):
        for all_turns, each in zip(measured, (ours, bare), strict=True):
            turn = timed(each, seconds=SECONDS)
            if not turn.seconds:
                raise RuntimeError("no request was answered; the reason stands above")
            all_turns.seconds += turn.seconds
            all_turns.elapsed += turn.elapsed
    return measured


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


def http_row(name: str, ours: Timings, bare: Timings, *, units: int, crowd: int) -> Row:
    return row_of(
        name,
        ours.rate * units,
        bare.rate,
        least=None if "new" in name else LEAST_RATIO,
        yardstick="requests of the bare view",
        note=f"{crowd} at once; {ours.summary}",
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
