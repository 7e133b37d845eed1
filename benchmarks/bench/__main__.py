"""`python -m benchmarks.bench [name ...]`."""

import argparse
import sys

from benchmarks import bench, machine
from benchmarks.catalogue import chosen, load, names
from benchmarks.stack import configure
from benchmarks.table import as_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"one or more of: {', '.join(names(bench))}")
    wanted = parser.parse_args().names
    configure()
    print(machine.description(), flush=True)
    missed = 0
    for name in chosen(bench, wanted):
        rows = list(load(bench, name).rows())
        missed += sum(row.ok is False for row in rows)
        print(f"\n{name}\n{as_text(rows)}", flush=True)
    if missed:
        sys.exit(f"\n{missed} budget(s) not met")


if __name__ == "__main__":
    main()
