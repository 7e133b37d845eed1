"""Evalsite for client applications in Python: which arm a unit is in, and what happens then. One file, no dependencies.

    from evalsite_client import Evalsite

    evalsite = Evalsite("https://evalsite.example.org", token="evs_...")
    if evalsite.arm("support-bot", user.id) == "treatment":
        ...
    evalsite.track("support-bot", user.id, "task_completed")

`arm` computes the arm here, from the rule that is downloaded once and again every minute, and tells the exposure with
the events. `ask` asks the site instead, which remembers every unit's arm, also over a ramp. Neither ever raises for a
network that fails: whoever cannot be assigned is in control. Events wait in a queue of this process and are sent in
the background, again and again until the site has answered; each has an id, so that none counts twice.

Python 3.9 or newer. Thread-safe, and safe to use after a fork.
"""

from __future__ import annotations

import atexit
import hashlib
import http.client
import json
import logging
import os
import random
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections import Counter, OrderedDict, deque
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Iterable, Mapping, MutableMapping
from urllib.parse import quote

__all__ = ["Evalsite", "EvalsiteError", "Plan", "assign", "bucket"]
__version__ = "1.0.0"

logger = logging.getLogger("evalsite")

CONTROL, TREATMENT = "control", "treatment"
MOST_AT_ONCE = 500
MOST_UNITS_AT_ONCE = 1_000
MOST_REMEMBERED = 100_000
SENT_AGAIN_UNEXPOSED = 3
# What a caller of `arm` waits at most where it can do without an answer.
REFRESH_TIMEOUT = 3.0
TAKEN = frozenset({"accepted", "duplicate"})
PASSING = frozenset({401, 403, 404, 408, 425, 429})


class EvalsiteError(Exception):
    """What the site answered, or why there is no answer. `status` is 0 where there is none."""

    def __init__(self, message: str, *, status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after


def bucket(experiment: str, unit: str, *, buckets: int = 10_000, salt: str = "", version: int = 2) -> int:
    """The unit's bucket, 0 .. buckets - 1.

    Version 1: int(md5("{experiment}:{unit}"), 16) % buckets, where a salt stands before both: "{salt}:{experiment}:…".
    Version 2: the first 13 hexadecimal digits of sha256("{salt}␀{experiment}␀{unit}") % buckets, ␀ being NUL.
    """
    if version == 1:
        text = f"{salt}:{experiment}:{unit}" if salt else f"{experiment}:{unit}"
        return int(hashlib.new("md5", text.encode(), usedforsecurity=False).hexdigest(), 16) % buckets
    if version != 2:
        raise ValueError(f"this client does not know version {version!r} of the rule: get a newer one")
    text = f"{salt}\0{experiment}\0{unit}"
    if text.count("\0") != 2:
        raise ValueError("neither salt nor experiment nor unit may hold a NUL character")
    return int(hashlib.sha256(text.encode()).hexdigest()[:13], 16) % buckets


def assign(experiment: str, unit: str, *, split: float, buckets: int = 10_000, salt: str = "", version: int = 2) -> str:
    """ "treatment" for a share `split` of units, else "control": always the same for the same arguments."""
    place = bucket(experiment, unit, buckets=buckets, salt=salt, version=version)
    return TREATMENT if place / buckets < split else CONTROL


class Plan:
    """The rule of one live test, as the site tells it. Keep `to_dict()` anywhere to assign without the network."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        rule = raw["routing"]
        self.raw = dict(raw)
        self.experiment = str(raw["experiment"])
        self.running = bool(raw["running"])
        self.version, self.salt = int(rule["version"]), str(rule["salt"])
        self.buckets, self.split = int(rule["buckets"]), float(rule["split"])
        self.segments = tuple(raw.get("segments", ()))
        self.sha256 = str(raw.get("plan_sha256", ""))

    def to_dict(self) -> dict[str, Any]:
        return self.raw

    def bucket(self, unit: str) -> int:
        return bucket(self.experiment, unit, buckets=self.buckets, salt=self.salt, version=self.version)

    def arm(self, unit: str) -> str:
        """Control for everybody while the test does not run."""
        if not self.running:
            return CONTROL
        return TREATMENT if self.bucket(unit) / self.buckets < self.split else CONTROL


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes to the site and nowhere else."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


class Evalsite:
    """One per process is enough.

    plans: rules to begin with, by test, such as kept ones. memory: where arms of units are remembered, so that a ramp
    moves nobody who was exposed; the newest 100,000 of this process unless you give a mapping of your own, with keys
    "test/unit". most_queued: events that wait at most; what comes above is dropped and counted. on_refused: called
    with the event and the answer for each event that the site did not take; otherwise the first of each reason is
    logged. timeout: how long an answer is waited for. refresh_seconds: how old a rule may be. retry_seconds: for how
    long a rule that could not be had is not asked for again, so that a site that hangs does not hold up every caller.
    `counts` says how many events were accepted, duplicate, refused for which reason, and dropped.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        plans: Iterable[Plan] = (),
        memory: MutableMapping[str, str] | None = None,
        timeout: float = 10.0,
        refresh_seconds: float = 60.0,
        retry_seconds: float = 15.0,
        flush_seconds: float = 2.0,
        most_queued: int = 50_000,
        first_pause: float = 0.5,
        longest_pause: float = 60.0,
        exit_seconds: float = 5.0,
        on_refused: Callable[[dict[str, Any], dict[str, Any]], None] | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.token = token
        self.timeout, self.refresh_seconds, self.flush_seconds = timeout, refresh_seconds, flush_seconds
        self.retry_seconds = retry_seconds
        self.most_queued, self.first_pause, self.longest_pause = most_queued, first_pause, longest_pause
        self.exit_seconds, self.on_refused = exit_seconds, on_refused
        self.memory: MutableMapping[str, str] = Memory() if memory is None else memory
        self.opener = urllib.request.build_opener(NoRedirects())
        self.counts: Counter[str] = Counter()
        self.plans = {plan.experiment: (plan, -float("inf")) for plan in plans}
        self.failed: dict[str, tuple[EvalsiteError, float]] = {}
        self.heard = datetime.min.replace(tzinfo=timezone.utc), time.monotonic()
        self.most_at_once = MOST_AT_ONCE
        self.start_fresh()
        atexit.register(self.close)

    # --- arms

    def arm(self, experiment: str, unit: object, attributes: Mapping[str, Any] | None = None) -> str:
        """By the rule, computed here; the first time the exposure is told. Control where there is no rule to be had.

        A unit without an id (None or ""), such as a visitor who is not logged in, is in control and in no test.
        """
        if is_nobody(unit):
            return CONTROL
        unit = str(unit)
        try:
            plan = self.plan(experiment)
        except EvalsiteError as error:
            logger.warning("evalsite: %s; %s stays in control", error, unit)
            return CONTROL
        if not plan.running:
            return CONTROL
        remembered = self.remembered(f"{experiment}/{unit}")
        if remembered is not None:
            return remembered
        arm = self.remember(f"{experiment}/{unit}", plan.arm(unit))
        told = {name: value for name, value in (attributes or {}).items() if name in plan.segments}
        self.track(experiment, unit, "exposure", properties={**told, "arm": arm})
        return arm

    def remembered(self, key: str) -> str | None:
        try:
            arm = self.memory.get(key)
        except Exception:
            # A store of the application's own: the rule gives the same arm again.
            logger.exception("evalsite: the memory failed")
            return None
        return arm if arm in (CONTROL, TREATMENT) else None

    def remember(self, key: str, arm: str) -> str:
        try:
            self.memory[key] = arm
        except Exception:
            logger.exception("evalsite: the memory failed")
        return arm

    def ask(
        self, experiment: str, units: Iterable[object], attributes: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """Arms by unit as the site remembers them. Everybody is in control where it cannot be asked."""
        wanted = list(dict.fromkeys(str(unit) for unit in units if not is_nobody(unit)))
        arms = dict.fromkeys(wanted, CONTROL)
        for begin in range(0, len(wanted), MOST_UNITS_AT_ONCE):
            part = wanted[begin : begin + MOST_UNITS_AT_ONCE]
            body = {"experiment": experiment, "unit_ids": part, "attributes": dict(attributes or {})}
            try:
                for one in self.call("POST", "/assign", body)["assignments"]:
                    arms[one["unit_id"]] = one["arm"]
                    self.keep_up_with(one["exposed_at"])
            except (EvalsiteError, KeyError, TypeError, ValueError) as error:
                logger.warning("evalsite: %r; %d units stay in control", error, len(part))
        return arms

    def plan(self, experiment: str) -> Plan:
        """The rule, not older than `refresh_seconds` if the site can be reached. EvalsiteError where there is none.

        Only the first one to ask waits for the site; meanwhile others have the rule, or the failure, of before.
        """
        self.begin_after_fork()
        asking = self.asking.setdefault(experiment, threading.Lock())
        is_first = experiment not in self.plans and experiment not in self.failed
        mine = asking.acquire(blocking=is_first)
        try:
            known, since = self.plans.get(experiment, (None, -float("inf")))
            if known is not None and (not mine or time.monotonic() - since < self.refresh_seconds):
                return known
            error, until = self.failed.get(experiment, (None, -float("inf")))
            if error is not None and (not mine or time.monotonic() < until):
                raise EvalsiteError(str(error), status=error.status, retry_after=error.retry_after)
            return self.download(experiment, known, self.timeout if is_first else min(self.timeout, REFRESH_TIMEOUT))
        finally:
            if mine:
                asking.release()

    def download(self, experiment: str, known: Plan | None, timeout: float) -> Plan:
        try:
            plan = read_plan(self.call("GET", f"/live-tests/{quote(experiment, safe='')}/plan", timeout=timeout))
        except EvalsiteError as error:
            if known is None:
                pause = max(self.retry_seconds, error.retry_after or 0.0)
                self.failed[experiment] = (error, time.monotonic() + pause)
                raise
            # An old rule is better than none; asked again after the same time.
            plan = known
        self.plans[experiment] = (plan, time.monotonic())
        self.failed.pop(experiment, None)
        return plan

    # --- events

    def track(
        self,
        experiment: str,
        unit: object,
        event: str,
        *,
        value: float | None = None,
        properties: Mapping[str, Any] | None = None,
        conversation_id: str | None = None,
        at: datetime | None = None,
        event_id: str | None = None,
    ) -> str:
        """Queue one event and return its id. ValueError for what JSON cannot hold, such as NaN."""
        moment = at or self.now()
        if moment.tzinfo is None:
            raise ValueError("`at` needs a time zone")
        said: dict[str, Any] = {
            "event_id": event_id or uuid.uuid4().hex,
            "event": event,
            "experiment": experiment,
            "unit_id": str(unit),
            "timestamp": moment.isoformat(),
        }
        for name, content in (("value", value), ("properties", properties), ("conversation_id", conversation_id)):
            if content is not None:
                said[name] = dict(content) if isinstance(content, Mapping) else content
        json.dumps(said, allow_nan=False)
        self.begin_after_fork()
        with self.changed:
            if len(self.queue) >= self.most_queued:
                self.counts["dropped"] += 1
                if self.counts["dropped"] == 1:
                    logger.error("evalsite: more than %d events wait; further ones are dropped", self.most_queued)
                return str(said["event_id"])
            self.queue.append(said)
            self.work_in_background()
            if len(self.queue) >= MOST_AT_ONCE:
                self.changed.notify_all()
        return str(said["event_id"])

    def flush(self, timeout: float | None = None) -> bool:
        """Send what waits; True when the site has answered for all of it."""
        self.begin_after_fork()
        end = None if timeout is None else time.monotonic() + timeout
        with self.changed:
            self.hurry = True
            self.work_in_background()
            self.changed.notify_all()
            while self.queue or self.sending:
                left = None if end is None else end - time.monotonic()
                if left is not None and left <= 0:
                    break
                self.changed.wait(left)
            self.hurry = False
            return not (self.queue or self.sending)

    def close(self, timeout: float | None = None) -> bool:
        """Flush, then stop. Runs by itself when the process ends."""
        atexit.unregister(self.close)
        done = self.flush(self.exit_seconds if timeout is None else timeout)
        with self.changed:
            self.closed = True
            if self.queue:
                logger.error("evalsite: %d events were not sent", len(self.queue))
            self.changed.notify_all()
        return done

    def __enter__(self) -> Evalsite:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- in the background

    def start_fresh(self) -> None:
        self.process = os.getpid()
        self.changed = threading.Condition()
        self.asking: dict[str, threading.Lock] = {}
        self.queue: deque[dict[str, Any]] = deque()
        self.sending = self.hurry = self.closed = False
        self.unexposed: Counter[str] = Counter()
        self.thread: threading.Thread | None = None

    def begin_after_fork(self) -> None:
        """A child has no thread, and what waited before the fork is its parent's to send."""
        if self.process != os.getpid():
            self.start_fresh()

    def work_in_background(self) -> None:
        if self.queue and (self.thread is None or not self.thread.is_alive()):
            self.closed = False
            self.thread = threading.Thread(target=self.send_all, name="evalsite", daemon=True)
            self.thread.start()

    def send_all(self) -> None:
        failures = 0
        while True:
            with self.changed:
                if not self.closed and not self.hurry and len(self.queue) < MOST_AT_ONCE:
                    self.changed.wait(self.flush_seconds)
                if self.closed or (not self.queue and not self.hurry):
                    # A later event starts another thread.
                    self.thread = None
                    self.changed.notify_all()
                    return
                batch = [self.queue.popleft() for _ in range(min(len(self.queue), self.most_at_once))]
                self.sending = bool(batch)
                if not batch:
                    self.changed.notify_all()
                    self.changed.wait(self.flush_seconds)
                    continue
            # Whatever happens, what was not answered for goes back into the queue.
            again, pause = batch, self.pause(failures, None)
            try:
                again, pause = self.send(batch, failures)
            except Exception:
                logger.exception("evalsite: sending failed; %d events are sent again", len(batch))
            finally:
                with self.changed:
                    # Before what came meanwhile, so that exposures stay before the events of their units.
                    self.queue.extendleft(reversed(again))
                    self.sending = False
                    self.changed.notify_all()
            failures = failures + 1 if pause else 0
            with self.changed:
                if pause and not self.closed:
                    self.rest(pause)

    def rest(self, seconds: float) -> None:
        """With the lock held, which `wait` gives up; only the end of the program cuts it short."""
        end = time.monotonic() + seconds
        while not self.closed and (left := end - time.monotonic()) > 0:
            self.changed.wait(left)

    def send(self, batch: list[dict[str, Any]], failures: int) -> tuple[list[dict[str, Any]], float]:
        """What must be sent again, and after how many seconds; 0 for at once."""
        try:
            results = answers(self.call("POST", "/events", batch), len(batch))
        except EvalsiteError as error:
            if error.status == 413 and len(batch) > 1:
                self.most_at_once = len(batch) // 2
                return batch, 0.0
            if 400 <= error.status < 500 and error.status not in PASSING:
                logger.error("evalsite: %d events were refused: %s", len(batch), error)
                self.counts["refused"] += len(batch)
                return [], 0.0
            pause = self.pause(failures, error.retry_after)
            logger.warning("evalsite: %s; %d events are sent again in %.1f s", error, len(batch), pause)
            return batch, pause
        self.most_at_once = MOST_AT_ONCE
        self.settle(batch, results)
        return [], 0.0

    def settle(self, batch: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
        for event, answer in zip(batch, results):
            status = str(answer["status"])
            if status == "not_exposed" and self.unexposed[event["event_id"]] < SENT_AGAIN_UNEXPOSED:
                # Another process may be about to tell the exposure.
                self.unexposed[event["event_id"]] += 1
                self.queue.append(event)
                continue
            del self.unexposed[event["event_id"]]
            self.counts[status] += 1
            if status not in TAKEN:
                self.tell_refused(event, answer)

    def tell_refused(self, event: dict[str, Any], answer: dict[str, Any]) -> None:
        if self.on_refused is not None:
            try:
                self.on_refused(event, answer)
            except Exception:
                logger.exception("evalsite: on_refused failed")
        elif self.counts[answer["status"]] == 1:
            logger.warning("evalsite: event %s was not taken: %s", event["event_id"], answer)

    def pause(self, failures: int, retry_after: float | None) -> float:
        """Somewhere below twice the last one's bound, but never earlier than the site asks for."""
        bound = min(self.longest_pause, self.first_pause * 2 ** min(failures, 30))
        return max(random.uniform(bound / 2, bound), retry_after or 0.0)

    # --- calls

    def keep_up_with(self, exposed_at: str | None) -> None:
        """A clock that runs behind the site's would date events before their own exposure."""
        if exposed_at:
            at = datetime.fromisoformat(exposed_at.replace("Z", "+00:00"))
            if at > self.site_is_past():
                self.heard = at, time.monotonic()

    def site_is_past(self) -> datetime:
        """The site's clock shows at least that: what it told last, and what went by here since."""
        at, since = self.heard
        return at + timedelta(seconds=time.monotonic() - since)

    def now(self) -> datetime:
        """By the clock here as long as it is not known to be behind; once it is set right, by it again."""
        return max(datetime.now(timezone.utc), self.site_is_past())

    def call(self, method: str, path: str, body: Any = None, *, timeout: float | None = None) -> Any:
        """Raises EvalsiteError."""
        request = urllib.request.Request(
            f"{self.url}/api/v1{path}",
            data=None if body is None else json.dumps(body, allow_nan=False).encode(),
            method=method,
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "User-Agent": f"evalsite-python/{__version__}",
            },
        )
        try:
            with self.opener.open(request, timeout=timeout or self.timeout) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise EvalsiteError(
                    said_in(error), status=error.code, retry_after=seconds_to_wait(error.headers.get("Retry-After"))
                ) from None
        except (OSError, ValueError, http.client.HTTPException) as error:
            # No connection, none in time, one that broke off, or an answer that is no JSON.
            raise EvalsiteError(f"no answer from {self.url}: {error}") from None


class Memory(OrderedDict[str, str]):
    """The arms of the newest units."""

    def __setitem__(self, key: str, arm: str) -> None:
        super().__setitem__(key, arm)
        if len(self) > MOST_REMEMBERED:
            self.popitem(last=False)


def is_nobody(unit: object) -> bool:
    return unit is None or unit == ""


def answers(said: Any, n: int) -> list[dict[str, Any]]:
    results = said.get("results") if isinstance(said, dict) else None
    if not isinstance(results, list) or len(results) != n or not all(is_answer(one) for one in results):
        raise EvalsiteError("the answer does not tell what became of each event")
    return results


def is_answer(one: Any) -> bool:
    return isinstance(one, dict) and "status" in one


def read_plan(said: Any) -> Plan:
    try:
        return Plan(said)
    except (KeyError, TypeError, ValueError) as error:
        raise EvalsiteError(f"the answer is no plan: {error!r}") from None


def said_in(error: urllib.error.HTTPError) -> str:
    try:
        return f"the site answered {error.code}: {json.loads(error.read())['message']}"
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return f"the site answered {error.code}"


def seconds_to_wait(word: str | None) -> float | None:
    """Retry-After: seconds, or a date."""
    if not word:
        return None
    try:
        return min(max(float(word), 0.0), 3600.0)
    except ValueError:
        pass
    try:
        return min(max((parsedate_to_datetime(word) - datetime.now(timezone.utc)).total_seconds(), 0.0), 3600.0)
    except (TypeError, ValueError):
        return None
