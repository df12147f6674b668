"""Vectors made elsewhere into a feature set that is marked `declared`: all of them in one commit, or none."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..commit import Commit
from ..errors import ExchangeError
from ..features import CHUNK_ROWS, FeatureSet
from ..progress import Progress, Silent
from ..specs import UNKNOWN, EncoderSpec, FeatureKey, Kind, ViewSpec
from .create import create_items
from .embeddings import Embeddings, examples
from .resolve import Resolver, Unmatched, check_key

if TYPE_CHECKING:
    from ..bank import Bank

BLOCK_ROWS = 8 * CHUNK_ROWS
"""Vectors in memory at once, and what is written at once."""
PRECISIONS = ("float16", "float32")
_NONE = -1


@dataclass(frozen=True)
class ImportOptions:
    """What the user says of the vectors."""

    encoder: str
    """Names what made them."""
    kind: str
    """`volume`, `slice` or `text`."""
    key: str
    """What the keys are: one of `KEYS`."""
    version: str = ""
    view: ViewSpec = field(default_factory=ViewSpec.unknown)
    layer: str = ""
    precision: str | None = None
    """`float16` or `float32`; by default that of vectors already there, else float16 where the source has it, else float32."""
    root: Path | None = None
    """What relative paths among the keys count from; by default the folder of the file."""
    skip_unknown: bool = False
    create_items: bool = False


@dataclass(frozen=True)
class ImportReport:
    """What became of the rows of a file."""

    features: str
    """Name of the feature set."""
    digest: str
    dim: int
    precision: str
    rows: int
    added: int
    present: int
    """Rows whose item has an equal vector already."""
    unknown: int
    """Rows left out, for the bank does not know what they speak of."""
    created: int
    """Volumes made for keys that the bank did not know."""


def import_vectors(bank: Bank, source: Embeddings, options: ImportOptions, *, progress: Progress | None = None) -> ImportReport:
    """Add the vectors of a file to the feature set that the options name.

    Everything is checked before anything is written; memory holds the keys and a block of vectors (npz files and folders are
    in memory as a whole). Importing the same again changes nothing.

    Args:
        bank: the bank.
        source: from `open_source`.
        options: what the vectors are.
        progress: told of stages and rows.

    Raises:
        ExchangeError: a value is not finite, a key is unknown or ambiguous, two keys name one item, an item has another
            vector already, or the vectors do not fit the set that is there. The bank is then as it was.
        UnknownNameError: there is no such kind or key.
    """
    check_key(options.kind, options.key)
    if options.precision not in (None, *PRECISIONS):
        raise ExchangeError(f"precision {options.precision!r} cannot be stored; choose one of {', '.join(PRECISIONS)}")
    return _Import(bank, source, options, progress or Silent()).run()


class _Import:
    def __init__(self, bank: Bank, source: Embeddings, options: ImportOptions, progress: Progress) -> None:
        self.bank = bank
        self.source = source
        self.options = options
        self.progress = progress
        self.key = self._feature_key()

    def run(self) -> ImportReport:
        self._check_values()
        added = left_out = created = 0
        for commit in self.bank.commits(f"import: {len(self.source)} vectors into {self.key.name}", rows=len(self.source)):
            with commit:
                self.bank.refresh()  # what is looked up from here on is what the vectors are written to
                there = self._set_there()
                ordinals, unknown, created = self._resolve(commit)
                fresh = self._fresh(ordinals, there)
                self._write(commit, ordinals, fresh, there.rows if there else 0)
                added, left_out = int(fresh.sum()), len(unknown)
        self.bank.refresh()
        present = len(self.source) - added - left_out
        precision = self.key.encoder.precision
        return ImportReport(self.key.name, self.key.digest, self.source.dim, precision, len(self.source), added, present, left_out, created)

    def _feature_key(self) -> FeatureKey:
        asked = self.options
        kind = cast("Kind", asked.kind)
        precision = asked.precision or ("float16" if self.source.dtype == np.float16 else "float32")
        # Never that of an encoder that runs here: what weights made these is only what somebody says.
        spec = EncoderSpec(asked.encoder, asked.version, self.source.dim, weights=UNKNOWN, precision=precision)
        key = FeatureKey(kind, spec, ViewSpec() if kind == "text" else asked.view, asked.layer)
        if asked.precision is None and (alike := self._alike(key)):
            spec = EncoderSpec(asked.encoder, asked.version, self.source.dim, weights=UNKNOWN, precision=alike[0].key.encoder.precision)
            return FeatureKey(kind, spec, key.view, asked.layer)
        return key

    def _alike(self, key: FeatureKey) -> list[FeatureSet]:
        """Declared sets of the same name and version, whatever their width and precision."""
        said = (key.encoder.version, key.view, key.layer)
        sets = (s for s in self.bank.feature_sets if s.declared and s.name == key.name)
        return [s for s in sets if (s.key.encoder.version, s.key.view, s.key.layer) == said]

    def _set_there(self) -> FeatureSet | None:
        """The set that the vectors belong to, where there is one."""
        alike = self._alike(self.key)
        if other := [s for s in alike if s.key.encoder.dim != self.key.encoder.dim]:
            raise ExchangeError(
                f"{self.source.name} holds vectors of width {self.source.dim}; those in {other[0].name!r} have {other[0].key.encoder.dim}; "
                "import them under another --encoder name or version"
            )
        return next((s for s in self.bank.feature_sets if s.digest == self.key.digest), None)

    def _cast(self, block: NDArray[Any]) -> NDArray[Any]:
        with np.errstate(over="ignore"):
            return block.astype(self.key.encoder.precision, copy=False)

    def _check_values(self) -> None:
        """Raises ExchangeError where a value is not finite, or too large for the precision."""
        self.progress.start("checking vectors", len(self.source))
        bad: list[str] = []
        large: list[str] = []
        row = 0
        for block in self.source.blocks(BLOCK_ROWS):
            finite = np.isfinite(block).all(axis=1)
            fits = np.isfinite(self._cast(block)).all(axis=1)
            bad += [self.source.keys[row + place] for place in np.flatnonzero(~finite)]
            large += [self.source.keys[row + place] for place in np.flatnonzero(finite & ~fits)]
            row += len(block)
            self.progress.advance(len(block))
        if bad:
            raise ExchangeError(
                f"{len(bad)} of {len(self.source)} vectors hold values that are not finite, such as those of {examples(bad)}"
            )
        if large:
            raise ExchangeError(
                f"{len(large)} of {len(self.source)} vectors hold values too large for {self.key.encoder.precision}, such as those of "
                f"{examples(large)}; try --precision float32"
            )
        if row != len(self.source):
            raise ExchangeError(f"{self.source.name} holds {row} vectors for {len(self.source)} keys; expected one each")

    def _resolve(self, commit: Commit) -> tuple[NDArray[np.int64], list[int], int]:
        """(N,) ordinals, -1 for rows left out; these rows; and the number of volumes made."""
        resolver = Resolver(self.bank, self.options.kind, self.options.key, self.source, self.options.root)
        self.progress.start("looking up keys", len(self.source))
        ordinals = np.full(len(self.source), _NONE, dtype=np.int64)
        unmatched: dict[int, Unmatched] = {}
        for row in range(len(self.source)):
            found = resolver.find(row)
            if isinstance(found, Unmatched):
                unmatched[row] = found
            else:
                ordinals[row] = found
            self.progress.advance()
        created = 0
        if self.options.create_items and (rows := [row for row, why in unmatched.items() if why.unknown]):
            made, created = create_items(self.bank, commit, resolver, self.source, rows, self.options.kind, self.options.key)
            for row, ordinal in made.items():
                ordinals[row] = ordinal
                del unmatched[row]
        self._report(unmatched)
        self._check_once(ordinals)
        return ordinals, list(unmatched), created

    def _report(self, unmatched: dict[int, Unmatched]) -> None:
        refused = {row: why for row, why in unmatched.items() if not (self.options.skip_unknown and why.unknown)}
        if refused:
            reasons = Counter(why.reason for why in refused.values())
            parts = [
                f"{count} x {reason} ({examples(self.source.keys[row] for row, why in refused.items() if why.reason == reason)})"
                for reason, count in reasons.most_common(3)
            ]
            way_out = "; --skip-unknown imports the rest" if all(why.unknown for why in refused.values()) else ""
            if self.options.key == "path":
                way_out = f"; relative paths count from {self.options.root or self.source.home}, or from --root{way_out}"
            raise ExchangeError(f"{len(refused)} of {len(self.source)} keys name no item of the bank: {'; '.join(parts)}{way_out}")
        if len(unmatched) == len(self.source):
            reasons = Counter(why.reason for why in unmatched.values())
            raise ExchangeError(f"none of {len(self.source)} keys names an item of the bank: {reasons.most_common(1)[0][0]}")

    def _check_once(self, ordinals: NDArray[np.int64]) -> None:
        rows: dict[int, list[int]] = defaultdict(list)
        for row in np.flatnonzero(ordinals != _NONE).tolist():
            rows[int(ordinals[row])].append(row)
        twice = [listed for listed in rows.values() if len(listed) > 1]
        if twice:
            pairs = (" and ".join(self.source.keys[row] for row in listed) for listed in twice)
            raise ExchangeError(f"{len(twice)} items are named by several keys, such as {examples(pairs)}; expected one vector for each")

    def _fresh(self, ordinals: NDArray[np.int64], there: FeatureSet | None) -> NDArray[np.bool_]:
        """(N,) the rows to be written: those of items that have no vector yet.

        Raises:
            ExchangeError: an item has another vector.
        """
        wanted = ordinals != _NONE
        present = wanted & np.isin(ordinals, there.items()) if there else np.zeros(len(ordinals), dtype=bool)
        if there is not None and not there.declared:
            raise ExchangeError(f"feature set {there.name!r} was made by `embed`; import under another --encoder name")
        if there is not None and present.any():
            self._compare(ordinals, present, there)
        return wanted & ~present

    def _compare(self, ordinals: NDArray[np.int64], present: NDArray[np.bool_], there: FeatureSet) -> None:
        differ: list[str] = []
        for start, block in self._blocks():
            rows = np.flatnonzero(present[start : start + len(block)])
            if len(rows):
                held = there.of(ordinals[start + rows])
                unequal = (self._cast(block[rows]) != held).any(axis=1)
                differ += [self.source.keys[start + row] for row in rows[unequal]]
        if differ:
            raise ExchangeError(
                f"{len(differ)} of {int(present.sum())} items that are in {there.name!r} already have another vector there, such as "
                f"{examples(differ)}; vectors do not change: import these under another --encoder name or version"
            )

    def _blocks(self) -> Iterator[tuple[int, NDArray[Any]]]:
        start = 0
        for block in self.source.blocks(BLOCK_ROWS):
            yield start, block
            start += len(block)

    def _write(self, commit: Commit, ordinals: NDArray[np.int64], fresh: NDArray[np.bool_], have: int) -> None:
        """In pieces that end where chunks end, so that no chunk is written twice."""
        self.progress.start("writing", int(fresh.sum()))
        items: list[NDArray[np.int64]] = []
        vectors: list[NDArray[Any]] = []
        for start, block in self._blocks():
            rows = np.flatnonzero(fresh[start : start + len(block)])
            if len(rows):
                items.append(ordinals[start + rows])
                vectors.append(self._cast(block[rows]))
            pending = sum(map(len, items))
            whole = (have + pending) // CHUNK_ROWS * CHUNK_ROWS - have
            if pending >= BLOCK_ROWS and whole > 0:
                have += self._append(commit, items, vectors, whole)
        if pending := sum(map(len, items)):
            self._append(commit, items, vectors, pending)

    def _append(self, commit: Commit, items: list[NDArray[np.int64]], vectors: list[NDArray[Any]], count: int) -> int:
        every, values = np.concatenate(items), np.concatenate(vectors)
        commit.append_features(self.key, values[:count], every[:count], declared=True)
        items[:], vectors[:] = _rest(every, count), _rest(values, count)
        self.progress.advance(count)
        return count


def _rest(array: NDArray[Any], count: int) -> Sequence[NDArray[Any]]:
    return [array[count:]] if count < len(array) else []
