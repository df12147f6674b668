"""What encoders were trained or adapted on, as far as anybody said: tests on it tell nothing about other scans.

Who adapts an encoder on items of a bank says so in the same commit that brings its vectors, one row for each item in the table
`trained_items`: the digest of the encoder, the item's id, and its `level` (volume, slice, study or patient). Items of validation that chose
when to stop belong to it. What the encoder's `parent` was trained on counts too. The bundled encoder says which phantoms it saw; one
without weights, or with random ones, saw nothing. Of all others nobody can tell, and this says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from ..store.commit import Commit
from ..store.errors import KeyMissingError
from ..store.known_encoders import known_specs
from ..store.specs import EncoderSpec
from .leaks import Leak
from .phantoms.seeds import seed_of
from .phantoms.uids import uid
from .quoting import quoted

if TYPE_CHECKING:
    from ..store.bank import Bank
    from .units import Units

TABLE = "trained_items"


@final
@dataclass(frozen=True)
class _Phantoms:
    """Patients 1 to `patients` of a cohort that `scanbank phantom` makes."""

    cohort: str
    seed: int
    patients: int


_FIRST, _SECOND = _Phantoms("chest", 20261124, 1000), _Phantoms("chest", 20261126, 500)
_PHANTOMS: Mapping[str, tuple[_Phantoms, ...]] = {
    "tiny@1": (_FIRST,),
    "tiny@2": (_FIRST, _SECOND),
    "tiny-vocabfine@1": (_FIRST, _SECOND),
}
"""By name of a bundled encoder, all that it and what it was made from were trained on."""
_STUDIES = 3
"""Of a phantom patient at most."""


def declare_trained_items(commit: Commit, encoder: EncoderSpec, items: Iterable[str], level: str) -> None:
    """Keep with a commit that an encoder was trained on these items: volumes, slices, studies or patients, as `level` says."""
    listed = sorted(set(items))
    commit.append_columns(TABLE, {"encoder": encoder.digest, "item": np.array(listed, dtype=np.str_), "level": level}, len(listed))


def trained_on(bank: Bank, encoders: Sequence[EncoderSpec], units: Units, sides: NDArray[np.str_]) -> tuple[Leak | None, list[str]]:
    """Test units of patients whom an encoder, or what it was adapted from, saw in training; and of which encoders it cannot be told."""
    specs = known_specs(bank) | {spec.digest: spec for spec in encoders}
    listed = {row["encoder"] for row in bank.sql(f"SELECT DISTINCT encoder FROM {TABLE}").to_pylist()}
    test = np.flatnonzero(sides == "test")
    seen: dict[str, set[int]] = {}
    untold: dict[str, list[str]] = {}
    for spec in {spec.digest: spec for spec in encoders}.values():
        patients: set[str] = set()
        for digest in _lineage(spec, specs):
            known = _at_full_precision(specs[digest]) if digest in specs else None
            if told := {digest, known.digest if known else ""} & listed:
                of = " OR ".join(f"encoder = {quoted(one)}" for one in sorted(told))
                patients |= _patients(bank, f"SELECT item FROM {TABLE} WHERE {of}")
            elif known is not None and known.name in _PHANTOMS:
                try:
                    patients |= {patient for cohort in _PHANTOMS[known.name] for patient in _phantom_patients(bank, cohort)}
                except KeyMissingError:
                    untold.setdefault("the bank's key is not here", []).append(spec.name)
            elif known is None or (known.weights and "+random" not in known.name):
                untold.setdefault("nobody listed it", []).append(spec.name)
        rows = {row for row in test.tolist() if units.patients[row] in patients}
        if rows:
            seen[spec.name] = seen.get(spec.name, set()) | rows
    remarks = [
        f"whether test {units.unit}s were among what {', '.join(dict.fromkeys(names))} was trained on cannot be told: {why}"
        for why, names in untold.items()
    ]
    if not seen:
        return None, remarks
    rows = sorted(set().union(*seen.values()))
    told = ", ".join(f"{len(found)} by {name}" for name, found in sorted(seen.items()))
    what = f"{len(rows)} of {len(test)} test {units.unit}s are of patients that an encoder was trained on ({told})"
    return Leak("trained_on", len(rows), what, tuple(units.items[row] for row in rows[:12])), remarks


def _lineage(spec: EncoderSpec, specs: Mapping[str, EncoderSpec]) -> list[str]:
    """Digests of an encoder and of what it was adapted from, as far as the bank knows them; a bundled one tells of its own."""
    found = [spec.digest]
    while spec.parent and spec.parent not in found and _at_full_precision(spec).name not in _PHANTOMS:
        found.append(spec.parent)
        if spec.parent not in specs:
            break
        spec = specs[spec.parent]
    return found


def _at_full_precision(spec: EncoderSpec) -> EncoderSpec:
    """The encoder whose matrix products another does in half precision: what that was trained on is told of it."""
    name = spec.name.removesuffix("+bf16").removesuffix("+fp16")
    return spec if name == spec.name else replace(spec, name=name)


def _patients(bank: Bank, items: str) -> set[str]:
    """Who belongs to items, given as a SELECT of their ids."""
    answer = bank.sql(f"""WITH trained AS ({items})
        SELECT DISTINCT patient FROM volumes WHERE volume IN (FROM trained) OR study IN (FROM trained) OR patient IN (FROM trained)
            OR patient_key IN (FROM trained) OR volume IN (SELECT volume FROM slices WHERE slice IN (FROM trained))""")
    return set(answer.column("patient").to_pylist())


def _phantom_patients(bank: Bank, of: _Phantoms) -> set[str]:
    """Who in the bank is one of these phantoms, by the UIDs of their studies."""
    name = f"PHANTOM-{of.cohort.upper()}-{{:05d}}"
    made = (
        uid(seed_of(of.seed, of.cohort, number, "anatomy"), name.format(number), study, "study")
        for number in range(1, of.patients + 1)
        for study in range(1, _STUDIES + 1)
    )
    studies = {bank.key.pseudonym("study", one) for one in made}
    answer = bank.sql("SELECT DISTINCT study, patient FROM volumes WHERE kind = 'dicom'").to_pylist()
    return {row["patient"] for row in answer if row["study"] in studies}
