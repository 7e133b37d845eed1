"""The child process that reads Parquet: limited in memory and time, rows leave as JSON lines.

Run as `python -I parquet_child.py PATH MEMORY CPU`. First "#" and the number of rows, then one line per row; a line
that starts with "!" says what is wrong with that row, or with the file. It imports nothing of ours, so that a crafted
file meets as little as possible.
"""

import json
import resource
import sys
from collections.abc import Iterator
from typing import Any

ROWS_AT_ONCE = 512
TOO_BIG = 3


def main(path: str, memory: int, seconds: int) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import pyarrow as pa
    import pyarrow.parquet as pq

    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(1)
    out = sys.stdout.buffer
    try:
        with pq.ParquetFile(path, pre_buffer=False, memory_map=False, buffer_size=1 << 20) as file:
            out.write(b"#%d\n" % file.metadata.num_rows)
            for batch in file.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False):
                out.writelines(lines(batch))
    except MemoryError:
        return TOO_BIG
    except pa.ArrowMemoryError:
        return TOO_BIG
    except (pa.ArrowException, OSError, ValueError) as error:
        out.write(b"!" + json.dumps({"reason": f"{type(error).__name__}: {error}"[:300]}).encode() + b"\n")
    out.flush()
    return 0


def lines(batch: Any) -> Iterator[bytes]:
    try:
        yield from [line(row) for row in batch.to_pylist()]
    except UnicodeDecodeError:
        yield from one_by_one(batch)


def line(row: dict[str, Any]) -> bytes:
    """NaN is written as such: the reader of the lines names it with its row."""
    return json.dumps(row, default=plain).encode() + b"\n"


def plain(value: Any) -> Any:
    """Decimals, dates and the like as people write them."""
    return value.decode() if isinstance(value, bytes) else str(value)


def one_by_one(batch: Any) -> Iterator[bytes]:
    """A batch with text that is not UTF-8: one line per row all the same, good or bad."""
    for number in range(batch.num_rows):
        row: dict[str, Any] = {}
        bad: dict[str, str] = {}
        for name in batch.schema.names:
            try:
                row[name] = batch.column(name)[number].as_py()
                line({name: row[name]})
            except UnicodeDecodeError as error:
                bad[name] = f"not UTF-8 at byte {error.start} of the field (0x{error.object[error.start]:02x})"
        yield b"!" + json.dumps({"columns": bad}).encode() + b"\n" if bad else line(row)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
