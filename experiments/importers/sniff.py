"""Which format a file is in, by its first bytes and its name."""

from enum import StrEnum
from pathlib import PurePath

from experiments.importers.lines import BOM
from experiments.importers.problems import Kind, Unreadable


class Format(StrEnum):
    CSV = "CSV"
    TSV = "TSV"
    SEMICOLON = "CSV with semicolons"
    JSON_LINES = "JSON lines"
    JSON_ARRAY = "JSON array"
    PARQUET = "Parquet"


DELIMITERS = {Format.CSV: ",", Format.TSV: "\t", Format.SEMICOLON: ";"}
PACKED = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook: unpack it, or save the sheet as CSV",
    b"\x1f\x8b": "compressed with gzip: unpack it first",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook: save the sheet as CSV",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: unpack it first",
    b"SQLite format 3": "an SQLite database: export the table as CSV",
    b"%PDF": "a PDF",
}
HEAD_BYTES = 64 * 1024


def file_format(filename: str, head: bytes) -> Format:
    """Raises Unreadable for an empty file and for what is known not to be a table."""
    if head.startswith(b"PAR1"):
        return Format.PARQUET
    for magic, reason in PACKED.items():
        if head.startswith(magic):
            raise Unreadable(Kind.BAD_FILE, f"the file is {reason}")
    body = head.removeprefix(BOM).lstrip()
    if not body:
        raise Unreadable(Kind.EMPTY_FILE, "the file is empty")
    suffix = PurePath(filename).suffix.lower()
    if suffix == ".parquet":
        raise Unreadable(Kind.BAD_FILE, "the file is named .parquet but is not Parquet")
    if suffix in {".jsonl", ".ndjson"}:
        return Format.JSON_LINES
    if suffix == ".json" or (suffix not in {".csv", ".tsv", ".tab"} and body[:1] in b"[{"):
        return Format.JSON_ARRAY if body[:1] == b"[" else Format.JSON_LINES
    return separated(suffix, body)


def separated(suffix: str, body: bytes) -> Format:
    header = body.split(b"\n", 1)[0]
    if suffix in {".tsv", ".tab"} or (suffix != ".csv" and b"\t" in header and b"," not in header):
        return Format.TSV
    return Format.SEMICOLON if b";" in header and b"," not in header else Format.CSV
