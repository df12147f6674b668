"""What commands print: answers to stdout, progress and errors to stderr."""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

    from ..store.progress import Progress

_QUIET_SECONDS = 10.0


@contextmanager
def answering() -> Iterator[None]:
    """Around writing to stdout: where that fails, end with one line; where nobody reads any more, end quietly.

    Raises:
        SystemExit: writing failed.
    """
    try:
        yield
    except OSError as error:
        with suppress(OSError):  # what is left in the buffer would be tried again, and told of, when Python ends
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            reason = "no space left" if error.errno == errno.ENOSPC else error.strerror or type(error).__name__
            complain(f"error: writing the answer failed: {reason}")
        raise SystemExit(1) from error


def say(text: str = "") -> None:
    with answering():
        print(text)


def write(data: bytes) -> None:
    """Bytes to stdout."""
    with answering():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def complain(text: str) -> None:
    print(text, file=sys.stderr)


def print_json(value: Any) -> None:
    say(json.dumps(value, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Lines under headings, numbers to the right; full width where nobody is looking at a terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for i, column in enumerate(columns):
        numeric = all(isinstance(row[i], int | float | Decimal | None) for row in rows) and bool(rows)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=not sys.stdout.isatty(), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell(value)) for value in row))
    with answering():
        console.print(table)


def cell(value: Any) -> str:
    """A value in a table for people."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(cell, value))
    if isinstance(value, dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value)


def size(count: int) -> str:
    """Bytes for people."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def summary(counts: Mapping[str, int]) -> str:
    """`3 localizer, 1 report`."""
    return ", ".join(f"{count} {what}" for what, count in counts.items())


@contextmanager
def progress(shown: bool = True) -> Iterator[Progress]:
    """A bar where stderr is a terminal, else a line for each stage and one every ten seconds."""
    from ..store.progress import Silent

    if not shown:
        yield Silent()
    elif not sys.stderr.isatty():
        yield _Lines()
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            yield _Bar(bar)


class _Bar:
    def __init__(self, bar: RichProgress) -> None:
        self._bar = bar
        self._task: Any = None

    def start(self, stage: str, total: int | None = None) -> None:
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(stage, total=total, note="")

    def advance(self, steps: int = 1, note: str = "") -> None:
        if note:
            self._bar.update(self._task, note=note)
        self._bar.advance(self._task, steps)


class _Lines:
    def __init__(self) -> None:
        self._stage, self._total, self._done, self._last, self._began = "", None, 0, 0.0, 0.0

    def start(self, stage: str, total: int | None = None) -> None:
        self._stage, self._total, self._done, self._last = stage, total, 0, time.monotonic()
        self._began = self._last
        complain(f"{stage}: {total}" if total is not None else stage)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._done += steps
        if time.monotonic() - self._last > _QUIET_SECONDS:
            self._last = time.monotonic()
            left = f", {self._left()} left" if self._total else ""
            complain(f"{self._stage}: {self._done}" + (f" of {self._total}" if self._total else "") + left + (f", {note}" if note else ""))

    def _left(self) -> str:
        from datetime import timedelta

        elapsed = time.monotonic() - self._began
        return str(timedelta(seconds=round(elapsed / self._done * ((self._total or 0) - self._done))))
