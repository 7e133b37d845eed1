"""What the settings read and what .env.example explains are the same variables."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READ = re.compile(r'env\.(?:text|flag|number|words)\("([A-Z_]+)"')
EXPLAINED = re.compile(r"^#?([A-Z_]+)=", re.MULTILINE)
TESTS_ONLY = {"CHROMIUM_PATH", "EVALSITE_REAL_DATA"}


def test_every_variable_the_settings_read_is_explained_and_no_other() -> None:
    read = set(READ.findall((ROOT / "evalsite/settings.py").read_text()))
    explained = set(EXPLAINED.findall((ROOT / ".env.example").read_text()))
    assert explained - TESTS_ONLY == read
