"""The elements of one JSON array, row by row in flat memory."""

import json
from codecs import getincrementaldecoder
from collections.abc import Iterator
from typing import Any, BinaryIO

from experiments.importers import json_rows, json_value, lines
from experiments.importers.limits import Limits
from experiments.importers.problems import Kind, Report, Unfit, Unreadable

Record = tuple[int, dict[str, Any]]
BLOCK = 256 * 1024
SPACE = " \t\r\n"
# Where a value breaks off this close to the end of what was read, the rest may still come.
NEAR_END = 16


def records(file: BinaryIO, *, limits: Limits, report: Report, number: int = 1) -> Iterator[Record]:
    """(element number from 1, object). Raises Unreadable, with its row, where the array breaks off or apart."""
    lines.start(file)
    elements = Elements(file, limits)
    row = 0
    try:
        for row, text in enumerate(elements, start=1):
            try:
                value = json_value.parse(text)
            except Unfit as problem:
                report((elements.bad_byte(text) or problem).at(row, number))
                continue
            if type(value) is dict:
                yield row, value
            else:
                report(json_rows.not_an_object(row, number))
    except Unreadable as problem:
        problem.row = row + 1
        raise


class Elements:
    """The text of each element. Bytes that are not UTF-8 come as lone surrogates."""

    def __init__(self, file: BinaryIO, limits: Limits) -> None:
        self.file, self.limits = file, limits
        self.decoder = getincrementaldecoder("utf-8")("surrogateescape")
        self.text, self.at, self.ended = "", 0, False
        self.scan = json.JSONDecoder(parse_constant=len, parse_int=len, parse_float=len).raw_decode

    def __iter__(self) -> Iterator[str]:
        if self.next_letter() != "[":
            raise self.broken("a JSON file must be an array of objects, or one object per line")
        self.at += 1
        if self.next_letter() == "]":
            return
        while True:
            yield self.element()
            letter = self.next_letter()
            self.at += 1
            if letter == "]":
                break
            if letter != ",":
                raise self.broken("a comma or the end of the array is missing")
        if self.next_letter():
            raise self.broken("something follows the end of the array")

    def element(self) -> str:
        self.next_letter()
        size = BLOCK
        while True:
            try:
                _, end = self.scan(self.text, self.at)
            except RecursionError:
                raise self.broken("nested too deeply", Kind.TOO_DEEP) from None
            except json.JSONDecodeError as error:
                self.read_more_or_refuse(error, size)
                size *= 2
                continue
            # A number or word that ends with the block may go on in the next one.
            if end < len(self.text) or not self.read(BLOCK):
                found, self.at = self.text[self.at : end], end
                return found

    def read_more_or_refuse(self, error: json.JSONDecodeError, size: int) -> None:
        if len(self.text) - self.at > self.limits.row_bytes:
            raise self.broken(f"an element is longer than {self.limits.row_bytes:,} bytes", Kind.TOO_LONG)
        complete = error.pos < len(self.text) - NEAR_END and not error.msg.startswith("Unterminated string")
        if complete or not self.read(size):
            self.at = min(error.pos, len(self.text))
            raise self.broken(f"not valid JSON: {error.msg}")

    def next_letter(self) -> str:
        while True:
            while self.at < len(self.text) and self.text[self.at] in SPACE:
                self.at += 1
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.read(BLOCK):
                return ""

    def read(self, size: int) -> bool:
        """Keep what is not taken yet and add more; False at the end of the file."""
        if self.ended:
            return False
        block = self.file.read(size)
        self.ended = not block
        self.text = self.text[self.at :] + self.decoder.decode(block, final=self.ended)
        self.at = 0
        return bool(block)

    def byte_of(self, index: int) -> int:
        """Position in the file of a letter that is still held."""
        pending = len(self.decoder.getstate()[0])
        return self.file.tell() - pending - len(self.text[index:].encode(errors="surrogateescape"))

    def bad_byte(self, text: str) -> Unfit | None:
        """What was not UTF-8 in the element just taken, if anything."""
        index = next((i for i, letter in enumerate(text) if "\udc80" <= letter <= "\udcff"), None)
        if index is None:
            return None
        position = self.byte_of(self.at - len(text) + index)
        value = ord(text[index]) - 0xDC00
        column = json_rows.column_of_bad(text)
        return Unfit(Kind.BAD_ENCODING, f"not UTF-8 at byte {position} (0x{value:02x})", column)

    def broken(self, reason: str, kind: Kind = Kind.BAD_JSON) -> Unreadable:
        return Unreadable(kind, f"{reason} (byte {self.byte_of(self.at)})")
