"""What was measured, by method: a head on a feature set, and its scores of the items of one study."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..store.errors import UnknownNameError, UsageError
from .dense_scores import KeptScores, dense_scores
from .measuring import Measuring
from .quoting import quoted

if TYPE_CHECKING:
    import pyarrow as pa

    from ..store.bank import Bank


@final
@dataclass(frozen=True)
class Method:
    """A head on a feature set."""

    head: str
    features: str

    @property
    def name(self) -> str:
        return f"{self.head}:{self.features}"


@final
@dataclass(frozen=True)
class MeasuredRun:
    """A method in a run."""

    run: str
    finding: str
    items: str
    """Digest of the units, their labels and sides: where it is equal, scores are of the same items."""
    seed: int | None
    """Of the draws; None where nothing was drawn."""
    unit: str
    threshold: str
    """The rule of its thresholds."""
    calibration: str


@final
@dataclass(frozen=True)
class ItemScores:
    """Scores of the test side's M items by the draws of one number of shots."""

    items: tuple[str, ...]
    """In order of their names."""
    y: NDArray[np.int64]
    repeats: tuple[int, ...]
    scores: NDArray[np.float64]
    """(R, M)."""
    thresholds: NDArray[np.float64]
    """(R,) NaN where there is none."""
    chances: NDArray[np.float64]
    """(R, M) probabilities; NaN where none were kept."""


def method_named(bank: Bank, text: str) -> Method:
    """The method that a text means: `HEAD:FEATURES`, or either of them where only one method of the bank has it.

    Raises:
        UnknownNameError: none has been measured.
        UsageError: several fit.
    """
    rows = bank.sql("SELECT DISTINCT head, features FROM metrics ORDER BY ALL").to_pylist()
    methods = [Method(row["head"], row["features"]) for row in rows]
    found = [one for one in methods if text == one.name] or [one for one in methods if text in (one.head, one.features)]
    if not found:
        hint = "" if methods else "The bank holds no results yet: `scanbank sweep` or `scanbank probe` makes some"
        raise UnknownNameError("method", text, [one.name for one in methods], hint)
    if len(found) > 1:
        raise UsageError(f"method {text!r} may be any of {', '.join(one.name for one in found)}; name one of them as HEAD:FEATURES")
    return found[0]


def measured_runs(bank: Bank, method: Method) -> list[MeasuredRun]:
    """The runs that measured a method, the latest first."""
    of = f"head = {quoted(method.head)} AND features = {quoted(method.features)}"
    rows = bank.sql(f"""SELECT r.run, r.settings FROM runs r JOIN (SELECT DISTINCT run FROM metrics WHERE {of}) m ON m.run = r.run
        ORDER BY r.finished DESC, r.run""").to_pylist()
    found = []
    for row in rows:
        told = json.loads(row["settings"])
        if "items" in told:
            drawn = None if "prompt" in told else int(told["seed"])
            named = (str(told[name]) for name in ("finding", "items"))
            fitted = (str(told.get(name, usual)) for name, usual in Measuring().fitted.items())
            found.append(MeasuredRun(row["run"], *named, drawn, str(told["unit"]), *fitted))
    return found


def item_scores(bank: Bank, run: str, method: Method) -> dict[int | None, ItemScores]:
    """Scores by number of shots, as they were kept.

    Raises:
        UsageError: they were not kept.
    """
    of = f"run = {quoted(run)} AND head = {quoted(method.head)} AND features = {quoted(method.features)}"
    answer = bank.sql(f"SELECT shots, repeat, item, y, score, probability FROM predictions WHERE {of} ORDER BY shots, repeat, item")
    dense = dense_scores(bank, run, method.head, method.features)
    if not (answer.num_rows or dense):
        raise UsageError(f"run {run} kept no scores of items by {method.name}; run it again with --predictions")
    cuts = bank.sql(f"SELECT shots, repeat, value FROM metrics WHERE {of} AND metric = 'threshold' AND subgroup IS NULL").to_pylist()
    cut = {(row["shots"], row["repeat"]): row["value"] for row in cuts}
    rows = _of_rows(answer) if answer.num_rows else {}
    found = {k: rows[k].with_draws(dense.get(k)) if k in rows else dense[k] for k in {**rows, **dense}}
    return {
        k: ItemScores(one.items, one.y, one.repeats, one.scores, _thresholds(cut, k, one.repeats), one.chance) for k, one in found.items()
    }


def _of_rows(answer: pa.Table) -> dict[int | None, KeptScores]:
    """By number of shots; rows are ordered by shots, repeat and item."""
    shots, repeats = (answer.column(name).to_pylist() for name in ("shots", "repeat"))
    score, y, chance = (answer.column(name).to_numpy() for name in ("score", "y", "probability"))
    items = answer.column("item").to_pylist()
    starts = [0, *(i for i in range(1, len(shots)) if (shots[i], repeats[i]) != (shots[i - 1], repeats[i - 1])), len(shots)]
    groups: dict[int | None, list[tuple[int, int]]] = {}
    for start, end in pairwise(starts):
        groups.setdefault(shots[start], []).append((start, end))
    found = {}
    for k, spans in groups.items():
        first, end = spans[0]
        told = (np.stack([of[start:stop] for start, stop in spans]).astype(np.float64) for of in (score, chance))
        found[k] = KeptScores(tuple(items[first:end]), y[first:end].astype(np.int64), tuple(repeats[start] for start, _ in spans), *told)
    return found


def _thresholds(cut: dict[tuple[int | None, int], float | None], shots: int | None, repeats: Sequence[int]) -> NDArray[np.float64]:
    """(R,) NaN where there is none."""
    values = [cut.get((shots, repeat)) for repeat in repeats]
    return np.array([np.nan if value is None else value for value in values])


def patients_of_items(bank: Bank, unit: str, items: Sequence[str]) -> NDArray[np.str_]:
    """(M,) pseudonyms."""
    query = "SELECT volume AS item, patient FROM volumes"
    if unit == "slice":
        query = "SELECT s.slice AS item, v.patient FROM slices s JOIN volumes v ON v.volume = s.volume"
    answer = bank.sql(query)
    of = dict(zip(answer.column("item").to_pylist(), answer.column("patient").to_pylist(), strict=True))
    return np.array([of.get(item, item) for item in items], dtype=np.str_)
