"""Reviewers as threads over kept-alive connections, and how long each answer took."""

import http.client
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

PAIR = re.compile(rb'name="pair" value="([^"]+)"')
JUDGMENT = re.compile(rb'name="judgment" value="([^"]+)"')
TOKEN = "a" * 32

Act = Callable[[], bool]


@dataclass
class Timings:
    seconds: list[float] = field(default_factory=list)
    elapsed: float = 0.0

    def add(self, more: "Timings") -> None:
        self.seconds += more.seconds
        self.elapsed += more.elapsed

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.elapsed

    def percentile(self, share: float) -> float:
        """In milliseconds."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(int(len(ordered) * share), len(ordered) - 1)]

    @property
    def summary(self) -> str:
        p50, p95, p99 = (self.percentile(share) for share in (0.5, 0.95, 0.99))
        return f"{self.rate:.0f}/s, p50 {p50:.1f} p95 {p95:.1f} p99 {p99:.1f} ms"


class Reviewer:
    def __init__(self, port: int, campaign: str, session: str) -> None:
        self.link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.judge = f"/review/{campaign}/"
        self.headers = {
            "Cookie": f"sessionid={session}; csrftoken={TOKEN}",
            "X-CSRFToken": TOKEN,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self.page = self.ask("GET", self.judge)

    def ask(self, method: str, path: str, body: str | None = None) -> bytes:
        self.link.request(method, path, body, self.headers)
        response = self.link.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{method} {path}: {response.status} {content[:300]!r}")
        return content

    def submit_and_next(self) -> bool:
        """False when the campaign has no pair left for this reviewer."""
        pair, judgment = PAIR.search(self.page), JUDGMENT.search(self.page)
        if not pair or not judgment:
            return False
        said = {
            "pair": pair[1].decode(),
            "judgment": judgment[1].decode(),
            "choice": "a",
            "guidelines": "1",
            "active_ms": "20000",
            "comment": "",
            "criterion-correctness": "a",
            "criterion-helpfulness": "tie",
        }
        self.page = self.ask("POST", f"{self.judge}submit", urlencode(said))
        return True


class BareVisitor:
    def __init__(self, port: int) -> None:
        self.link = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def visit(self) -> bool:
        self.link.request("POST", "/bare", "choice=a", {"Content-Type": "application/x-www-form-urlencoded"})
        response = self.link.getresponse()
        response.read()
        return response.status == 200


def timed(acts: Sequence[Act], *, seconds: float) -> Timings:
    """Each act again and again in a thread of its own, until the time is over or it has nothing left to do."""
    timings = Timings()
    until = time.perf_counter() + seconds
    threads = [threading.Thread(target=repeat, args=(act, until, timings.seconds)) for act in acts]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    timings.elapsed = time.perf_counter() - started
    return timings


def repeat(act: Act, until: float, seconds: list[float]) -> None:
    while (began := time.perf_counter()) < until:
        if not act():
            return
        seconds.append(time.perf_counter() - began)
