"""Readers and writers of one bank at once, writers killed at random: `python -m scanbank.scripts.soak --minutes 10 --seed 1`.

Ends with 1 where a reader or writer met an error that it must not, or the bank is not whole at the end.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

from .output import complain, say

COLUMNS = ("who", "started", "killed", "rounds", "waited", "snapshot gone", "tag gone", "errors")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of who is killed when (default %(default)s)")
    parser.add_argument("--every", type=float, default=2.5, help="seconds between kills, on average (default %(default)s)")
    parser.add_argument("--report", type=Path, help="write the table to this Markdown file too")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="scanbank-soak-") as folder:
        os.environ |= {"XDG_CONFIG_HOME": f"{folder}/config", "XDG_DATA_HOME": f"{folder}/data"}
        lines, sound = soak(Path(folder), given.minutes * 60, given.seed, given.every)
    say("\n".join(lines))
    if given.report:
        given.report.write_text("\n".join(lines) + "\n", "utf-8")
    return 0 if sound else 1


def soak(folder: Path, seconds: float, seed: int, every_s: float) -> tuple[list[str], bool]:
    """The report's lines, and whether all was well."""
    from ..store import Bank
    from ..store.compact import compact
    from .soak_workers import KEEP, KEYS, READERS, WRITERS, Worker, embed_missing, full_check, run

    bank = Bank.create(folder / "bank")
    counts = folder / "counts"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scanbank.scripts.soak_workers"])
    rng, until = random.Random(seed), time.time() + seconds
    killed: Counter[str] = Counter()

    def start(role: str) -> BaseProcess:
        process = context.Process(target=run, args=(role, bank.path, counts, until, rng.randrange(2**32)), name=role)
        process.start()
        return process

    processes = {role: start(role) for role in [*WRITERS, *READERS]}
    died: Counter[str] = Counter()
    while (pause := rng.uniform(0.0, 2 * every_s)) < until - time.time() - 1:
        time.sleep(pause)
        role = rng.choice(list(WRITERS))
        processes[role].kill()
        processes[role].join()
        killed[role] += 1
        processes[role] = start(role)
        for name, process in processes.items():
            if process.exitcode:
                died[name] += 1
                processes[name] = start(name)
    for process in processes.values():
        process.join(120)
        died[process.name] += bool(process.exitcode)
        if process.is_alive():
            complain(f"{process.name} does not end")
            process.kill()
    events = [json.loads(line) for line in counts.read_text().splitlines()]
    last = Worker("embed a", bank.path, counts, 0.0, 0)
    for key in KEYS:  # what is missing when the music stops, as the same command would do it
        while embed_missing(last, key):
            pass
    problems = [f"{event['role']}: {event['detail']}" for event in events if event["event"] == "error"]
    problems += [f"{name} died {count} times of itself" for name, count in died.items() if count]
    gone = Counter(event["detail"].partition(":")[0] for event in events if event["event"] == "expired")
    bank.refresh()
    before = len(bank.log())
    compact(bank, keep=KEEP, grace=timedelta())
    try:
        whole = ", ".join(f"{count:,} {what}" for what, count in full_check(bank).items())
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the answer
        whole = f"NOT WHOLE: {error}"
        problems.append(whole)
    tally = Counter((event["role"], event["event"]) for event in events)
    rows = [
        (role, *(tally[role, "start"], killed[role]), *(tally[role, event] for event in ("done", "wait", "expired", "tag gone", "error")))
        for role in [*WRITERS, *READERS]
    ]
    lines = [_line(COLUMNS), "|---|" + "---:|" * (len(COLUMNS) - 1), *map(_line, rows), ""]
    load = os.getloadavg()[0]
    lines.append(f"{seconds / 60:g} minutes, seed {seed}, {os.cpu_count()} CPUs, load at the end {load:.1f}; {sum(killed.values())} kills.")
    lines.append(f"At the end, after {before} snapshots became {len(bank.log())}: {whole}.")
    told = ", ".join(f"{count} x {name}" for name, count in gone.items()) or "nothing"
    lines.append(f"Who had a snapshot open that was forgotten was told: {told}.")
    lines += [f"- {count} x {text}" for text, count in Counter(problems).most_common(20)]
    return lines, not problems


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
