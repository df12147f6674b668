"""What a bank holds of a patient: every id and ordinal that is the patient's alone, in all snapshots that can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .columns import is_in, rows_where
from .errors import KeyMissingError, UsageError
from .forget_adapters import encoders_trained_on
from .history import History
from .local_map import LocalMap, map_file
from .regroup import group_of

if TYPE_CHECKING:
    from .bank import Bank

_WORD = re.compile(r"[^\s\"'{}\[\],:]+")


@dataclass(frozen=True)
class Belongings:
    """Of one patient, or of several at once."""

    names: frozenset[str]
    """Pseudonyms of the patient that nobody else has."""
    volumes: frozenset[str]
    studies: frozenset[str]
    snippets: frozenset[str]
    slices: frozenset[str]
    """A slice that another patient's volume holds too is not among them."""
    masks: frozenset[str]
    """On the patient's volumes: the local map knows their files."""
    paths: frozenset[str]
    """Digests of files of the patient that failed or were left out."""
    ids: frozenset[str]
    """All of these, and series and masks."""
    encoders: frozenset[str]
    """Digests of encoders that were trained on the patient, and of what was adapted from them."""
    forget_adapters: bool
    """Whether the adapters of these go."""
    draws: frozenset[str]
    """Draws that drew the patient: without one of its items a draw is none."""
    runs: frozenset[str]
    """Runs that are of the patient alone, or whose settings name one of the ids."""
    heirs: Mapping[str, str]
    """For each study that others have scans in too, the patient of one of these."""
    ordinals: NDArray[np.int64]
    """Increasing."""
    beside: int
    """Volumes of the same patient or group by a table, whose own headers name another patient. They are not the patient's."""

    def has_adapter(self, encoder: str, card: str | None) -> bool:
        """Whether an adapted encoder goes: because it was trained on the patient, or because its card names one of the ids."""
        return (self.forget_adapters and encoder in self.encoders) or names_ids(card, self.ids)


def names_of(bank: Bank, patients: Iterable[str], pseudonyms: Iterable[str]) -> frozenset[str]:
    """The pseudonyms of patients given by their original ids, or as SQL shows them.

    Raises:
        UsageError: the bank knows one of them not as a patient.
        KeyMissingError: original ids need the bank's key.
    """
    known = _known(bank)
    found: set[str] = set()
    for patient in patients:
        name = bank.key.pseudonym("patient", patient)
        if name not in known:
            group = group_of(bank.key, patient)
            if group in known:
                raise UsageError(
                    "--patient: that is the name of a group, which may be of several patients; name them one by one, "
                    f"or the whole group by --pseudonym {group}"
                )
            raise UsageError("--patient: no patient of the bank has that id; ids are those of the scans' headers or tables, spelled alike")
        found.add(name)
    for name in pseudonyms:
        if name not in known:
            raise UsageError(f"--pseudonym {name}: no patient of the bank has it; `scanbank sql BANK 'SELECT * FROM patients'` lists them")
        found.add(name)
    if not found:
        raise UsageError("whom to forget is not said; give --patient ID or --pseudonym HEX")
    return frozenset(found)


def _known(bank: Bank) -> set[str]:
    at = bank.snapshot
    names = {name for row in at.latest("volumes", "patient", "patient_key") for name in (row["patient"], row["patient_key"])}
    names |= {row["patient"] for table in ("studies", "snippets", "patients") for row in at.latest(table, "patient")}
    for table in ("labels", "splits", "attributes"):
        names |= {row["item"] for row in at.latest(table, "level") if row["level"] == "patient"}
    return names - {None}


def belongings(bank: Bank, history: History, names: frozenset[str], *, keep_adapters: bool = False) -> Belongings:
    """All that is the patient's of these names, at the bank's newest snapshot and in `history`.

    A volume is the patient's whose latest row names it: as the patient or group it belongs to, or as the patient that its own
    header names. Of what several patients share, such as a study, only their own parts are.
    """
    latest = bank.snapshot.latest("volumes", "patient", "patient_key", "study", "series")
    mine = {row["volume"] for row in latest if row["patient"] in names or row["patient_key"] in names}
    others = [row for row in latest if row["volume"] not in mine]
    rows = history.rows("volumes", ("volume", "ordinal", "patient", "patient_key", "study", "series", "slices", "slice_ordinal"))
    own_rows = [row for row in rows if row["volume"] in mine]
    used = {name for row in others for name in (row["patient"], row["patient_key"])}
    own = names | ({name for row in own_rows for name in (row["patient"], row["patient_key"])} - used - {None})
    studies = _studies(bank, names, own, own_rows, others, {row["study"] for row in rows if row["volume"] not in mine})
    kept = {row["patient"] for row in bank.snapshot.latest("studies", "patient") if row["study"] not in studies} - names
    own -= kept
    series = {row["series"] for row in own_rows} - {row["series"] for row in others} - {None}
    slices, slice_ordinals = _slices(history, mine)
    snippets = [
        row
        for row in history.rows("snippets", ("snippet", "ordinal", "study", "patient"))
        if row["study"] in studies or row["patient"] in own
    ]
    masks = {row["mask"] for row in history.rows("masks", ("mask", "volume")) if row["volume"] in mine}
    texts = {row["snippet"] for row in snippets if row["snippet"]}
    paths = _paths(bank, history, mine | masks)
    ids = frozenset(own | mine | studies | series | slices | texts | masks | paths)
    ordinals = [row["ordinal"] for row in own_rows] + [row["ordinal"] for row in snippets if row["ordinal"] is not None]
    runs_of_slices = [np.arange(row["slice_ordinal"], row["slice_ordinal"] + row["slices"]) for row in own_rows if row["slices"]]
    groups = {row["patient"] for row in latest if row["volume"] in mine}
    return Belongings(
        names=frozenset(own),
        volumes=frozenset(mine),
        studies=frozenset(studies),
        snippets=frozenset(texts),
        slices=frozenset(slices),
        masks=frozenset(masks),
        paths=frozenset(paths),
        ids=ids,
        encoders=encoders_trained_on(history, ids),
        forget_adapters=not keep_adapters,
        draws=frozenset(row["draw"] for row in history.rows("draws", ("draw", "item"), item=ids)),
        runs=_runs(history, ids),
        heirs={row["study"]: row["patient"] for row in others},
        ordinals=np.unique(np.concatenate([np.array(ordinals, np.int64), slice_ordinals, *runs_of_slices]).astype(np.int64)),
        beside=sum(row["patient"] in groups for row in others),
    )


def names_ids(text: str | None, ids: frozenset[str]) -> bool:
    """Whether a text that is more than an id, such as JSON or `volume:digest`, holds one of the ids."""
    return text is not None and not ids.isdisjoint(_WORD.findall(text))


def _studies(
    bank: Bank,
    names: frozenset[str],
    own: Iterable[str],
    own_rows: Iterable[Mapping[str, Any]],
    others: Iterable[Mapping[str, Any]],
    ever: set[str],
) -> set[str]:
    """Those of the patient's reports and scans, unless others have scans in them; `ever` had scans of others once."""
    patients = {row["study"]: row["patient"] for row in bank.snapshot.latest("studies", "patient")}
    found = {row["study"] for row in own_rows} | {study for study, patient in patients.items() if patient in names}
    found -= {row["study"] for row in others} | {None}
    return {study for study in found if study not in ever or patients.get(study) in set(own)}


def _slices(history: History, volumes: set[str]) -> tuple[set[str], NDArray[np.int64]]:
    """Slices that only these volumes hold, and all their ordinals."""
    table = history.table("slices", ("slice", "ordinal", "volume"))
    mine = is_in(table["volume"], volumes)
    own, rest = rows_where(table, mine), rows_where(table, ~mine)
    names = set(own["slice"].to_pylist())
    shared = set(rows_where(rest, is_in(rest["slice"], names))["slice"].to_pylist())
    return names - shared, own["ordinal"].to_numpy().astype(np.int64)


def _runs(history: History, ids: frozenset[str]) -> frozenset[str]:
    """Runs that name an id in their settings, and those that have predictions of no one else."""
    named = {row["run"] for row in history.rows("runs", ("run", "settings")) if names_ids(row["settings"], ids)}
    predictions = pa.concat_tables([history.table(table, ("run", "item")) for table in ("predictions", "dense_items")])
    mine = is_in(predictions["item"], ids)
    touched, others = (set(rows_where(predictions, one)["run"].unique().to_pylist()) for one in (mine, ~mine))
    return frozenset(named | (touched - others))


def _paths(bank: Bank, history: History, volumes: set[str]) -> set[str]:
    """Digests of files that failed or were left out, in folders that hold nobody else's scans, as far as this machine's map tells."""
    if not map_file(bank.card["bank"]).exists():
        return set()
    local_map: LocalMap = bank.local_map
    rejected = local_map.beside(volumes)
    digests = {digest for digest, _ in rejected}
    try:
        key = bank.key
    except KeyMissingError:  # a pseudonym was given; what was left out is told apart by the key alone
        return digests
    reasons = {row["reason"] for row in history.rows("sources", ("reason", "status")) if row["status"] == "left_out"}
    return digests | {key.pseudonym("left-out", path, reason) for _, path in rejected for reason in reasons if reason}
