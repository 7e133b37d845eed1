"""Which Chromium the browser tests take."""

import stat
from pathlib import Path

import pytest

from tests.running import chromium


def make_program(path: Path, exit_code: int = 0) -> str:
    path.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_given_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = make_program(tmp_path / "my-browser")
    monkeypatch.setenv("CHROMIUM_PATH", given)
    assert chromium.find_or_get() == given


def test_a_given_one_that_does_not_run_is_not_replaced_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CHROMIUM_PATH", make_program(tmp_path / "broken", exit_code=1))
    with pytest.raises(SystemExit, match=r"broken does not run"):
        chromium.main()
    assert capsys.readouterr().out == ""


def test_one_on_the_path_is_taken_if_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    make_program(tmp_path / "chromium", exit_code=1)
    works = make_program(tmp_path / "google-chrome")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert chromium.find() == works


def test_without_any_it_is_downloaded_then_installed_and_then_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHROMIUM_PATH", raising=False)
    tried: list[str] = []
    monkeypatch.setattr(chromium, "find", lambda: None)

    def trying(way: str) -> bool:
        tried.append(way)
        return True

    monkeypatch.setattr(chromium, "download", lambda: trying("download"))
    monkeypatch.setattr(chromium, "install_package", lambda: trying("package"))
    with pytest.raises(SystemExit, match="Install Chromium and run again, or name it with CHROMIUM_PATH"):
        chromium.main()
    assert tried == ["download", "package"]


def test_of_what_the_browser_tool_downloaded_the_one_without_windows_is_taken(tmp_path: Path) -> None:
    whole = tmp_path / "chromium-1255" / "chrome-linux64" / "chrome"
    shell = tmp_path / "chromium_headless_shell-1255" / "any-system" / "chrome-headless-shell"
    assert list(chromium.with_shell(whole)) == [whole]
    shell.parent.mkdir(parents=True)
    shell.touch()
    assert list(chromium.with_shell(whole)) == [shell, whole]
