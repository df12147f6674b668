"""The scan or slice that a search starts from: one of the bank, by its id or by what it was called before, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from ..store.errors import KeyMissingError, UnknownNameError, UsageError
from ..store.scan import Volume
from .quoting import listed, quoted

if TYPE_CHECKING:
    from ..store.bank import Bank

LONGEST = 4_096
"""Characters of a name."""
_COLUMNS = "volume, ordinal, patient, study, slices, slice_ordinal, plane"


@final
@dataclass(frozen=True)
class BankItem:
    """A scan of the bank, or one of its slices."""

    volume: str
    ordinal: int
    patient: str
    study: str
    slices: int
    slice_ordinal: int
    plane: str
    index: int | None = None
    """Of the slice, from 0 along the slice axis; None where the whole scan is meant."""

    @property
    def what(self) -> str:
        return "scan" if self.index is None else "slice"


@final
@dataclass(frozen=True)
class NewScan:
    """A scan that is not in the bank."""

    name: str
    volume: Volume


Like = BankItem | NewScan


def item_of(bank: Bank, name: str) -> BankItem | None:
    """The scan or slice of this id; None where there is none. Of a slice that several scans hold, that in the primary one."""
    if not _is_plain(name):
        return None
    if found := _volumes(bank, f"volume = {quoted(name)}"):
        return BankItem(**found[0])
    query = f"""SELECT {", ".join(f"v.{column.strip()}" for column in _COLUMNS.split(","))}, s."index"
        FROM slices s JOIN volumes v ON v.volume = s.volume WHERE s.slice = {quoted(name)} ORDER BY NOT v.is_primary, v.ordinal LIMIT 1"""
    rows = bank.sql(query).to_pylist()
    return BankItem(**rows[0]) if rows else None


def require_item(bank: Bank, name: str) -> BankItem:
    """As `item_of`. Raises UsageError where there is none; the name itself is not repeated."""
    item = item_of(bank, name)
    if item is None:
        raise UsageError("no scan and no slice of the bank has that id; ids are the columns volume and slice of the views of these names")
    return item


def resolved(bank: Bank, name: str) -> BankItem | Path:
    """What a user means: an id, the path of a scan, in the bank or not, or an original UID of a series, a study or an image.

    Raises:
        UsageError: it is nothing of these, or stands for several scans.
    """
    if not _is_plain(name):
        raise UsageError("what to search by is empty, too long or no text; give the id of a scan or a slice, or a path")
    if item := item_of(bank, name):
        return item
    path = Path(name)
    if _exists(path):
        return _at_path(bank, path) or path
    if item := _by_uid(bank, name):
        return item
    raise UnknownNameError(
        "scan", name, (), "Give the id of a scan or a slice (columns volume and slice), its original UID, or the path of a file or folder"
    )


def _volumes(bank: Bank, where: str) -> list[dict[str, Any]]:
    return bank.sql(f"SELECT {_COLUMNS} FROM volumes WHERE {where} ORDER BY NOT is_primary, ordinal").to_pylist()


def _at_path(bank: Bank, path: Path) -> BankItem | None:
    local_map = bank.local_map
    target = path.resolve()
    for volume, position, files in local_map.at_path(path) or local_map.at_path(target):
        if item := item_of(bank, volume):
            return item if files == 1 else BankItem(**{**item.__dict__, "index": position})
    below = local_map.under(path) or local_map.under(target)
    found = _volumes(bank, f"volume IN {listed(below)}") if below else []
    if len(found) > 1:
        raise UsageError(f"{path} holds {len(found)} scans of the bank; name the folder of one series, or the id of a scan")
    return BankItem(**found[0]) if found else None


def _by_uid(bank: Bank, name: str) -> BankItem | None:
    try:
        key = bank.key
    except KeyMissingError:  # without it nobody can tell
        return None
    found = _volumes(bank, f"series = {quoted(key.pseudonym('series', name))}") or _volumes(
        bank, f"study = {quoted(key.pseudonym('study', name))}"
    )
    return BankItem(**found[0]) if found else item_of(bank, key.pseudonym("slice", name))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= LONGEST and not any(ord(letter) < 32 or "\ud800" <= letter <= "\udfff" for letter in name)
