"""Items for vectors whose scans are not in the bank: a volume for each key, known by its vectors alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..commit import Commit
from ..errors import ExchangeError
from ..local_map import MappedScan
from ..scan import DECLARED, Source
from .embeddings import Embeddings
from .resolve import Resolver

if TYPE_CHECKING:
    from ..bank import Bank

CREATES = ("path", "accession", "series", "study", "patient")
"""Keys that an item can be made of: those by which a table of labels can name it."""


def create_items(
    bank: Bank, commit: Commit, resolver: Resolver, source: Embeddings, rows: Sequence[int], kind: str, key: str
) -> tuple[dict[int, int], int]:
    """Volumes for the keys in some rows, each with the slices that rows name of it, else one.

    Each is its own patient, unless its study or patient is in the bank already or its key says who it is; a table of labels
    with a column `group` or `patient_id` tells more later.

    Returns:
        the ordinal of each row's item, and the number of volumes made.

    Raises:
        ExchangeError: items cannot be made of such keys, or a key is none that a file can have.
    """
    if key not in CREATES or kind == "text":
        raise ExchangeError(f"--create-items makes scans of keys {', '.join(CREATES)}, not {kind}s by {key!r}")
    places: dict[str, list[int]] = {}
    for row in rows:
        places.setdefault(source.keys[row], []).append(row)
    counts = {name: 1 + max(0 if source.index is None else source.index[row] for row in listed) for name, listed in places.items()}
    first = commit.reserve(sum(1 + count for count in counts.values()))
    found: dict[int, int] = {}
    mapped: list[MappedScan] = []
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in ("patients", "studies", "volumes", "slices")}
    for name, listed in places.items():
        volume = resolver.created_id(name)
        if key == "path":
            mapped.append(_mapped(volume, name, resolver))
        _rows(tables, bank, resolver, key, name, volume, first, counts[name])
        for row in listed:
            found[row] = first if kind == "volume" else first + 1 + (0 if source.index is None else source.index[row])
        first += 1 + counts[name]
    bank.local_map.put(mapped)  # first: what it knows beyond the bank is harmless, the reverse is not
    for table, added in tables.items():
        commit.append(table, added)
    return found, len(places)


def _mapped(volume: str, name: str, resolver: Resolver) -> MappedScan:
    path = resolver.path(name)
    if path is None:
        raise ExchangeError(f"no file can be called {name!r}, so no item can be made of it")
    return MappedScan(volume, DECLARED, (_as_is(path),), None, volume)


def _as_is(path: Path) -> Source:
    try:
        stat = path.stat()
    except OSError:  # the file need not be on this machine
        return Source(path)
    return Source(path, size=stat.st_size, mtime_ns=stat.st_mtime_ns)


def _rows(
    tables: dict[str, list[dict[str, Any]]], bank: Bank, resolver: Resolver, key: str, name: str, volume: str, first: int, count: int
) -> None:
    catalog, pseudonym = resolver.catalog, bank.key.pseudonym
    accession = pseudonym("accession", name) if key == "accession" else None
    match key:
        case "accession":
            study = next(iter(catalog.accessions.get(accession or "", [])), None) or pseudonym("study-of-accession", name)
        case "study":
            study = pseudonym("study", name)
        case _:
            study = pseudonym("own-study", volume)
    patient = catalog.studies.get(study) or (pseudonym("patient", name) if key == "patient" else pseudonym("own-patient", volume))
    if study not in catalog.studies:
        tables["studies"].append({"study": study, "patient": patient, "accession": accession})
        tables["patients"].append({"patient": patient})
    tables["volumes"].append(
        {
            "volume": volume,
            "ordinal": first,
            "patient": patient,
            "patient_key": patient,
            "study": study,
            "series": pseudonym("series", name) if key == "series" else pseudonym("own-series", volume),
            "kind": DECLARED,
            "slices": count,
            "slice_ordinal": first + 1,
            "has_hu": False,
            "original": True,
            "flags": [],
        }
    )
    for index in range(count):
        slice_id = pseudonym("slice", volume, str(index))
        tables["slices"].append({"slice": slice_id, "ordinal": first + 1 + index, "volume": volume, "index": index})
