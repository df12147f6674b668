"""A cohort to disk: patients in processes, tables at the end. Same seed, same bytes, whatever the number of processes."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

from ...store.errors import BankAccessError, ScanbankError, UsageError
from ...store.files import write_atomic
from ...store.progress import Progress, Silent
from .cohort import COHORTS, Cohort
from .contact import sheet_of
from .outfolder import CARD, MARK, README, check, clear
from .patients import Job, Made, write_patient
from .readme import TEXT
from .tables import COLUMNS, put_text, write_tables

FORMAT = 1

_BYTES = {"chest": 11_000_000, "head": 8_000_000}
"""What a patient takes on disk, on average, with some reserve."""
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class Summary:
    """What was written."""

    out: str
    cohort: str
    seed: int
    patients: int
    studies: int
    series: int
    images: int
    masks: int
    """Of a finding on a series."""
    bytes: int
    findings: dict[str, int]
    """Studies with each label."""


def write_cohort(
    out: Path,
    cohort: Cohort,
    patients: int,
    seed: int,
    *,
    masks: bool = True,
    sheet: Path | None = None,
    workers: int = 1,
    force: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Write the first `patients` patients of a cohort. What was begun and not finished is removed again.

    Args:
        out: a folder that is new or empty.
        cohort: which phantoms.
        patients: how many.
        seed: 0 or more; each makes other patients.
        masks: write masks too.
        sheet: PNG of the first twelve patients.
        workers: processes; 1 works in this one. With more, the main script needs a main guard.
        force: replace a cohort that is in `out`. Files of others are never removed.
        progress: told of each patient.

    Raises:
        UsageError: a number is out of range, or `out` is taken.
        BankAccessError: no permission or no space.
    """
    _check_numbers(patients, seed, workers, sheet)
    needed = patients * _BYTES[cohort.name]
    with _explained(out, needed):
        check(out, force=force, needed=needed)
        new = not out.exists()
        out.mkdir(parents=True, exist_ok=True)
        (out / MARK).touch()
        try:
            clear(out)
            return _write(Job(out, cohort, seed, masks, sheet is not None), patients, workers, sheet, progress or Silent())
        except BaseException:
            clear(out)
            raise
        finally:
            (out / MARK).unlink()
            if new and not any(out.iterdir()):
                out.rmdir()


def _check_numbers(patients: int, seed: int, workers: int, sheet: Path | None) -> None:
    for name, value, least in (("patients", patients, 1), ("seed", seed, 0), ("workers", workers, 1)):
        if value < least:
            raise UsageError(f"{name} is {value}; expected {least} or more")
    if sheet is not None and (sheet.suffix.lower() != ".png" or not sheet.parent.is_dir()):
        raise UsageError(f"sheet {sheet}: expected FILE.png in a folder that exists")


@contextmanager
def _explained(out: Path, needed: int) -> Iterator[None]:
    """Errors of the file system in words."""
    try:
        yield
    except BrokenExecutor as error:
        raise ScanbankError("a process that made phantoms was ended from outside, perhaps for memory; try fewer --workers") from error
    except ScanbankError:
        raise
    except OSError as error:
        if error.errno in _NO_SPACE:
            text = f"{out}: no space left; about {needed / 1e6:.0f} MB are needed. What was written is removed again"
        else:
            text = f"{error.filename or out}: {(error.strerror or type(error).__name__).lower()}; choose a folder that can be written to"
        raise BankAccessError(text) from error


def _write(job: Job, patients: int, workers: int, sheet: Path | None, progress: Progress) -> Summary:
    progress.start(f"{job.cohort.name} patients", patients)
    made = _patients(job, patients, workers, progress)
    rows = {name: [row for one in made for row in one.rows[name]] for name in COLUMNS}
    counts = sum((one.counts for one in made), Counter[str]())
    write_tables(job.folder, job.cohort, rows)
    card: dict[str, Any] = {
        "format": FORMAT,
        "scanbank": version("scanbank"),
        "cohort": job.cohort.name,
        "seed": job.seed,
        "patients": patients,
        **{name: counts[name] for name in ("studies", "series", "images", "masks")},
        "findings": {name: sum(row[name] for row in rows["labels"]) for name in job.cohort.labels_of(frozenset())},
    }
    readme = TEXT.format(**card | {"version": card["scanbank"], "options": _options(job)})
    put_text(job.folder / README, readme)
    if sheet is not None:
        picture = sheet_of([tile for one in made for tile in one.tile])
        write_atomic(sheet, lambda aside: picture.save(aside, "PNG"))
    put_text(job.folder / CARD, json.dumps(card, indent=2) + "\n")
    size = sum(path.stat().st_size for path in job.folder.rglob("*") if path.is_file())
    return Summary(out=str(job.folder), bytes=size, **{name: value for name, value in card.items() if name not in ("format", "scanbank")})


def _options(job: Job) -> str:
    """What the command said beyond the cohort, its size and its seed."""
    chosen = (
        "" if job.cohort == COHORTS.get(job.cohort.name, job.cohort) else f" --findings {','.join(f.name for f in job.cohort.findings)}"
    )
    return chosen + ("" if job.masks else " --no-masks")


def _patients(job: Job, patients: int, workers: int, progress: Progress) -> list[Made]:
    """Of each patient, in their order."""
    numbers = range(1, patients + 1)
    workers = min(workers, patients, len(os.sched_getaffinity(0)))
    if workers == 1:
        made = []
        for number in numbers:
            made.append(write_patient(job, number))
            progress.advance()
        return made
    # Spawned, not forked: other libraries of this process may run threads.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_begin)
    try:
        futures = [pool.submit(write_patient, job, number) for number in numbers]
        waiting: set[Future[Made]] = set(futures)
        while waiting:
            done, waiting = wait(waiting, return_when="FIRST_COMPLETED")
            for future in done:
                future.result()  # raises at the first failure, not at its turn
                progress.advance()
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    """In a new process: Ctrl-C is for the parent, and without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
