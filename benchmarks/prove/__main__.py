"""`python -m benchmarks.prove [--short] [name ...]`."""

import argparse
import sys
import time
from pathlib import Path

from benchmarks import machine, prove
from benchmarks.catalogue import chosen, load, names
from benchmarks.record import keep
from benchmarks.stack import configure
from benchmarks.table import as_text

RECORD = Path(__file__).resolve().parents[2] / "docs" / "proof.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"one or more of: {', '.join(names(prove))}")
    parser.add_argument("--short", action="store_true", help="few rounds; figures are printed, not recorded")
    options = parser.parse_args()
    configure()
    print(machine.description(), flush=True)
    failed = 0
    for name in chosen(prove, options.names):
        started = time.monotonic()
        rows = list(load(prove, name).run(full=not options.short))
        failed += sum(row.ok is False for row in rows)
        print(f"\n{name} ({time.monotonic() - started:.0f} s)\n{as_text(rows)}", flush=True)
        if not options.short:
            keep(RECORD, name=name, measured_on=machine.description(), rows=rows)
    if failed:
        sys.exit(f"\n{failed} promise(s) broken")


if __name__ == "__main__":
    main()
