"""Where measured blocks go: runs, metrics, predictions, and the sides and draws they rest on, in commits of many blocks each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, final

import numpy as np
import pyarrow as pa

from ..store.commit import Commit
from ..store.dense import DenseFits, append_dense
from ..store.digests import canonical_json
from ..store.erasure import tokens
from ..store.errors import UsageError
from ..store.schema import TABLES
from .blocks import Block
from .draws import Draw
from .splits import kept_sides, lacking_rows
from .study import Study

if TYPE_CHECKING:
    from ..store.bank import Bank

_SECONDS = 30.0
"""A commit that is so old is followed by another: what a kill may cost."""
_PREDICTIONS = {"no": 1, "rows": 1 << 20, "dense": 1 << 24}
"""Scores held until then: some 200 MB."""
Kept = Literal["no", "rows", "dense"]
"""How scores of items are kept: not, as rows of the table `predictions`, or as one array a run (`store/dense.py`)."""


@final
@dataclass(frozen=True)
class Run:
    """A study as the table `runs` tells of it."""

    name: str
    """The same study by the same command is the same run: what is asked of it later joins it."""
    command: str
    study: Study | None
    """None for averages over the studies of other runs."""
    settings: Mapping[str, Any]
    """Everything that its numbers depend on, beside what the cells say themselves."""
    draws: Sequence[Draw] = ()
    repeats: int = 1
    """Draws of each number of shots."""
    remarks: Sequence[str] = ()


@final
class Ledger:
    """Takes blocks, and commits them now and then and in the end, also where Ctrl-C ends the study early.

    Raises:
        UsageError: another process gave patients other sides meanwhile, or forgot one.
    """

    def __init__(self, bank: Bank, runs: Iterable[Run], *, predictions: Kept, also: Callable[[Commit], None] | None = None) -> None:
        """`also` adds to each commit; while it runs, `bank` shows what the commit builds on."""
        self._bank, self._runs = bank, {run.name: run for run in runs}
        self._predictions, self._also = predictions, also
        self._forgot = tokens(bank.snapshot.root)
        self._blocks: list[Block] = []
        self._started, self._last = datetime.now(UTC), time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt | UsageError):
            self.flush()

    def add(self, block: Block) -> None:
        self._blocks.append(block.without_predictions() if self._predictions == "no" else block)

    def commit_if_due(self) -> None:
        """Commit where much is held, or the last commit is long ago. Called where a kill may come: what belongs together was added."""
        held = sum(one.predictions for one in self._blocks)
        if held > _PREDICTIONS[self._predictions] or time.monotonic() - self._last > _SECONDS:
            self.flush()

    def flush(self) -> None:
        """Commit what was added since the last time."""
        if not self._blocks:
            return
        runs = [self._runs[name] for name in dict.fromkeys(block.run for block in self._blocks)]
        findings = ", ".join(dict.fromkeys(run.study.units.finding for run in runs if run.study is not None))
        message = f"{runs[0].command}: {findings}"
        for commit in self._bank.commits(message if len(message) < 200 else f"{runs[0].command}: {len(runs)} findings", run=runs[0].name):
            with commit:
                if self._bank.snapshot.id != commit.parent:  # where anything changes between this look and the commit, there is none
                    self._bank.refresh()
                self._write(commit, runs)
        self._bank.refresh()
        self._blocks, self._last = [], time.monotonic()

    def _write(self, commit: Commit, runs: Sequence[Run]) -> None:
        if tokens(commit.root) != self._forgot:
            raise UsageError("a patient was forgotten meanwhile, whom these results may rest on; run this again")
        self._keep_splits(commit, runs)
        self._keep_draws(commit, runs)
        if self._also is not None:
            self._also(commit)
        times = {"started": self._started, "finished": datetime.now(UTC)}
        told = [{"run": run.name, "command": run.command, "settings": canonical_json(dict(run.settings))} | times for run in runs]
        commit.append("runs", told)
        _append(commit, "metrics", [(piece, len(block)) for block in self._blocks for piece in block.metric_columns()])
        if self._predictions == "rows":
            _append(commit, "predictions", [(block.prediction_columns(), block.predictions) for block in self._blocks])
        if self._predictions == "dense":
            self._keep_dense(commit, runs)

    def _keep_dense(self, commit: Commit, runs: Sequence[Run]) -> None:
        for name in (run.name for run in runs if run.study is not None):
            mine = [block for block in self._blocks if block.run == name]
            fits = [DenseFits(one.finding, one.features.name, one.head, one.shots, one.repeats, one.cells, one.scores) for one in mine]
            append_dense(commit, self._bank.snapshot, name, mine[0].items, mine[0].y, fits)

    def _keep_splits(self, commit: Commit, runs: Sequence[Run]) -> None:
        written: dict[str, dict[str, str]] = {}
        for split in (run.study.split for run in runs if run.study is not None):
            if not split.rows:
                continue
            if split.name not in written:
                written[split.name] = kept_sides(self._bank, split.name)
            commit.append("splits", lacking_rows(self._bank, split, written[split.name]))

    def _keep_draws(self, commit: Commit, runs: Sequence[Run]) -> None:
        used = {(block.run, k, repeat) for block in self._blocks for k, repeat in zip(block.shots, block.repeats, strict=True)}
        wanted = [
            (run.study, draw) for run in runs if run.study is not None for draw in run.draws if (run.name, draw.shots, draw.repeat) in used
        ]
        if not wanted:
            return
        held = set(self._bank.sql("SELECT DISTINCT draw FROM draws").column("draw").to_pylist())
        new = [(study, draw) for study, draw in wanted if draw.name not in held]
        pieces = [(draw.columns(study.units, study.split.name), len(draw.support.rows)) for study, draw in new]
        _append(commit, "draws", pieces)


def _append(commit: Commit, table: str, pieces: Sequence[tuple[Mapping[str, Any], int]]) -> None:
    """Pieces of a table, each columns or single values of so many rows, as one."""
    if not pieces:
        return
    kinds = dict(TABLES[table].columns)
    columns = {
        name: pa.chunked_array([_column(piece[name], rows, kinds[name]) for piece, rows in pieces], type=kinds[name]).combine_chunks()
        for name in pieces[0][0]
    }
    commit.append_columns(table, columns, sum(rows for _, rows in pieces))


def _column(values: Any, rows: int, kind: pa.DataType) -> pa.Array:
    if values is None:
        return pa.nulls(rows, kind)
    if isinstance(values, np.ndarray | list):
        return pa.array(values, kind, from_pandas=True)  # NaN is no value
    return pa.repeat(pa.scalar(values, kind), rows)
