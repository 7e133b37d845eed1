"""A reviewer as a process: `python _reviewer.py PORT CAMPAIGN SESSION LEDGER`. Knows nothing but HTTP and its ledger.

Like the page's own script it notes what it is about to send before sending, and sends the very same again until it is
answered, also after having been killed in between.
"""

import contextlib
import http.client
import random
import re
import secrets
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

CHOICES = ("a", "b", "tie", "both_bad")
NO_PAIR = "No pair is left for you."
LONGEST_PAUSE = 0.5
TIMEOUT = 40


@dataclass
class Ledger:
    """Lines `sent JUDGMENT PAIR CHOICE`, `kept JUDGMENT`, `status CODE`, `odd WORDS`; each reaches the file at once."""

    path: Path
    unanswered: tuple[str, str, str] | None = field(default=None)

    def note(self, *words: object) -> None:
        with self.path.open("a") as file:
            file.write(" ".join(str(word) for word in words) + "\n")

    def read_unanswered(self) -> tuple[str, str, str] | None:
        sent: tuple[str, str, str] | None = None
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        for line in lines:
            word, *rest = line.split(" ")
            if word == "sent" and len(rest) == 3:
                sent = (rest[0], rest[1], rest[2])
            elif word == "kept" and sent and rest == [sent[0]]:
                sent = None
        return sent


@dataclass
class Client:
    port: int
    session: str
    ledger: Ledger
    link: http.client.HTTPConnection | None = None
    csrf: str = field(default_factory=lambda: secrets.token_hex(16))

    def ask(self, method: str, path: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
        """Ask until somebody answers, on one connection while it lasts."""
        pause = 0.02
        while True:
            try:
                return self.ask_once(method, path, fields)
            except (OSError, http.client.HTTPException):
                self.drop()
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def ask_once(self, method: str, path: str, fields: dict[str, str] | None) -> tuple[int, str]:
        if self.link is None:
            self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        headers = {
            "Cookie": f"sessionid={self.session}; csrftoken={self.csrf}",
            "X-CSRFToken": self.csrf,
            "HX-Request": "true",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        self.link.request(method, path, urlencode(fields) if fields else None, headers)
        response = self.link.getresponse()
        text = response.read().decode()
        if response.status != 200:
            self.ledger.note("status", response.status)
        return response.status, text

    def drop(self) -> None:
        if self.link:
            with contextlib.suppress(OSError):
                self.link.close()
        self.link = None


def value_of(name: str, page: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return found[1] if found else ""


def review(client: Client, campaign: str, rng: random.Random) -> None:
    ledger, judge = client.ledger, f"/review/{campaign}/"
    status, page = 0, ""
    if sent := ledger.read_unanswered():
        status, page = send(client, judge, *sent)
    while True:
        if status != 200:
            status, page = client.ask("GET", judge)
            continue
        pair = value_of("pair", page)
        if not pair:
            if NO_PAIR not in page:
                ledger.note("odd", "neither a pair nor the end:", page[:200].replace("\n", " "))
            return
        judgment, choice = value_of("judgment", page), rng.choice(CHOICES)
        ledger.note("sent", judgment, pair, choice)
        status, page = send(client, judge, judgment, pair, choice)


def send(client: Client, judge: str, judgment: str, pair: str, choice: str) -> tuple[int, str]:
    fields = {"pair": pair, "judgment": judgment, "choice": choice, "guidelines": "1", "active_ms": "100"}
    while True:
        status, page = client.ask("POST", f"{judge}submit", fields)
        if status == 200:
            client.ledger.note("kept", judgment)
            return status, page
        if status < 500:
            client.ledger.note("odd", status, "for", judgment)
            return status, page
        time.sleep(LONGEST_PAUSE)


def main() -> None:
    port, campaign, session, ledger = sys.argv[1:]
    review(Client(int(port), session, Ledger(Path(ledger))), campaign, random.Random(session))


if __name__ == "__main__":
    main()
