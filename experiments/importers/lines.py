"""Lines of a binary file as strict UTF-8, with the byte position of whatever is not."""

from collections.abc import Iterator
from typing import BinaryIO

from experiments.importers.problems import Kind, Unfit, Unreadable

BOM = b"\xef\xbb\xbf"
WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")


def start(file: BinaryIO) -> None:
    """Step over a UTF-8 mark. Raises Unreadable for UTF-16 and UTF-32."""
    head = file.read(4)
    if head.startswith(WIDE_MARKS) or head == b"\x00\x00\xfe\xff":
        raise Unreadable(Kind.BAD_ENCODING, "byte 0: the file is UTF-16 or UTF-32; save it as UTF-8")
    file.seek(len(BOM) if head.startswith(BOM) else 0)


def byte_lines(file: BinaryIO, longest: int) -> Iterator[tuple[int, bytes]]:
    """(offset, line). A line longer than `longest` comes cut to `longest` + 1 bytes, its rest is skipped."""
    offset = file.tell()
    while line := file.readline(longest + 1):
        yield offset, line
        offset += len(line)
        if len(line) > longest and not line.endswith(b"\n"):
            offset += skip_line(file)


def skip_line(file: BinaryIO) -> int:
    skipped = 0
    while rest := file.readline(1 << 20):
        skipped += len(rest)
        if rest.endswith(b"\n"):
            break
    return skipped


def bad_byte(error: UnicodeDecodeError, offset: int) -> Unfit:
    position = offset + error.start
    value = error.object[error.start]
    return Unfit(Kind.BAD_ENCODING, f"not UTF-8 at byte {position} (0x{value:02x}): {error.reason}")


class TextLines:
    """Decoded lines for a reader that may take several per row; what was not UTF-8 waits in `bad`."""

    def __init__(self, file: BinaryIO, longest: int) -> None:
        self.lines = byte_lines(file, longest)
        self.longest = longest
        self.bad: list[Unfit] = []

    def __iter__(self) -> Iterator[str]:
        for offset, line in self.lines:
            if len(line) > self.longest:
                self.bad.append(Unfit(Kind.TOO_LONG, f"longer than {self.longest:,} bytes"))
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                self.bad.append(bad_byte(error, offset))
                yield line.decode(errors="surrogateescape")
