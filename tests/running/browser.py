"""A real Chromium that notes whatever a page should not do: console errors, other origins, CSP violations."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, expect, sync_playwright

from evalsite.platform.models import User
from tests.running import chromium

# Of locators and of what is expected of them: a whole site on a busy machine.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
ARGUMENTS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
]
REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", event =>
    console.error(`CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
"""


@contextmanager
def running_chromium() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        raise RuntimeError("No Chromium was found: run make test, which gets one, or set CHROMIUM_PATH.")
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *sandbox])
        yield browser
        browser.close()


@dataclass
class WatchedBrowser:
    """Pages for tests; `problems` must be empty in the end, but for what a test forgives beforehand."""

    chromium: Browser
    origin: str
    problems: list[str] = field(default_factory=list)
    forgiven: list[str] = field(default_factory=list)
    contexts: list[BrowserContext] = field(default_factory=list)

    def forgive(self, text: str) -> None:
        """Expect a problem that contains this text, e.g. the console line of a 404 that the test asks for."""
        self.forgiven.append(text)

    def new_page(self, *, user: User | None = None, **options: Any) -> Page:
        """A page in a browser of its own (cookies, storage), logged in as `user`."""
        context = self.chromium.new_context(base_url=self.origin, **options)
        context.set_default_timeout(PATIENCE_MS)
        self.contexts.append(context)
        self.watch(context)
        if user:
            context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session_of(user), "url": self.origin}])
        return context.new_page()

    def watch(self, context: BrowserContext) -> None:
        context.add_init_script(REPORT_VIOLATIONS)
        context.route(lambda url: not self.is_ours(url), self.refuse)
        context.on("console", self.note_console)
        context.on("weberror", lambda error: self.note(f"uncaught {error.error}"))
        context.on("requestfailed", self.note_failure)

    def is_ours(self, url: str) -> bool:
        return url.startswith((f"{self.origin}/", "data:", "blob:", "about:")) or url == self.origin

    def refuse(self, route: Route) -> None:
        self.note(f"request to another origin: {route.request.url}")
        route.abort()

    def note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.note(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def note_failure(self, request: Request) -> None:
        # Leaving a page aborts what it was still loading.
        if self.is_ours(request.url) and request.failure != "net::ERR_ABORTED":
            self.note(f"request failed: {request.url}: {request.failure}")

    def note(self, problem: str) -> None:
        if not any(text in problem for text in self.forgiven):
            self.problems.append(problem)

    def close(self) -> None:
        for context in self.contexts:
            context.close()


def session_of(user: User) -> str:
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value
