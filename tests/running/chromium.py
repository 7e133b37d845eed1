"""`python -m tests.running.chromium` prints the path of a Chromium that runs, after getting one if there is none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# The one without windows comes first: a page costs it a third of the processor time.
NAMES = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
)
SYSTEM_PACKAGES: dict[str, Sequence[Sequence[str]]] = {
    "apt-get": (
        ("apt-get", "update", "-qq"),
        ("apt-get", "install", "-y", "-qq", "chromium-headless-shell"),
        ("apt-get", "install", "-y", "-qq", "chromium"),
    ),
    "dnf": (("dnf", "install", "-y", "-q", "chromium-headless"), ("dnf", "install", "-y", "-q", "chromium")),
    "apk": (("apk", "add", "--quiet", "chromium"),),
}
GETTING_SECONDS = 600


def find() -> str | None:
    """A path that was given must work; it is not replaced by another behind the developer's back."""
    given = os.environ.get("CHROMIUM_PATH")
    if given:
        return given if runs(given) else None
    return on_path() or downloaded()


def on_path() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name)) and runs(path)), None)


def runs(path: str) -> bool:
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def downloaded() -> str | None:
    """The browser that Playwright keeps in the user's cache."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        whole = Path(playwright.chromium.executable_path)
    return next((str(path) for path in with_shell(whole) if path.exists() and runs(str(path))), None)


def with_shell(whole: Path) -> Sequence[Path]:
    """…/chromium-1255/chrome-linux64/chrome has its shell in …/chromium_headless_shell-1255/."""
    shell = whole.parents[1].with_name(whole.parents[1].name.replace("chromium", "chromium_headless_shell"))
    return [*shell.glob("*/*headless*shell"), whole]


def download() -> bool:
    return quietly([sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"])


def install_package() -> bool:
    if os.geteuid() != 0:
        return False
    for manager, commands in SYSTEM_PACKAGES.items():
        if shutil.which(manager):
            # In turn, until there is one: not every release has the shell.
            return any(quietly(command) and on_path() is not None for command in commands)
    return False


def quietly(command: Sequence[str]) -> bool:
    """Standard output belongs to the path alone."""
    try:
        return subprocess.run(command, stdout=sys.stderr, timeout=GETTING_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find_or_get() -> str | None:
    if os.environ.get("CHROMIUM_PATH"):
        return find()
    ways: tuple[Callable[[], bool], ...] = (lambda: True, download, install_package)
    return next((path for way in ways if way() and (path := find())), None)


def main() -> None:
    path = find_or_get()
    if path is None:
        sys.exit(
            f"CHROMIUM_PATH={os.environ['CHROMIUM_PATH']} does not run."
            if os.environ.get("CHROMIUM_PATH")
            else "No Chromium: none on PATH, Playwright could not download one, and the system's package manager "
            "could not install one. Install Chromium and run again, or name it with CHROMIUM_PATH."
        )
    sys.stdout.write(path)


if __name__ == "__main__":
    main()
