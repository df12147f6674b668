"""From a key in clear to the ordinal that feature arrays hold. Paths and original ids are looked up as tables of labels look them up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from ..csv_cells import CellError, path_parser
from ..csv_types import KeyKind, TableRow
from ..errors import ExchangeError, UnknownNameError
from ..matching import Catalog, NoMatch, Target
from .embeddings import Embeddings

if TYPE_CHECKING:
    from ..bank import Bank

_SCANS, _ALL = ("volume", "slice"), ("volume", "slice", "text")
KEYS: Mapping[str, tuple[str, ...]] = {
    "path": _SCANS,
    "volume": _SCANS,
    "slice": ("slice",),
    "snippet": ("text",),
    "ordinal": _ALL,
    "accession": _ALL,
    "series": _SCANS,
    "study": _ALL,
    "patient": _ALL,
}
"""What a key may be, and the kinds of vectors that it can name."""
_COLUMNS: Mapping[str, KeyKind] = {
    "path": "path",
    "accession": "accession",
    "series": "series_uid",
    "study": "study_uid",
    "patient": "patient_id",
}
"""Keys that stand for something outside the bank, by the name that tables of labels have for them."""


def check_key(kind: str, key: str) -> None:
    """Raises UsageError where a key of this name is none, or cannot name vectors of this kind."""
    if kind not in _ALL:
        raise UnknownNameError("kind of vectors", kind, _ALL)
    if key not in KEYS:
        raise UnknownNameError("key", key, KEYS)
    if kind not in KEYS[key]:
        fitting = ", ".join(name for name, kinds in KEYS.items() if kind in kinds)
        raise ExchangeError(f"key {key!r} cannot name vectors of kind {kind!r}; choose one of {fitting}")


@final
@dataclass(frozen=True)
class Unmatched:
    """Why a key names no item."""

    reason: str
    unknown: bool = True
    """The bank knows nothing of that name; else it knows too much."""


class Resolver:
    """Looks up the keys of one file in one snapshot."""

    def __init__(self, bank: Bank, kind: str, key: str, source: Embeddings, root: Path | None) -> None:
        check_key(kind, key)
        self._bank = bank
        self._kind = kind
        self._key = key
        self._source = source
        self._parse = path_parser((root or source.home).absolute())

    @cached_property
    def catalog(self) -> Catalog:
        """Needs the bank's key."""
        return Catalog(self._bank)

    def find(self, row: int) -> int | Unmatched:
        """The ordinal of the item that the key in this row names."""
        key = self._source.keys[row]
        if self._key == "ordinal":
            found = int(key) if key.isascii() and key.isdigit() else -1
            return found if found in self._ordinals else Unmatched(f"no {self._what} has that ordinal")
        if self._key in ("slice", "snippet"):
            ordinals = self._ids.get(key, [])
            if len(ordinals) > 1:
                return Unmatched(f"it is a slice of {len(ordinals)} volumes; use --key volume with a column index", unknown=False)
            return ordinals[0] if ordinals else Unmatched(f"no {self._what} has that id")
        if self._key == "volume":
            return self._in(self.volumes[key], row) if key in self.volumes else Unmatched("no volume has that id")
        targets = self._targets(key)
        if isinstance(targets, Unmatched):
            return targets
        return self._text(targets) if self._kind == "text" else self._scan(targets, row)

    def path(self, key: str) -> Path | None:
        """Where a key of kind `path` leads; None where no file can be called so."""
        try:
            return self._parse(key)
        except CellError:
            return None

    def created_id(self, key: str) -> str:
        """The id of a volume that is made for a key."""
        name = str(self.path(key)) if self._key == "path" else key
        return self._bank.key.pseudonym("declared", self._key, name)

    @cached_property
    def volumes(self) -> dict[str, dict[str, Any]]:
        """Volume to its row."""
        return {row["volume"]: row for row in self._bank.sql("SELECT * FROM volumes ORDER BY ordinal").to_pylist()}

    @property
    def _what(self) -> str:
        return "snippet" if self._kind == "text" else self._kind

    @property
    def _table(self) -> str:
        return f"{self._what}s"

    @cached_property
    def _ordinals(self) -> set[int]:
        return set(self._bank.sql(f"SELECT ordinal FROM {self._table}").column(0).to_pylist())

    @cached_property
    def _ids(self) -> dict[str, list[int]]:
        """Slice or snippet to its ordinals: a slice may be of several volumes."""
        found: dict[str, list[int]] = defaultdict(list)
        answer = self._bank.sql(f"SELECT {self._what} AS id, ordinal FROM {self._table} ORDER BY ordinal")
        for name, ordinal in zip(answer.column("id").to_pylist(), answer.column("ordinal").to_pylist(), strict=True):
            found[name].append(ordinal)
        return found

    def _targets(self, key: str) -> Sequence[Target] | Unmatched:
        named = self.path(key) if self._key == "path" else key
        if named is None:
            return Unmatched("no file can be called so")
        found = self._look_up(named)
        if isinstance(found, NoMatch) and self._source.stems and isinstance(named, Path):
            paths = self._bank.local_map.with_endings(named)
            if len(paths) > 1:
                return Unmatched(f"{len(paths)} files are called so, with different endings", unknown=False)
            found = self._look_up(paths[0]) if paths else found
        if isinstance(found, NoMatch) and (created := self.created_id(key)) in self.volumes:
            return [Target(created, "volume")]  # by an import on another machine, whose map is not here
        return Unmatched(found.reason) if isinstance(found, NoMatch) else found

    def _look_up(self, named: Path | str) -> Sequence[Target] | NoMatch:
        return self.catalog.find(_COLUMNS[self._key], TableRow(0, named, {}, (), {}, None, {}))

    def _scan(self, targets: Sequence[Target], row: int) -> int | Unmatched:
        slices = [target.item for target in targets if target.level == "slice"]
        if slices and self._kind == "slice":
            ordinals = [ordinal for name in slices for ordinal in self._ids[name]]
            return ordinals[0] if len(ordinals) == 1 else Unmatched(f"{len(ordinals)} slices are meant by it", unknown=False)
        volumes = list(dict.fromkeys(volume for target in targets for volume in self.catalog.volumes_of(target)))
        rows = [self.volumes[volume] for volume in volumes]
        if slices and any(volume["slices"] > 1 for volume in rows):
            return Unmatched("it is one slice of a volume; use --kind slice, or name the volume's folder", unknown=False)
        if not rows:
            return Unmatched("it has no scan")
        if len(rows) > 1:
            primary = [volume for volume in rows if volume["is_primary"]]
            if len(primary) != 1 or len({volume["study"] for volume in rows}) > 1:
                return Unmatched(f"{len(rows)} volumes are meant by it; name each by --key series, path or volume", unknown=False)
            rows = primary
        return self._in(rows[0], row)

    def _in(self, volume: Mapping[str, Any], row: int) -> int | Unmatched:
        """The volume itself, or the slice of it that the row means."""
        if self._kind == "volume":
            return volume["ordinal"]
        if self._source.index is None:
            if volume["slices"] == 1:
                return volume["slice_ordinal"]
            return Unmatched(f"it is a volume of {volume['slices']} slices; say which in a column index (0 is the first)", unknown=False)
        place = self._source.index[row]
        if self._source.within == "frame":
            place = self._place_of_frame(volume["volume"], place)
        if not 0 <= place < volume["slices"]:
            return Unmatched(f"its volume has slices 0 to {volume['slices'] - 1}, not {self._source.index[row]}", unknown=False)
        return volume["slice_ordinal"] + place

    def _place_of_frame(self, volume: str, frame: int) -> int:
        located = self._bank.local_map.locate(volume)
        if located is None or len(located.sources) == 1:  # one file whose planes are its frames
            return frame
        return next((place for place, source in enumerate(located.sources) if source.frame == frame), -1)

    def _text(self, targets: Sequence[Target]) -> int | Unmatched:
        studies = {study for target in targets for study in self.catalog.studies_of(target)}
        ordinals = [ordinal for study in studies for ordinal in self._snippets[study]]
        if len(ordinals) == 1:
            return ordinals[0]
        if not ordinals:
            return Unmatched("it has no report")
        return Unmatched(f"its report has {len(ordinals)} snippets; name each by --key snippet", unknown=False)

    @cached_property
    def _snippets(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = defaultdict(list)
        for row in self._bank.sql("SELECT study, ordinal FROM snippets WHERE part = 'section'").to_pylist():
            found[row["study"]].append(row["ordinal"])
        return found
