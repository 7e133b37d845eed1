import pytest
from django.core.exceptions import ImproperlyConfigured

from evalsite import env


def test_a_database_url_becomes_settings() -> None:
    settings = env.database("postgresql://ann:p%40ss@db.example.org:6432/evalsite?sslmode=require")
    assert settings["HOST"] == "db.example.org"
    assert settings["PASSWORD"] == "p@ss"
    assert settings["OPTIONS"] == {"sslmode": "require"}


@pytest.mark.parametrize("url", ["sqlite:///db.sqlite3", "mysql://x/y", "evalsite"])
def test_only_postgresql_is_accepted(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="PostgreSQL only"):
        env.database(url)


def test_a_flag_that_is_neither_yes_nor_no_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEBUG", "maybe")
    with pytest.raises(ImproperlyConfigured, match="DEBUG='maybe'"):
        env.flag("DEBUG", default=False)


def test_a_number_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOAD_MAX_MB", "lots")
    with pytest.raises(ImproperlyConfigured, match="not a whole number"):
        env.number("UPLOAD_MAX_MB", 1)
