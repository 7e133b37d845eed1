"""What can be wrong with a file, as values: where, what kind, and a reason a user can act on."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Kind(StrEnum):
    """Every kind of finding. The first part keeps a file out; the second is only said."""

    BAD_ENCODING = "bad_encoding"
    BAD_QUOTES = "bad_quotes"
    BAD_JSON = "bad_json"
    BAD_FILE = "bad_file"
    BAD_PATTERN = "bad_pattern"
    BAD_SCHEMA = "bad_schema"
    BAD_TOOL = "bad_tool"
    BAD_TOOL_CALL = "bad_tool_call"
    BIG_NUMBER = "big_number"
    BLANK = "blank"
    DUPLICATE_HEADER = "duplicate_header"
    DUPLICATE_ID = "duplicate_id"
    EMPTY_FILE = "empty_file"
    EMPTY_HEADER = "empty_header"
    LONE_SURROGATE = "lone_surrogate"
    MISMATCH = "mismatch"
    MISSING = "missing"
    MISSING_COLUMN = "missing_column"
    MISSING_COUNTERPART = "missing_counterpart"
    NAN = "nan"
    NUL = "nul"
    PROMPTS_DIFFER = "prompts_differ"
    RAGGED = "ragged"
    TOO_DEEP = "too_deep"
    TOO_LONG = "too_long"
    UNKNOWN_ID = "unknown_id"
    UNKNOWN_VALUE = "unknown_value"
    WRONG_TYPE = "wrong_type"

    DUPLICATE_INPUT = "duplicate_input"
    EMPTY_RESPONSE = "empty_response"
    FEW_CASES = "few_cases"
    IDENTICAL = "identical"
    LENGTH_SKEW = "length_skew"
    MIXED_MODELS = "mixed_models"
    NAMES_MODEL = "names_model"
    NEAR_DUPLICATE = "near_duplicate"
    NOTHING_EXPECTED = "nothing_expected"
    TOOL_PARAMETERS = "tool_parameters"
    TRAINED_ON = "trained_on"
    UNKNOWN_TOOL = "unknown_tool"
    UNUSED_COLUMN = "unused_column"


class Problem(NamedTuple):
    """`row` counts as the file does: a header is row 1, a JSONL row is its line; 0 means the file as a whole."""

    row: int
    column: str
    kind: Kind
    reason: str
    file: int = 1
    severity: Severity = Severity.ERROR


Report = Callable[[Problem], None]


class Unfit(Exception):
    """A value cannot be taken; the reader of its row turns this into a Problem."""

    def __init__(self, kind: Kind, reason: str, column: str = "") -> None:
        super().__init__(reason)
        self.kind, self.reason, self.column = kind, reason, column

    def at(self, row: int, file: int = 1) -> Problem:
        return Problem(row, self.column, self.kind, self.reason, file)


class Unreadable(Unfit):
    """The file cannot be read any further; `row` is where it stopped, 0 if before the first."""

    row = 0
    file = 1

    def problem(self) -> Problem:
        return self.at(self.row, self.file)
