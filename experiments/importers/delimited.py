"""CSV and TSV, row by row."""

import csv
from collections import Counter
from collections.abc import Iterator
from typing import BinaryIO

from experiments.importers import lines
from experiments.importers.limits import Limits
from experiments.importers.problems import Kind, Problem, Report, Unfit, Unreadable

Record = tuple[int, dict[str, object]]


def records(file: BinaryIO, *, delimiter: str, limits: Limits, report: Report, number: int = 1) -> Iterator[Record]:
    """(row, fields by header). The header is row 1, or the first row that is not blank. Rows that cannot be taken are
    reported and left out."""
    lines.start(file)
    text = lines.TextLines(file, limits.row_bytes)
    csv.field_size_limit(limits.row_bytes)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    row, header = read_header(reader, text, limits)
    width = len(header)
    while True:
        row += 1
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            report(quotes(error).at(row, number))
            text.bad.clear()
            continue
        if text.bad:
            for problem in text.bad:
                problem.column = problem.column or column_of_bad(header, fields)
                report(problem.at(row, number))
            text.bad.clear()
        elif len(fields) == width:
            yield row, dict(zip(header, fields, strict=True))
        elif fields:
            report(ragged(row, width, fields, number))


def read_header(reader: Iterator[list[str]], text: lines.TextLines, limits: Limits) -> tuple[int, list[str]]:
    """Its row and its names. Blank rows before it are stepped over."""
    try:
        row, first = next((row, fields) for row, fields in enumerate(reader, start=1) if fields)
        header = [name.strip() for name in first]
    except StopIteration:
        raise Unreadable(Kind.EMPTY_FILE, "the file is empty") from None
    except csv.Error as error:
        raise Unreadable(Kind.BAD_QUOTES, f"the header cannot be read: {error}") from None
    if text.bad:
        raise Unreadable(text.bad[0].kind, text.bad[0].reason)
    if len(header) > limits.columns:
        raise Unreadable(Kind.TOO_LONG, f"{len(header)} columns; at most {limits.columns}")
    if "" in header:
        raise Unreadable(Kind.EMPTY_HEADER, f"column {header.index('') + 1} has no name", "")
    twice = [name for name, times in Counter(header).items() if times > 1]
    if twice:
        raise Unreadable(
            Kind.DUPLICATE_HEADER, f"the column {twice[0]!r} stands in the header more than once", twice[0]
        )
    return row, header


def quotes(error: csv.Error) -> Unfit:
    if "field larger" in str(error):
        return Unfit(Kind.TOO_LONG, "a field is too long: is a quotation mark left open in this row?")
    if "new-line character" in str(error):
        return Unfit(Kind.BAD_QUOTES, "a bare carriage return: end rows with LF or CRLF, or quote the field")
    return Unfit(Kind.BAD_QUOTES, f"the quotation marks do not fit: {error}")


def column_of_bad(header: list[str], fields: list[str]) -> str:
    """Bytes that are not UTF-8 were kept as lone surrogates, which tells their column."""
    for name, field in zip(header, fields, strict=False):
        if not field.isascii() and any("\udc80" <= letter <= "\udcff" for letter in field):
            return name
    return ""


def ragged(row: int, width: int, fields: list[str], number: int) -> Problem:
    return Problem(row, "", Kind.RAGGED, f"{len(fields)} fields where the header has {width}", number)
