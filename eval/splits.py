"""Who learns, who tunes, who tests: sides by patient. The user's own split goes first, otherwise a seeded one is made and stored.

The seeded split `patients-SEED` is one for the whole bank, the same for all findings, so that a patient who tests one finding never teaches
another. It is balanced for all of them by iterative stratification (Sechidis et al., ECML PKDD 2011): patients of the rarest label first,
each to the side that lacks that label most; but no side stays without a label that others have two of. Patients who come later are given
sides in the same way; those who have one keep it.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from ..store.annotate import USER_SPLIT
from ..store.errors import UnknownNameError, UsageError
from .leaks import refusal, shared_patients
from .quoting import quoted

if TYPE_CHECKING:
    from ..store.bank import Bank
    from .units import Units

SHARES: Mapping[str, float] = {"train": 0.6, "test": 0.2, "val": 0.2}
"""Of patients. A label goes to these sides in this order first: what two patients have can at least be learned and tested."""
SEEDED = "patients-{}"


@final
@dataclass(frozen=True)
class Split:
    """The side of each of some units."""

    name: str
    sides: NDArray[np.str_]
    """(N,): `train`, `val`, `test`, or empty where the split says nothing: such units are left out."""
    rows: tuple[dict[str, Any], ...] = ()
    """For the table `splits`: what is new."""

    def side(self, name: str) -> NDArray[np.int64]:
        """The rows of one side."""
        return np.flatnonzero(self.sides == name)


def split_units(bank: Bank, units: Units, name: str | None = None, seed: int = 0, *, allow_leak: bool = False) -> Split:
    """`split_each` of one finding."""
    (split,) = split_each(bank, [units], name, seed, allow_leak=allow_leak)
    return split


def split_each(
    bank: Bank, findings: Sequence[Units], name: str | None = None, seed: int = 0, *, allow_leak: bool = False
) -> tuple[Split, ...]:
    """The sides of each finding's units by the split `name`.

    By default it is the user's for findings where a table gave one to any unit, else `patients-SEED`.

    Raises:
        UnknownNameError: there is no split of that name.
        UsageError: the split puts one patient on two sides, and `allow_leak` is False.
    """
    stored = [row["split"] for row in bank.sql("SELECT DISTINCT split FROM latest_splits ORDER BY split").to_pylist()]
    if name is not None and (named := re.fullmatch(SEEDED.format(r"(\d+)"), name)):
        seed = int(named[1])
    seeded = SEEDED.format(seed)
    if name not in (None, seeded, *stored):
        raise UnknownNameError("split", str(name), {*stored, seeded}, "A seed makes another: --seed 1 gives patients-1")
    user = _stored_sides(bank, USER_SPLIT) if name is None and USER_SPLIT in stored else {}
    chosen = [name or (USER_SPLIT if user and _sides(units, user).any() else seeded) for units in findings]
    sides = {one: user if one == USER_SPLIT and user else _stored_sides(bank, one) for one in dict.fromkeys(chosen)}
    rows = _missing(bank, seed) if seeded in sides else ()
    new = {row["item"]: row["side"] for row in rows}
    made = list[Split]()
    for units, one in zip(findings, chosen, strict=True):
        split = Split(one, _sides(units, sides[one], new), rows) if one == seeded else Split(one, _sides(units, sides[one]))
        if not allow_leak and (leak := shared_patients(units, split.sides)):
            raise refusal([leak])
        made.append(split)
    return tuple(made)


def check_sides(units: Units, split: Split, sides: Sequence[str] = tuple(SHARES)) -> None:
    """Raises UsageError where one of the sides has no unit."""
    counts = Counter(split.sides.tolist())
    empty = [side for side in sides if not counts[side]]
    if empty:
        found = ", ".join(f"{counts[side]} {side}" for side in SHARES)
        way = "give the table's column `split` all of train, val and test" if split.name == USER_SPLIT else "label more patients"
        raise UsageError(
            f"split {split.name!r} leaves {' and '.join(empty)} empty for {units.finding!r} ({found}, of {len(units)} {units.unit}s of "
            f"{len(set(units.patients.tolist()))} patients); {way}" + (", or choose --split patients-0" if split.name == USER_SPLIT else "")
        )


def stratified(patients: Sequence[str], labels: Mapping[str, Sequence[str]], seed: int, given: Mapping[str, str]) -> dict[str, str]:
    """Sides for the patients who have none, by the whole of them and what is `given` already.

    Args:
        patients: all of them, each once.
        labels: for each patient, what to balance, such as `nodule: present`.
        seed: whom of equals to take first.
        given: sides of patients who have one.
    """
    total = Counter(label for patient in patients for label in labels.get(patient, ()))
    need = {side: Counter({label: share * n for label, n in total.items()}) for side, share in SHARES.items()}
    size = {side: share * len(patients) for side, share in SHARES.items()}
    has: dict[str, Counter[str]] = {side: Counter() for side in SHARES}

    def take(patient: str, side: str) -> None:
        size[side] -= 1
        for label in labels.get(patient, ()):
            need[side][label] -= 1
            has[side][label] += 1

    for patient in patients:
        if patient in given:
            take(patient, given[patient])
    order = sorted((p for p in patients if p not in given), key=lambda p: hashlib.sha256(f"{seed}\x1f{p}".encode()).digest())
    waiting = dict.fromkeys(order)
    sides: dict[str, str] = {}
    left = Counter(label for patient in waiting for label in labels.get(patient, ()))
    while waiting:
        rarest = min((label for label, n in left.items() if n), key=lambda label: (left[label], label), default=None)
        for patient in [p for p in waiting if rarest is None or rarest in labels.get(p, ())]:
            # rounded, so that needs equal but for floating point count as equal
            without = [s for s in SHARES if rarest and not has[s][rarest]]
            side = without[0] if without else max(SHARES, key=lambda s: (round(need[s][rarest], 9) if rarest else 0.0, round(size[s], 9)))
            sides[patient] = side
            take(patient, side)
            left.subtract(labels.get(patient, ()))
            del waiting[patient]
    return sides


def lacking_rows(bank: Bank, split: Split, held: dict[str, str] | None = None) -> list[dict[str, Any]]:
    """The rows of a split that a bank does not hold yet, to be committed with what rests on them.

    Args:
        bank: As it is at the commit.
        split: A split whose sides were made.
        held: Sides by item of the split of that name, where they are known; updated.

    Raises:
        UsageError: another process gave a patient another side meanwhile.
    """
    if not split.rows:
        return []
    held = kept_sides(bank, split.name) if held is None else held
    if any(held.get(row["item"], row["side"]) != row["side"] for row in split.rows):
        raise UsageError(f"another process gave patients other sides in split {split.name!r} meanwhile; run this again")
    new = [row for row in split.rows if row["item"] not in held]
    held.update((row["item"], row["side"]) for row in split.rows)
    return new


def kept_sides(bank: Bank, name: str) -> dict[str, str]:
    """By item, as the rows of a split say."""
    answer = bank.sql(f"SELECT item, side FROM latest_splits WHERE split = {quoted(name)}")
    return dict(zip(answer.column("item").to_pylist(), answer.column("side").to_pylist(), strict=True))


def _missing(bank: Bank, seed: int) -> tuple[dict[str, Any], ...]:
    """Rows for the patients of the bank to whom the seeded split gives no side yet."""
    name = SEEDED.format(seed)
    patients = [row["patient"] for row in bank.sql("SELECT DISTINCT patient FROM volumes ORDER BY patient").to_pylist()]
    answer = bank.sql(f"SELECT item, side FROM latest_splits WHERE split = '{name}' AND level = 'patient'").to_pylist()
    known = set(patients)
    given = {row["item"]: row["side"] for row in answer if row["item"] in known}
    if len(given) == len(patients):
        return ()
    answer = bank.sql("""
        SELECT DISTINCT v.patient,
            l.finding || ': ' || coalesce(l.category, CASE WHEN l.value > 0 THEN 'present' ELSE 'absent' END) AS label
        FROM labels l LEFT JOIN slices s ON l.level = 'slice' AND s.slice = l.item JOIN volumes v ON v.volume = coalesce(s.volume, l.item)
        WHERE l.value IS NOT NULL ORDER BY ALL""").to_pylist()
    labels: dict[str, list[str]] = defaultdict(list)
    for row in answer:
        labels[row["patient"]].append(row["label"])
    made = stratified(patients, _present_first(labels), seed, given)
    return tuple({"split": name, "item": patient, "level": "patient", "side": side} for patient, side in sorted(made.items()))


def _present_first(labels: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """A patient with a finding in one scan and without it in another counts as one who has it."""
    return {
        patient: [one for one in ones if not (one.endswith(": absent") and one.removesuffix("absent") + "present" in ones)]
        for patient, ones in labels.items()
    }


def _stored_sides(bank: Bank, name: str) -> dict[str, str]:
    """By item, of a split."""
    answer = bank.sql(f"SELECT item, side FROM splits WHERE split = {quoted(name)}")
    return dict(zip(answer.column("item").to_pylist(), answer.column("side").to_pylist(), strict=True))


def _sides(units: Units, sides: Mapping[str, str], new: Mapping[str, str] | None = None) -> NDArray[np.str_]:
    """A slice's own side goes before its volume's, and what is new by patient before both."""
    new = new or {}
    found = [
        new.get(patient) or sides.get(item) or sides.get(volume) or ""
        for item, volume, patient in zip(units.items, units.volumes.tolist(), units.patients.tolist(), strict=True)
    ]
    return np.array(found, dtype=np.str_)
