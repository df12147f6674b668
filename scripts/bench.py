"""Speed and memory beside what people would write themselves: `python scripts/bench.py [NAME...]`, names as in NAMES.

It makes its own input in a temporary folder (3 GB at most, 6 GB for `search`, gone at the end) and touches no key or map of the user's.
Peers run in turns within one run (A B A B ...), files are in the page cache for all of them, and a ratio is the median of
the rounds' ratios; `min..max` is over rounds. Ends with 1 where a figure is not what is wanted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NAMES = ("help", "status", "ingest", "decode", "memory", "store", "embed", "serve", "heads", "retrieval", "search", "adapt")
HEADS = ("heads-table", "heads-sweep", "heads-full", "heads-bootstrap")
ALONE = ("embed-vit", "embed-light", "embed-windows", "embed-loop", "embed-memory", "cuda", *HEADS, "search-index", "search-reports")
"""Run where they are named alone: parts of `embed`, `heads` and `search`, and what needs a card."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks named, all by default, and print their table."""
    # Here, as processes that help with ingest import this file too.
    from scanbank.scripts.bench_figures import COLUMNS, Figure, Sizes
    from scanbank.scripts.bench_jobs import BENCHES
    from scanbank.scripts.output import print_json, print_table, say

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (all by default), {', '.join(ALONE)}")
    parser.add_argument("--json", action="store_true", help="for a program to read")
    parser.add_argument("--files", type=int, default=Sizes.files, help="files to ingest (default %(default)s)")
    parser.add_argument("--repeats", type=int, default=Sizes.repeats, help="rounds (default %(default)s)")
    parser.add_argument("--soak-seconds", type=float, default=Sizes.soak_seconds, help="of the service (default %(default)s)")
    parser.add_argument("--vectors", type=int, default=Sizes.indexed[0], help="to search among (default %(default)s)")
    parser.add_argument("--dim", type=int, default=Sizes.indexed[1], help="values of each (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the voxels (default %(default)s)")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - {*NAMES, *ALONE}):
        parser.error(f"benchmark {unknown[0]!r} is unknown; choose of {', '.join([*NAMES, *ALONE])}")
    sizes = Sizes(
        files=max(1, given.files),
        repeats=max(1, given.repeats),
        seed=given.seed,
        soak_seconds=given.soak_seconds,
        indexed=(max(1, given.vectors), max(1, given.dim)),
    )
    figures: list[Figure] = []
    for name in given.names or NAMES:
        with workplace() as folder:
            figures += BENCHES[name](folder, sizes)
    if given.json:
        print_json({"machine": {"cpus": os.cpu_count(), "load": os.getloadavg()[0]}, "figures": [f.to_dict() for f in figures]})
    else:
        print_table(COLUMNS, [figure.cells() for figure in figures])
        say(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; ratio: our rate over the peer's, for memory our bytes over the peer's")
    return 1 if any(figure.met is False for figure in figures) else 0


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder that is gone afterwards, in which keys and local maps are made meanwhile."""
    before = dict(os.environ)
    with tempfile.TemporaryDirectory(prefix="scanbank-bench-") as folder:
        os.environ.update(XDG_CONFIG_HOME=f"{folder}/config", XDG_DATA_HOME=f"{folder}/data")
        for name in ("SCANBANK_KEY_FILE", "SCANBANK_CACHE_BYTES"):
            os.environ.pop(name, None)
        try:
            yield Path(folder)
        finally:
            os.environ.clear()
            os.environ.update(before)


if __name__ == "__main__":
    sys.exit(main())
